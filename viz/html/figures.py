"""What each layer of a graph costs, where that is known; also for the part of a broken spec that is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from archdsl.dims import Size
from archdsl.errors import SpecError
from archdsl.graph import Graph, layers, sound
from archdsl.measure.network.analyse import analyse
from archdsl.measure.network.field import Fields
from archdsl.measure.network.report import Report, Row
from archdsl.measure.run.execution import Runs
from archdsl.measure.time.device_profile import DeviceProfile
from archdsl.measure.time.roofline import predict_inference
from archdsl.net_view import NetView

Amount: TypeAlias = Size | float | None  # None: not known
Cost: TypeAlias = tuple[Amount, ...]  # of a layer or group, one for each of `FIGURES`


class LayerCost(NamedTuple):
    """What figures are taken from."""

    row: Row | None  # of the report; none for an input
    bytes: Size  # of the tensors that the layer makes; a view of another makes none
    seconds: float | None  # that inference takes by the prediction; None where a size is left open


@dataclass(frozen=True, slots=True)
class ItemFigure:
    """What the page tells of every layer, adds up for groups, and colours by."""

    key: str  # in the page's data
    name: str
    unit: Literal["count", "bytes", "seconds"]
    of: Callable[[LayerCost], Amount]


FIGURES: Final = (
    ItemFigure("params", "parameters", "count", lambda layer: layer.row.params if layer.row else 0),
    ItemFigure("macs", "MACs", "count", lambda layer: layer.row.macs if layer.row else 0),
    ItemFigure("bytes", "output memory", "bytes", lambda layer: layer.bytes),
    ItemFigure("time", "predicted time", "seconds", lambda layer: layer.seconds),
)
NOTHING: Final[Cost] = (0,) * len(FIGURES)
UNKNOWN: Final[Cost] = (None,) * len(FIGURES)


@dataclass(frozen=True, slots=True)
class Figures:
    costs: Mapping[str, Cost]  # by the keys of the graph
    rows: Mapping[str, Row]
    report: Report | None  # None for a broken spec, whose totals would mislead

    def cost(self, key: str) -> Cost:
        return self.costs.get(key, UNKNOWN)

    def field(self, key: str) -> Fields:
        return self.rows[key].field if key in self.rows else None


def measure(graph: Graph, device: DeviceProfile, report: Report | None = None) -> Figures:
    """The figures of a graph, its batch counted as 1 where it has no value; times are those on a device. `report` is
    that of the graph, where there is one already."""
    whole = sound(graph)
    net = NetView(whole)
    runs = Runs(net)
    if report is None or len(whole) < len(graph):
        report = analyse(whole, runs)
    rows = {row.path: row for row in report.nodes}
    run = runs.training
    times = _times(whole, device)
    costs = {}
    for key, node in layers(whole):
        made = [(key, i) for i in range(len(node["outputs"])) if run.storages.get((key, i)) == (key, i, None)]
        kept = [] if node["operator"].owns_storage else made
        made_bytes = sum((run.sizes[tensor] for tensor in kept), 0)
        known = LayerCost(rows.get(key), made_bytes, times.get(key, 0.0) if times is not None else None)
        costs[key] = tuple(figure.of(known) for figure in FIGURES)
    return Figures(costs, rows, report if len(whole) == len(graph) else None)


def _times(graph: Graph, device: DeviceProfile) -> dict[str, float] | None:
    """The seconds of each layer in inference; None where a size is left open."""
    try:
        return {path: work.seconds for path, work in predict_inference(graph, device).items()}
    except SpecError:
        return None


def total(costs: Iterable[Cost]) -> Cost:
    """The sums of several layers or groups; not known where one is not."""
    return tuple(_sum(amounts) for amounts in zip(NOTHING, *costs, strict=True))


def _sum(amounts: Iterable[Amount]) -> Amount:
    found: Amount = 0
    for amount in amounts:
        if amount is None:
            return None
        found = found + amount  # type: ignore[operator]  # sizes and seconds are never mixed
    return found
