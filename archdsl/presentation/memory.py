"""A memory report as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from archdsl.measure.memory.ledger import Peak
from archdsl.measure.memory.memory_report import ALL, Memory, MemoryReport
from archdsl.sheet.formats import render
from archdsl.sheet.sheet import CellValue, Column, Line, Sheet
from archdsl.sheet.units import UNKNOWN

PARTS: Final = ("weights", "gradients", "optimizer", "kept for backward", "peak in training", "peak in inference")


@dataclass(frozen=True, slots=True)
class PrintedMemory(MemoryReport):
    """A memory report: `str()` of it is a table."""

    def __str__(self) -> str:
        return text(self)


def text(report: MemoryReport, width: int | None = None) -> str:
    """Ends with a newline."""
    return render(sheet(report), "text", width)


def sheet(report: MemoryReport) -> Sheet:
    """A line for each part of the memory, a column for each device, and where the peaks are."""
    columns = [_column(memory) for memory in report.devices.values()]
    hardware = "a GPU" if report.hardware == "cuda" else "the CPU"
    title = f"memory ({report.dtype}, {report.optimizer}, {hardware})"
    peaks = [
        f"peak in training{'' if name == ALL else f' of {name}'}: {where(memory.training_peak)}"
        for name, memory in report.devices.items()
        if memory.training_peak.phase
    ]
    return Sheet(
        title=title,
        columns=(Column(title, wrap=True), *(Column(name, "bytes") for name in report.devices)),
        lines=tuple(Line((part, *(column[i] for column in columns))) for i, part in enumerate(PARTS)),
        notes=tuple(peaks),
        document=report.to_dict,
    )


def where(peak: Peak) -> str:
    """Where a peak is, in words."""
    return "in the optimizer's step" if peak.phase == "update" else f"at {peak.layer}, in {peak.phase}"


def _column(memory: Memory) -> Sequence[CellValue]:
    peaks = (memory.training_peak.bytes, memory.inference_peak.bytes)
    found = (memory.weights, memory.gradients, memory.optimizer, memory.kept_for_backward, *peaks)
    return [UNKNOWN if value is None else value for value in found]
