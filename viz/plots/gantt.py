"""The schedule of a pipeline in time: a lane for each device, and below them the memory that each holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final, NamedTuple

from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from archdsl.placement.actions import ActionKind, OverlappedPair
from archdsl.placement.plan import PlacementPlan
from archdsl.placement.simulate import ActionSpan, Run, simulate
from archdsl.sheet.units import duration, size
from viz import lettering, theme
from viz.plots.plot import FinishedPlot
from viz.plots.scale import Unit, unit
from viz.plots.style import LONGEST, SMALL, WIDTH, Style, below, grid, tick
from viz.recolour import Theme
from viz.theme import MUTED

LANE: Final = 0.27  # inches of each device
FRAME: Final = 0.95  # inches around the lanes: their title, the legend
MEMORY: Final = 1.75  # inches below them
TITLE: Final = 0.6  # with the line at the foot
THICK: Final = 0.78  # of a lane that bars fill
NUMBER: Final = 6.5  # points, of a micro-batch
MOST_BARS: Final = 6000
MOST_CURVES: Final = 8  # that have names; of more devices only that with the highest peak
IDLE: Final = "#f4f4f4"  # of a lane
DEEPEST: Final = 0.42  # of the colour of the outline, in bars of the last of a device's stages
SECONDS: Final = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))


class Shade(NamedTuple):
    """Of bars of one kind: the fill for the first of a device's stages, that for the last, and the outline."""

    first: str
    last: str
    line: str


def _deepened(colour: theme.Colour) -> Shade:
    mixed = ((1 - DEEPEST) * a + DEEPEST * b for a, b in zip(to_rgb(colour.fill), to_rgb(colour.line), strict=True))
    red, green, blue = mixed
    return Shade(colour.fill, to_hex((red, green, blue)), colour.line)


COLOURS: Final[Mapping[str, Shade]] = {
    "F": _deepened(theme.GROUPS["convolution"]),
    "B": _deepened(theme.GROUPS["activation"]),
    "I": _deepened(theme.GROUPS["pooling"]),
    "W": _deepened(theme.GROUPS["linear"]),
    "update": _deepened(theme.GROUPS["reshape"]),
}
# In black and white what differs in hue differs in lightness.
GREYS: Final[Mapping[str, Shade]] = {
    "F": Shade("#ffffff", "#e8e8e8", "#6f6f6f"),
    "B": Shade("#b8b8b8", "#a2a2a2", "#6f6f6f"),
    "I": Shade("#d2d2d2", "#c2c2c2", "#6f6f6f"),
    "W": Shade("#929292", "#828282", "#6f6f6f"),
    "update": Shade("#f0f0f0", "#f0f0f0", "#6f6f6f"),
}
WORDS: Final[Mapping[ActionKind, str]] = {
    "F": "forward",
    "B": "backward",
    "I": "backward: gradients of inputs",
    "W": "backward: gradients of weights",
}


class Lane(NamedTuple):
    """A device: what it does, when, and how much of the schedule it waits."""

    name: str
    spans: tuple[ActionSpan, ...]
    idle: float


@dataclass(frozen=True)
class Chart:
    """A plan in time, read for drawing."""

    plan: PlacementPlan
    run: Run

    @property
    def lanes(self) -> list[Lane]:
        """The devices, that of the first stage on top."""
        found = []
        for number, name in enumerate(self.plan.used):
            spans = tuple(span for span in self.run.spans if span.device == number)
            found.append(Lane(name, spans, 1 - sum(s.end - s.start for s in spans) / self.run.seconds))
        return found

    @property
    def each(self) -> int:
        """How many stages a device has at most."""
        return max(self.plan.owners.count(owner) for owner in self.plan.owners)

    def turn(self, stage: int) -> int:
        """Which of the stages of its device a stage is."""
        owners = self.plan.owners
        return owners[:stage].count(owners[stage])

    def memory(self) -> list[list[tuple[float, int]]]:
        """By device, the bytes held from each moment on, from the beginning of the step."""
        resting = [0] * len(self.plan.used)
        for owner, stage in zip(self.plan.owners, self.plan.stages, strict=True):
            resting[owner] += stage.resting_bytes
        curves = []
        for rest, changes in zip(resting, self.run.memory(self.plan.costs), strict=True):
            curve = {0.0: rest}
            curve.update((at, rest + held) for at, held in changes)  # of several changes in a moment the last
            curves.append(list(curve.items()))
        return curves


