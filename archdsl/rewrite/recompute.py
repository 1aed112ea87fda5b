"""Recomputation: a graph in which blocks are marked with `@checkpoint`, so that backward computes them again.

Requires that each region is of the graph and that none of its layers is marked already. Ensures that nothing else
changes: layers, wiring, shapes and weights are the same.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from archdsl.graph import Graph, layer
from archdsl.net_view import NetView


@dataclass(frozen=True, slots=True)
class Region:
    """Layers that are recomputed together: the path of their block, and their keys."""

    path: str
    keys: tuple[str, ...]


def regions(net: NetView) -> list[Region]:
    """The outermost block instances that are not recomputed already, in order."""
    needed = net.live(training=True)
    members: dict[str, list[str]] = {}
    for key, node in net.layers.items():
        outermost = next((block.path for block in node["blocks"] if not block.inline), None)
        if key in needed and outermost is not None and node["op"] != "input":
            members.setdefault(outermost, []).append(key)
    return [
        Region(path, tuple(keys))
        for path, keys in members.items()
        if all(net.layers[key]["checkpoint"] is None for key in keys)
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
