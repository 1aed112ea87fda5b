"""How receptive fields grow with depth, beside the size of the input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from matplotlib.figure import SubFigure
from matplotlib.ticker import MaxNLocator

from archdsl.dims import Size
from archdsl.measure.network.growth import GrowthLevel, extents, growth
from viz import theme
from viz.plots.style import Style, below, grid
from viz.plots.subject import Subject

HEIGHT: Final = 2.1  # inches
LEGEND: Final = 0.16  # for each line of the legend
BELOW: Final = 32.0  # points, from the axes to the legend
COLUMNS: Final = 3  # of the legend
FAR: Final = 4  # times the largest field; a larger input would leave it no room
DIMENSIONS: Final = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


class FieldCurve(NamedTuple):
    """The fields of a network along one dimension, or along all if these are alike."""

    label: str
    levels: tuple[tuple[int, int, int], ...]  # depth, smallest, largest


def height(subjects: Sequence[Subject]) -> float:
    lines = len(curves(subjects))
    return HEIGHT + LEGEND * math.ceil((lines + 1) / COLUMNS) if lines else 0.0


def draw(figure: SubFigure, subjects: Sequence[Subject], style: Style) -> None:
    axes = figure.subplots()
    axes.set_title("receptive field by depth (positions of the input along one dimension)")
    grid(axes)
    found = curves(subjects)
    for number, curve in enumerate(found):
        depths, smallest, largest = zip(*curve.levels, strict=True)
        look = style.line(number, busy=True)
        said = f"{curve.label or 'receptive field'}: {largest[-1]:,} in the end"
        bounds = [*(depth - 0.5 for depth in depths), depths[-1] + 0.5]
        line = {"edgecolor": look["color"], "linestyle": look["linestyle"], "linewidth": 1.3}
        axes.stairs(largest, bounds, baseline=None, label=said, **line)
        axes.stairs(largest, bounds, baseline=smallest, fill=True, color=look["color"], alpha=0.2, linewidth=0)
    farthest = max(level[2] for curve in found for level in curve.levels)
    shapes = dict.fromkeys(tuple(extents(subject.report)) for subject in subjects if growth(subject.report))
    shown = sorted({size for shape in shapes for size in shape if isinstance(size, int) and size <= FAR * farthest})
    look = {"color": style.colour(theme.CROSSING), "linewidth": 0.9, "linestyle": (0, (4, 2)), "zorder": 2.5}
    for size in shown:
        axes.axhline(size, **look)
    sizes = ", ".join(dict.fromkeys(map(_size, shapes)))
    axes.plot([], [], label=f"size of the input: {sizes}{'' if shown else ', beyond the scale'}", **look)
    axes.set_xlim(0, max(curve.levels[-1][0] for curve in found) + 0.5)
    axes.set_ylim(0, 1.08 * max(farthest, *shown, 1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("layers from the input, on the longest way")
    axes.legend(ncols=COLUMNS)
    below(axes, BELOW)


def curves(subjects: Sequence[Subject]) -> list[FieldCurve]:
    """The curves of a figure; none of a network without spatial dimensions."""
    found = []
    for subject in subjects:
        levels = growth(subject.report)
        name = subject.name if len(subjects) > 1 else ""
        for label, dimension in _dimensions(levels):
            found.append(FieldCurve(" ".join(filter(None, (name, label))), _along(levels, dimension)))
    return found


def _dimensions(levels: Sequence[GrowthLevel]) -> list[tuple[str, slice]]:
    """The dimensions that have a curve of their own: one for all where all grow as far."""
    if not levels:
        return []
    rank = len(levels[-1].largest)
    if len(set(levels[-1].largest)) == 1:
        return [("", slice(rank))]
    names = DIMENSIONS.get(rank) or tuple(f"dimension {i + 1}" for i in range(rank))
    return [(name, slice(i, i + 1)) for i, name in enumerate(names)]


def _size(shape: Sequence[Size]) -> str:
    """`224`, or `64 × 48`."""
    different = shape if len(set(shape)) > 1 else shape[:1]
    return " × ".join(f"{size:,}" for size in different)


def _along(levels: Sequence[GrowthLevel], dimension: slice) -> tuple[tuple[int, int, int], ...]:
    return tuple((level.depth, min(level.smallest[dimension]), max(level.largest[dimension])) for level in levels)