def of_plan(plan: PlacementPlan, *, theme: Theme = "light") -> FinishedPlot:
    """The plot of a plan's schedule.

    Raises `ValueError` where there are more actions than can be told apart.
    """
    count = sum(map(len, plan.lists))
    if count > MOST_BARS:
        raise ValueError(f"{count:,} actions are more than can be drawn; fewer micro-batches have the same pattern")
    style, chart = Style(theme), Chart(plan, simulate(plan.lists, plan.costs))
    lanes = FRAME + LANE * len(plan.used)
    with style.context():
        figure = Figure(figsize=(WIDTH, lanes + MEMORY + TITLE))
        figure.suptitle(_title(plan), x=0.012, ha="left")
        figure.supxlabel(_foot(plan), x=0.012, ha="left", fontsize=SMALL, color=style.colour(MUTED))
        top, bottom = figure.subplots(2, 1, height_ratios=[lanes, MEMORY], sharex=True)
        name, second = seconds_of(plan.step)
        says = _lanes(top, chart, second, style)
        memory_panel(bottom, plan.used, chart.memory(), plan.step / second, second, style)
        bottom.set_xlim(0, plan.step / second)
        bottom.xaxis.set_major_formatter(tick)
        bottom.set_xlabel(f"time ({name})", loc="right")
    return FinishedPlot(figure, style, says)


def _title(plan: PlacementPlan) -> str:
    network = f"{plan.variant} ({plan.network})" if plan.variant else plan.network
    count = f"{len(plan.used)} devices" if len(plan.used) > 1 else "one device"
    return f"{network[:LONGEST]} on {count}, schedule {plan.schedule}"


def _foot(plan: PlacementPlan) -> str:
    conditions = plan.conditions
    each = conditions.batch // conditions.micro_batches
    return (
        f"predicted: a step of {conditions.batch} in {conditions.micro_batches} micro-batches of {each} takes "
        f"{duration(plan.step)}; devices wait {plan.bubble:.0%} of the schedule"
    )


def _lanes(axes: Axes, chart: Chart, second: float, style: Style) -> dict[str, str]:
    """The bars of all devices; what is to be said of each."""
    plan, says = chart.plan, dict[str, str]()
    axes.set_title("what devices do with micro-batches")
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="both", length=0, labelbottom=False)
    axes.grid(visible=True, axis="x")
    named = _named(chart, plan.step / (WIDTH * 72 - 110))
    for place, lane in enumerate(chart.lanes):
        for span in lane.spans:
            if span.start == span.end:
                continue
            action, start, width = span.action, span.start / second, (span.end - span.start) / second
            fill, edge = _look(action.kind, chart.turn(action.stage), chart.each, style)
            bar = Rectangle(
                (start, place - THICK / 2), width, THICK, facecolor=fill, edgecolor=edge, linewidth=0.4, zorder=2
            )
            bar.set_gid(str(action))
            axes.add_patch(bar)
            says[str(action)] = (
                f"{lane.name}, stage {action.stage}, micro-batch {action.micro_batch}: {WORDS[action.kind]}, "
                f"{duration(span.start)} to {duration(span.end)}"
            )
            if (action.stage, action.kind) in named:
                axes.text(
                    start + width / 2, place, str(action.micro_batch), ha="center", va="center_baseline",
                    fontsize=NUMBER, zorder=3, color=style.colour(theme.INK),
                )  # fmt: skip
        if chart.run.seconds < plan.step:
            fill, edge = _look("update", 0, 1, style)
            start, width = chart.run.seconds / second, (plan.step - chart.run.seconds) / second
            axes.add_patch(
                Rectangle((start, place - THICK / 2), width, THICK, facecolor=fill, edgecolor=edge, linewidth=0.4)
            )
        idle_lane(axes, place, lane.idle, style)
    _pairs(axes, chart, second, style)
    count = len(plan.used)
    axes.set_yticks(range(count), plan.used)
    axes.set_ylim(count - 0.5, -0.5)
    _legend(axes, chart, style)
    return says


def idle_lane(axes: Axes, place: int, idle: float, style: Style) -> None:
    """What is behind the bars of a device, and beside them how much of the time it waits."""
    axes.axhspan(place - THICK / 2, place + THICK / 2, color=style.colour(IDLE), linewidth=0, zorder=0.5)
    axes.annotate(
        f"{idle:.0%} idle", (1, place), xycoords=("axes fraction", "data"), xytext=(5, 0),
        textcoords="offset points", va="center_baseline", fontsize=SMALL, color=style.colour(theme.MUTED),
        annotation_clip=False,
    )  # fmt: skip


def seconds_of(longest: float) -> tuple[str, float]:
    """The unit that so many seconds are told in."""
    return next(each for each in SECONDS if longest >= each[1] or each == SECONDS[-1])


