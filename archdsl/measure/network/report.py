"""The report of a network: what each layer is and costs, and the totals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from archdsl.diagnostics import Instance
from archdsl.dims import Shape, Size
from archdsl.graph import plain, typed
from archdsl.measure.network.field import Fields
from archdsl.ops import Operator
from archdsl.ops.dtypes import FLOATING

if TYPE_CHECKING:
    from archdsl.measure.time.measured import Measured
    from archdsl.measure.time.roofline import Timing

VERSION = 1  # of the JSON document
# The totals, in the order of the JSON document, and their titles.
TOTALS: Final = MappingProxyType(
    {
        "params": "parameters",
        "trainable_params": "trainable",
        "buffers": "buffers",
        "macs": "MACs",
        "flops": "FLOPs",
        "param_bytes": "bytes of parameters",
        "activation_bytes_inference_peak": "activations, peak in inference",
        "activation_bytes_training": "activations kept for backward",
        "layers": "layers",
    }
)


@dataclass(frozen=True, slots=True)
class Row:
    """One layer of a report. `macs` is for the whole batch; `shape` excludes nothing; `reads` names producers and which
    of their outputs."""

    path: str
    op: str
    operator: Operator
    reads: tuple[tuple[str, int], ...]
    shape: Shape
    dtype: str
    params: int
    buffers: int
    macs: Size
    field: Fields
    device: str | None
    phase: str
    frozen: bool
    blocks: tuple[Instance, ...]
    line: int

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(producer for producer, _ in self.reads)


@dataclass(frozen=True, slots=True)
class Report:
    """Counts of a network.

    params, trainable_params, buffers: elements, as torch counts them.
    macs: multiply-adds of convolution, linear, matmul and attention in inference, for the batch given.
    flops: twice the MACs.
    timing, measured: predicted and measured times, where they were asked for.
    """

    network: str
    variant: str | None
    hash: str
    assumed: tuple[str, ...]  # batch symbols
    least_batch: Mapping[str, int]  # what each of them counts as, mostly 1
    requires: tuple[str, ...]
    nodes: tuple[Row, ...]
    inputs: tuple[tuple[str, Shape], ...]
    outputs: tuple[tuple[str, Shape, str], ...]
    dtypes: tuple[tuple[str, ...], tuple[str, ...]]  # of the inputs, of the outputs
    devices: tuple[tuple[str, dict[str, Size]], ...]
    params: int
    trainable_params: int
    buffers: int
    macs: Size
    param_bytes: int
    activation_bytes_inference_peak: Size | None
    activation_bytes_training: Size | None
    timing: Timing | None = None
    measured: Measured | None = None

    @property
    def flops(self) -> Size:
        return self.macs * 2

    @property
    def layers(self) -> int:
        return len(self.nodes)

    @property
    def typed_inputs(self) -> tuple[str, ...]:
        """The inputs in words: `ids [1, 7] int64`."""
        return tuple(f"{n} {typed(s, dtype)}" for (n, s), dtype in zip(self.inputs, self.dtypes[0], strict=True))

    @property
    def typed_outputs(self) -> tuple[str, ...]:
        """The outputs in words."""
        return tuple(f"{n} {typed(s, dtype)}" for (n, s, _), dtype in zip(self.outputs, self.dtypes[1], strict=True))

    @property
    def name(self) -> str:
        """How it is called: `resnet50 (ResNet)`."""
        return self.network if self.variant is None else f"{self.variant} ({self.network})"

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data, with stable keys: counts are integers, or strings where a symbol is left."""
        totals = {name: plain(getattr(self, name)) for name in TOTALS}
        return {
            "archdsl": VERSION,
            "network": self.network,
            "variant": self.variant,
            "hash": self.hash,
            "counted_for": dict(self.least_batch),  # symbols of the batch that have no value
            "needs": list(self.requires),  # of symbols: "H >= 33", "W % 16 == 0"
            "totals": totals,
            "inputs": [
                {"name": name, "shape": plain(shape), **_unusual(dtype)}
                for (name, shape), dtype in zip(self.inputs, self.dtypes[0], strict=True)
            ],
            "outputs": [
                {"name": name, "shape": plain(shape), **_unusual(dtype), "phase": phase}
                for (name, shape, phase), dtype in zip(self.outputs, self.dtypes[1], strict=True)
            ],
            "devices": {name: {k: plain(v) for k, v in figures.items()} for name, figures in self.devices},
            "nodes": [
                {
                    "path": row.path,
                    "op": row.op,
                    "inputs": list(row.inputs),
                    "shape": plain(row.shape),
                    **_unusual(row.dtype),
                    "params": row.params,
                    "macs": plain(row.macs),
                    "receptive_field": None if row.field is None else [f.size for f in row.field],
                    **_smallest(row.field),
                    "jump": _jump(row.field),
                    "device": row.device,
                    "phase": row.phase,
                    "line": row.line,
                }
                for row in self.nodes
            ],
            **({"timing": self.timing.to_dict()} if self.timing is not None else {}),
            **({"measured": self.measured.to_dict()} if self.measured is not None else {}),
        }


def _unusual(dtype: str) -> dict[str, str]:
    """The type of a tensor that does not hold floating-point numbers."""
    return {} if dtype == FLOATING else {"dtype": dtype}


def _smallest(fields: Fields) -> dict[str, list[int]]:
    """The smallest sizes of a receptive field, where some elements see less than others."""
    if fields is None or all(f.smallest == f.size for f in fields):
        return {}
    return {"receptive_field_smallest": [f.smallest for f in fields]}


def _jump(fields: Fields) -> list[int | float] | None:
    jumps = [f.jump for f in fields or () if f.jump]
    if fields is None or len(jumps) < len(fields):
        return None
    return [int(jump) if Fraction(jump).denominator == 1 else float(jump) for jump in jumps]
