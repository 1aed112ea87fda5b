"""What a report says of a network as a whole, and of an operator beside its name."""

from __future__ import annotations

from archdsl.graph import batch_in_words
from archdsl.measure.network.growth import extents, last_window
from archdsl.measure.network.report import Report, Row
from archdsl.presentation.receptive_field import beside_input
from archdsl.sheet.units import count, size


def summary(report: Report) -> list[str]:
    """The totals, a line each."""
    inputs = ", ".join(report.typed_inputs)
    outputs = ", ".join(
        said + (" (training only)" if phase == "train" else "")
        for said, (_, _, phase) in zip(report.typed_outputs, report.outputs, strict=True)
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
    last = last_window(report)
    if last is not None:
        lines.append(f"receptive field {beside_input(last.field, extents(report))} at {last.path}")
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


def marks(row: Row) -> str:
    """What is said of an operator beside its name: that it exists in training only, and its device."""
    return (" train" if row.phase == "train" else "") + (f" @{row.device}" if row.device else "")
