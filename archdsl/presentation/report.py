"""A report as plain text, a layer a line, and as a notebook shows it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Final

from archdsl.dims import show
from archdsl.graph import batch_in_words
from archdsl.measure.network.report import Report, Row
from archdsl.presentation.receptive_field import field
from archdsl.sheet.units import count, html_table, size, table

HEADINGS: Final = ("layer", "operator", "output", "params", "MACs", "field")
RIGHT: Final = frozenset({"params", "MACs", "field"})


@dataclass(frozen=True, slots=True)
class PrintedReport(Report):
    """A report: `str()` of it is a table."""

    def __str__(self) -> str:
        return text(self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return html(self)


def text(report: Report) -> str:
    """All layers in a table, then the totals. Ends with a newline."""
    rows = [_cells(row) for row in report.nodes]
    return "\n".join([table(HEADINGS, rows, RIGHT), "", *summary(report)]) + "\n"


def html(report: Report) -> str:
    """The same as HTML, the table in a frame that scrolls."""
    totals = "\n".join(escape(line) for line in summary(report))
    return f"{html_table(HEADINGS, [_cells(row) for row in report.nodes], RIGHT)}\n<pre>{totals}</pre>"


def summary(report: Report) -> list[str]:
    """The totals, a line each."""
    inputs = ", ".join(f"{n} {show(shape)}" for n, shape in report.inputs)
    outputs = ", ".join(
        f"{n} {show(shape)}" + (" (training only)" if phase == "train" else "") for n, shape, phase in report.outputs
    )
    peak = size(report.activation_bytes_inference_peak)
    lines = [
        f"{report.name}: {report.layers} layers",
        f"inputs        {inputs}",
        f"outputs       {outputs}",
        f"parameters    {count(report.params)}"
        + (f", {count(report.trainable_params)} trainable" if report.trainable_params != report.params else "")
        + f", {size(report.param_bytes)}"
        + (f"; {count(report.buffers)} in buffers" if report.buffers else ""),
        f"MACs          {count(report.macs)}  (FLOPs = 2 × MACs; convolution, linear, matmul and attention, inference)",
        f"activations   {peak} peak in inference, {size(report.activation_bytes_training)} kept for backward",
    ]
    for device, figures in report.devices:
        lines.append(
            f"{device:<13} {count(figures['params'])} parameters, {count(figures['macs'])} MACs,"
            f" {size(figures['bytes_in'])} in, {size(figures['bytes_out'])} out"
        )
    if report.assumed:
        lines.append(batch_in_words(report.least_batch))
    if report.requires:
        lines.append(f"needs         {', '.join(report.requires)}")
    return lines


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.path,
        row.op + marks(row),
        show(row.shape),
        f"{row.params:,}" if row.params else "",
        (f"{row.macs:,}" if isinstance(row.macs, int) else str(row.macs)) if row.macs else "",
        field(row.field),
    )


def marks(row: Row) -> str:
    """What is said of an operator beside its name: that it exists in training only, and its device."""
    return (" train" if row.phase == "train" else "") + (f" @{row.device}" if row.device else "")
