"""Columns and lines on times: predicted, and where they were, measured."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from archdsl.measure.network.report import Report
from archdsl.presentation.items import ReportItem
from archdsl.presentation.report_column import ReportColumn
from archdsl.sheet.sheet import CellValue, Column
from archdsl.sheet.units import duration

if TYPE_CHECKING:
    from archdsl.measure.time.measured import Measured
    from archdsl.measure.time.roofline import Timing, Workload

PREDICTED: Final = ("layer", "operator", "output", "macs", "bytes", "intensity", "time", "bound", "step")
COMPARED: Final = ("layer", "operator", "time", "measured", "error", "bound", "step", "measured_step", "step_error")


def _work(item: ReportItem, timing: Timing) -> Workload:
    """What a layer or block does in inference."""
    from archdsl.measure.time.roofline import NOTHING, together  # most reports predict no times

    return together(timing.inference.get(row.path, NOTHING) for row in item.rows)


def _step(item: ReportItem, timing: Timing) -> float:
    return sum(timing.step(row.path).seconds for row in item.rows) * item.times


def _measured(item: ReportItem, measured: Measured) -> float:
    return sum(measured.inference.get(row.path, 0.0) for row in item.rows)


def _measured_step(item: ReportItem, measured: Measured) -> float:
    return sum(measured.step(row.path) for row in item.rows)


def _predicted(of: Callable[[ReportItem, Timing], CellValue]) -> Callable[[ReportItem, Report], CellValue]:
    return lambda item, report: (of(item, report.timing) or None) if report.timing is not None else None


def _found(of: Callable[[ReportItem, Measured], CellValue]) -> Callable[[ReportItem, Report], CellValue]:
    return lambda item, report: (of(item, report.measured) or None) if report.measured is not None else None


def _whole(of: Callable[[Timing], CellValue]) -> Callable[[Report], CellValue]:
    return lambda report: of(report.timing) if report.timing is not None else None


def _error(predicted: CellValue, measured: CellValue) -> float | None:
    """By how much a prediction is off; None where nothing was measured, or nothing predicted."""
    if not isinstance(predicted, float) or not isinstance(measured, float) or not measured:
        return None
    return predicted / measured - 1


def _part_error(item: ReportItem, report: Report) -> float | None:
    if report.timing is None or report.measured is None:
        return None
    return _error(_work(item, report.timing).seconds * item.times or None, _measured(item, report.measured))


def _part_step_error(item: ReportItem, report: Report) -> float | None:
    if report.timing is None or report.measured is None:
        return None
    return _error(_step(item, report.timing) or None, _measured_step(item, report.measured))


# Columns of a report that has times.
TIMES: Final = MappingProxyType(
    {
        "bytes": ReportColumn(
            Column("bytes", "bytes", 5),
            _predicted(lambda item, timing: _work(item, timing).bytes * item.times),
            _whole(lambda timing: timing.inference_total.bytes),
        ),
        "intensity": ReportColumn(
            Column("ops/byte", "ratio", 4),
            _predicted(lambda item, timing: _work(item, timing).intensity),
            _whole(lambda timing: timing.inference_total.intensity),
        ),
        "time": ReportColumn(
            Column("time", "time"),
            _predicted(lambda item, timing: _work(item, timing).seconds * item.times),
            _whole(lambda timing: timing.inference_total.seconds),
        ),
        "bound": ReportColumn(Column("bound by", rank=3), _predicted(lambda item, timing: _work(item, timing).bound)),
        "step": ReportColumn(
            Column("training step", "time", 2),
            _predicted(_step),
            _whole(lambda timing: timing.step_total.seconds),
        ),
    }
)
# Further ones, where times were measured as well.
MEASURED: Final = MappingProxyType(
    {
        "measured": ReportColumn(
            Column("measured", "time"), _found(_measured), lambda r: r.measured.inference_total if r.measured else None
        ),
        "error": ReportColumn(
            Column("off by", "change", 1),
            _part_error,
            lambda r: (
                _error(r.timing.inference_total.seconds, r.measured.inference_total)
                if r.timing and r.measured
                else None
            ),
        ),
        "measured_step": ReportColumn(
            Column("measured step", "time", 2),
            _found(_measured_step),
            lambda r: (r.measured.step_total or None) if r.measured else None,
        ),
        "step_error": ReportColumn(
            Column("step off by", "change", 2),
            _part_step_error,
            lambda r: _error(r.timing.step_total.seconds, r.measured.step_total) if r.timing and r.measured else None,
        ),
    }
)


def predicted(timing: Timing) -> list[str]:
    """Predicted times, and what they rest on, a line each."""
    bounds = [(bound, *timing.bound_by(bound)) for bound in ("memory", "arithmetic", "launch")]
    named = [
        f"{layers} layer{'s' * (layers != 1)} by {bound} ({share:.0%})" for bound, layers, share in bounds if layers
    ]
    least = "at least " if timing.profile.peaks else ""
    whole, step = timing.inference_total.seconds, timing.step_total.seconds
    return [
        f"time          {least}{duration(whole)} in inference, {duration(step)} a step with {timing.optimizer}",
        f"on            {timing.profile.title}, {timing.dtype}: {timing.profile.source}",
        f"bound         {', '.join(named)} of the time in inference",
    ]


def found(timing: Timing, measured: Measured) -> list[str]:
    """How well the prediction did, a line each."""
    errors = [
        (abs(work.seconds / measured.inference[path] - 1), measured.inference[path])
        for path, work in timing.inference.items()
        if measured.inference.get(path) and work.seconds
    ]
    whole = sum(seconds for _, seconds in errors)
    mean = sum(error * seconds for error, seconds in errors) / whole if whole else 0.0
    return [
        f"measured      {duration(measured.inference_total)} in inference"
        + (f", {duration(measured.step_total)} a step of training with sgd" if measured.step_total else "")
        + f", on {measured.device}, the quickest quarter of {measured.rounds} rounds",
        f"off by        {timing.inference_total.seconds / measured.inference_total - 1:+.0%} in inference"
        + (f", {timing.step_total.seconds / measured.step_total - 1:+.0%} in training" if measured.step_total else "")
        + f"; a single layer by {mean:.0%} on average, weighted by its time",
    ]
