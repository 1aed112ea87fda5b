"""The legend: which colour stands for which group of operators and which device, and what the strokes mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias
from xml.etree.ElementTree import Element, SubElement

from archdsl.outline.wording import clip
from viz import lettering, palette, theme

Drawn: TypeAlias = Literal["fill", "outline", "dashed", "double", "stack", "thick"]

LINE: Final = 15.0  # from one entry to the next
MARGIN: Final = 11.0
SWATCH: Final = (16.0, 9.0)
GAP: Final = 6.0  # from a swatch to its text
NAMES: Final = MappingProxyType({"block": "block, not opened"})  # of colour groups that are no operators'


@dataclass(frozen=True, slots=True)
class LegendEntry:
    sign: Drawn
    colour: theme.Colour
    text: str

    @property
    def width(self) -> float:
        return SWATCH[0] + GAP + lettering.width(self.text, theme.SMALL)


MARK: Final = theme.Colour(theme.PAPER, theme.MUTED)
CROSSING: Final = LegendEntry("thick", theme.Colour(theme.PAPER, theme.CROSSING), "between devices")
TRAINING: Final = LegendEntry("dashed", MARK, "training only")
SEVERAL: Final = LegendEntry("stack", MARK, "occurs more than once")
SHARED: Final = LegendEntry("double", MARK, "shared weights, used again")


@dataclass(frozen=True, slots=True)
class Legend:
    """Entries with their places."""

    width: float
    height: float
    entries: tuple[tuple[float, float, LegendEntry], ...]

    def element(self, x: float, y: float) -> Element:
        """The legend as SVG, its upper left corner at a point."""
        group = Element("g", {"class": "legend", "transform": f"translate({x:.2f} {y:.2f})"})
        for left, top, entry in self.entries:
            _draw(group, left, top, entry)
        return group


def column(entries: Sequence[LegendEntry]) -> Legend:
    """The legend as a column, for beside a tall drawing."""
    placed = tuple((MARGIN, MARGIN + i * LINE, entry) for i, entry in enumerate(entries))
    width = max((entry.width for entry in entries), default=0.0) + 2 * MARGIN
    return Legend(width, len(entries) * LINE + 2 * MARGIN, placed)


def row(entries: Sequence[LegendEntry], width: float) -> Legend:
    """The legend as a row, for beneath a wide drawing; as many rows as the width demands, as even as can be."""
    narrower = (
        _wrapped(entries, sum(entry.width + 2 * MARGIN for entry in entries[:n])) for n in range(1, len(entries))
    )
    widest = _wrapped(entries, width)
    return next((even for even in narrower if even.height == widest.height and even.width <= widest.width), widest)


def _wrapped(entries: Sequence[LegendEntry], width: float) -> Legend:
    """The legend in rows of this width."""
    placed = []
    x, y, right = MARGIN, MARGIN / 2, 0.0
    for entry in entries:
        if x > MARGIN and x + entry.width > width - MARGIN:
            x, y = MARGIN, y + LINE
        placed.append((x, y, entry))
        right = max(right, x + entry.width)
        x += entry.width + 2 * MARGIN
    return Legend(right + MARGIN, y + LINE + MARGIN / 2, tuple(placed))


def of_colours(colours: palette.Colours) -> list[LegendEntry]:
    """The colours of operator groups, which several may share, and of devices."""
    hidden = ("input", "output", "merge")  # these are known by their forms
    alike: dict[theme.Colour, list[str]] = {}
    for name, colour in colours.groups.items():
        if name not in hidden and not name.startswith("block "):  # these are told beside
            alike.setdefault(colour, []).append(NAMES.get(name, clip(name)))
    return [
        *(LegendEntry("fill", colour, ", ".join(names)) for colour, names in alike.items()),
        *(LegendEntry("outline", colour, clip(name)) for name, colour in colours.devices.items()),
    ]


def _draw(group: Element, x: float, y: float, entry: LegendEntry) -> None:
    width, height = SWATCH
    fill, line = entry.colour
    if entry.sign == "stack":
        width, height = width - 4, height - 2
        for step in (4, 2):
            place = _numbers({"x": x + step, "y": y + step, "width": width, "height": height, "rx": 2})
            SubElement(group, "rect", {**place, "fill": fill, "stroke": line, "stroke-width": "1"})
    if entry.sign == "thick":
        ends = {"x1": x, "x2": x + width, "y1": y + height / 2, "y2": y + height / 2}
        SubElement(group, "line", {**_numbers(ends), "stroke": line, "stroke-width": "2.8"})
    else:
        strokes = {"outline": "2.2"}
        style = {"fill": fill, "stroke": line, "stroke-width": strokes.get(entry.sign, "1")}
        if entry.sign == "dashed":
            style["stroke-dasharray"] = "3,2"
        SubElement(group, "rect", {**_numbers({"x": x, "y": y, "width": width, "height": height, "rx": 2}), **style})
    if entry.sign == "double":
        inner = {"x": x + 2, "y": y + 2, "width": width - 4, "height": height - 4}
        SubElement(group, "rect", {**_numbers(inner), "fill": "none", "stroke": line, "stroke-width": "1"})
    place = _numbers({"x": x + SWATCH[0] + GAP, "y": y + SWATCH[1] - 1})
    text = {"font-family": theme.FONT_STACK, "font-size": f"{theme.SMALL:g}", "fill": theme.INK}
    SubElement(group, "text", {**place, **text}).text = entry.text


def _numbers(values: dict[str, float]) -> dict[str, str]:
    return {name: f"{value:.2f}".rstrip("0").rstrip(".") for name, value in values.items()}
