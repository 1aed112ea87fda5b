"""Where Graphviz puts things: rectangles, and curves between them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from viz.canvas import XY

INCH: Final = 72.0
STRAIGHT: Final = 0.5  # how far a straight line may stray


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A rectangle, its upper left corner at a point."""

    x: float
    y: float
    width: float
    height: float

    def moved(self, x: float, y: float) -> Rectangle:
        return Rectangle(self.x + x, self.y + y, self.width, self.height)

    def overlaps(self, other: Rectangle) -> bool:
        across = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        return across > 0 and min(self.y + self.height, other.y + other.height) > max(self.y, other.y)

    def within(self, margin: float) -> Rectangle:
        return Rectangle(self.x + margin, self.y + margin, self.width - 2 * margin, self.height - 2 * margin)


@dataclass(frozen=True, slots=True)
class EdgeCurve:
    """Cubic Bézier curves and, at their end, the tip of an arrow; and where the label of an edge has its centre."""

    points: tuple[XY, ...]
    label: XY | None
    along: bool = False  # whether the label runs along it, beside its middle

    def run(self, axis: int) -> tuple[XY, XY]:
        """The ends of the longest straight piece parallel to an axis: 0 is that of x."""
        first = self.points[0]
        best, start = (first, first), first
        for i in range(0, len(self.points) - 3, 3):
            piece = self.points[i : i + 4]
            if any(abs(point[1 - axis] - start[1 - axis]) > STRAIGHT for point in piece):
                start = piece[-1]
            best = max(best, (start, piece[-1]), key=lambda run: abs(run[1][axis] - run[0][axis]))
        return best


@dataclass(frozen=True, slots=True)
class Layout:
    width: float
    height: float
    places: Mapping[str, Rectangle]  # of nodes and clusters, by their names
    curves: Mapping[str, EdgeCurve]  # of edges, by their ids

    def turned(self, direction: str) -> Layout:
        """The places as they were if data flowed down."""
        turned = {}
        for name, place in self.places.items():
            x, y, width, height = place.x, place.y, place.width, place.height
            if direction in ("up", "left"):
                x, y = (x, self.height - y - height) if direction == "up" else (self.width - x - width, y)
            turned[name] = (
                Rectangle(x, y, width, height) if direction in ("down", "up") else Rectangle(y, x, height, width)
            )
        size = (self.width, self.height) if direction in ("down", "up") else (self.height, self.width)
        return Layout(*size, turned, {})


def read(drawn: bytes, stretch: float = 1.0) -> Layout:
    """The layout that Graphviz writes as `json0`, so much lower. Its axis of y points upwards, ours down."""
    found: Any = json.loads(drawn)
    _, _, width, top = _numbers(found["bb"])

    def point(x: float, y: float) -> XY:
        return x, (top - y) / stretch

    places, curves = {}, {}
    for item in found.get("objects", ()):
        if "bb" in item:
            left, low, right, high = _numbers(item["bb"])
            places[item["name"]] = Rectangle(*point(left, high), right - left, (high - low) / stretch)
        elif "pos" in item:
            across, down = (float(item[side]) * INCH for side in ("width", "height"))
            x, y = _numbers(item["pos"])
            places[item["name"]] = Rectangle(*point(x - across / 2, y + down / 2), across, down / stretch)
    for edge in found.get("edges", ()):
        if "id" in edge:
            label = point(*_numbers(edge["lp"])) if "lp" in edge else None
            curves[edge["id"]] = EdgeCurve(tuple(point(*pair) for pair in _curve(edge["pos"])), label)
    return Layout(width, top / stretch, places, curves)


def _curve(said: str) -> list[list[float]]:
    """Graphviz writes `e,X,Y X,Y X,Y …`: the arrow's tip first."""
    pairs = said.split()
    first = pairs.pop(0) if pairs[0].startswith("e,") else ""
    return [_numbers(pair) for pair in [*pairs, *([first.removeprefix("e,")] if first else [])]]


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]
