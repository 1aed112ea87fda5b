"""Which blocks to recompute in backward so that a training step fits, at the least cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from archdsl.dims import Size
from archdsl.graph import Graph
from archdsl.measure.memory.search import largest
from archdsl.measure.run.execution import Execution, ExecutionStep, Storage
from archdsl.measure.run.recomputed import again, macs_again
from archdsl.measure.run.saved import Saved, entering, saved, with_regions
from archdsl.net_view import NetView
from archdsl.rewrite.recompute import Region, recomputing, regions

MOST_LAYERS: Final = 200_000  # looked at to find blocks that can be spared


@dataclass(frozen=True, slots=True)
class Candidate(Region):
    """A block that can be recomputed. macs: multiply-adds that it computes again; freed: bytes that are not kept for
    backward where it alone is recomputed."""

    macs: int
    freed: int


def candidates(net: NetView, run: Execution) -> list[Candidate]:
    """The outermost blocks that are not recomputed already, in order. No symbol is left in the execution, which is of
    a training step."""
    steps = {step.name: step for step in run.steps}
    own = saved(run)
    kept = with_regions(run, own)
    holders = Counter(storage for each in kept.values() for storage, _ in each.storages)
    weights = {run.storages[t] for step in run.steps if step.node["operator"].owns_storage for t in step.makes}
    found = []
    for region in regions(net):
        inside = [steps[key] for key in region.keys]
        macs = sum(map(_number, macs_again(run, steps, again(run, inside)).values()))
        saving = [kept[key] for key in region.keys if key in kept]
        freed = _freed(run, inside, saving, holders, weights) if saving else 0
        found.append(Candidate(region.path, region.keys, macs, freed))
    return found


def _freed(
    run: Execution, inside: list[ExecutionStep], saving: list[Saved], holders: Counter[Storage], weights: set[Storage]
) -> int:
    """The bytes that only these steps keep, without what enters them, which is kept for them instead."""
    enters = {storage for storage in entering(run, inside) if storage not in weights}
    held = Counter(storage for each in saving for storage, _ in each.storages)
    ends = [storage for storage, count in held.items() if count == holders[storage] and storage not in enters]
    begins = [storage for storage in enters if storage not in holders]
    return (
        sum(_number(each.extra) for each in saving)
        + sum(_number(run.sizes[storage[:2]]) for storage in ends)
        - sum(_number(run.sizes[storage[:2]]) for storage in begins)
    )


def cheapest(graph: Graph, found: Collection[Candidate], excess: Callable[[Graph], int]) -> list[Candidate] | None:
    """A cheap set of blocks whose recomputation makes the network fit; None where all of them do not. `excess` says by
    how many bytes a graph does not fit.

    Blocks are added in the order of the bytes that each alone frees for its multiply-adds, until it fits; then each
    that is not needed is left out, the dearest first (of a network with many layers, as many as `MOST_LAYERS` allow to
    try). So no block of the set can be spared, but there may be another set that costs less.
    """
    if excess(graph) <= 0:
        return []
    useful = sorted((b for b in found if b.freed > 0), key=lambda b: (-b.freed / max(b.macs, 1), b.path))

    def without(number: int) -> Sequence[Candidate]:
        """All useful blocks but the last ones."""
        return useful[: len(useful) - number]

    spared = largest(lambda number: excess(recomputing(graph, without(min(number, len(useful))))), least=0)
    if spared < 0:
        return None
    chosen = list(without(spared))
    dearest = sorted(chosen, key=lambda b: (-b.macs, b.path))
    for block in dearest[: max(MOST_LAYERS // len(graph), 1)]:
        rest = [b for b in chosen if b is not block]
        if excess(recomputing(graph, rest)) <= 0:
            chosen = rest
    order = {block: number for number, block in enumerate(found)}
    return sorted(chosen, key=order.__getitem__)


def _number(size: Size) -> int:
    assert isinstance(size, int), "no symbols are left"
    return size
