"""A drawing as a figure of a document: as wide as asked for, in letters of a size, on a page at most."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from viz import theme

READABLE: Final = 6.0  # points of the smallest letters
PAGE_HEIGHT: Final = 9 * 72.0  # between the margins of a sheet of letter paper
FONT: Final = 8.0  # points of the letters of layers, where nothing is said
PLACES: Final = ("x", "y", "cx", "cy", "x1", "y1", "x2", "y2")
LENGTHS: Final = (*PLACES, "width", "height", "rx", "ry", "font-size", "stroke-width")
ROUNDING: Final = 0.01  # of sizes that are written with two digits
NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Figure:
    """How large a figure is, in points: its width, and the letters of layers if there is room."""

    width: float
    font: float = FONT
    height: float = PAGE_HEIGHT  # at most

    def scale(self, width: float, height: float) -> float:
        """How large a unit of a drawing of this size becomes."""
        return min(self._unit, self.width / width, self.height / height)

    def letters(self, width: float, height: float) -> float:
        """How large the smallest letters of a drawing of this size become, if they are small ones."""
        return theme.SMALL * self.scale(width, height)

    @property
    def room(self) -> tuple[float, float]:
        """How large a drawing may be for its small letters to be read."""
        return self.width * theme.SMALL / READABLE, self.height * theme.SMALL / READABLE

    @property
    def _unit(self) -> float:
        """How large a unit is where there is room: small letters are never too small to be read."""
        return max(self.font / theme.SIZE, READABLE / theme.SMALL)


def size(drawing: Element) -> tuple[float, float]:
    _, _, width, height = (float(side) for side in drawing.get("viewBox", "0 0 1 1").split())
    return width, height


def smallest(drawing: Element, figure: Figure) -> float:
    """The size of the smallest letters of a drawing as a figure."""
    sizes = (float(text.get("font-size", "12")) for text in drawing.iter() if text.tag == "text")
    return min(sizes, default=theme.SIZE) * figure.scale(*size(drawing))


def fitted(drawings: Iterable[Callable[[], Element]], figure: Figure) -> tuple[Element, float]:
    """The first of some drawings whose letters can all be read, as a figure; else that with the largest. And how large
    the smallest letters are."""
    best: tuple[Element, float] | None = None
    for draw in drawings:
        drawing = draw()
        letters = smallest(drawing, figure)
        if best is None or letters > best[1]:
            best = drawing, letters
        if letters >= READABLE - ROUNDING:
            break
    assert best is not None
    _bake(best[0], figure)
    return best


def _bake(drawing: Element, figure: Figure) -> None:
    """Make a drawing as wide as its figure: every length in points, what is drawn in the middle."""
    width, height = size(drawing)
    unit = figure.scale(width, height)
    left = (figure.width - width * unit) / 2
    for part in drawing.iter():
        _scale(part, unit)
    paper, *parts = list(drawing)
    for part in parts:
        drawing.remove(part)
    middle = Element("g", {"transform": f"translate({left:.2f} 0)"})
    middle.extend(parts)
    drawing.append(middle)
    paper.attrib.update({"width": "100%", "height": "100%"})
    drawing.attrib.update(
        width=f"{figure.width:.2f}pt",
        height=f"{height * unit:.2f}pt",
        viewBox=f"0 0 {figure.width:.2f} {height * unit:.2f}",
    )


def _scale(part: Element, unit: float) -> None:
    for name in LENGTHS:
        value = part.get(name, "")
        if NUMBER.fullmatch(value):
            part.set(name, f"{float(value) * unit:.3f}".rstrip("0").rstrip("."))
    for name in ("d", "points", "stroke-dasharray"):
        if part.get(name):
            part.set(name, NUMBER.sub(lambda found: f"{float(found[0]) * unit:.2f}", part.get(name, "")))
    moved = part.get("transform", "")
    if moved.startswith("translate"):
        part.set("transform", NUMBER.sub(lambda found: f"{float(found[0]) * unit:.2f}", moved))
    elif moved.startswith("rotate"):
        angle, *point = NUMBER.findall(moved)
        part.set("transform", f"rotate({angle} {' '.join(f'{float(at) * unit:.2f}' for at in point)})")
