"""The columns that a report of layers can have; a column is one entry here."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from archdsl.graph import typed
from archdsl.measure.network.report import Report
from archdsl.presentation.items import ReportItem
from archdsl.presentation.receptive_field import field, offset, stride
from archdsl.presentation.report_column import ReportColumn
from archdsl.presentation.summary import marks
from archdsl.presentation.times import MEASURED, TIMES
from archdsl.sheet.sheet import Column

DEFAULT: Final = ("layer", "operator", "output", "params", "macs", "field")


def _layer(item: ReportItem, report: Report) -> str:
    return item.label if item.times == 1 else f"{item.label} … {item.last.rpartition('.')[2]}  × {item.times}"


def _operator(item: ReportItem, report: Report) -> str:
    if not item.inside:
        return item.row.op + marks(item.row)
    return item.block + (" train" if all(row.phase == "train" for row in item.rows) else "")


def _share(item: ReportItem, report: Report) -> float | None:
    if not isinstance(item.macs, int) or not isinstance(report.macs, int) or not item.macs or not report.macs:
        return None
    return item.macs / report.macs


COLUMNS: Final = MappingProxyType(
    {
        "layer": ReportColumn(Column("layer"), _layer, lambda report: "total"),
        "operator": ReportColumn(Column("operator", rank=4), _operator),
        "output": ReportColumn(Column("output", rank=2), lambda item, _: typed(item.row.shape, item.row.dtype)),
        "params": ReportColumn(Column("params", "count"), lambda item, _: item.params or None, lambda r: r.params),
        "trainable": ReportColumn(
            Column("trainable", "count", 3), lambda item, _: item.trainable or None, lambda r: r.trainable_params
        ),
        "buffers": ReportColumn(
            Column("buffers", "count", 6), lambda item, _: item.buffers or None, lambda r: r.buffers
        ),
        "macs": ReportColumn(Column("MACs", "count", 1), lambda item, _: item.macs or None, lambda r: r.macs),
        "flops": ReportColumn(Column("FLOPs", "count", 3), lambda item, _: item.macs * 2 or None, lambda r: r.flops),
        "share": ReportColumn(Column("MACs %", "share", 3), _share),
        **TIMES,
        **MEASURED,
        "field": ReportColumn(Column("field", "figure", 5), lambda item, _: field(item.row.field)),
        "stride": ReportColumn(Column("stride", "figure", 6), lambda item, _: stride(item.row.field)),
        "offset": ReportColumn(Column("offset", "figure", 6), lambda item, _: offset(item.row.field)),
        "layers": ReportColumn(Column("layers", "count", 6), lambda item, _: item.layers, lambda r: r.layers),
        "device": ReportColumn(Column("device", rank=6), lambda item, _: item.row.device),
        "phase": ReportColumn(Column("phase", rank=7), lambda item, _: item.row.phase),
        "line": ReportColumn(Column("line", "count", 8), lambda item, _: item.rows[0].line),
    }
)
