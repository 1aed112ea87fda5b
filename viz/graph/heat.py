"""A scene whose boxes are coloured by figures of the reader's own, each for all layers that it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from archdsl.own_figures import OwnFigure
from viz import heat_scale, theme
from viz.graph.scene import Box, Group, Scene
from viz.recolour import Theme

STEPS: Final = (0.0, 0.0625, 0.25, 0.5625, 1.0)  # of the greatest amount, that the legend shows: one for each stop
ENDS: Final = ("input", "output")


def shaded(scene: Scene, figure: OwnFigure, shown: Theme) -> Scene:
    """The scene with the amounts of its boxes, in colours up to the greatest of them."""
    amounts: dict[str, float] = {}
    for key, value in figure.values.items():
        drawn = scene.drawn_as.get(key, key)
        amounts[drawn] = amounts.get(drawn, 0.0) + value
    boxes = {box.id: _of(box, amounts) for box in scene.boxes()}
    known = {id: amount for id, amount in boxes.items() if amount is not None}
    most = max(map(abs, known.values()), default=0.0)

    def coloured(items: Sequence[Box | Group]) -> tuple[Box | Group, ...]:
        return tuple(
            replace(item, items=coloured(item.items)) if isinstance(item, Group) else box(item) for item in items
        )

    def box(item: Box) -> Box:
        if item.kind in ENDS or item.fault:
            return item
        if item.id not in known:
            return replace(item, shade=theme.PAPER, ink=heat_scale.ink(theme.PAPER, shown))
        said, shade = heat_scale.amount(known[item.id], figure.unit), heat_scale.shade(known[item.id], most)
        return replace(item, amount=said, shade=shade, ink=heat_scale.ink(shade, shown))

    return replace(scene, items=coloured(scene.items), scale=_legend(figure, most, min(known.values(), default=0.0)))


def _of(box: Box, amounts: dict[str, float]) -> float | None:
    found = [amounts[key] for key in (box.layers or (box.key,)) if key in amounts]
    return sum(found) if found else None


def _legend(figure: OwnFigure, most: float, least: float) -> tuple[tuple[str, str], ...]:
    """From the greatest amount less than nothing, if any is, to the greatest of all."""
    steps = [*(-step for step in reversed(STEPS[1:]) if least < 0), *STEPS]
    amounts = [heat_scale.amount(step * most, figure.unit) for step in steps]
    amounts[0] = f"{figure.title}: {amounts[0]}"
    shades = [heat_scale.shade(step * most, most) for step in steps]
    return (*zip(shades, amounts, strict=True), (theme.PAPER, "no value"))
