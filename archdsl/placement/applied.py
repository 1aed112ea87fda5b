"""A network with its layers where a plan has them: as if the spec had marked them so."""

from __future__ import annotations

from collections.abc import Mapping

from archdsl.graph import Graph, content_hash, header, layer, layers, operands
from archdsl.placement.devices import PlacementError
from archdsl.placement.runnable import RunnablePlan


def applied(graph: Graph, plan: RunnablePlan) -> Graph:
    """The graph with the devices of a plan, and each layer on its own; nothing else changes.

    Layers that no output depends on in training, which a plan has not, are where what they read first is. Raises
    `PlacementError` where the plan was made for another network.
    """
    if content_hash(graph) != plan.hash:
        raise PlacementError(
            f"the plan was made for another network than `{header(graph)['network']}`; run `archdsl place` again"
        )
    return placed(graph, plan.devices, plan.homes())


def placed(graph: Graph, devices: tuple[str, ...], homes: Mapping[str, str]) -> Graph:
    """The graph with these devices, and each layer where it is said to be, or else where what it reads first is."""
    marked: Graph = graph.copy()
    marked.graph["devices"] = devices
    found: dict[str, str] = {}
    for key, node in layers(marked):
        if node["op"] == "input":
            continue
        read = (found[producer] for producer, _ in operands(marked, key) if producer in found)
        found[key] = homes.get(key) or homes.get(node["path"]) or next(read, devices[0])
        layer(marked, key)["device"] = found[key]
    return marked
