"""The figure of a sweep: each cost over a setting or a size, and the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

from archdsl.dims import symbols
from archdsl.measure.network.report import TOTALS
from archdsl.outline.wording import clip
from archdsl.sweep import SHOWN, Point
from viz import lettering, theme
from viz.plots import front
from viz.plots.plot import FinishedPlot
from viz.plots.scale import unit
from viz.plots.series import Series, cost, series
from viz.plots.style import SMALL, WIDTH, Style, grid, title
from viz.plots.subject import without_value
from viz.recolour import Theme

PANEL: Final = 2.05  # inches
LEGEND: Final = 0.17  # a line of it
TITLE: Final = 0.6
MOST_MARKS: Final = 24  # values at which a line has dots; of more, those on the front alone have some
MOST_TICKS: Final = 12  # values that each have a tick


def of_sweep(points: Sequence[Point], *, pareto: Sequence[str] = (), theme: Theme = "light") -> FinishedPlot:
    """The plot of a sweep's points: its first name on the horizontal axis, a line for every choice of the others.

    `pareto` are the totals that the points were compared in. Raises `ValueError` where sizes are left open, or there
    are more lines than can be told apart.
    """
    style, found = Style(theme), series(points)
    if len(found.lines) > style.most_lines:
        raise ValueError(
            f"{len(found.lines)} lines are more than the {style.most_lines} that can be told apart: "
            "sweep over fewer values, or put the name with most values first"
        )
    for point in points:
        _closed(point)
    rows = {"panels": 2 * PANEL + (0.25 if found.name is None else 0.0)}
    if len(pareto) > 1:
        rows["front"] = front.HEIGHT
    entries = len(found.lines) if len(found.lines) > 1 else 0
    columns = _columns(found)
    if entries or pareto:
        rows["legend"] = 0.1 + LEGEND * (math.ceil(entries / columns) + bool(pareto))
    with style.context():
        figure = Figure(figsize=(WIDTH, sum(rows.values()) + TITLE))
        figure.suptitle(title([point.spec for point in points]), x=0.012, ha="left")
        batches = sorted({n for p in points if p.report is not None for n in p.report.least_batch.values()})
        if batches:
            _note(figure, f"for a batch of {' and '.join(map(str, batches))}", style)
        parts = figure.subfigures(len(rows), 1, height_ratios=list(rows.values()), squeeze=False)
        for name, (part,) in zip(rows, parts, strict=True):
            part.set_facecolor("none")
            if name == "panels":
                panels = part.subplots(2, 2, sharex=True)
                for total, axes in zip(SHOWN, panels.flat, strict=True):
                    _panel(axes, found, total, style, marked=bool(pareto))
                for axes in panels[-1]:
                    axes.set_xlabel(found.title)
            elif name == "front":
                _front(part.subplots(), found, pareto, style)
            else:
                _legend(part.subplots(), found if entries else None, columns, style, marked=bool(pareto))
    return FinishedPlot(figure, style)


def _closed(point: Point) -> None:
    """Raise `ValueError` where a total depends on sizes without a value."""
    report = point.report
    if report is not None and any(cost(point, total) is None for total in SHOWN):
        names = sorted({name for _, shape in report.inputs for size in shape for name in symbols(size)})
        given = " ".join(f"--over {name}=224" for name in names)
        raise ValueError(f"{without_value(point.spec, names)}, or {given}")


def _panel(axes: Axes, found: Series, total: str, style: Style, *, marked: bool) -> None:
    """One cost over the axis. Of a sweep with a front its points are filled, others hollow."""
    figures = [figure for line in found.lines for point in line.points if (figure := cost(point, total)) is not None]
    scale = unit(max(figures), bytes="bytes" in total)
    axes.set_title(scale.of(TOTALS[total]))
    grid(axes)
    for number, line in enumerate(found.lines):
        look = style.line(number)
        points = sorted(line.points, key=found.place)
        places = [found.place(point) for point in points]
        costs = [cost(point, total) for point in points]
        heights = [math.nan if value is None else value / scale.factor for value in costs]
        dashes = "none" if found.name is None else look["linestyle"]
        axes.plot(places, heights, color=look["color"], linestyle=dashes)
        for best in (True, False):
            some = [i for i, point in enumerate(points) if point.best == best]
            if len(found.values) > MOST_MARKS and not best:
                continue
            fill = style.colour(theme.PAPER) if marked and not best else look["color"]
            spots = [places[i] for i in some], [heights[i] for i in some]
            axes.plot(*spots, marker="o", linestyle="none", color=look["color"], markerfacecolor=fill)
    if found.doubles and min(figures) > 0 and max(figures) >= 4 * min(figures):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        grid(axes)
    else:
        axes.set_ylim(0, 1.12 * max(max(figures), 1) / scale.factor)
    _ticks(axes, found)


def _ticks(axes: Axes, found: Series) -> None:
    if found.doubles:
        axes.set_xscale("log", base=2)
    places = list(found.places.values())
    if found.numbers and len(places) > MOST_TICKS:
        return
    texts = [clip(text, 24) for text in found.texts]
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(places, texts)
    room = (WIDTH * 72 / 2 - 50) / len(texts)
    if max(lettering.width(text, SMALL) for text in texts) > room - 4:
        axes.tick_params(axis="x", labelrotation=30)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
    if not found.numbers:
        axes.set_xlim(-0.5, len(places) - 0.5)


def _front(axes: Axes, found: Series, pareto: Sequence[str], style: Style) -> None:
    """The first two totals of the front against each other."""
    known = [(n, p) for n, line in enumerate(found.lines) for p in line.points if p.report is not None]
    first, second = (_values([point for _, point in known], total) for total in pareto[:2])
    marks = [
        front.Mark(x, y, found.label(point), number, point.best)
        for (number, point), x, y in zip(known, first.figures, second.figures, strict=True)
    ]
    *others, last = (TOTALS[total] for total in pareto)
    axes.set_title(f"Pareto front in {', '.join(others)} and {last}")
    axes.set_xlabel(first.title)
    axes.set_ylabel(second.title)
    front.draw(axes, marks, style, joined=len(pareto) == 2)


class _Values(NamedTuple):
    title: str
    figures: list[float]


def _values(points: Sequence[Point], total: str) -> _Values:
    """A total of points, in the unit of the axis."""
    figures = [cost(point, total) or 0 for point in points]
    scale = unit(max(figures), bytes="bytes" in total)
    return _Values(scale.of(TOTALS[total]), [figure / scale.factor for figure in figures])


def _columns(found: Series) -> int:
    """How many entries a line of the legend has."""
    widest = max(lettering.width(line.label, SMALL) for line in found.lines) + 5 * SMALL
    return max(1, int((WIDTH * 72 - 30) // widest))


def _legend(axes: Axes, found: Series | None, columns: int, style: Style, *, marked: bool) -> None:
    axes.set_axis_off()
    lines = found.lines if found is not None else ()
    entries = [Line2D([], [], marker="o", label=line.label, **style.line(i)) for i, line in enumerate(lines)]
    if entries:
        legend = axes.legend(handles=entries, loc="upper left", ncols=min(columns, len(entries)))
    if marked:
        if entries:
            axes.add_artist(legend)  # axes have one legend, and keep others as they are
        ink, paper = style.colour(theme.MUTED), style.colour(theme.PAPER)
        best = Line2D([], [], marker="o", linestyle="none", color=ink, label="on the front")
        beaten = Line2D(
            [], [], marker="o", linestyle="none", color=ink, markerfacecolor=paper, label="another is better"
        )
        axes.legend(handles=[best, beaten], loc="lower left", ncols=2)


def _note(figure: Figure, text: str, style: Style) -> None:
    figure.supxlabel(text, x=0.012, ha="left", fontsize=SMALL, color=style.colour(theme.MUTED))
