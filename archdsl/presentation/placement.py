"""A placement as text: what is best, and the stages as a table."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from archdsl import validate
from archdsl.backends import Plot, backend
from archdsl.placement.plan import PlacementPlan, PlannedStage
from archdsl.sheet.formats import render
from archdsl.sheet.sheet import Column, Line, Sheet
from archdsl.sheet.units import duration, size

COLUMNS: Final = (
    Column("stage"),
    Column("layers", "count", 2),
    Column("first", rank=1),
    Column("last", rank=1),
    Column("forward", "time"),
    Column("backward", "time"),
    Column("receives", "bytes"),
    Column("at rest", "bytes", 3),
    Column("peak", "bytes"),
)


@dataclass(frozen=True, slots=True)
class PrintedPlan(PlacementPlan):
    """A plan: `str()` of it says what is best, and is a table of the stages."""

    def __str__(self) -> str:
        return text(self)

    def draw(self, path: str | os.PathLike[str] | None = None, *, theme: str = "light") -> Plot:
        """The schedule in time: what each device does, and what it holds meanwhile.

        A path's suffix says in which format it is written, of .svg, .pdf, .png and .html; a notebook shows it. `theme`
        is light, dark or print. Needs the extra `plot`. Raises `ValueError` for an unknown format or theme, and for
        more actions or layers than can be drawn; `OSError` where it cannot write.
        """
        if path is not None:
            path = validate.file_path("path", path)
        plots = backend("viz.plots")
        draw = plots.of_one_batch if self.conditions.objective == "latency" else plots.of_plan
        plot: Plot = draw(self, theme=theme)
        if path is not None:
            plot.save(path)
        return plot


def text(plan: PlacementPlan, width: int | None = None) -> str:
    """Ends with a newline."""
    return f"{answer(plan)}\n\n{render(sheet(plan), 'text', width)}"


def answer(plan: PlacementPlan) -> str:
    """In one line, what takes least, and what memory forbids."""
    best, (quickest, *_) = plan.best, plan.ways
    what = f"a step of {plan.conditions.batch}"
    if plan.conditions.objective == "latency":
        what = "a sample" if plan.conditions.batch == 1 else f"a batch of {plan.conditions.batch}"
    said = f"{best.how}: {duration(best.step)} {what}"
    others = [f"{way.how} {duration(way.step)}" for way in plan.ways if way != best and way.fits]
    if others:
        said += f", against {', '.join(others)}"
    if not quickest.fits:
        lacks = f"{size(quickest.missing)} more memory{' on each device' if quickest.replicas > 1 else ''}"
        said += f"; {quickest.how} would take {duration(quickest.step)}, but needs {lacks}"
    return said


def sheet(plan: PlacementPlan) -> Sheet:
    """A line for each stage of the pipeline, and below it what it rests on."""
    conditions, count = plan.conditions, len(plan.cluster.devices)
    proved = "the least possible" if plan.gap < 1e-9 else f"at most {plan.gap:.1%} over the least possible"
    if plan.marked:
        proved = "as the spec places it"
    notes = [*(_of_latency if conditions.objective == "latency" else _of_pipeline)(plan, proved)]
    if plan.pinned:
        which = f"{plan.pinned} of {plan.problem.layers} layers"
        notes.append(f"{which} are where the spec marks them, the others where it takes least")
    if len(plan.used) < count and not plan.marked:
        more = "more devices" if conditions.objective == "latency" else "more stages"
        notes.append(f"{more} would not be quicker: {count - len(plan.used)} of {count} devices have none")
    return Sheet(
        title=f"placement on {count} devices",
        columns=COLUMNS,
        lines=tuple(map(_line, plan.stages)),
        notes=tuple(notes),
        document=plan.to_dict(),
    )


def _of_pipeline(plan: PlacementPlan, proved: str) -> tuple[str, ...]:
    conditions = plan.conditions
    each = conditions.batch // conditions.micro_batches
    cut = f"{plan.schedule}, {conditions.micro_batches} micro-batches of {each}"
    return (
        f"a step of the pipeline takes {_least(plan)}{duration(plan.step)} with {conditions.optimizer} ({cut})",
        f"devices wait {plan.bubble:.0%} of it",
        f"a micro-batch takes {duration(plan.bottleneck)} on the slowest device with its transfers, {proved}",
    )


def _of_latency(plan: PlacementPlan, proved: str) -> tuple[str, ...]:
    """The bound is that of the longest path and of the work shared out evenly, from waist to waist."""
    notes = (
        f"a batch of {plan.conditions.batch} in inference takes {_least(plan)}{duration(plan.step)}, {proved}",
        f"devices wait {plan.bubble:.0%} of it",
    )
    bound = f"the longest path and the work shared out evenly take {duration(plan.bound)}, which nothing can beat"
    return notes if plan.marked or plan.gap < 1e-9 else (*notes, bound)


def _least(plan: PlacementPlan) -> str:
    return "at least " if any(device.profile.peaks for device in plan.cluster.devices) else ""


def _line(stage: PlannedStage) -> Line:
    first, last = (stage.layers[0], stage.layers[-1]) if stage.layers else (None, None)
    received = sum(tensor.bytes for tensor in stage.receives) or None
    cells = (stage.device, len(stage.layers), first, last, stage.forward, stage.backward, received)
    return Line((*cells, stage.weight_bytes, stage.peak_bytes))
