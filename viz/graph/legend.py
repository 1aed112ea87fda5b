"""What the legend of a graph tells."""

from __future__ import annotations

from dataclasses import replace

from archdsl.graph import header
from viz import palette, theme
from viz.graph.scene import Scene
from viz.legend import CROSSING, SEVERAL, SHARED, TRAINING, LegendEntry, of_colours
from viz.recolour import Theme
from viz.theme import Colour


def entries(scene: Scene, shown: Theme = "light") -> list[LegendEntry]:
    """What occurs in a scene, and needs to be told."""
    boxes = list(scene.every_box())
    kinds = () if scene.scale else (box.colour for box in boxes)
    scale = (LegendEntry("fill", Colour(shade, theme.MUTED), text) for shade, text in scene.scale)
    found = [*scale, *of_colours(palette.colours(kinds, scene.devices, shown))]
    if any(edge.crossing for edge in scene.edges):
        counted = ", ".join(f"{name} = {least}" for name, least in header(scene.graph)["least_batch"].items())
        found.append(replace(CROSSING, text=f"{CROSSING.text}, bytes at {counted}") if counted else CROSSING)
    if any(item.repeats for item in scene.all()):
        found.append(SEVERAL)
    if any(box.train for box in boxes):
        found.append(TRAINING)
    if any(box.shared for box in boxes):
        found.append(SHARED)
    return found
