"""The layers of a report as a table: a list or a tree of blocks, sorted and filtered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Final

from archdsl.diagnostics import did_you_mean
from archdsl.graph import Graph
from archdsl.measure.network.report import Report, Row
from archdsl.presentation.columns import COLUMNS, DEFAULT
from archdsl.presentation.items import ReportItem, items
from archdsl.presentation.summary import summary
from archdsl.presentation.times import found, predicted
from archdsl.sheet.sheet import CellValue, Line, Sheet

# What layers can be filtered by: patterns of the shell, as in `path=layer1.*`.
FILTERS: Final[Mapping[str, Callable[[Row], str]]] = MappingProxyType(
    {
        "op": lambda row: row.op,
        "path": lambda row: row.path,
        "device": lambda row: row.device or "",
        "phase": lambda row: row.phase,
    }
)
FOLDED = "× n stands for n equal blocks or layers in a row: the line adds them up, those below it are the first's"
NOT_ADDED = "layers that inference does not need are not in the total of the MACs"


@dataclass(frozen=True, slots=True)
class ReportView:
    """Which lines and columns: a tree of blocks down to a `depth`, or a `flat` list of layers."""

    columns: Sequence[str] = DEFAULT
    flat: bool = False
    fold: bool = True
    depth: int | None = None
    sort: str | None = None
    filters: Sequence[tuple[str, str]] = ()


def layers(graph: Graph, report: Report, view: ReportView) -> Sheet:
    """The table of a network, which the report is of."""
    rows = [row for row in report.nodes if all(fnmatchcase(FILTERS[of](row), like) for of, like in view.filters)]
    listed: Iterable[ReportItem]
    if view.flat:
        listed = [ReportItem(row.path, row.path, (row,)) for row in rows]
    else:
        listed = items(graph, report, fold=view.fold)
    figures = [COLUMNS[name] for name in view.columns]
    shown = list(_walk(listed, view, report, 0))
    notes = [] if rows else [_none_fits(report, view), ""]
    notes += summary(report)
    if report.timing is not None:
        notes += ["", *predicted(report.timing)]
        if report.measured is not None:
            notes += found(report.timing, report.measured)
    if any(item.times > 1 for item, _ in shown):
        notes += ["", FOLDED]
    if not view.filters and sum((row.macs for row in rows), 0) != report.macs:
        notes += ["", NOT_ADDED]
    return Sheet(
        title=report.name,
        columns=tuple(figure.column for figure in figures),
        lines=tuple(
            Line(tuple(figure.of(item, report) for figure in figures), depth, None if view.flat else _path(item))
            for item, depth in shown
        ),
        total=_total(report, rows, view),
        notes=tuple(notes),
        document=report.to_dict,
    )


def listing(report: Report) -> Sheet:
    """All layers in the order of the graph, then what is said of the whole."""
    figures = [COLUMNS[name] for name in DEFAULT]
    items = [ReportItem(row.path, row.path, (row,)) for row in report.nodes]
    return Sheet(
        title=report.name,
        columns=tuple(figure.column for figure in figures),
        lines=tuple(Line(tuple(figure.of(item, report) for figure in figures)) for item in items),
        notes=tuple(summary(report)),
        document=report.to_dict,
    )


def _none_fits(report: Report, view: ReportView) -> str:
    """What is said where the filters leave no layer."""
    for of, like in view.filters:
        there = {FILTERS[of](row) for row in report.nodes}
        if not any(fnmatchcase(value, like) for value in there):
            help = did_you_mean(like, sorted(there))
            return f"no layer fits {of}={like}" + (f"; {help}" if help else "")
    return "no layer fits all filters"


def _walk(
    items: Iterable[ReportItem], view: ReportView, report: Report, level: int
) -> Iterator[tuple[ReportItem, int]]:
    """Items and, below each, what is in it, with their levels."""
    if view.depth is not None and level >= view.depth:
        return
    for item in _sorted(items, view, report):
        yield item, level
        yield from _walk(item.inside, view, report, level + 1)


def _sorted(items: Iterable[ReportItem], view: ReportView, report: Report) -> Iterable[ReportItem]:
    """Neighbours by a column: the greatest number first, texts by the alphabet, what has no value last."""
    if view.sort is None:
        return items
    figure = COLUMNS[view.sort]

    def key(item: ReportItem) -> tuple[Any, ...]:
        value: CellValue = figure.of(item, report)
        if isinstance(value, (int, float)):
            return (0, -value)
        if value is None:
            return (3,)
        if isinstance(value, str):
            return (2, value)
        return (1, str(value))  # a size with a symbol in it

    return sorted(items, key=key)


def _total(report: Report, rows: Sequence[Row], view: ReportView) -> Line | None:
    if not view.filters:
        return Line(tuple(COLUMNS[name].total(report) for name in view.columns))
    if not rows:
        return None
    whole = ReportItem("", "", tuple(rows))
    added = {name: COLUMNS[name].of(whole, report) for name in view.columns if COLUMNS[name].total(report) is not None}
    label = f"total of {len(rows)} of {report.layers} layers"
    return Line(tuple(label if name == "layer" else added.get(name) for name in view.columns))


def _path(item: ReportItem) -> str:
    return item.path if item.times == 1 else f"{item.path} … {item.last} × {item.times}"
