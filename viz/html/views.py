"""All views of one network, between which a reader of the page switches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from archdsl.graph import Graph
from archdsl.outline.folding import StandIn
from archdsl.outline.stages import Stages, stages_of
from archdsl.phases import Phase
from viz.graph import scene
from viz.graph.scene import Scene
from viz.look import ViewName
from viz.volumes import view as volumes
from viz.volumes.view import Volumes

MOST: Final = 1000  # stages of a picture; it is drawn whole, unlike the graph


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a view shows nothing."""

    reason: str


@dataclass(frozen=True, slots=True)
class Views:
    scene: Scene
    stages: Stages | Refused
    volumes: Volumes | Refused
    first: ViewName  # the view that the page opens in
    stand_in: StandIn  # what is drawn in the stead of the layers that those two draw once for all


def build(
    graph: Graph, phase: Phase = "training", *, fold: bool = True, focus: str | None = None, first: ViewName = "graph"
) -> Views:
    """The views of a graph; equal groups are folded in the first only with `fold`. Raises `ValueError` as scenes do."""
    whole = scene.build(graph, phase, fold="mark" if fold else False, focus=focus)
    if focus is not None:
        part = Refused("only the graph shows a part of a network")
        return Views(whole, part, part, first, {})
    table = stages_of(graph, phase)
    found = sum(map(len, table.rows))
    if found > MOST:
        many = Refused(f"{found} stages are too many for a picture ({MOST} at most)")
        return Views(whole, many, many, first, {})
    stand_in = table.stand_in
    return Views(whole, table, volumes.build(graph, phase), first, stand_in)
