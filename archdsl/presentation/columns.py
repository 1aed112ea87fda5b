"""The columns that a report of layers can have; a column is one entry here."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from archdsl.dims import show
from archdsl.measure.network.report import Report
from archdsl.presentation.figure import Figure
from archdsl.presentation.outline import Part
from archdsl.presentation.receptive_field import field, offset, stride
from archdsl.presentation.report import marks
from archdsl.presentation.times import MEASURED, TIMES
from archdsl.sheet.sheet import Column

DEFAULT: Final = ("layer", "operator", "output", "params", "macs", "field")


def _layer(part: Part, report: Report) -> str:
    return part.label if part.times == 1 else f"{part.label} … {part.last.rpartition('.')[2]}  × {part.times}"


def _operator(part: Part, report: Report) -> str:
    if not part.parts:
        return part.row.op + marks(part.row)
    return (part.block or "") + (" train" if all(row.phase == "train" for row in part.rows) else "")


def _share(part: Part, report: Report) -> float | None:
    if not isinstance(part.macs, int) or not isinstance(report.macs, int) or not part.macs or not report.macs:
        return None
    return part.macs / report.macs


COLUMNS: Final = MappingProxyType(
    {
        "layer": Figure(Column("layer"), _layer, lambda report: "total"),
        "operator": Figure(Column("operator", rank=4), _operator),
        "output": Figure(Column("output", rank=2), lambda part, _: show(part.row.shape)),
        "params": Figure(Column("params", "count"), lambda part, _: part.params or None, lambda r: r.params),
        "trainable": Figure(
            Column("trainable", "count", 3), lambda part, _: part.trainable or None, lambda r: r.trainable_params
        ),
        "buffers": Figure(Column("buffers", "count", 6), lambda part, _: part.buffers or None, lambda r: r.buffers),
        "macs": Figure(Column("MACs", "count", 1), lambda part, _: part.macs or None, lambda r: r.macs),
        "flops": Figure(Column("FLOPs", "count", 3), lambda part, _: part.macs * 2 or None, lambda r: r.flops),
        "share": Figure(Column("MACs %", "share", 3), _share),
        **TIMES,
        **MEASURED,
        "field": Figure(Column("field", "figure", 5), lambda part, _: field(part.row.field)),
        "stride": Figure(Column("stride", "figure", 6), lambda part, _: stride(part.row.field)),
        "offset": Figure(Column("offset", "figure", 6), lambda part, _: offset(part.row.field)),
        "layers": Figure(Column("layers", "count", 6), lambda part, _: part.layers, lambda r: r.layers),
        "device": Figure(Column("device", rank=6), lambda part, _: part.row.device),
        "phase": Figure(Column("phase", rank=7), lambda part, _: part.row.phase),
        "line": Figure(Column("line", "count", 8), lambda part, _: part.rows[0].line),
    }
)
