"""Two costs against each other, and the Pareto front: what no other point beats in both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from matplotlib.axes import Axes

from viz import lettering, theme
from viz.plots.style import SMALL, WIDTH, Style, tick

HEIGHT: Final = 2.9  # inches
PLACES: Final = ((1, 1.0), (-1, -1.0), (1, -1.0), (-1, 1.0), (1, 0.0), (-1, 0.0))  # of a name beside its point


class Mark(NamedTuple):
    """A point: two costs, its name, the number of its line, and whether it is on the front."""

    x: float
    y: float
    name: str
    line: int
    best: bool


def draw(axes: Axes, marks: Sequence[Mark], style: Style, *, joined: bool) -> None:
    """All marks; those on the front filled, with their names where there is room, and joined by steps if these two are
    all costs."""
    ink = style.colour(theme.MUTED)
    axes.grid(visible=True)
    if joined:
        front = sorted({(mark.x, mark.y) for mark in marks if mark.best})
        axes.plot(*zip(*front, strict=True), color=ink, linewidth=0.9, drawstyle="steps-post", zorder=1.5)
    for mark in marks:
        colour = style.line(mark.line)["color"]
        fill = colour if mark.best else style.colour(theme.PAPER)
        axes.plot([mark.x], [mark.y], marker="o", color=colour, markerfacecolor=fill, linestyle="none", zorder=2)
    axes.margins(0.12, 0.14)
    axes.set_xlim(left=max(axes.get_xlim()[0], 0))
    axes.set_ylim(bottom=max(axes.get_ylim()[0], 0))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(tick)
    for mark, (side, rise) in _named(axes, [mark for mark in marks if mark.best], marks):
        axes.annotate(
            mark.name, (mark.x, mark.y), xytext=(side * 6, rise * SMALL), textcoords="offset points", va="center",
            ha="left" if side > 0 else "right", fontsize=SMALL,
            bbox={"facecolor": style.colour(theme.PAPER), "linewidth": 0, "pad": 0.5},
        )  # fmt: skip


def _named(axes: Axes, best: Sequence[Mark], marks: Sequence[Mark]) -> Iterator[tuple[Mark, tuple[int, float]]]:
    """The marks whose names find a place where they hide no mark and no other name, and that place."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    across, up = (WIDTH * 72 - 60) / (right - left), (HEIGHT * 72 - 60) / (top - bottom)
    spots = [((mark.x - left) * across, (mark.y - bottom) * up) for mark in marks]
    taken = [(x - 3, y - 3, x + 3, y + 3) for x, y in spots]
    for mark in sorted(best):
        x, y, width = (mark.x - left) * across, (mark.y - bottom) * up, lettering.width(mark.name, SMALL)
        for side, rise in PLACES:
            near = x + side * 6
            middle = y + rise * SMALL
            low, high = sorted((near, near + side * width))
            box = (low, middle - SMALL / 2, high, middle + SMALL / 2)
            inside = box[0] >= 0 and box[2] <= (right - left) * across
            if inside and not any(_meet(box, other) for other in taken):
                taken.append(box)
                yield mark, (side, rise)
                break


def _meet(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
