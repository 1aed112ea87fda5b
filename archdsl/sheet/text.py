"""A table as text, fitted to the width of a terminal.

Where lines are too long, what helps least is given up first: the last digits of counts, then whole columns by their
rank, then the middle of long names. Texts that may wrap go on in the next line before any of it. What is still too
wide goes on in a further table below, under the same names. A line below says which columns are missing.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, zip_longest
from typing import Final, NamedTuple, TypeAlias

from archdsl.sheet.sheet import Column, Line, Sheet, shown

Paint: TypeAlias = Callable[[str, str], str]  # a text, and a style of ECMA-48

BOLD, DIM = "1", "2"
LABEL: Final = re.compile("receptive field|[A-Za-z][A-Za-z0-9 ,]*?(?=  )")
INDENT: Final = "  "
GAP: Final = 2  # between columns
SHORTEST: Final = 12  # of names, in characters
NARROWEST: Final = 24  # of columns that wrap


def plainly(text: str, style: str) -> str:
    """No style at all."""
    return text


class _Row(NamedTuple):
    """A line as text: what is said above it, and its cells, of one line or several."""

    above: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class _Grid:
    """Columns with the texts in them."""

    columns: tuple[Column, ...]
    rows: tuple[_Row, ...]

    @cached_property
    def widths(self) -> list[int]:
        texts = list(zip(*(row.cells for row in self.rows), strict=True)) or [()] * len(self.columns)
        return [
            max([len(column.heading), *map(_width, cells)]) for column, cells in zip(self.columns, texts, strict=True)
        ]

    @cached_property
    def length(self) -> int:
        return sum(self.widths) + GAP * (len(self.columns) - 1)


def _width(cell: str) -> int:
    return max(map(len, cell.split("\n"))) if "\n" in cell else len(cell)


def render(sheet: Sheet, width: int | None, paint: Paint = plainly) -> str:
    """Ends with a newline. `paint` gives a text a style: headings, totals and the names of blocks are bold,
    rules and what figures below the table are called are dim."""
    if sheet.listing:
        return "\n".join(_listing(sheet, width, paint)) + "\n"
    grids = _fitted(sheet, width)
    parts = ["\n\n".join("\n".join(_drawn(grid, sheet, width, paint)) for grid in grids)]
    there = [column for grid in grids for column in grid.columns]
    missing = [column.heading for column in sheet.columns if column not in there and not column.group]
    notes = list(sheet.notes)
    if missing:
        notes.append(f"left out to fit {width} columns: {', '.join(missing)}")
    if notes:
        parts += ["", *(_labelled(line, sheet, paint) for note in notes for line in wrapped(note, width))]
    return "\n".join(parts) + "\n"


def _labelled(line: str, sheet: Sheet, paint: Paint) -> str:
    """A line below a table, with what it speaks of."""
    if line.startswith(f"{sheet.title}: "):
        return paint(line, BOLD)
    found = LABEL.match(line)
    return paint(found[0], DIM) + line[found.end() :] if found else line


def _fitted(sheet: Sheet, width: int | None) -> list[_Grid]:
    """The columns and texts that fit a width: one table, or several where one cannot hold the columns."""
    columns = tuple(column for column in sheet.columns if not column.group)
    grid = _grid(sheet, columns, short=False)
    if width is None or grid.length <= width:
        return [grid]
    if (fitting := _wrapping(grid, width)) is not None:
        return [fitting]
    dropped = [column for column in sorted(columns, key=lambda column: -column.rank) if column.rank]
    for count in range(len(dropped) + 1):
        kept = tuple(column for column in columns if column not in dropped[:count])
        grid = _grid(sheet, kept, short=True)
        if (fitting := _wrapping(grid, width)) is not None:
            return [fitting]
    narrow = _narrowed(grid, width)
    longest = max(narrow.widths[0] - (narrow.length - width), SHORTEST)
    shorter = _broken if narrow.columns[0].wrap else _middle_out
    return list(_folded(_replaced(narrow, 0, lambda text: shorter(text, longest)), width))


def _grid(sheet: Sheet, columns: tuple[Column, ...], *, short: bool) -> _Grid:
    kinds = [(i, column.kind) for i, column in enumerate(sheet.columns) if column in columns]
    groups = [i for i, column in enumerate(sheet.columns) if column.group]
    last = ""
    rows = []
    for line in sheet.all_lines:
        above = " · ".join([text for i in groups if (text := _cell(sheet, line, i))])
        first, *others = [shown(line.cells[i], line.kind or kind, short=short) for i, kind in kinds]
        indent = INDENT * (line.depth + bool(above))
        rows.append(_Row(above if above != last else "", (indent + first, *others)))
        last = above
    return _Grid(columns, tuple(rows))


def _cell(sheet: Sheet, line: Line, place: int) -> str:
    return shown(line.cells[place], line.kind or sheet.columns[place].kind)


def _wrapping(grid: _Grid, width: int) -> _Grid | None:
    """The table with texts that wrap so narrow that it fits; None where that cannot be."""
    narrow = _narrowed(grid, width)
    return narrow if narrow.length <= width else None


def _narrowed(grid: _Grid, width: int) -> _Grid:
    """The table with each text that may wrap on as many lines as it takes, the widest first."""
    for i in sorted(range(len(grid.columns)), key=lambda i: -grid.widths[i]):
        if grid.columns[i].wrap and grid.length > width:
            wide = grid.widths[i]
            room = max(min(NARROWEST, wide), wide - (grid.length - width))
            grid = _replaced(grid, i, lambda text, room=room: _broken(text, room))  # type: ignore[misc]
    return grid


def _replaced(grid: _Grid, place: int, by: Callable[[str], str]) -> _Grid:
    """The table with other texts in one column."""
    before, after = slice(place), slice(place + 1, None)
    rows = (_Row(r.above, (*r.cells[before], by(r.cells[place]), *r.cells[after])) for r in grid.rows)
    return _Grid(grid.columns, tuple(rows))


def _broken(text: str, width: int) -> str:
    """A text on lines of a width."""
    text = text.replace("\n", " ") if text.strip() else text
    indent = " " * (len(text) - len(text.lstrip()))
    return "\n".join(textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False)) or text


def _folded(grid: _Grid, width: int) -> Iterator[_Grid]:
    """The table in as many as it takes, each with the first column; a column that fits nowhere stands alone."""
    first, *widths = grid.widths
    while grid.columns[1:]:
        count, length = 0, first
        while count < len(widths) and (count == 0 or length + GAP + widths[count] <= width):
            length += GAP + widths[count]
            count += 1
        rows = [(row.above, row.cells[0], row.cells[1:]) for row in grid.rows]
        yield _Grid(grid.columns[: count + 1], tuple(_Row(up, (name, *cells[:count])) for up, name, cells in rows))
        left = tuple(_Row(up, (name, *cells[count:])) for up, name, cells in rows)
        grid, widths = _Grid((grid.columns[0], *grid.columns[count + 1 :]), left), widths[count:]
        if not widths:
            return
    yield grid


def _drawn(grid: _Grid, sheet: Sheet, width: int | None, paint: Paint) -> Iterator[str]:
    aligned = (
        f"{{:{'>' if column.right else '<'}{wide}}}" for column, wide in zip(grid.columns, grid.widths, strict=True)
    )
    line = (" " * GAP).join(aligned).format
    rule = (" " * GAP).join("─" * wide for wide in grid.widths)
    yield paint(line(*(column.heading for column in grid.columns)).rstrip(), BOLD)
    yield paint(rule, DIM)
    depths = [*(each.depth for each in sheet.all_lines), 0]
    for i, row in enumerate(grid.rows):
        last = sheet.total is not None and i == len(grid.rows) - 1
        if last:
            yield paint(rule, DIM)
        yield from (paint(part, BOLD) for part in wrapped(row.above, width, indent=INDENT * 2)) if row.above else ()
        if any("\n" in cell for cell in row.cells):
            cells = zip_longest(*(cell.split("\n") for cell in row.cells), fillvalue="")
            yield from (line(*part).rstrip() for part in cells)
        elif last:
            yield paint(line(*row.cells).rstrip(), BOLD)
        else:
            opens = len(row.cells[0]) if depths[i + 1] > depths[i] else 0  # a block, whose layers follow
            drawn = line(*row.cells).rstrip()
            yield (paint(drawn[:opens], BOLD) if opens else "") + drawn[opens:]


def _listing(sheet: Sheet, width: int | None, paint: Paint) -> Iterator[str]:
    """The title, and below each group its lines as sentences, so many of each at most."""
    yield paint(sheet.title, BOLD)
    groups = [i for i, column in enumerate(sheet.columns) if column.group]

    def said(line: Line, of: Sequence[int]) -> str:
        return ": ".join(filter(None, (_cell(sheet, line, i) for i in of)))

    for group, lines in groupby(sheet.lines, lambda line: said(line, groups)):
        yield ""
        yield from (paint(part, BOLD) for part in wrapped(group, width))
        found = [said(line, [i for i in range(len(sheet.columns)) if i not in groups]) for line in lines]
        most = sheet.most or len(found)
        more = [f"… and {len(found) - most} more; --json has all"] if len(found) > most else []
        for text in filter(None, [*found[:most], *more]):
            yield from wrapped(INDENT + text, width, indent=INDENT * 2)
    if sheet.notes:
        yield ""
        yield from (line for note in sheet.notes for line in wrapped(note, width))


def _middle_out(name: str, longest: int) -> str:
    """A name without its middle."""
    if len(name) <= longest:
        return name
    end = (longest - 1) // 2
    return f"{name[: longest - 1 - end]}…{name[len(name) - end :]}"


def wrapped(note: str, width: int | None, indent: str | None = None) -> list[str]:
    """A text on lines of a width; what follows its first column of words stays in that column, unless an indent is
    given."""
    if width is None or len(note) <= width:
        return [note]
    if indent is None:
        words = note.strip().partition("  ")[2].lstrip()
        indent = " " * min(len(note) - len(words) if words else 0, width // 2)
    lines = textwrap.wrap(note, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return lines or [note]
