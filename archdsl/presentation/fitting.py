"""What fits into a memory, as plain text."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.measure.memory.fit import Fitting
from archdsl.presentation.memory import where
from archdsl.sheet.units import size


def text(case: Fitting) -> str:
    """A case: its inputs, what each device needs and where, and what is recomputed."""
    shapes = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in case.inputs.items())
    lines = [f"{case.name}: {shapes}" + ("" if case.fits else ", which does not fit")]
    for device, peak in case.peaks.items():
        on = "" if device is None else f" on {device}"
        lines.append(f"  needs {size(peak.bytes)}{on}, {where(peak)}")
    if case.blocks:
        share = f", {case.macs / case.all_macs:.0%} of a forward pass" if case.all_macs else ""
        lines.append(f"  recomputes {', '.join(_folded(case.blocks))}{share}")
    return "\n".join(lines)


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
