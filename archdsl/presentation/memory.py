"""A memory report as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from archdsl.measure.memory.ledger import Peak
from archdsl.measure.memory.memory_report import ALL, Memory, MemoryReport
from archdsl.sheet.units import size, table

PARTS: Final = ("weights", "gradients", "optimizer", "kept for backward", "peak in training", "peak in inference")


@dataclass(frozen=True, slots=True)
class PrintedMemory(MemoryReport):
    """A memory report: `str()` of it is a table."""

    def __str__(self) -> str:
        return text(self)


def text(report: MemoryReport) -> str:
    """A line for each part of the memory, a column for each device, and where the peaks are. Ends with a newline."""
    names = list(report.devices)
    columns = [_column(memory) for memory in report.devices.values()]
    rows = [(part, *(column[i] for column in columns)) for i, part in enumerate(PARTS)]
    peaks = [
        f"peak in training{'' if name == ALL else f' of {name}'}: {where(memory.training_peak)}"
        for name, memory in report.devices.items()
        if memory.training_peak.phase
    ]
    hardware = "a GPU" if report.hardware == "cuda" else "the CPU"
    title = f"memory ({report.dtype}, {report.optimizer}, {hardware})"
    return "\n".join([table((title, *names), rows, set(names)), *peaks, ""])


def where(peak: Peak) -> str:
    """Where a peak is, in words."""
    return "in the optimizer's step" if peak.phase == "update" else f"at {peak.layer}, in {peak.phase}"


def _column(memory: Memory) -> Sequence[str]:
    return [
        *map(size, (memory.weights, memory.gradients, memory.optimizer, memory.kept_for_backward)),
        size(memory.training_peak.bytes),
        size(memory.inference_peak.bytes),
    ]
