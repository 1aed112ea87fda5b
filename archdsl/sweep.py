"""What networks cost over ranges of their settings and of the sizes of their inputs."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from archdsl.backends import Plot, backend
from archdsl.dims import Size
from archdsl.errors import SpecError
from archdsl.graph import plain
from archdsl.measure.network.analyse import analyse
from archdsl.measure.network.report import Report
from archdsl.ops.kinds import literal
from archdsl.pipeline import load_graph
from archdsl.sheet.sheet import CellValue, Column, Line, Sheet
from archdsl.sheet.units import UNKNOWN

SHOWN: Final = ("params", "macs", "activation_bytes_inference_peak", "activation_bytes_training")
HEADINGS: Final = (
    Column("params", "count"),
    Column("MACs", "count"),
    Column("peak", "bytes", 2),
    Column("kept", "bytes", 1),
)


@dataclass(frozen=True, slots=True)
class Axis:
    """A name and the values that it takes: a setting's, those of a size of an input (`H`), or shapes of an input."""

    name: str
    values: tuple[Any, ...]

    @property
    def is_symbol(self) -> bool:
        return self.name[0].isupper()


@dataclass(frozen=True, slots=True)
class Point:
    """One combination: its report, or the first line of what is wrong with it.

    `best`: no other point is as good in every measure and better in one.
    """

    spec: str
    chosen: tuple[tuple[str, Any], ...]
    report: Report | None = None
    fault: str | None = None
    best: bool = False


def sweep(
    specs: Sequence[str],
    axes: Sequence[Axis],
    settings: Mapping[str, Any],
    inputs: Mapping[str, tuple[int, ...]],
    pareto: Sequence[str] = (),
    symbols: Mapping[str, int] = MappingProxyType({}),
) -> list[Point]:
    """A point for every combination of SPECs and values, the last axis turning fastest. `pareto` names totals of which
    less is better, `symbols` gives sizes that are left open.

    A combination that cannot be is a point with its fault; raises `SpecError` where none can be."""
    points = []
    faults: list[SpecError] = []
    for spec in specs:
        for values in itertools.product(*(axis.values for axis in axes)):
            try:
                points.append(_point(spec, axes, values, settings, inputs, symbols))
            except SpecError as error:
                chosen = tuple(zip((axis.name for axis in axes), values, strict=True))
                points.append(Point(spec, chosen, fault=error.diagnostics[0].message))
                faults.append(error)
    if len(faults) == len(points):
        raise faults[0]
    return list(_with_front(points, pareto)) if pareto else points


def _point(
    spec: str,
    axes: Sequence[Axis],
    values: Sequence[Any],
    settings: Mapping[str, Any],
    inputs: Mapping[str, tuple[int, ...]],
    symbols: Mapping[str, int],
) -> Point:
    chosen = list(zip(axes, values, strict=True))
    shapes = {axis.name: value for axis, value in chosen if isinstance(value, tuple)}
    sizes = {axis.name: value for axis, value in chosen if axis.is_symbol}
    given = {axis.name: value for axis, value in chosen if axis.name not in shapes and not axis.is_symbol}
    graph = load_graph(spec, {**settings, **given}, {**inputs, **shapes}, {**symbols, **sizes})
    return Point(spec, tuple((axis.name, value) for axis, value in chosen), analyse(graph))


def _with_front(points: Sequence[Point], measures: Sequence[str]) -> Iterator[Point]:
    """The points, those of the Pareto front marked: none costs less in one measure and no more in the others."""
    costs = [_costs(point, measures) for point in points]
    known = [cost for cost in costs if cost is not None]
    for point, cost in zip(points, costs, strict=True):
        beaten = cost is None or any(
            other != cost and all(a <= b for a, b in zip(other, cost, strict=True)) for other in known
        )
        yield replace(point, best=not beaten)


def _costs(point: Point, measures: Sequence[str]) -> tuple[int, ...] | None:
    """What a point costs; None where that is not known, or depends on symbols."""
    found = [getattr(point.report, measure, None) for measure in measures]
    numbers = tuple(value for value in found if isinstance(value, int))
    return numbers if len(numbers) == len(measures) else None


def plot(
    points: Sequence[Point], path: str | os.PathLike[str] | None = None, *, pareto: Sequence[str] = (),
    theme: str = "light",
) -> Plot:  # fmt: skip
    """The points as a plot, written to a file where one is named: see `Network.plot`."""
    plot: Plot = backend("viz.plots").of_sweep(points, pareto=pareto, theme=theme)
    if path is not None:
        plot.save(path)
    return plot


def sheet(points: Sequence[Point], pareto: Sequence[str]) -> Sheet:
    """The points as a table."""
    names = [name for name, _ in points[0].chosen]
    several = len({point.spec for point in points}) > 1
    faults = any(point.fault is not None for point in points)
    columns = (
        *((Column("network"),) if several else ()),
        *(Column(name, "figure") for name in names),
        *HEADINGS,
        *((Column("front"),) if pareto else ()),
        *((Column("fault", rank=3, wrap=True),) if faults else ()),
    )

    def line(point: Point) -> Line:
        costs: tuple[CellValue, ...] = tuple(
            (None if point.report is None else UNKNOWN if (cost := getattr(point.report, total)) is None else cost)
            for total in SHOWN
        )
        return Line(
            (
                *((point.spec,) if several else ()),
                *(written(value) for _, value in point.chosen),
                *costs,
                *(("*" if point.best else "",) if pareto else ()),
                *((point.fault,) if faults else ()),
            )
        )

    front = f"front: * where no other line has as little of {' and '.join(pareto)} and less of one"
    batches = sorted({n for p in points if p.report is not None for n in p.report.least_batch.values()})
    batch = f"for a batch of {' and '.join(map(str, batches))}" if batches else ""
    kept = "peak: activations in inference; kept: activations kept for backward"
    return Sheet(
        title=", ".join(dict.fromkeys(point.spec for point in points)),
        columns=columns,
        lines=tuple(map(line, points)),
        notes=tuple(filter(None, (kept, front if pareto else "", batch))),
        document={"archdsl": 1, "pareto": list(pareto), "points": [_plain(point, pareto) for point in points]},
    )


def written(value: Any) -> str:
    """A value as --over takes it."""
    return "x".join(map(str, value)) if isinstance(value, tuple) else literal(value)


def _plain(point: Point, pareto: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"spec": point.spec, "chosen": {name: plain(value) for name, value in point.chosen}}
    if point.report is None:
        return {**found, "fault": point.fault}
    totals: dict[str, Size | None] = point.report.to_dict()["totals"]
    return {**found, "totals": totals, **({"front": point.best} if pareto else {})}


def split(text: str) -> list[str]:
    """A list's items at the commas that stand in no brackets."""
    items, depth = [""], 0
    for part in re.split(r"([\[\](),])", text):
        depth += (part in ("[", "(")) - (part in ("]", ")"))
        if part == "," and depth == 0:
            items.append("")
        else:
            items[-1] += part
    return [item.strip() for item in items]
