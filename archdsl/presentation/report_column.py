"""What a column of a report shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from archdsl.measure.network.report import Report
from archdsl.presentation.items import ReportItem
from archdsl.sheet.sheet import CellValue, Column


class ReportColumn(NamedTuple):
    """A column, its value for a layer or a block, and its value for the whole network."""

    column: Column
    of: Callable[[ReportItem, Report], CellValue]
    total: Callable[[Report], CellValue] = lambda report: None
