"""The tensors between boxes: from the edges of the graph to those that are drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from archdsl.dims import Shape
from archdsl.graph import Graph, layer, typed
from archdsl.measure.network.cost import tensor_bytes
from archdsl.net_view import NetView
from archdsl.ops.dtypes import FLOATING
from archdsl.sheet.units import size
from viz.look import Look

# In a chain, a tensor feeds one layer that reads nothing else. The main way past a shortcut is the first of the two.
Role: TypeAlias = Literal["chain", "main", "side"]
WEIGHTS: Final = {"chain": "500", "main": "100", "side": "1"}  # how straight; chains bend where they fork and join


@dataclass(frozen=True, slots=True)
class DrawnEdge:
    """A tensor on its way."""

    source: str  # ids of boxes
    target: str
    shape: str
    news: bool  # whether a reader sees this shape nowhere else on the way here
    crossing: bool  # from one device to another
    train: bool
    role: Role
    moved: str = ""  # the bytes that go from one device to another, for a batch of one where it is open

    def label(self, look: Look) -> str:
        """What is written beside it: its shape where that is news, and what it moves."""
        shown = self.crossing or look.shapes == "all" or (look.shapes and self.news)
        return self.said if shown else ""

    @property
    def said(self) -> str:
        """Its shape, and what it moves."""
        return ", ".join(filter(None, (self.shape, self.moved)))


class Wire(NamedTuple):
    """An edge before all others are known."""

    source: str
    target: str
    shape: Shape
    crossing: bool
    train: bool
    moved: str = ""
    dtype: str = FLOATING


def wires(graph: Graph, keys: Sequence[str], ids: Mapping[str, str], stand_in: Mapping[str, str]) -> Iterator[Wire]:
    """What the boxes of these layers read from one another.

    Where an end is drawn for several layers, two that bring the same from box to box are one.
    """
    several = {id for id, layers in Counter(ids.values()).items() if layers > 1}
    seen = set()
    net = NetView(graph)
    for key in keys:
        if key in stand_in or key not in ids:
            continue
        node = layer(graph, key)
        for source, output in net.operands(key):
            shown = stand_in.get(source, source)
            if shown not in ids or ids[shown] == ids[key]:
                continue
            producer = layer(graph, source)
            crossing = None not in (producer["device"], node["device"]) and producer["device"] != node["device"]
            train = "train" in (producer["phase"], node["phase"])
            moved = size(tensor_bytes(net, (source, output))) if crossing else ""
            wire = Wire(
                ids[shown], ids[key], producer["outputs"][output], crossing, train, moved, producer["dtypes"][output]
            )
            joined = shown != source or not several.isdisjoint(wire[:2])
            if not joined or wire not in seen:
                yield wire
            seen.add(wire)


def as_drawn(found: Sequence[Wire]) -> tuple[DrawnEdge, ...]:
    """The edges, with what can be said once all are known."""
    ways: dict[str, list[str]] = {}
    parts: dict[str, list[str]] = {}
    read: dict[str, set[Shape]] = {}
    first: dict[tuple[str, Shape], Wire] = {}
    for wire in sorted(found, key=lambda wire: (wire.train, wire.crossing)):  # the main way stays where it is
        ways.setdefault(wire.source, []).append(wire.target)
        parts.setdefault(wire.target, []).append(wire.source)
        read.setdefault(wire.target, set()).add(wire.shape)
    # Of all that bring one tensor to its readers one says its shape: that to another device, which says it anyway, or
    # the main way, to a reader of little else.
    for wire in sorted(found, key=lambda wire: (not wire.crossing, wire.train, len(parts[wire.target]))):
        first.setdefault((wire.source, wire.shape), wire)

    def role(wire: Wire) -> Role:
        forks, joins = ways[wire.source], parts[wire.target]
        if len(forks) == len(joins) == 1:
            return "chain"
        first = forks[0] == wire.target and (joins[0] == wire.source or len(forks) == 1)
        return "main" if first and len(forks) <= 2 and len(joins) <= 2 else "side"

    return tuple(
        DrawnEdge(
            source=wire.source,
            target=wire.target,
            shape=typed(wire.shape, wire.dtype),
            news=first[wire.source, wire.shape] == wire
            and (len(ways[wire.source]) > 1 or wire.shape not in read.get(wire.source, ())),
            crossing=wire.crossing,
            train=wire.train,
            role=role(wire),
            moved=wire.moved,
        )
        for wire in found
    )
