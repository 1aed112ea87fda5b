"""Columns: arrows, equals signs and comments of neighbouring lines stand under each other where the author began it."""

from __future__ import annotations

from typing import NamedTuple


class Cell(NamedTuple):
    """A stretch of a line; `kind` and `gap` are what separates it from the one before, and by how many spaces."""

    text: str
    kind: str = ""
    gap: int = 0


def aligned(lines: list[list[Cell]], width: int) -> list[str]:
    """The lines as text. A column is aligned where some line of a run has more than one space before it."""
    rows = [list(line) for line in lines]
    for column in range(1, max((len(row) for row in rows), default=0)):
        start = 0
        while start < len(rows):
            end = start + 1
            if len(rows[start]) > column:
                while end < len(rows) and _same(rows[start], rows[end], column):
                    end += 1
                _align(rows[start:end], column, width)
            start = end
    return ["".join(" " * cell.gap + cell.text for cell in row).rstrip() for row in rows]


def _same(first: list[Cell], other: list[Cell], column: int) -> bool:
    """Whether two lines have a column in common: as many separators of the same kinds, and one indentation."""
    if len(other) <= column or _indent(first) != _indent(other):
        return False
    return [cell.kind for cell in first[: column + 1]] == [cell.kind for cell in other[: column + 1]]


def _indent(row: list[Cell]) -> int:
    return len(row[0].text) - len(row[0].text.lstrip())


def _align(run: list[list[Cell]], column: int, width: int) -> None:
    ends = [sum(cell.gap + len(cell.text) for cell in row[:column]) for row in run]
    gaps = [row[column].gap for row in run]
    target = max(ends) + min(gaps)
    fits = all(target + sum(c.gap * (i > 0) + len(c.text) for i, c in enumerate(row[column:])) <= width for row in run)
    begun = len(run) > 1 and max(gaps) > 1 and fits
    for row, end in zip(run, ends, strict=True):
        wanted = target - end if begun else 1
        row[column] = row[column]._replace(gap=wanted)
