"""Plain text for tables, counts and sizes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape
from typing import Final

from archdsl.dims import Size

UNITS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()) -> str:
    """Cells in columns; those under the headings in `right` are aligned to the right."""
    widths = [max(len(row[i]) for row in [headings, *rows]) for i in range(len(headings))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if heading in right else cell.ljust(width)
            for cell, width, heading in zip(cells, widths, headings, strict=True)
        ]
        return "  ".join(padded).rstrip()

    return "\n".join([line(headings), "  ".join("─" * width for width in widths), *map(line, rows)])


def html_table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()) -> str:
    """The same as an HTML table, which scrolls where it is long."""

    def line(cells: Sequence[str], tag: str) -> str:
        aligned = [
            f'<{tag} style="text-align: {"right" if heading in right else "left"}">{escape(cell)}</{tag}>'
            for cell, heading in zip(cells, headings, strict=True)
        ]
        return f"<tr>{''.join(aligned)}</tr>"

    body = "\n".join(line(row, "td") for row in rows)
    return (
        '<div style="max-height: 420px; overflow: auto"><table>\n'
        f"<thead>{line(headings, 'th')}</thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def count(number: Size) -> str:
    """A count with its magnitude: `25,557,032 (25.6 M)`."""
    if not isinstance(number, int):
        return str(number)
    short = magnitude(number)
    return f"{number:,} ({short})" if short != str(number) else f"{number:,}"


def magnitude(number: int) -> str:
    """A count in few characters: `25.6 M`."""
    for unit, letter in UNITS:
        if number >= unit:
            return f"{number / unit:.3g} {letter}"
    return str(number)


UNKNOWN: Final = "?"  # what symbols leave open


def duration(seconds: float) -> str:
    """Seconds in three digits: `6.48 ms`."""
    for unit, name in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= unit:
            return f"{seconds / unit:,.3g} {name}" if seconds / unit < 1000 else f"{seconds / unit:,.0f} {name}"
    return f"{seconds * 1e9:.3g} ns" if seconds else "0"


def size(number: Size | None) -> str:
    """Bytes in binary units: `97.5 MiB`."""
    if number is None:
        return UNKNOWN
    if not isinstance(number, int):
        return f"{number} bytes"
    value, unit = float(number), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if abs(value) < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:,.4g} {unit}"
