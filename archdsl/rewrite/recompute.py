"""Which blocks to recompute in backward so that a training step fits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from archdsl.graph import Graph, layer, layers, live
from archdsl.measure.network import cost
from archdsl.net_view import NetView

Fits = Callable[[Graph], bool]


@dataclass(frozen=True, slots=True)
class Block:
    """A block instance that can be recomputed: its path, its layers, and its multiply-adds in one forward pass."""

    path: str
    keys: tuple[str, ...]
    macs: int


def blocks(graph: Graph) -> list[Block]:
    """The outermost block instances that are not recomputed already, in order. No symbol is left in the graph."""
    needed = live(graph, training=True)
    members: dict[str, list[str]] = {}
    for key, node in layers(graph):
        if key in needed and node["blocks"] and node["op"] != "input":
            members.setdefault(node["blocks"][0].path, []).append(key)
    return [
        Block(path, tuple(keys), forward_macs(graph, keys))
        for path, keys in members.items()
        if all(layer(graph, key)["checkpoint"] is None for key in keys)
    ]


def forward_macs(graph: Graph, keys: Iterable[str]) -> int:
    """The multiply-adds of some layers."""
    net = NetView(graph)
    found = [cost.macs(net, key) for key in keys]
    return sum(macs for macs in found if isinstance(macs, int))


def recomputing(graph: Graph, chosen: Collection[Block]) -> Graph:
    """The graph as if these blocks were marked with `@checkpoint`."""
    marked: Graph = graph.copy()
    for block in chosen:
        for key in block.keys:
            layer(marked, key)["checkpoint"] = block.path
    return marked


def keeping_all(graph: Graph) -> Graph:
    """The graph as if nothing was marked with `@checkpoint`."""
    plain: Graph = graph.copy()
    for key in plain:
        layer(plain, key)["checkpoint"] = None
    return plain


def cheapest(
    graph: Graph, candidates: Collection[Block], kept: Callable[[Graph], int], fits: Fits
) -> list[Block] | None:
    """A cheap set of blocks whose recomputation makes the network fit; None where all of them do not.

    Blocks are added in the order of the bytes that each alone frees for its multiply-adds, until it fits; then each
    that is not needed is left out, the dearest first. So no block of the set can be spared, but there may be another
    set that costs less.
    """
    if fits(graph):
        return []
    before = kept(graph)
    freed = {block: before - kept(recomputing(graph, [block])) for block in candidates}
    useful = sorted((b for b in candidates if freed[b] > 0), key=lambda b: (-freed[b] / max(b.macs, 1), b.path))
    if not fits(recomputing(graph, useful)):
        return None
    low, high = 1, len(useful)  # the fewest of them, in this order
    while low < high:
        middle = (low + high) // 2
        if fits(recomputing(graph, useful[:middle])):
            high = middle
        else:
            low = middle + 1
    chosen = useful[:high]
    for block in sorted(chosen, key=lambda b: (-b.macs, b.path)):
        rest = [b for b in chosen if b is not block]
        if fits(recomputing(graph, rest)):
            chosen = rest
    order = list(candidates)
    return sorted(chosen, key=order.index)
