"""A table that knows no format: columns, lines of values, and what is said below."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from archdsl.dims import Size
from archdsl.sheet.units import UNITS, duration, size

CellValue: TypeAlias = str | Size | float | None  # None: nothing to show
CellKind: TypeAlias = Literal["text", "figure", "count", "bytes", "share", "time", "ratio", "change"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `rank` says how soon it is left out where lines are too long: the greatest first, 0 never.

    Values of the kinds "text" and "figure" are texts, the latter to the right; those of others are numbers. In text,
    long cells of one that may `wrap` go on in the next line, and of a `group` the value stands once, above the lines
    that share it.
    """

    heading: str
    kind: CellKind = "text"
    rank: int = 0
    wrap: bool = False
    group: bool = False

    @property
    def right(self) -> bool:
        return self.kind != "text"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a table. Of a tree the first cell is a label; `depth` is its level, `path` the whole name.

    `kind` is that of its numbers, where it is not the columns'.
    """

    cells: tuple[CellValue, ...]
    depth: int = 0
    path: str | None = None
    kind: CellKind | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table. `document` is what JSON says of the same, or makes it when it is asked for.

    In text a `listing` is no table: its title, then each group with its lines as sentences, `most` of them if given.
    """

    title: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    total: Line | None = None
    notes: tuple[str, ...] = ()
    document: Any = field(default_factory=dict)
    listing: bool = False
    most: int | None = None

    @property
    def all_lines(self) -> tuple[Line, ...]:
        return self.lines if self.total is None else (*self.lines, self.total)


FLOATS: Final[Mapping[CellKind, Callable[[float], str]]] = {
    "share": lambda value: f"{value:.1%}",
    "change": lambda value: f"{value:+.0%}",
    "time": duration,
    "ratio": lambda value: f"{value:,.3g}" if value < 1000 else f"{value:,.0f}",
}


def shown(value: CellValue, kind: CellKind, *, short: bool = False) -> str:
    """A value as people read it; `short` gives three digits and a magnitude."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, float):
        return FLOATS[kind](value)
    if kind == "bytes":
        return size(value)
    if not isinstance(value, int):
        return str(value)
    return _short(value) if short else f"{value:,}"


def cells(sheet: Sheet, line: Line, *, short: bool = False) -> list[str]:
    """The values of a line as text."""
    return [
        shown(value, line.kind or column.kind, short=short)
        for value, column in zip(line.cells, sheet.columns, strict=True)
    ]


def _short(number: int) -> str:
    for unit, letter in UNITS:
        if abs(number) >= unit:
            return f"{number / unit:.3g} {letter}"
    return str(number)


def texts(sheet: Sheet, *, tree: bool) -> list[list[str]]:
    """All lines as text, with whole paths in the first column where no tree can be shown."""
    found = [cells(sheet, line) for line in sheet.all_lines]
    if tree:
        return found
    return [
        row if line.path is None else [line.path, *row[1:]] for row, line in zip(found, sheet.all_lines, strict=True)
    ]


def named(columns: Sequence[Column], lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Lines as plain data by their headings, for JSON."""
    return [
        {
            column.heading: value if value is None or isinstance(value, (int, float, str)) else str(value)
            for column, value in zip(columns, line.cells, strict=True)
        }
        for line in lines
    ]
