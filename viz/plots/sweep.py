"""The figure of a sweep: each cost over a setting or a size, and the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise, takewhile
from typing import Any, Final, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

from archdsl.dims import symbols
from archdsl.measure.report import TOTALS, Report
from archdsl.measure.table import UNITS
from archdsl.sweep import SHOWN, Point, written
from viz import lettering, theme
from viz.plots import front
from viz.plots.memory import UNITS as BYTES
from viz.plots.plot import Plot
from viz.plots.style import SMALL, WIDTH, Style, grid, title
from viz.recolour import Theme
from viz.wording import clip

PANEL: Final = 2.05  # inches
LEGEND: Final = 0.17  # a line of it
TITLE: Final = 0.6
MOST_TICKS: Final = 12  # values that each have a tick
NETWORK: Final = "network"  # the axis of a sweep over SPECs alone


class Line(NamedTuple):
    """The points that differ in what is on the horizontal axis alone."""

    label: str
    points: tuple[Point, ...]


class Series(NamedTuple):
    """The lines of a sweep over one name, and the values on the axis in their order."""

    name: str
    values: tuple[Any, ...]
    lines: tuple[Line, ...]

    @property
    def numbers(self) -> bool:
        """Whether values have distances."""
        return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in self.values)

    @property
    def places(self) -> dict[Any, float]:
        """Where each value stands."""
        return {_key(value): value if self.numbers else number for number, value in enumerate(self.values)}

    @property
    def doubles(self) -> bool:
        """Whether values grow by a factor: 1, 8, 64."""
        if not self.numbers or len(self.values) < 3 or min(self.values) <= 0:
            return False
        factors = [b / a for a, b in pairwise(sorted(self.values))]
        return bool(min(factors) >= 1.5 and max(factors) / min(factors) < 1.05)

    @property
    def common(self) -> int:
        """How many sizes at the front all shapes have alike."""
        if not all(isinstance(value, tuple) for value in self.values) or len(self.values) < 2:
            return 0
        return len(list(takewhile(lambda sizes: len(set(sizes)) == 1, zip(*self.values, strict=False))))

    @property
    def title(self) -> str:
        """What stands on the axis: `image = 1x3x…`."""
        return f"{self.name} = {written(self.values[0][: self.common])}x…" if self.common else self.name

    @property
    def texts(self) -> list[str]:
        """The values as they stand there."""
        if self.numbers:
            return [f"{value:,}" for value in self.values]
        shown = [value[self.common :] if self.common else value for value in self.values]
        return [written(value) for value in shown]

    def place(self, point: Point) -> float:
        """Where a point stands."""
        return self.places[_key(point.spec if self.name == NETWORK else dict(point.chosen)[self.name])]


def of_sweep(points: Sequence[Point], *, pareto: Sequence[str] = (), theme: Theme = "light") -> Plot:
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
    rows = {"panels": 2 * PANEL + (0.25 if found.name == NETWORK else 0.0)}
    if len(pareto) > 1:
        rows["front"] = front.HEIGHT
    entries = len(found.lines) if len(found.lines) > 1 else 0
    columns = _columns(found)
    if entries or pareto:
        rows["legend"] = 0.1 + LEGEND * (math.ceil(entries / columns) + bool(pareto))
    with style.context():
        figure = Figure(figsize=(WIDTH, sum(rows.values()) + TITLE))
        figure.suptitle(title([point.spec for point in points]), x=0.012, ha="left")
        if any(point.report is not None and point.report.assumed for point in points):
            _note(figure, "for a batch of 1", style)
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
    return Plot(figure, style)


def series(points: Sequence[Point]) -> Series:
    """The points as lines. The first name that takes several values is on the axis; if none does, the networks are."""
    several = len({point.spec for point in points}) > 1
    values: dict[str, dict[Any, Any]] = {}
    for point in points:
        for name, value in point.chosen:
            values.setdefault(name, {})[_key(value)] = value
    varied = [name for name, found in values.items() if len(found) > 1]
    axis = varied[0] if varied else NETWORK if several or not values else next(iter(values))
    lines: dict[str, list[Point]] = {}
    for point in points:
        said = [f"{name} = {written(value)}" for name, value in point.chosen if name in varied and name != axis]
        label = ", ".join([point.spec, *said] if several and axis != NETWORK else said)
        lines.setdefault(label, []).append(point)
    found = values[axis].values() if axis != NETWORK else dict.fromkeys(point.spec for point in points)
    return Series(axis, tuple(found), tuple(Line(clip(label), tuple(line)) for label, line in lines.items()))


def cost(point: Point, total: str) -> int | None:
    """A total of a point; None where the combination cannot be."""
    value = getattr(point.report, total, None)
    return value if isinstance(value, int) else None


def _key(value: Any) -> Any:
    """What stands for a value, which may be a list, in a table."""
    return tuple(map(_key, value)) if isinstance(value, (list, tuple)) else value


def _closed(point: Point) -> None:
    """Raise `ValueError` where a total depends on sizes without a value."""
    report: Report | None = point.report
    if report is not None and any(cost(point, total) is None for total in SHOWN):
        names = sorted({name for _, shape in report.inputs for size in shape for name in symbols(size)})
        raise ValueError(
            f"cannot plot {clip(point.spec)}: {', '.join(names)} {'has' if len(names) == 1 else 'have'} no value; "
            f"give one with --over {names[0]}=224, or the shape of the input with --input"
        )


def _unit(total: str, most: int) -> tuple[int, str]:
    if "bytes" in total:
        return next(unit for unit in BYTES if most >= unit[0] or unit[0] == 1)
    return next((unit for unit in UNITS if most >= unit[0]), (1, ""))


def _title(total: str, unit: str) -> str:
    return TOTALS[total] + (f" ({unit})" if unit else "")


def _panel(axes: Axes, found: Series, total: str, style: Style, *, marked: bool) -> None:
    """One cost over the axis. Of a sweep with a front its points are filled, others hollow."""
    figures = [cost(point, total) or 0 for line in found.lines for point in line.points]
    unit, name = _unit(total, max(figures))
    axes.set_title(_title(total, name))
    grid(axes)
    for number, line in enumerate(found.lines):
        look = style.line(number)
        places = [found.place(point) for point in line.points]
        costs = [cost(point, total) for point in line.points]
        heights = [math.nan if value is None else value / unit for value in costs]
        dashes = "none" if found.name == NETWORK else look["linestyle"]
        axes.plot(places, heights, color=look["color"], linestyle=dashes)
        for best in {point.best or not marked for point in line.points}:
            some = [i for i, point in enumerate(line.points) if (point.best or not marked) == best]
            axes.plot(
                [places[i] for i in some], [heights[i] for i in some], marker="o", linestyle="none",
                color=look["color"], markerfacecolor=look["color"] if best else style.colour(theme.PAPER),
            )  # fmt: skip
    if found.doubles and min(figures) > 0 and max(figures) >= 4 * min(figures):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        grid(axes)
    else:
        axes.set_ylim(0, 1.12 * max(max(figures), 1) / unit)
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
    first, second = pareto[:2]
    known = [(n, p) for n, line in enumerate(found.lines) for p in line.points if p.report is not None]
    units = [_unit(total, max(cost(point, total) or 0 for _, point in known)) for total in (first, second)]
    marks = [
        front.Mark(
            (cost(point, first) or 0) / units[0][0], (cost(point, second) or 0) / units[1][0],
            _name(point, found), number, point.best,
        )
        for number, point in known
    ]  # fmt: skip
    *others, last = (TOTALS[total] for total in pareto)
    axes.set_title(f"Pareto front in {', '.join(others)} and {last}")
    axes.set_xlabel(_title(first, units[0][1]))
    axes.set_ylabel(_title(second, units[1][1]))
    front.draw(axes, marks, style, joined=len(pareto) == 2)


def _name(point: Point, found: Series) -> str:
    """What tells a point from the others."""
    several = len({other.spec for line in found.lines for other in line.points}) > 1
    said = [f"{name} = {written(value)}" for name, value in point.chosen]
    return clip(", ".join([point.spec, *said] if several else said))


def _columns(found: Series) -> int:
    """How many entries a line of the legend has."""
    widest = max(lettering.width(line.label, SMALL) for line in found.lines) + 5 * SMALL
    return max(1, int((WIDTH * 72 - 30) // widest))


def _legend(axes: Axes, found: Series | None, columns: int, style: Style, *, marked: bool) -> None:
    axes.set_axis_off()
    lines = found.lines if found is not None else ()
    entries = [Line2D([], [], marker="o", label=line.label, **style.line(i)) for i, line in enumerate(lines)]
    if entries:
        axes.add_artist(axes.legend(handles=entries, loc="upper left", ncols=min(columns, len(entries))))
    if marked:
        ink, paper = style.colour(theme.MUTED), style.colour(theme.PAPER)
        best = Line2D([], [], marker="o", linestyle="none", color=ink, label="on the front")
        beaten = Line2D(
            [], [], marker="o", linestyle="none", color=ink, markerfacecolor=paper, label="another is better"
        )
        axes.legend(handles=[best, beaten], loc="lower left", ncols=2)


def _note(figure: Figure, text: str, style: Style) -> None:
    figure.supxlabel(text, x=0.012, ha="left", fontsize=SMALL, color=style.colour(theme.MUTED))
