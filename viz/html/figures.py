"""What each layer of a graph costs, where that is known; also for the part of a broken spec that is whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce

from archdsl.dims import Size
from archdsl.graph import Graph, broken, header, layers
from archdsl.measure.analyse import analyse
from archdsl.measure.execution import Setting, execution
from archdsl.measure.receptive_field import Fields
from archdsl.measure.report import Report, Row


@dataclass(frozen=True, slots=True)
class Cost:
    """Figures of a layer, or the sums of a group; None where one of them is unknown."""

    params: int | None = None
    macs: Size | None = None
    bytes: Size | None = None  # of the tensors that it makes; a view of another makes none


@dataclass(frozen=True, slots=True)
class Figures:
    costs: Mapping[str, Cost]  # by the keys of the graph
    rows: Mapping[str, Row]
    report: Report | None  # None for a broken spec, whose totals would mislead

    def field(self, key: str) -> Fields:
        return self.rows[key].field if key in self.rows else None


def measure(graph: Graph) -> Figures:
    """The figures of a graph, its batch counted as 1 where it has no value."""
    whole = graph.copy()
    whole.remove_nodes_from([key for key, _ in broken(graph)])
    whole.graph["outputs"] = tuple(o for o in header(graph)["outputs"] if o["node"] in whole)
    report = analyse(whole)
    rows = {row.path: row for row in report.nodes}
    run = execution(whole, training=True, setting=Setting(values=dict.fromkeys(header(graph)["batch"], 1)))
    costs = {}
    for key, node in layers(whole):
        made = [(key, i) for i in range(len(node["outputs"])) if run.storages.get((key, i)) == (key, i, None)]
        kept = [] if node["operator"].owns_storage else made
        row = rows.get(key)
        params, macs = (row.params, row.macs) if row else (0, 0)
        costs[key] = Cost(params, macs, sum((run.sizes[tensor] for tensor in kept), 0))
    return Figures(costs, rows, report if len(whole) == len(graph) else None)


def total(costs: Iterable[Cost]) -> Cost:
    """The sums of several layers or groups."""
    return reduce(_add, costs, Cost(0, 0, 0))


def _add(one: Cost, other: Cost) -> Cost:
    return Cost(
        None if one.params is None or other.params is None else one.params + other.params,
        None if one.macs is None or other.macs is None else one.macs + other.macs,
        None if one.bytes is None or other.bytes is None else one.bytes + other.bytes,
    )
