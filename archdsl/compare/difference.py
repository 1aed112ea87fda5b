"""What differs between two networks, as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from archdsl.dims import Size
from archdsl.graph import Graph, plain
from archdsl.measure.network.report import Report, Row

VERSION = 1  # of the JSON document
Status: TypeAlias = Literal["added", "removed", "changed", "follows", "same"]


class Change(NamedTuple):
    """Something that is `a` in the first network and `b` in the second."""

    what: str
    a: Any
    b: Any


@dataclass(frozen=True, slots=True)
class LayerDiff:
    """A layer of two networks; `a` or `b` is None where only one of them has it.

    changes: what was said otherwise: parameters, operator, device, phase, marks.
    inputs: which layers it reads, where that changed by more than layers put in between or taken out.
    shape, weights: of its output and of its parameters; they also change as a consequence of other layers.
    moved: whether it stands at another place among the other layers.
    """

    a: Row | None
    b: Row | None
    step_a: str  # the operator with what was given to it: "conv(64, 3, padding = 1)"
    step_b: str
    changes: tuple[Change, ...] = ()
    inputs: Change | None = None
    shape: Change | None = None
    weights: tuple[Change, ...] = ()
    moved: bool = False

    @property
    def status(self) -> Status:
        if self.a is None:
            return "added"
        if self.b is None:
            return "removed"
        if self.changes or self.inputs or self.moved:
            return "changed"
        return "follows" if self.shape or self.weights else "same"

    @property
    def renamed(self) -> bool:
        return self.a is not None and self.b is not None and self.a.path != self.b.path

    def to_dict(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "a": _layer(self.a),
            "b": _layer(self.b),
            "renamed": self.renamed,
            "moved": self.moved,
            "changes": [_change(change) for change in self.changes],
            "inputs": None if self.inputs is None else _change(self.inputs),
            "shape": None if self.shape is None else _change(self.shape),
            "weights": [_change(change) for change in self.weights],
        }


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two networks: its figures, and the receptive field of its last layer with a window."""

    name: str
    graph: Graph
    report: Report
    receptive_field: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Two networks compared. `layers` holds all layers of both, in the order of the second.

    `interface` are changes of inputs, outputs, devices, needs and loss.
    """

    a: Side
    b: Side
    layers: tuple[LayerDiff, ...]
    interface: tuple[Change, ...]

    @property
    def same(self) -> bool:
        """Whether both compute the same under the same names."""
        return not self.interface and all(layer.status == "same" and not layer.renamed for layer in self.layers)

    @property
    def figures(self) -> Iterator[tuple[str, Size | None, Size | None]]:
        """What both cost: name, first, second."""
        for name in FIGURES:
            yield name, getattr(self.a.report, name), getattr(self.b.report, name)

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain data, with stable keys; layers that are the same are left out."""
        return {
            "archdsl": VERSION,
            "same": self.same,
            "a": _side(self.a),
            "b": _side(self.b),
            "totals": {
                name: {"a": plain(a), "b": plain(b), "change": plain(change(a, b))} for name, a, b in self.figures
            },
            "receptive_field": {"a": plain(self.a.receptive_field), "b": plain(self.b.receptive_field)},
            "interface": [_change(c) for c in self.interface],
            "layers": [layer.to_dict() for layer in self.layers if layer.status != "same" or layer.renamed],
        }


FIGURES = ("layers", "params", "buffers", "macs", "activation_bytes_inference_peak", "activation_bytes_training")


def change(a: Size | None, b: Size | None) -> Size | None:
    """The second less the first; None where one is not known."""
    return None if a is None or b is None else b - a


def _layer(row: Row | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "path": row.path,
        "op": row.op,
        "shape": plain(row.shape),
        "params": row.params,
        "macs": plain(row.macs),
        "receptive_field": None if row.field is None else [f.size for f in row.field],
    }


def _change(found: Change) -> dict[str, Any]:
    return {name: plain(value) for name, value in found._asdict().items()}


def _side(side: Side) -> dict[str, Any]:
    return {"name": side.name, "network": side.report.network, "variant": side.report.variant, "hash": side.report.hash}
