"""A table as text, fitted to the width of a terminal.

Where lines are too long, what helps least is given up first: the last digits of counts, then whole columns by their
rank, then the middle of long names. A line below says which columns are missing.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from archdsl.sheet.sheet import Column, Line, Sheet, cells
from archdsl.sheet.units import table

INDENT = "  "
GAP = 2  # between columns
SHORTEST = 12  # of names, in characters


def render(sheet: Sheet, width: int | None) -> str:
    """Ends with a newline."""
    columns, rows = _fitted(sheet, width)
    parts = [_joined(columns, rows, sheet)]
    missing = [column.heading for column in sheet.columns if column not in columns]
    notes = list(sheet.notes)
    if missing:
        notes.append(f"left out to fit {width} columns: {', '.join(missing)}")
    if notes:
        parts += ["", *(line for note in notes for line in _wrapped(note, width))]
    return "\n".join(parts) + "\n"


def _joined(columns: Sequence[Column], rows: Sequence[Sequence[str]], sheet: Sheet) -> str:
    right = {column.heading for column in columns if column.right}
    lines = table([column.heading for column in columns], rows, right).split("\n")
    if sheet.total is not None:
        lines.insert(-1, lines[1])
    return "\n".join(lines)


def _fitted(sheet: Sheet, width: int | None) -> tuple[list[Column], list[list[str]]]:
    """The columns and texts that fit a width."""
    columns = list(sheet.columns)
    rows = _texts(sheet, columns, short=False)
    if width is None or _length(columns, rows) <= width:
        return columns, rows
    rows = _texts(sheet, columns, short=True)
    for column in sorted(sheet.columns, key=lambda column: -column.rank):
        if _length(columns, rows) <= width or not column.rank:
            break
        columns.remove(column)
        rows = _texts(sheet, columns, short=True)
    excess = _length(columns, rows) - width
    if excess > 0:
        longest = max(max(len(row[0]) for row in rows) - excess, SHORTEST)
        rows = [[_middle_out(row[0], longest), *row[1:]] for row in rows]
    return columns, rows


def _texts(sheet: Sheet, columns: Sequence[Column], *, short: bool) -> list[list[str]]:
    kept = [i for i, column in enumerate(sheet.columns) if column in columns]

    def row(line: Line) -> list[str]:
        found = cells(sheet, line, short=short)
        return [INDENT * line.depth + found[kept[0]], *(found[i] for i in kept[1:])]

    return [row(line) for line in sheet.all_lines]


def _length(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> int:
    widths = [max([len(column.heading), *(len(row[i]) for row in rows)]) for i, column in enumerate(columns)]
    return sum(widths) + GAP * (len(widths) - 1)


def _middle_out(name: str, longest: int) -> str:
    """A name without its middle."""
    if len(name) <= longest:
        return name
    end = (longest - 1) // 2
    return f"{name[: longest - 1 - end]}…{name[len(name) - end :]}"


def _wrapped(note: str, width: int | None) -> list[str]:
    """A note on lines of a width; what follows its first column of words stays in that column."""
    if width is None or len(note) <= width:
        return [note]
    first = len(note) - len(note.partition("  ")[2].lstrip()) if "  " in note else 0
    return textwrap.wrap(
        note, width, subsequent_indent=" " * min(first, width // 2), break_long_words=False, drop_whitespace=True
    )
