"""Equal subnetworks in a row as one, and deep ones closed.

Every function gives a new tree of subnetworks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from archdsl.graph import Graph, header
from archdsl.outline.structure import Structure, structure
from archdsl.outline.subnets import Subnet

# Where the entries of a part come from, seen from an equal part before it: from a layer of that one, known by its
# number, or from outside, known by its key; and which output of it.
Wiring: TypeAlias = tuple[tuple[int | str, int], ...]

StandIn: TypeAlias = Mapping[str, str]  # for each layer that is not drawn, the one that is drawn in its stead


class Folded(NamedTuple):
    tree: Subnet
    stand_in: StandIn


class _Member(NamedTuple):
    """A group among those beside it."""

    branch: Subnet
    structure: Structure


def fold(graph: Graph, tree: Subnet) -> Folded:
    """Draw runs of equal groups once. Each of a run reads the one before, or all read and feed the same layers."""
    stand_in: dict[str, str] = {}

    def visit(branch: Subnet) -> Subnet:
        items: list[str | Subnet] = []
        for run in _runs(graph, branch.items):
            if isinstance(run, str):
                items.append(run)
                continue
            first, *others = run
            shown = visit(first.branch)
            for other in others:
                pairs = zip(other.structure.order, first.structure.order, strict=True)
                stand_in.update((hidden, stand_in.get(key, key)) for hidden, key in pairs)
            if others:
                parallel = first.structure.entries == others[0].structure.entries
                shown = replace(shown, count=len(run), last=others[-1].branch.path, parallel=parallel)
            items.append(shown)
        return replace(branch, items=items)

    return Folded(visit(tree), stand_in)


def mark(graph: Graph, tree: Subnet) -> Subnet:
    """Say of each group which one `fold` would draw in its stead, and leave none out."""
    items: list[str | Subnet] = []
    for run in _runs(graph, tree.items):
        if isinstance(run, str):
            items.append(run)
            continue
        for i, member in enumerate(run):
            marked = mark(graph, member.branch)
            like = run[0].branch.key if i else ""
            order = member.structure.order if len(run) > 1 else ()
            items.append(replace(marked, like=like, order=order))
    return replace(tree, items=items)


def close(tree: Subnet, depth: int) -> Subnet:
    """Draw groups that are nested as deep as this as one box each, and a frame around one such box as that box; of one
    that is a run and no more, the run."""
    items = [close(item, depth) if isinstance(item, Subnet) else item for item in tree.items]
    only = items[0] if len(items) == 1 and isinstance(items[0], Subnet) else None
    run = only is not None and only.count > 1
    alone = only is not None and only.closed and tree.depth > 0
    return replace(tree, items=items, closed=tree.closed or ((tree.depth >= depth or alone) and not run))


def deepest(tree: Subnet) -> int:
    """How deep a drawing is with all groups open."""
    return max([tree.depth + 1, *(deepest(item) for item in tree.items if isinstance(item, Subnet))])


def _runs(graph: Graph, items: list[str | Subnet]) -> Iterator[str | list[_Member]]:
    """The items of a group in order; equal groups that can be drawn as one together."""
    members = [item if isinstance(item, str) else _Member(item, structure(graph, item.keys)) for item in items]
    run: list[_Member] = []
    wiring: Wiring | None = None
    for member in members:
        link = _wiring(graph, run[-1], member) if run and not isinstance(member, str) else None
        if run and (link is None or (wiring is not None and link != wiring)):
            yield run
            run, link = [], None
        wiring = link
        if isinstance(member, str):
            yield member
        else:
            run.append(member)
    if run:
        yield run


def _wiring(graph: Graph, first: _Member, second: _Member) -> Wiring | None:
    """How a group is wired to an equal one before it; None where the two cannot be drawn as one."""
    a, b = first.structure, second.structure
    ends = {output["node"] for output in header(graph)["outputs"]}
    if a.digest != b.digest or first.branch.closed != second.branch.closed or not ends.isdisjoint(a.order):
        return None
    readers = _readers(graph, a)
    if a.entries == b.entries:  # side by side
        return b.entries if readers == _readers(graph, b) and ends.isdisjoint(b.order) else None
    number = {key: i for i, key in enumerate(a.order)}
    common = all(entry[0] in number or entry == own for entry, own in zip(b.entries, a.entries, strict=True))
    if not common or not readers.issubset(b.order):
        return None
    return tuple((number.get(source, source), output) for source, output in b.entries)


def _readers(graph: Graph, part: Structure) -> set[str]:
    """The layers outside that read a part."""
    within = frozenset(part.order)
    return {reader for key in part.order for reader in graph.succ[key] if reader not in within}
