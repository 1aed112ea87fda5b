"""What rewrites did and saved, as tables."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from archdsl.graph import Rewriting
from archdsl.measure.network.savings import Savings, Totals, savings
from archdsl.sheet.formats import render_all
from archdsl.sheet.sheet import CellValue, Column, Line, Sheet

COLUMNS: Final = (
    Column("rewrite"),
    Column("places", "count", 2),
    Column("layers", "count"),
    Column("parameters", "count"),
    Column("MACs", "count"),
    Column("bytes in inference", "bytes", 1),
)
LINES: Final = 30  # of what was done; the JSON document has all


@dataclass(frozen=True, slots=True)
class PrintedRewriting(Savings):
    """What rewrites did: `str()` of it is text."""

    def __str__(self) -> str:
        return render_all(sheets(self), "text")


def explain(rewriting: Rewriting) -> Savings:
    return savings(rewriting)


def sheets(found: Savings) -> list[Sheet]:
    """A line for each rewrite with what it changed, from the network as it is written to what it has become; and what
    was done where."""
    lines, before = [Line(("as written", None, *_cells(found.before)))], found.before
    for effect in found.effects:
        lines.append(Line((effect.rewrite, len(effect.changes), *_change(before, effect.after))))
        before = effect.after
    title = f"{found.network}, rewritten for {found.phase}"
    total = Line(("rewritten", None, *_cells(before)))
    saved = Sheet(title, COLUMNS, tuple(lines), total, notes=(title,), document=found.to_dict)
    done = tuple(Line((effect.rewrite, change)) for effect in found.effects for change in effect.changes)
    what = Sheet(
        "what was done", (Column("rewrite", group=True), Column("what", wrap=True)), done, listing=True, most=LINES
    )
    return [saved, what] if done else [saved]


def _cells(totals: Totals) -> tuple[CellValue, ...]:
    return tuple(getattr(totals, field.name) for field in fields(totals))


def _change(before: Totals, after: Totals) -> tuple[CellValue, ...]:
    """The differences; none where nothing differs."""
    pairs = zip(_cells(before), _cells(after), strict=True)
    return tuple(None if a is None or b is None or a == b else b - a for a, b in pairs)  # type: ignore[operator]
