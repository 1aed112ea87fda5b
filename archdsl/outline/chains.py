"""Long chains in few boxes: what stands one after another, so many at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from archdsl.graph import Graph, fault, header, layer
from archdsl.outline.folding import Folded, StandIn
from archdsl.outline.subnets import Subnet

OUTSIDE: Final = -1  # what is not in a group


def shortened(graph: Graph, folded: Folded, most: int) -> Subnet:
    """The tree with chains cut into groups of `most` items, each drawn as one. In a chain each reads the one before and
    nothing else, and is read by the next alone."""

    def visit(tree: Subnet) -> Subnet:
        if tree.closed:
            return tree
        items = [visit(item) if isinstance(item, Subnet) else item for item in tree.items]
        groups = {run[-1]: [items[i] for i in run] for run in _runs(graph, items, folded.stand_in, most)}
        hidden = {id(item) for run in groups.values() for item in run[:-1]}
        kept = [_group(graph, groups[i], tree.depth + 1) if i in groups else item for i, item in enumerate(items)]
        return replace(tree, items=[item for item in kept if id(item) not in hidden])

    return visit(folded.tree)


def _runs(graph: Graph, items: Sequence[str | Subnet], stand_in: StandIn, most: int) -> Iterator[list[int]]:
    """Places of two or more items that make a group."""
    place = {key: i for i, item in enumerate(items) for key in _keys(item)}
    after: list[set[int]] = [set() for _ in items]
    before: list[set[int]] = [set() for _ in items]
    for source, key in graph.edges():
        a, b = (place.get(stand_in.get(end, end), OUTSIDE) for end in (source, key))
        if a != b:
            if a != OUTSIDE:
                after[a].add(b)
            if b != OUTSIDE:
                before[b].add(a)
    for output in header(graph)["outputs"]:
        if output["node"] in place:
            after[place[output["node"]]].add(OUTSIDE)
    follows = {}
    for i, readers in enumerate(after):
        reader = next(iter(readers)) if len(readers) == 1 else OUTSIDE
        if reader != OUTSIDE and before[reader] == {i} and _like(graph, items[i]) == _like(graph, items[reader]) != "":
            follows[i] = reader
    for i in range(len(items)):
        if i in follows.values() or i not in follows:
            continue
        run = [i]
        while run[-1] in follows:
            run.append(follows[run[-1]])
        even = -(-len(run) // -(-len(run) // most))  # groups of one size, rather than a rest
        yield from (run[k : k + even] for k in range(0, len(run), even) if len(run[k : k + even]) > 1)


def _keys(item: str | Subnet) -> Sequence[str]:
    return [item] if isinstance(item, str) else item.keys


def _like(graph: Graph, item: str | Subnet) -> str:
    """What may stand in one group: what exists in one phase on one device; nothing for what stands by itself."""
    keys = _keys(item)
    if any(layer(graph, key)["op"] == "input" or fault(graph, key) is not None for key in keys):
        return ""
    marks = {(layer(graph, key)["phase"], layer(graph, key)["device"]) for key in keys}
    return repr(sorted(marks, key=repr))


def _group(graph: Graph, items: Sequence[str | Subnet], depth: int) -> Subnet:
    first, last = items[0], items[-1]
    operators = {layer(graph, item)["op"] if isinstance(item, str) else item.block or "" for item in items}
    keys = [key for item in items for key in _keys(item)]
    alike = operators.pop() if len(operators) == 1 else ""
    return Subnet(
        path=first if isinstance(first, str) else first.path,
        call=f"{len(items)} × {alike}" if alike else f"{len(keys)} layers",
        depth=depth,
        keys=keys,
        items=list(items),
        closed=True,
        last=last if isinstance(last, str) else last.last or last.path,
    )
