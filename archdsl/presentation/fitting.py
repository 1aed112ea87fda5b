"""What fits into a memory, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.measure.memory.fit import Fitting
from archdsl.presentation.memory import where
from archdsl.sheet.sheet import Column, Line, Sheet

COLUMNS = (
    Column("case", group=True),
    Column("device", rank=1),
    Column("needs", "bytes"),
    Column("peak", rank=2, wrap=True),
    Column("recomputes", wrap=True),
    Column("of a forward pass", "share", 3),
)


def sheet(cases: Sequence[Fitting]) -> Sheet:
    """A line for each device of each case: what it needs, where its peak is, and what is recomputed."""
    columns = tuple(column for i, column in enumerate(COLUMNS) if i < 4 or any(case.blocks for case in cases))
    placed = any(device is not None for case in cases for device in case.peaks)
    lines = [line for case in cases for line in _lines(case)]
    kept = [i for i, column in enumerate(columns) if placed or column.heading != "device"]
    return Sheet(
        title="what fits",
        columns=tuple(columns[i] for i in kept),
        lines=tuple(Line(tuple(line.cells[i] for i in kept)) for line in lines),
        document={"archdsl": 1, "cases": [case.to_dict() for case in cases]},
    )


def _lines(case: Fitting) -> list[Line]:
    shapes = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in case.inputs.items())
    name = f"{case.name}: {shapes}" + ("" if case.fits else ", which does not fit")
    blocks = ", ".join(_folded(case.blocks)) or None
    share = case.macs / case.all_macs if case.blocks and case.all_macs else None
    return [
        Line((name, device, peak.bytes, where(peak), blocks, share)) if i == 0
        else Line((name, device, peak.bytes, where(peak), None, None))
        for i, (device, peak) in enumerate(case.peaks.items())
    ]  # fmt: skip


def _folded(paths: Sequence[str]) -> list[str]:
    """Paths with those that count up in one: `layer1.0 … 2`."""
    found: list[list[str]] = []
    for path in paths:
        stem, _, number = path.rpartition(".")
        before = found[-1][-1].rpartition(".") if found else ("", "", "")
        if number.isdigit() and before[2].isdigit() and before[0] == stem and int(number) == int(before[2]) + 1:
            found[-1].append(path)
        else:
            found.append([path])
    return [run[0] if len(run) == 1 else f"{run[0]} … {run[-1].rpartition('.')[2]}" for run in found]
