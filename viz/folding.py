"""Makes large drawings small: equal groups are drawn once, deep ones closed, and all but a part left out.

Every function gives a new tree of groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Final, NamedTuple, TypeAlias

import networkx as nx

from archdsl.diagnostics import did_you_mean
from archdsl.graph import Graph, header
from archdsl.outline.structure import Structure, structure
from viz.grouping import Branch

# Where the entries of a part come from, seen from an equal part before it: from a layer of that one, known by its
# number, or from outside, known by its key; and which output of it.
Wiring: TypeAlias = tuple[tuple[int | str, int], ...]


ENOUGH: Final = 60  # boxes, which a page can hold
LONGEST: Final = 36  # boxes and frames one below another, which a page as high can show in letters that can be read
FEWEST: Final = 8  # boxes; fewer say too little to be preferred to a long drawing


StandIn: TypeAlias = Mapping[str, str]  # for each layer that is not drawn, the one that is drawn in its stead


class Folded(NamedTuple):
    tree: Branch
    stand_in: StandIn


class _Member(NamedTuple):
    """A group among those beside it."""

    branch: Branch
    structure: Structure


def fold(graph: Graph, tree: Branch) -> Folded:
    """Draw runs of equal groups once. Each of a run reads the one before, or all read and feed the same layers."""
    stand_in: dict[str, str] = {}

    def visit(branch: Branch) -> Branch:
        items: list[str | Branch] = []
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


def mark(graph: Graph, tree: Branch) -> Branch:
    """Say of each group which one `fold` would draw in its stead, and leave none out."""
    items: list[str | Branch] = []
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


def close(tree: Branch, depth: int) -> Branch:
    """Draw groups that are nested as deep as this as one box each, and a frame around one such box as that box; of one
    that is a run and no more, the run."""
    items = [close(item, depth) if isinstance(item, Branch) else item for item in tree.items]
    only = items[0] if len(items) == 1 and isinstance(items[0], Branch) else None
    run = only is not None and only.count > 1
    alone = only is not None and only.closed and tree.depth > 0
    return replace(tree, items=items, closed=tree.closed or ((tree.depth >= depth or alone) and not run))


def fitting(graph: Graph, folded: Folded) -> Branch:
    """Draw so many groups as one box each, the deepest first, that a page holds the drawing: it has `ENOUGH` boxes or
    fewer, and `LONGEST` or fewer one below another. What is not twice as large is left where little would remain."""
    tree, stand_in = folded
    for depth in reversed(range(1, deepest(tree))):
        boxes = size(tree)
        if boxes <= ENOUGH and _length(graph, tree, stand_in) <= LONGEST:
            break
        closed = untangle(graph, Folded(close(tree, depth), stand_in))
        if boxes > 2 * ENOUGH or size(closed) >= FEWEST:
            tree = closed
    return tree


def untangle(graph: Graph, folded: Folded) -> Branch:
    """Open groups again that are fed by what they feed: drawn as one box, they would have edges against the flow."""
    tree, stand_in = folded
    while True:
        number = {key: i for i, keys in enumerate(_boxes(tree)) for key in keys}
        reads: nx.DiGraph[int] = nx.DiGraph()
        for source, key in graph.edges():
            source = stand_in.get(source, source)
            if key in number and key not in stand_in and source in number and number[source] != number[key]:
                reads.add_edge(number[source], number[key])
        loops = (part for part in nx.strongly_connected_components(reads) if len(part) > 1)
        tangled = {key for part in loops for key, i in number.items() if i in part}
        opened = _opened(graph, tree, tangled)
        if opened == tree:
            return tree
        tree = opened


def _opened(graph: Graph, tree: Branch, tangled: Set[str]) -> Branch:
    """Groups that are drawn as one box, opened where they are fed by what they feed."""
    if tree.closed:
        again = not tangled.isdisjoint(tree.keys) and _returns(graph, set(tree.keys))
        return replace(tree, closed=False) if again else tree
    items = [_opened(graph, item, tangled) if isinstance(item, Branch) else item for item in tree.items]
    return replace(tree, items=items)


def _returns(graph: Graph, keys: Set[str]) -> bool:
    """Whether what some layers give comes back to them by way of others."""
    seen: set[str] = set()
    ahead = [reader for key in keys for reader in graph.succ[key] if reader not in keys]
    while ahead:
        key = ahead.pop()
        if key in keys:
            return True
        if key not in seen:
            seen.add(key)
            ahead.extend(graph.succ[key])
    return False


def deepest(tree: Branch) -> int:
    """How deep a drawing is with all groups open."""
    return max([tree.depth + 1, *(deepest(item) for item in tree.items if isinstance(item, Branch))])


def size(tree: Branch) -> int:
    """The number of boxes."""
    return sum(1 for _ in _boxes(tree))


def _length(graph: Graph, tree: Branch, stand_in: StandIn) -> int:
    """The most boxes one below another, with the frames that begin on the way."""
    boxes = list(_framed(tree, frozenset()))
    number = {key: i for i, (keys, _) in enumerate(boxes) for key in keys}
    levels: dict[int, int] = {}
    for key in graph:
        if key in number and key not in stand_in:
            box = number[key]
            frames = boxes[box][1]
            sources = (stand_in.get(source, source) for source in graph.pred[key])
            above = {number[source] for source in sources if source in number} - {box}
            reached = (levels[source] + 1 + len(frames - boxes[source][1]) for source in above)
            levels[box] = max([levels.get(box, 1 + len(frames)), *reached])
    return max(levels.values(), default=0)


def _framed(tree: Branch, around: frozenset[str]) -> Iterator[tuple[Sequence[str], frozenset[str]]]:
    """The layers of each box, with the groups around it."""
    for item in tree.items:
        if isinstance(item, str):
            yield (item,), around
        elif item.closed:
            yield item.keys, around
        else:
            yield from _framed(item, around | {item.key})


def _boxes(tree: Branch) -> Iterator[Sequence[str]]:
    """The layers of each box."""
    return (keys for keys, _ in _framed(tree, frozenset()))


def find(tree: Branch, path: str) -> str | Branch:
    """The group or layer of this path. Raises `ValueError` where there is none."""
    known: dict[str, str | Branch] = {}
    stack = [tree]
    while stack:
        for item in stack.pop().items:
            if isinstance(item, Branch):
                known.setdefault(item.key, item)
                stack.append(item)
            else:
                known.setdefault(item, item)
    if path not in known:
        raise ValueError(f"no layer or block has the path {path!r}; {did_you_mean(path, known) or 'see the report'}")
    return known[path]


def focus(graph: Graph, tree: Branch, part: str | Branch) -> Branch:
    """Leave out all but a part and its neighbours: layers, or groups drawn as one box."""
    inner = {part} if isinstance(part, str) else set(part.keys)
    near = {key for own in inner for key in (*graph.pred[own], *graph.succ[own])} - inner

    def visit(branch: Branch) -> Branch:
        items: list[str | Branch] = []
        for item in branch.items:
            if item is part or (isinstance(item, str) and item in near):
                items.append(item)
            elif isinstance(item, Branch) and not inner.isdisjoint(item.keys):
                items.append(visit(item))
            elif isinstance(item, Branch) and not near.isdisjoint(item.keys):
                items.append(replace(item, closed=True))
        return replace(branch, items=items)

    return visit(tree)


def _runs(graph: Graph, items: list[str | Branch]) -> Iterator[str | list[_Member]]:
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
