"""A report as plain text, a layer a line, and as a notebook shows it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from archdsl.measure.network.report import Report
from archdsl.presentation.layers import listing
from archdsl.presentation.summary import summary
from archdsl.sheet.formats import render
from archdsl.sheet.sheet import texts
from archdsl.sheet.units import html_table


@dataclass(frozen=True, slots=True)
class PrintedReport(Report):
    """A report: `str()` of it is a table."""

    def __str__(self) -> str:
        return render(listing(self), "text")

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return html(self)


def html(report: Report) -> str:
    """All layers as HTML, the table in a frame that scrolls, then the totals."""
    sheet = listing(report)
    right = {column.heading for column in sheet.columns if column.right}
    totals = "\n".join(escape(line) for line in summary(report))
    table = html_table([column.heading for column in sheet.columns], texts(sheet, tree=False), right)
    return f"{table}\n<pre>{totals}</pre>"
