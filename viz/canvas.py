"""Writes SVG piece by piece. ElementTree escapes whatever a text holds; numbers have two digits at most."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final, Literal, TypeAlias
from xml.etree.ElementTree import Element, SubElement

from viz import theme

XY: TypeAlias = tuple[float, float]
Anchor: TypeAlias = Literal["start", "middle", "end"]

SVG: Final = "http://www.w3.org/2000/svg"
# Around letters, in the colour of what is behind them, so that no line strikes them out.
RIM: Final = MappingProxyType({"stroke-width": "3", "stroke-linejoin": "round", "paint-order": "stroke"})
HEAD: Final = (5.5, 2.2)  # an arrow's length and half its width


def number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"


class Canvas:
    """A drawing, in points; parts drawn later cover earlier ones."""

    def __init__(self) -> None:
        self.parts: list[Element] = []

    def page(self, width: float, height: float) -> Element:
        """The drawing as an SVG document of this size."""
        size = {"width": f"{width:.2f}pt", "height": f"{height:.2f}pt", "viewBox": f"0 0 {width:.2f} {height:.2f}"}
        page = Element("svg", {"xmlns": SVG, **size})
        SubElement(page, "rect", {"width": "100%", "height": "100%", "fill": theme.PAPER})
        page.extend(self.parts)
        return page

    def shifted(self, other: Canvas, x: float, y: float) -> None:
        """Another drawing on this one, its origin at a point."""
        self.grouped(other, {"transform": f"translate({number(x)} {number(y)})"})

    def grouped(self, other: Canvas, attributes: dict[str, str], says: str = "") -> None:
        """Another drawing on this one, as a group of these attributes."""
        group = Element("g", attributes)
        if says:
            SubElement(group, "title").text = says
        group.extend(other.parts)
        self.parts.append(group)

    @contextmanager
    def named(self, id: str) -> Iterator[None]:
        """What is drawn meanwhile is one group of this id."""
        before, self.parts = self.parts, []
        yield
        group = Element("g", {"id": id})
        group.extend(self.parts)
        self.parts = [*before, group]

    def rectangle(
        self, x: float, y: float, width: float, height: float, colour: theme.Colour, *, round: float = 0.0,
        dashed: bool = False, stroke: float = 1.0, says: str = "",
    ) -> None:  # fmt: skip
        sides = {"x": x, "y": y, "width": width, "height": height, "rx": round}
        self._add("rect", {k: number(v) for k, v in sides.items()}, _style(colour, stroke, dashed), says)

    def polygon(
        self, points: Iterable[XY], colour: theme.Colour, *, stroke: float = 1.0, dashed: bool = False,
        says: str = "",
    ) -> None:  # fmt: skip
        corners = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        self._add("polygon", {"points": corners}, {**_style(colour, stroke, dashed), "stroke-linejoin": "round"}, says)

    def line(self, points: Iterable[XY], colour: str, *, stroke: float = 1.0, dashed: bool = False) -> None:
        path = "M" + "L".join(f"{number(x)},{number(y)}" for x, y in points)
        self._add("path", {"d": path}, _style(theme.Colour("none", colour), stroke, dashed))

    def curve(self, points: Sequence[XY], colour: str, *, stroke: float = 1.0, dashed: bool = False) -> None:
        """Cubic Bézier curves, each from where the one before ends."""
        start, *others = (f"{number(x)},{number(y)}" for x, y in points)
        self._add("path", {"d": f"M{start}C{' '.join(others)}"}, _style(theme.Colour("none", colour), stroke, dashed))

    def head(self, tip: XY, toward: Literal["down", "up", "right", "left"], colour: str) -> None:
        """The head of an arrow."""
        (x, y), (length, half) = tip, HEAD
        along = {"down": (0, 1), "up": (0, -1), "right": (1, 0), "left": (-1, 0)}[toward]
        across = along[1], along[0]
        base = (x - along[0] * length, y - along[1] * length)
        sides = [(base[0] + s * half * across[0], base[1] + s * half * across[1]) for s in (1, -1)]
        self.polygon([tip, *sides], theme.Colour(colour, colour))

    def arrow(
        self, points: Sequence[XY], colour: str, *, stroke: float = 1.0, dashed: bool = False, head: float = 1.0
    ) -> None:
        """Cubic Bézier curves, the last point the tip of an arrow's head, which may be larger than others."""
        self.curve(points[:-1], colour, stroke=stroke, dashed=dashed)
        (x, y), tip = points[-2:]
        length = max(math.hypot(tip[0] - x, tip[1] - y), 1e-6)
        along = (tip[0] - x) / length, (tip[1] - y) / length
        half = HEAD[1] * head
        sides = [(x - s * half * along[1], y + s * half * along[0]) for s in (1, -1)]
        self.polygon([tip, *sides], theme.Colour(colour, colour))

    def circle(
        self, x: float, y: float, radius: float, colour: theme.Colour, *, stroke: float = 1.0, dashed: bool = False,
        says: str = "",
    ) -> None:  # fmt: skip
        place = {"cx": number(x), "cy": number(y), "rx": number(radius), "ry": number(radius)}
        self._add("ellipse", place, _style(colour, stroke, dashed), says)

    def text(
        self, x: float, y: float, text: str, *, size: float = theme.SIZE, colour: str = theme.INK,
        anchor: Anchor = "middle", bold: bool = False, turned: float = 0.0,
        rim: bool = False,
    ) -> None:  # fmt: skip
        """A line of text, its foot at y; turned clockwise about that point by an angle in degrees. A rim keeps lines
        apart from its letters."""
        style = {"font-family": theme.FONT_STACK, "font-size": number(size), "fill": colour, "text-anchor": anchor}
        if bold:
            style["font-weight"] = "bold"
        if rim:
            style |= {"stroke": theme.PAPER, **RIM}
        if turned:
            style["transform"] = f"rotate({number(turned)} {number(x)} {number(y)})"
        self._add("text", {"x": number(x), "y": number(y)}, style)
        self.parts[-1].text = text

    def _add(self, kind: str, place: dict[str, str], style: dict[str, str], says: str = "") -> None:
        part = Element(kind, {**place, **style})
        if says:
            SubElement(part, "title").text = says
        self.parts.append(part)


def _style(colour: theme.Colour, stroke: float, dashed: bool) -> dict[str, str]:
    style = {"fill": colour.fill, "stroke": colour.line, "stroke-width": number(stroke)}
    return style | ({"stroke-dasharray": "4,2.5"} if dashed else {})
