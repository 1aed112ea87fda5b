"""A table as comma-separated values (RFC 4180), safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io

from archdsl.sheet.sheet import CellValue, Line, Sheet

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with what a spreadsheet takes a text for a formula


def render(sheet: Sheet, width: int | None) -> str:
    """Numbers in full and without marks; no totals and no notes, which a reader would take for lines."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(column.heading for column in sheet.columns)
    writer.writerows(map(_cells, sheet.lines))
    return file.getvalue()


def _cells(line: Line) -> list[str]:
    first = line.cells[0] if line.path is None else line.path
    return [_cell(value) for value in (first, *line.cells[1:])]


def _cell(value: CellValue) -> str:
    """A value; a text that looks like a formula begins with an apostrophe, as spreadsheets write it."""
    if value is None:
        return ""
    text = str(value)
    return f"'{text}" if not isinstance(value, (int, float)) and text.startswith(FORMULA) else text
