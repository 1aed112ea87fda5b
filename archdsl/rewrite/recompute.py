"""Recomputation: a graph in which blocks are marked with `@checkpoint`, so that backward computes them again.

Requires that each region is of the graph and that none of its layers is marked already. Ensures that nothing else
changes: layers, wiring, shapes and weights are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from archdsl.graph import Graph, layer
from archdsl.net_view import NetView

MUCH: Final = 0.25  # of the layers


@dataclass(frozen=True, slots=True)
class Region:
    """Layers that are recomputed together: the path of their block, and their keys."""

    path: str
    keys: tuple[str, ...]


def regions(net: NetView) -> list[Region]:
    """The outermost block instances that are not recomputed already, in order.

    One that is much of the network, and made of blocks, is opened: recomputed as a whole it would keep little less.
    """
    needed = net.live(training=True)
    keys = [key for key, node in net.layers.items() if key in needed and node["op"] != "input"]
    paths = {key: [b.path for b in net.layers[key]["blocks"] if not b.inline] for key in keys}
    members: dict[str, list[str]] = {}
    for level in range(max(map(len, paths.values()), default=0)):
        within = Counter(paths[key][level] for key in keys if len(paths[key]) > level)
        inner = Counter(paths[key][level] for key in keys if len(paths[key]) > level + 1)
        opened = {path for path, size in within.items() if size > MUCH * len(keys) and 2 * inner[path] > size}
        closed = [key for key in keys if len(paths[key]) > level and paths[key][level] not in opened]
        for key in closed:
            members.setdefault(paths[key][level], []).append(key)
        for key in closed:
            paths[key] = []
    return [
        Region(path, tuple(found))
        for path, found in sorted(members.items(), key=lambda region: keys.index(region[1][0]))
        if all(net.layers[key]["checkpoint"] is None for key in found)
    ]


def recomputing(graph: Graph, chosen: Collection[Region]) -> Graph:
    """The graph as if these regions were marked with `@checkpoint`. Raises `ValueError` where one is marked already."""
    marked: Graph = graph.copy()
    for region in chosen:
        for key in region.keys:
            if layer(marked, key)["checkpoint"] is not None:
                raise ValueError(f"`{key}` is recomputed already")
            layer(marked, key)["checkpoint"] = region.path
    return marked


def keeping_all(graph: Graph) -> Graph:
    """The graph as if nothing was marked with `@checkpoint`."""
    plain: Graph = graph.copy()
    for key in plain:
        layer(plain, key)["checkpoint"] = None
    return plain
