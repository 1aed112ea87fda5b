"""The memory alive over time: in inference, and in a training step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any, Final, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from archdsl.measure.memory.memory_report import ALL
from archdsl.measure.memory.timeline import Course, Moment
from archdsl.measure.run.optimizer import OPTIMIZERS
from archdsl.outline.stages import stages_of
from archdsl.outline.wording import clip
from archdsl.presentation.memory import where
from archdsl.sheet.units import size
from viz import lettering, theme
from viz.plots.scale import unit
from viz.plots.style import SMALL, WIDTH, Style, below, grid
from viz.plots.subject import NAME, Subject, path_end

HEIGHT: Final = 2.35  # inches
LEGEND: Final = 0.16  # for each line of the legend
STAGES: Final = 12.0  # points, the height of the names of stages
PHASES: Final = 18.0  # and that of the phases
HEADROOM: Final = 1.18  # above the peak, for its name


class MemoryCurve(NamedTuple):
    """What one device or network needs: of a training step everything, in inference what comes and goes."""

    label: str
    course: Course
    training: bool
    rest: str  # what the bytes are that are there throughout

    @property
    def heights(self) -> list[int]:
        beside = 0 if self.training else self.course.rest
        return [_bytes(moment.bytes) - beside for moment in self.course.moments]

    def peak(self, longest: int) -> str:
        """`97.5 MiB at layer1.0.relu`, with a path of so many characters."""
        peak = self.course.peak
        place = f"at {path_end(peak.layer, longest)}" if peak.layer else where(peak)
        return f"{size(max(self.heights))} {place}"


def height(subjects: Sequence[Subject]) -> float:
    return HEIGHT + LEGEND * max(len(curves(subjects, training=True)), 2)


def draw(figure: SubFigure, subjects: Sequence[Subject], style: Style) -> None:
    for axes, training in zip(figure.subplots(1, 2), (False, True), strict=True):
        found = curves(subjects, training=training)
        most = max(max(curve.heights) for curve in found)
        scale = unit(most, bytes=True)
        axes.set_title(scale.of("memory of a training step" if training else "activations in inference"))
        grid(axes)
        for number, curve in enumerate(found):
            _curve(axes, curve, scale.factor, style.line(number, busy=True))
        if len(found) == 1:
            _single(axes, found[0], scale.factor, style)
        else:
            axes.legend()
        axes.set_ylim(0, HEADROOM * most / scale.factor)
        axes.set_xlim(0, 2 if training else 1)
        named = spans(subjects[0], found[0]) if len(subjects) == 1 else []
        _ticks(axes, named, style, training=training)
        below(axes, (STAGES if named else 0) + PHASES)


def curves(subjects: Sequence[Subject], *, training: bool) -> list[MemoryCurve]:
    """The curves of a figure: of a network's devices, of its single device, or of each network on a single device."""
    found = []
    for subject in subjects:
        names = subject.devices if len(subjects) == 1 else []
        rest = "weights and states of the optimizer" if training and OPTIMIZERS[subject.optimizer].states else "weights"
        for name in names or [ALL]:
            timeline = subject.timelines[name]
            course = timeline.training if training else timeline.inference
            found.append(MemoryCurve(clip(name, NAME) if names else subject.name, course, training, rest))
    return found


def edges(moments: Sequence[Moment]) -> list[float]:
    """Where moments begin, and the last one ends: those of inference or of forward between 0 and 1, those of backward
    between 1 and 2, so that networks of any length stand beside one another. The optimizer's step is at the end."""
    found = [0.0]
    for phase, group in groupby(moment.phase for moment in moments):
        count = len(list(group))
        length = 0 if phase == "update" else 1
        start = found[-1]
        found += [start + length * (number + 1) / count for number in range(count)]
    return found


def _curve(axes: Axes, curve: MemoryCurve, factor: int, look: Mapping[str, Any]) -> None:
    bounds, heights = edges(curve.course.moments), [height / factor for height in curve.heights]
    style = {"edgecolor": look["color"], "linestyle": look["linestyle"], "linewidth": 1.2}
    axes.stairs(heights, bounds, label=f"{curve.label}: peak {curve.peak(NAME)}", baseline=None, **style)
    axes.plot(*_highest(bounds, heights), marker="o", linestyle="none", color=look["color"], zorder=3, clip_on=False)


