"""Room for the labels of edges: one that an edge crosses moves to the nearest place beside its own edge where nothing
else is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from viz import lettering, theme
from viz.canvas import XY
from viz.layout import EdgeCurve, Layout, Rectangle

RIGHT: Final = 1.5  # of the middle that Graphviz gives: letters stand a little right of it
FOOT: Final = 3.3  # below the middle
UP, DOWN = 0.7, 0.15  # of the size of letters, from their foot
AIR: Final = 1.0  # around letters
BESIDE: Final = (4.0, 10.0, 18.0)  # from an edge to a label that was moved
STEP: Final = 2.0  # between points of a curve
CELL: Final = 16.0


def place(x: float, y: float, label: str) -> Rectangle:
    """What the letters of a label cover whose middle is at a point."""
    width = lettering.width(label, theme.SMALL)
    return Rectangle(x + RIGHT - width / 2, y + FOOT - theme.SMALL * UP, width, theme.SMALL * (UP + DOWN))


def made_room(layout: Layout, labels: Mapping[str, str], solid: Iterable[Rectangle]) -> Layout:
    """The layout with the labels of edges, by their ids, where no edge crosses them and nothing `solid` is."""
    own = {id: curve for id, curve in layout.curves.items() if id in labels and curve.label and not curve.along}
    if not own:
        return layout
    taken = _Taken()
    for curve in layout.curves.values():
        taken.points(_along(curve))
    places = {id: place(*curve.label, labels[id]) for id, curve in own.items() if curve.label}
    struck = [id for id in own if taken.strikes(places[id])]
    if not struck:
        return layout
    for rectangle in (*solid, *(rectangle for id, rectangle in places.items() if id not in struck)):
        taken.rectangles.append(rectangle)
    moved = {}
    for id in struck:
        middle = own[id].label
        assert middle is not None
        free = (at for at in _beside(own[id], places[id]) if not taken.holds(place(*at, labels[id])))
        best = min(free, key=lambda at: math.dist(at, middle), default=middle)
        taken.rectangles.append(place(*best, labels[id]))
        moved[id] = replace(own[id], label=best)
    return replace(layout, curves={**layout.curves, **moved})


@dataclass(slots=True)
class _Taken:
    """Where edges run, in cells of a grid, and what else is there."""

    cells: dict[tuple[int, int], list[XY]] = field(default_factory=dict)
    rectangles: list[Rectangle] = field(default_factory=list)

    def points(self, along: Iterable[XY]) -> None:
        for x, y in along:
            self.cells.setdefault((int(x // CELL), int(y // CELL)), []).append((x, y))

    def strikes(self, label: Rectangle) -> bool:
        """Whether an edge crosses letters."""
        wide = label.within(-AIR)
        columns = range(int(wide.x // CELL), int((wide.x + wide.width) // CELL) + 1)
        rows = range(int(wide.y // CELL), int((wide.y + wide.height) // CELL) + 1)
        near = (point for i in columns for j in rows for point in self.cells.get((i, j), ()))
        return any(
            wide.x < x < wide.x + wide.width and wide.y < y < wide.y + wide.height for x, y in near
        )  # fmt: skip

    def holds(self, label: Rectangle) -> bool:
        """Whether something is where a label would be."""
        return self.strikes(label) or any(other.overlaps(label.within(-AIR)) for other in self.rectangles)


def _along(curve: EdgeCurve) -> Iterator[XY]:
    """Points along a curve, no farther apart than a step."""
    points = curve.points
    for i in range(0, len(points) - 3, 3):
        a, b, c, d = points[i : i + 4]
        length = math.dist(a, b) + math.dist(b, c) + math.dist(c, d)
        count = max(1, math.ceil(length / STEP))
        for t in (k / count for k in range(count + 1)):
            weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
            x, y = (sum(w * p[axis] for w, p in zip(weights, (a, b, c, d), strict=True)) for axis in (0, 1))
            yield x, y
    if len(points) % 3 == 2:  # the tip of an arrow's head
        yield points[-1]


def _beside(curve: EdgeCurve, label: Rectangle) -> Iterator[XY]:
    """Where the middle of a label may be that stands beside its edge."""
    for x, y in _along(curve):
        for far in (side * each for each in BESIDE for side in (1, -1)):
            yield x + far + math.copysign(label.width / 2, far) - RIGHT, y
            yield x - RIGHT, y + far + math.copysign(label.height / 2, far) - FOOT / 2
