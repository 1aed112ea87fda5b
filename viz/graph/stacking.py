"""Which layers are drawn on top of one another, without an arrow between: those of a chain that keep its shape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from viz.graph.edges import DrawnEdge
from viz.graph.scene import Box, Scene
from viz.graph.scene import boxes as scene_boxes

LayerStack: TypeAlias = tuple[Box, ...]  # from the first to the last, in the order of the data

HIGHEST: Final = 12  # boxes
ALONE: Final = frozenset({"pooling", "resample", "reshape", "reduction"})  # that change shapes, and do nothing else


def stacks(scene: Scene) -> tuple[LayerStack, ...]:
    """All boxes of a scene: a layer with those after it that change no shape, everything else by itself."""
    found = list(scene_boxes(scene.items))
    boxes = {box.id: box for box, _ in found}
    within = {box.id: around for box, around in found}
    forks = Counter(edge.source for edge in scene.edges)
    joins = Counter(edge.target for edge in scene.edges)
    gives: dict[str, set[str]] = {}
    for edge in scene.edges:
        gives.setdefault(edge.source, set()).add(edge.shape)

    def continues(edge: DrawnEdge) -> bool:
        above, below = boxes[edge.source], boxes[edge.target]
        return (
            above.kind == below.kind == "layer"
            and ALONE.isdisjoint((above.colour, below.colour))
            and within[above.id] == within[below.id]
            and above.unit == below.unit
            and above.device == below.device
            and forks[above.id] == joins[below.id] == 1
            and gives.get(below.id) == {edge.shape}
        )

    next_of = {edge.source: edge.target for edge in scene.edges if continues(edge)}
    return tuple(_cut(boxes, next_of))


def _cut(boxes: Mapping[str, Box], next_of: Mapping[str, str]) -> Sequence[LayerStack]:
    later = set(next_of.values())
    found = []
    for box in boxes.values():
        if box.id in later:
            continue
        run = [box]
        while run[-1].id in next_of:
            run.append(boxes[next_of[run[-1].id]])
        found += [tuple(run[i : i + HIGHEST]) for i in range(0, len(run), HIGHEST)]
    return found
