"""What of a network there is to see in a phase, and what the network is called."""

from __future__ import annotations

from typing import Literal, TypeAlias

from archdsl.graph import Graph, broken, header, layers, live
from viz.wording import plain

Shown: TypeAlias = Literal["train", "eval"]


def name(graph: Graph) -> str:
    """What a network is called: `resnet50 (ResNet)`."""
    head = header(graph)
    variant = head["variant"] or head["network"]
    return plain(variant if variant == head["network"] else f"{variant} ({head['network']})")


def kept(graph: Graph, phase: Shown) -> list[str]:
    """The nodes that exist in a phase, in order. Of a broken spec, whose outputs may be missing, all is shown that is
    not for training only."""
    if phase == "train":
        return list(graph)
    if any(broken(graph)):
        return [key for key, node in layers(graph) if node["phase"] == "both"]
    kept = live(graph, training=False) | set(header(graph)["inputs"])
    return [key for key in graph if key in kept]
