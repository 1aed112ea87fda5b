"""A trial of engines as a table."""

from __future__ import annotations

from archdsl.measure.time.engine_trial import EngineTrial
from archdsl.sheet.formats import render
from archdsl.sheet.sheet import CellValue, Column, Line, Sheet

COLUMNS = (
    Column("engine"),
    Column("a call", "time"),
    Column("against eager", "ratio"),
    Column("calls", "count"),
    Column("built in", "time", 1),
    Column("deviation", "figure", 2),
    Column("", wrap=True),
)


def text(trial: EngineTrial) -> str:
    """Ends with a newline."""
    return render(sheet(trial), "text")


def sheet(trial: EngineTrial) -> Sheet:
    """A line for each engine, the quickest first, and those that did not run last, with the reason."""
    order = {engine: place for place, engine in enumerate(trial.ranked)}
    times = sorted(trial.times, key=lambda one: order.get(one.engine, len(order)))
    eager = next((one.seconds for one in times if one.engine == "eager"), None)
    lines = []
    for one in times:
        ratio: CellValue = eager / one.seconds if eager and one.seconds else None
        deviation = None if one.deviation is None else f"{one.deviation:.1e}"
        note = "chosen" if one.engine == trial.chosen and not one.note else one.note
        lines.append(Line((one.engine, one.seconds, ratio, one.calls or None, one.built, deviation, note)))
    shapes = ", ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in trial.shapes.items())
    title = f"{trial.network}, {shapes}, {trial.precision}, {trial.threads} threads"
    return Sheet(title, COLUMNS, tuple(lines), notes=(f"{title}, on {trial.machine}",), document=trial.to_dict)
