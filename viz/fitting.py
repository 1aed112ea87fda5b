"""Makes large drawings small: subnetworks are closed until a page holds them, and all but a part left out.

Every function gives a new tree of subnetworks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
from typing import Final

import networkx as nx

from archdsl.diagnostics import did_you_mean
from archdsl.graph import Graph
from archdsl.measure.network.cost import idle
from archdsl.net_view import NetView
from archdsl.outline.chains import shortened
from archdsl.outline.folding import Folded, StandIn, close, deepest
from archdsl.outline.subnets import Subnet

ENOUGH: Final = 60  # boxes, which a page can hold
LONGEST: Final = 36  # boxes and frames one below another, which a page as high can show in letters that can be read
CHAINS: Final = (3, 6, 12, 25, 50, 200)  # items of a chain in one box
FEWEST: Final = 8  # boxes; fewer say too little to be preferred to a long drawing


def fit(graph: Graph, folded: Folded) -> Subnet:
    """Draw so many groups as one box each, the deepest first, that a page holds the drawing: it has `ENOUGH` boxes or
    fewer, and `LONGEST` or fewer one below another. What is not twice as large is left where little would remain."""
    tree, stand_in = folded
    for depth in reversed(range(1, deepest(tree))):
        boxes = size(tree)
        if fits(graph, tree, stand_in):
            break
        closed = untangle(graph, Folded(close(tree, depth), stand_in))
        if boxes > 2 * ENOUGH or size(closed) >= FEWEST:
            tree = closed
    return tree


def fits(graph: Graph, tree: Subnet, stand_in: StandIn) -> bool:
    """Whether a page can hold a drawing."""
    return size(tree) <= ENOUGH and _length(graph, tree, stand_in) <= LONGEST


def smaller(graph: Graph, folded: Folded) -> Iterator[Subnet]:
    """The same with ever fewer groups open, as long as enough is left to see: those without weights and multiply-adds
    are closed first, which work out tables and masks."""
    tree, stand_in = folded
    boxes = size(tree)
    quiet = _without_idle(NetView(graph), tree)
    for depth in (None, *reversed(range(1, deepest(tree)))):
        tree = untangle(graph, Folded(quiet if depth is None else close(quiet, depth), stand_in))
        if FEWEST <= size(tree) < boxes:
            boxes = size(tree)
            yield tree


def shorter(graph: Graph, folded: Folded) -> Iterator[Subnet]:
    """The same with all groups closed, however little is left, and chains in ever fewer boxes."""
    tree, stand_in = folded
    boxes = size(tree)
    for depth in reversed(range(1, deepest(tree))):
        closed = untangle(graph, Folded(close(tree, depth), stand_in))
        if size(closed) < boxes:
            tree, boxes = closed, size(closed)
            yield tree
    for most in CHAINS:
        shown = untangle(graph, Folded(shortened(graph, Folded(tree, stand_in), most), stand_in))
        if size(shown) < boxes:
            boxes = size(shown)
            yield shown


def _without_idle(net: NetView, tree: Subnet) -> Subnet:
    """Without the groups open that have no weights and compute no multiply-adds."""
    items = [
        replace(item, closed=True)
        if isinstance(item, Subnet) and idle(net, item.keys)
        else (_without_idle(net, item) if isinstance(item, Subnet) else item)
        for item in tree.items
    ]
    return replace(tree, items=items)


def untangle(graph: Graph, folded: Folded) -> Subnet:
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


def _opened(graph: Graph, tree: Subnet, tangled: Set[str]) -> Subnet:
    """Groups that are drawn as one box, opened where they are fed by what they feed."""
    if tree.closed:
        again = not tangled.isdisjoint(tree.keys) and _returns(graph, set(tree.keys))
        return replace(tree, closed=False) if again else tree
    items = [_opened(graph, item, tangled) if isinstance(item, Subnet) else item for item in tree.items]
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


def size(tree: Subnet) -> int:
    """The number of boxes."""
    return sum(1 for _ in _boxes(tree))


def _length(graph: Graph, tree: Subnet, stand_in: StandIn) -> int:
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


def _framed(tree: Subnet, around: frozenset[str]) -> Iterator[tuple[Sequence[str], frozenset[str]]]:
    """The layers of each box, with the groups around it."""
    for item in tree.items:
        if isinstance(item, str):
            yield (item,), around
        elif item.closed:
            yield item.keys, around
        else:
            yield from _framed(item, around | {item.key})


def _boxes(tree: Subnet) -> Iterator[Sequence[str]]:
    """The layers of each box."""
    return (keys for keys, _ in _framed(tree, frozenset()))


def find(tree: Subnet, path: str) -> str | Subnet:
    """The group or layer of this path. Raises `ValueError` where there is none."""
    known: dict[str, str | Subnet] = {}
    stack = [tree]
    while stack:
        for item in stack.pop().items:
            if isinstance(item, Subnet):
                known.setdefault(item.key, item)
                stack.append(item)
            else:
                known.setdefault(item, item)
    if path not in known:
        raise ValueError(f"no layer or block has the path {path!r}; {did_you_mean(path, known) or 'see the report'}")
    return known[path]


def focus(graph: Graph, tree: Subnet, part: str | Subnet) -> Subnet:
    """Leave out all but a part and its neighbours: layers, or groups drawn as one box."""
    inner = {part} if isinstance(part, str) else set(part.keys)
    near = {key for own in inner for key in (*graph.pred[own], *graph.succ[own])} - inner

    def visit(branch: Subnet) -> Subnet:
        items: list[str | Subnet] = []
        for item in branch.items:
            if item is part or (isinstance(item, str) and item in near):
                items.append(item)
            elif isinstance(item, Subnet) and not inner.isdisjoint(item.keys):
                items.append(visit(item))
            elif isinstance(item, Subnet) and not near.isdisjoint(item.keys):
                items.append(replace(item, closed=True))
        return replace(branch, items=items)

    return visit(tree)
