"""Equal subnetworks in a row as one, and deep ones closed.

Every function gives a new tree of subnetworks.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

from archdsl.graph import Graph, header, layer
from archdsl.outline.structure import Structure, structure
from archdsl.outline.subnets import Subnet
from archdsl.outline.wording import is_off

# Where the entries of a part come from, seen from an equal part before it: from a layer of that one, known by its
# number, or from outside, known by its key; and which output of it.
Wiring: TypeAlias = tuple[tuple[int | str, int], ...]

StandIn: TypeAlias = Mapping[str, str]  # for each layer that is not drawn, the one that is drawn in its stead


class Folded(NamedTuple):
    tree: Subnet
    stand_in: StandIn


class Member(NamedTuple):
    """A group or layer among those beside it."""

    item: str | Subnet
    structure: Structure  # nothing of what is like none of its neighbours


WEIGHING: Final = frozenset({"convolution", "linear"})
SMALL: Final = frozenset({"normalization", "activation", "regularization"})
NOTHING: Final = Structure("", (), ())


def fold(graph: Graph, tree: Subnet) -> Folded:
    """Draw runs of equal groups once. Each of a run reads the one before, or all read and feed the same layers."""
    stand_in: dict[str, str] = {}

    def visit(branch: Subnet) -> Subnet:
        items: list[str | Subnet] = []
        for first, *others in runs(graph, branch.items):
            if isinstance(first.item, str):
                items.append(first.item)
                continue
            shown = visit(first.item)
            for other in others:
                pairs = zip(other.structure.order, first.structure.order, strict=True)
                stand_in.update((hidden, stand_in.get(key, key)) for hidden, key in pairs)
            if others:
                parallel = first.structure.entries == others[0].structure.entries
                last = others[-1].item
                assert isinstance(last, Subnet)
                shown = replace(shown, count=1 + len(others), last=last.path, parallel=parallel)
            items.append(shown)
        return replace(branch, items=items)

    return Folded(visit(tree), stand_in)


def mark(graph: Graph, tree: Subnet) -> Subnet:
    """Say of each group which one `fold` would draw in its stead, and leave none out."""
    items: list[str | Subnet] = []
    for run in runs(graph, tree.items):
        like = ""
        for member in run:
            if isinstance(member.item, str):
                items.append(member.item)
                continue
            marked = mark(graph, member.item)
            order = member.structure.order if len(run) > 1 else ()
            items.append(replace(marked, like=like, order=order))
            like = like or member.item.key
    return replace(tree, items=items)


def without_idle(graph: Graph, folded: Folded) -> Folded:
    """Leave out what is switched off: whoever reads it reads what it gets."""
    tree, stand_in = folded
    off = {key for key in tree.keys if is_off(layer(graph, key))}
    if not off:
        return folded

    def source(key: str) -> str:
        while (key := stand_in.get(key, key)) in off:
            key = next(iter(graph.pred[key]))
        return key

    def visit(branch: Subnet) -> Subnet:
        items = [visit(item) if isinstance(item, Subnet) else item for item in branch.items]
        return replace(
            branch, items=[item for item in items if (item.items if isinstance(item, Subnet) else item not in off)]
        )

    return Folded(visit(tree), {key: source(key) for key in (*stand_in, *off)})


def units(graph: Graph, tree: Subnet) -> Subnet:
    """Say of which groups a stack of layers shows as much as a frame: a convolution with its norm and activation."""
    items = [units(graph, item) if isinstance(item, Subnet) else item for item in tree.items]
    return replace(tree, items=items, unit=tree.depth > 0 and _is_unit(graph, tree))


def _is_unit(graph: Graph, tree: Subnet) -> bool:
    if tree.count > 1 or any(isinstance(item, Subnet) for item in tree.items):
        return False
    groups = [getattr(layer(graph, key).get("operator"), "group", "") for key in tree.keys]
    chain = all(set(graph.pred[b]) == {a} and set(graph.succ[a]) == {b} for a, b in pairwise(tree.keys))
    return chain and groups[0] in WEIGHING and len(groups) > 1 and SMALL.issuperset(groups[1:])


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


def runs(graph: Graph, items: Sequence[str | Subnet], *, of_layers: bool = False) -> Iterator[list[Member]]:
    """The items of a group in order; equal groups that stand for one another together, and with `of_layers` equal
    layers too. Each of a run reads the one before in the same way, or all read and feed the same layers."""
    run: list[Member] = []
    wiring: Wiring | None = None
    for item in items:
        link: Wiring | None = None
        member = Member(item, NOTHING)
        may = run and (of_layers or isinstance(item, Subnet)) and _glance(graph, run[-1].item) == _glance(graph, item)
        if may:
            run[-1], member = _told(graph, run[-1]), _told(graph, member)
            link = _wiring(graph, run[-1], member)
        if run and (link is None or (wiring is not None and link != wiring)):
            yield run
            run, link = [], None
        wiring = link
        run.append(member)
    if run:
        yield run


def _glance(graph: Graph, item: str | Subnet) -> Hashable:
    """What equal items have in common, and what is quickly seen."""
    keys = [item] if isinstance(item, str) else item.keys
    last = layer(graph, keys[-1])
    return isinstance(item, str), len(keys), last["op"], last["shape"]


def _told(graph: Graph, member: Member) -> Member:
    """The member with its structure."""
    if member.structure is not NOTHING:
        return member
    item = member.item
    return Member(item, structure(graph, [item] if isinstance(item, str) else item.keys))


def _wiring(graph: Graph, first: Member, second: Member) -> Wiring | None:
    """How an item is wired to an equal one before it; None where the two cannot be drawn as one."""
    a, b = first.structure, second.structure
    ends = {output["node"] for output in header(graph)["outputs"]}
    closed = [isinstance(member.item, Subnet) and member.item.closed for member in (first, second)]
    if a.digest != b.digest or closed[0] != closed[1] or not ends.isdisjoint(a.order):
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