def _single(axes: Axes, curve: MemoryCurve, factor: int, style: Style) -> None:
    """What belongs to the curve of a single device: what is below it, and the name of its peak."""
    bounds, heights = edges(curve.course.moments), [height / factor for height in curve.heights]
    rest = curve.course.rest / factor if curve.training else 0.0
    colour, band = style.line(0)["color"], style.colour(theme.BAR)
    above = axes.stairs(heights, bounds, baseline=rest, fill=True, color=colour, alpha=style.tint, linewidth=0)
    throughout = axes.axhspan(0, rest, color=band, alpha=0.6, linewidth=0)
    at, peak = _highest(bounds, heights)
    right = at > bounds[-1] / 2
    axes.annotate(
        f"peak: {curve.peak(40)}", (at, peak), xytext=(-6 if right else 6, 5), textcoords="offset points",
        ha="right" if right else "left", fontsize=SMALL,
        bbox={"facecolor": style.colour(theme.PAPER), "linewidth": 0, "pad": 0.8},
    )  # fmt: skip
    said = f"{curve.rest}, {size(curve.course.rest)}"
    if curve.training:
        entries = {f"{said}, throughout": throughout, "activations and gradients": above}
    else:
        entries = {f"activations and inputs; not shown: {said}": above}
    axes.legend(list(entries.values()), list(entries))


def _highest(bounds: Sequence[float], heights: Sequence[float]) -> tuple[float, float]:
    """Where the peak is: the first of the highest, which is the one that the report names."""
    number = heights.index(max(heights))
    return (bounds[number] + bounds[number + 1]) / 2, heights[number]


def _bytes(size: object) -> int:
    """A size without symbols, which is all that a figure is made of."""
    assert isinstance(size, int)
    return size


class StageSpan(NamedTuple):
    """Where the layers of a stage run."""

    name: str
    start: float
    end: float


def spans(subject: Subject, curve: MemoryCurve) -> list[StageSpan]:
    """The stages that cost anything as they run, forward and backward; none where they run by turns."""
    homes = stages_of(subject.graph).homes()
    stages = {key: path_end(stage.label, 20) for key, stage in homes.items() if stage.params or stage.macs}
    found: list[StageSpan] = []
    moments = curve.course.moments
    for moment, (start, end) in zip(moments, pairwise(edges(moments)), strict=True):
        name = stages.get(moment.layer, "")
        if not found or found[-1].name != name or start == 1:
            found.append(StageSpan(name, start, end))
        found[-1] = found[-1]._replace(end=end)
    named = [span for span in found if span.name]
    once = 2 if curve.training else 1
    return named if all(count <= once for count in Counter(span.name for span in named).values()) else []


def _ticks(axes: Axes, named: Sequence[StageSpan], style: Style, *, training: bool) -> None:
    """Names of stages where there is room, the longest stages first, and of the phases below."""
    end = 2 if training else 1
    per_point = end / (WIDTH * 72 / 2 - 50)
    taken: list[tuple[float, float]] = []
    shown: dict[float, str] = {}
    for span in sorted(named, key=lambda span: span.start - span.end):
        middle, half = (span.start + span.end) / 2, (lettering.width(span.name, SMALL) / 2 + 3) * per_point
        if all(middle + half < low or middle - half > high for low, high in taken):
            taken.append((middle - half, middle + half))
            shown[middle] = span.name
    axes.set_xticks(list(shown), list(shown.values()))
    axes.tick_params(axis="x", length=2)
    foot = -11 - (STAGES if named else 0)
    phases = ("forward", "backward") if training else ("layers in the order in which they run",)
    for number, phase in enumerate(phases):
        axes.annotate(
            phase, (number + 0.5, 0), xycoords=("data", "axes fraction"), xytext=(0, foot),
            textcoords="offset points", ha="center", fontsize=SMALL, color=style.colour(theme.MUTED),
        )  # fmt: skip
    if training:
        axes.axvline(1, color=style.colour(theme.MUTED), linewidth=0.7, linestyle=(0, (3, 2)))