def _named(chart: Chart, per_point: float) -> set[tuple[int, ActionKind]]:
    """The stages and kinds of actions whose bars have room for the numbers of all micro-batches."""
    shortest: dict[tuple[int, ActionKind], float] = {}
    for span in chart.run.spans:
        key = span.action.stage, span.action.kind
        shortest[key] = min(shortest.get(key, inf), span.end - span.start)
    room = (lettering.width(str(chart.plan.conditions.micro_batches - 1), NUMBER) + 1) * per_point
    return {key for key, seconds in shortest.items() if seconds >= room}


def _look(kind: str, turn: int, each: int, style: Style) -> tuple[str, str]:
    """Fill and outline of a bar: the later a stage is of its device, the deeper is its colour."""
    if style.theme == "print":
        first, last, line = GREYS[kind]
    else:
        first, last, line = map(style.colour, COLOURS[kind])
    deep = turn / max(each - 1, 1)
    red, green, blue = ((1 - deep) * a + deep * b for a, b in zip(to_rgb(first), to_rgb(last), strict=True))
    return to_hex((red, green, blue)), line


def _pairs(axes: Axes, chart: Chart, second: float, style: Style) -> None:
    """An outline around what may be computed side by side."""
    at = {span.action: span for span in chart.run.spans}
    for place, row in enumerate(chart.plan.lists):
        for entry in row:
            if isinstance(entry, OverlappedPair):
                start, end = at[entry.forward].start / second, at[entry.backward].end / second
                axes.add_patch(
                    Rectangle(
                        (start, place - THICK / 2), end - start, THICK, facecolor="none",
                        edgecolor=style.colour(theme.INK), linewidth=0.9, zorder=2.5,
                    )
                )  # fmt: skip


def _legend(axes: Axes, chart: Chart, style: Style) -> None:
    kinds = {span.action.kind for span in chart.run.spans}
    entries: dict[str, Patch] = {}

    def entry(label: str, kind: str, turn: int = 0) -> None:
        fill, line = _look(kind, turn, chart.each, style)
        entries[label] = Patch(facecolor=fill, edgecolor=line, linewidth=0.4)

    for kind, words in WORDS.items():
        if kind in kinds:
            entry(words, kind)
    if chart.each > 1:
        entry(f"a device's {'last' if chart.each > 2 else 'second'} stage", "F", chart.each - 1)
    if any(isinstance(each, OverlappedPair) for row in chart.plan.lists for each in row):
        entries["side by side"] = Patch(facecolor="none", edgecolor=style.colour(theme.INK), linewidth=0.9)
    if chart.run.seconds < chart.plan.step:
        entry("update of weights", "update")
    axes.legend(list(entries.values()), list(entries), ncols=3, handlelength=1.4, columnspacing=1.6)
    below(axes, 4)


def memory_panel(
    axes: Axes,
    names: Sequence[str],
    curves: Sequence[Sequence[tuple[float, int]]],
    end: float,
    second: float,
    style: Style,
) -> None:
    """The bytes of each device from moment to moment until the end, with their peaks."""
    peaks = [max(held for _, held in curve) for curve in curves]
    scale = unit(max(peaks), bytes=True)
    axes.set_title(scale.of("memory that devices hold"))
    grid(axes)
    few, highest = len(curves) <= MOST_CURVES, peaks.index(max(peaks))
    for number, (name, curve, peak) in enumerate(zip(names, curves, peaks, strict=True)):
        moments = [at / second for at, _ in curve] + [end]
        look = style.line(number, busy=True) if few else {"color": style.colour(theme.BAR), "linestyle": "solid"}
        if few or number != highest:
            _curve(axes, moments, curve, scale, look, f"{name}: peak {size(peak)}" if few else None)
    if not few:
        moments = [at / second for at, _ in curves[highest]] + [end]
        label = f"{names[highest]}: peak {size(peaks[highest])}, the highest"
        _curve(axes, moments, curves[highest], scale, style.line(0, busy=True), label)
    axes.set_ylim(0, 1.08 * max(peaks) / scale.factor)
    axes.legend(ncols=4, columnspacing=1.6)
    below(axes, 26)


def _curve(
    axes: Axes,
    moments: Sequence[float],
    curve: Sequence[tuple[float, int]],
    scale: Unit,
    look: Mapping[str, object],
    label: str | None,
) -> None:
    axes.stairs(
        [held / scale.factor for _, held in curve], moments, baseline=None, edgecolor=look["color"],
        linestyle=look["linestyle"], linewidth=1.1, label=label,
    )  # fmt: skip
