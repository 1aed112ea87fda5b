"""Receptive fields: which input positions an output position depends on, per spatial dimension.

Exact interval propagation (Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks",
Distill, 2019, section "Arbitrary computation graphs"): padding counts as extent, and branches are united.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

from archdsl.graph import Graph, layer, layers, operands
from archdsl.ops import Window

Number = int | Fraction


class Field(NamedTuple):
    """Along one dimension, output i depends on the inputs from `i * jump + low` to `i * jump + high`.

    A jump of 0 means that every output depends on the same inputs.
    """

    jump: Number
    low: Number
    high: Number

    @property
    def size(self) -> int:
        return math.floor(self.high) - math.ceil(self.low) + 1


Fields = tuple[Field, ...] | None  # None: not known, because an input size is a symbol


def receptive_fields(graph: Graph) -> dict[str, Fields]:
    """The receptive field of every layer. Several inputs are taken to have the same coordinates."""
    found: dict[str, Fields] = {}
    for key, node in layers(graph):
        reads = operands(graph, key)
        if not reads:
            rank = max(len(node["shape"]) - 2, 0) if node["op"] == "input" else 0
            found[key] = (Field(1, 0, 0),) * rank
            continue
        fields: Fields = ()
        for producer, output in reads:
            before = found[producer]
            shape = layer(graph, producer)["outputs"][output]
            sees = node["operator"].sees(shape, node["shape"])
            if before is None:
                after: Fields = None
            elif sees == "pointwise":
                after = before
            elif sees == "everything":
                after = _everything(before, shape)
            else:
                after = _through(before, sees)
            fields = _united(fields, after)
        found[key] = fields
    return found


def _through(fields: tuple[Field, ...], window: Window) -> Fields:
    if len(fields) != len(window.extent):
        return fields
    return tuple(
        Field(f.jump * stride, f.low + offset * f.jump, f.high + (offset + extent - 1) * f.jump)
        for f, extent, stride, offset in zip(fields, *window, strict=True)
    )


def _everything(fields: tuple[Field, ...], shape: tuple[object, ...]) -> Fields:
    """The field of what depends on all positions of a tensor."""
    whole = []
    for f, size in zip(fields, shape[2:] if len(shape) == len(fields) + 2 else (1,) * len(fields), strict=True):
        if not isinstance(size, int):
            return None
        whole.append(Field(0, f.low, f.high + (size - 1) * f.jump))
    return tuple(whole)


def _united(a: Fields, b: Fields) -> Fields:
    if a is None or b is None:
        return None
    if len(a) != len(b):
        return a or b
    return tuple(
        Field(0 if 0 in (x.jump, y.jump) else max(x.jump, y.jump), min(x.low, y.low), max(x.high, y.high))
        for x, y in zip(a, b, strict=True)
    )
