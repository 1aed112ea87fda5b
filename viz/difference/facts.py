"""What is told beside a comparison: the costs of both networks, what no layer shows, and what the colours mean."""

from __future__ import annotations

import textwrap
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element

from archdsl.compare.difference import Status
from viz import lettering, theme
from viz.canvas import Canvas
from viz.difference.overview import Overview
from viz.difference.sayings import SIGNS
from viz.theme import Colour

ROW: Final = 15.0
COLUMN: Final = 16.0  # between columns
RADIUS: Final = 6.5  # of a sign
NOTE: Final = 64  # characters of a line of a note
SWATCH: Final = (24.0, 12.0)
ENTRY: Final = 18.0  # from one entry of the legend to the next
LEFT: Final = 40.0  # of their texts

# What each sign and stroke means, in the order of the legend.
MEANINGS: Final[dict[Status, str]] = {
    "added": "added",
    "removed": "removed",
    "changed": "changed",
    "follows": "follows: only its sizes are others",
    "same": "unchanged",
}
RENAMED: Final = "conv1 → conv2: another name"


class Facts(NamedTuple):
    canvas: Canvas
    width: float
    height: float


def draw(overview: Overview) -> Facts:
    """The table of costs, then notes, then the legend."""
    canvas = Canvas()
    width, y = _costs(canvas, overview, 0.0)
    for note in overview.notes:
        for text in textwrap.wrap(note, NOTE):
            canvas.text(0, y + ROW, text, size=theme.SMALL, anchor="start")
            width = max(width, lettering.width(text, theme.SMALL))
            y += ROW
    y += ROW
    for status, text in legend(overview):
        _swatch(canvas, y + ENTRY / 2, status)
        canvas.text(LEFT, y + ENTRY / 2 + 3.3, text, size=theme.SMALL, anchor="start")
        width = max(width, lettering.width(text, theme.SMALL) + LEFT)
        y += ENTRY
    return Facts(canvas, width, y)


def legend(overview: Overview) -> list[tuple[Status | None, str]]:
    """The texts of the legend: what occurs, with the number of layers."""
    entries = [(status, meaning, overview.counts.get(status, 0)) for status, meaning in MEANINGS.items()]
    return [
        (status, f"{meaning} ({number:,} layer{'s' if number > 1 else ''})")
        for status, meaning, number in [*entries, (None, RENAMED, overview.renamed)]
        if number
    ]


def swatch(status: Status | None) -> Element:
    """The sign of the legend alone."""
    canvas = Canvas()
    _swatch(canvas, ENTRY / 2, status)
    sign = Element("svg", {"viewBox": f"0 0 {LEFT - RADIUS:g} {ENTRY:g}", "class": "swatch"})
    sign.extend(canvas.parts)
    return sign


def badge(canvas: Canvas, x: float, y: float, status: Status) -> None:
    """The sign of a difference, white on a disc of its colour."""
    line = theme.CHANGES[status].line
    canvas.circle(x, y, RADIUS, Colour(line, theme.PAPER))
    canvas.text(x, y + 3.9, SIGNS[status], size=theme.SIZE - 1, colour=theme.PAPER, bold=True)


def _costs(canvas: Canvas, overview: Overview, y: float) -> tuple[float, float]:
    """The table, its right end and its bottom."""
    rows = [("", *overview.names, "change"), *overview.costs]
    widths = [max(lettering.width(row[i], theme.SMALL, bold=True) for row in rows) for i in range(4)]
    ends = [widths[0]]
    for width in widths[1:]:
        ends.append(ends[-1] + COLUMN + width)
    for number, row in enumerate(rows):
        y += ROW
        same = number > 0 and not row[3]
        for i, (text, end) in enumerate(zip(row, ends, strict=True)):
            canvas.text(
                0 if i == 0 else end, y - 4, text, size=theme.SMALL, anchor="start" if i == 0 else "end",
                colour=theme.MUTED if i == 0 or same else theme.INK, bold=number == 0 or (i == 3),
            )  # fmt: skip
        if number == 0:
            canvas.line([(0, y), (ends[-1], y)], theme.MUTED, stroke=0.7)
    return ends[-1], y


def _swatch(canvas: Canvas, y: float, status: Status | None) -> None:
    if status is not None:
        canvas.rectangle(
            RADIUS, y - SWATCH[1] / 2, *SWATCH, theme.CHANGES[status], round=2.5, dashed=status == "removed",
            stroke=theme.CHANGE_STROKES[status],
        )  # fmt: skip
        if SIGNS[status]:
            badge(canvas, RADIUS, y, status)
