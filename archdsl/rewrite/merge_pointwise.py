"""A 1×1 convolution right after a convolution, or a linear layer after a linear layer, as one.

    V·(W·x + b) + c  =  (V W)·x + (V·b + c)

Requires: inference; the second alone reads the first, both are used once and own their weights, on one device and in
one group; the second has no padding. The one is not dearer than the two: where W has m rows and k columns, and V n
rows, k·n ≤ m·(k + n), so that a factorisation that saves work stays.

Ensures: outputs equal up to rounding; a layer less, no more multiply-adds.

In training: refused. V W learns otherwise than V and W do.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final

from archdsl.derived_weights import Added, Expression, Product
from archdsl.ops import spatial
from archdsl.ops.conv import Conv
from archdsl.ops.linear import Linear
from archdsl.rewrite.draft import Draft, Rewrite


def merge(draft: Draft) -> list[str]:
    found = []
    for key in draft:
        before = _before(draft, key)
        if before is not None:
            _merge(draft, before, key)
            found.append(f"`{before}` takes `{key}`")
    return found


def _before(draft: Draft, key: str) -> str | None:
    """The layer that one can become one with."""
    second: Any = draft.layers[key]["operator"]
    if type(second) not in (Conv, Linear) or not draft.own(key):
        return None
    before, _ = draft.reads[key][0]
    first: Any = draft.layers[before]["operator"]
    if type(first) is not type(second) or not draft.own(before) or draft.sole_reader(before) != key:
        return None
    if isinstance(second, Conv) and not _composes(first, second, len(draft.shape((key, 0))) - 2):
        return None
    _, columns = _matrix(draft, before)
    rows, middle = _matrix(draft, key)
    return before if draft.together([before, key]) and columns * rows <= middle * (columns + rows) else None


def _composes(first: Conv, second: Conv, rank: int) -> bool:
    padding = () if isinstance(second.padding, str) else spatial(second, "padding", rank)
    strides = set(spatial(second, "stride", rank)) == {1} or not isinstance(first.padding, str)
    plain = set(spatial(second, "kernel_size", rank)) == {1} and not any(padding)
    return plain and strides and first.groups == second.groups == 1


def _matrix(draft: Draft, key: str) -> tuple[int, int]:
    """Rows and columns of a weight."""
    shape = draft.layers[key]["weights"][0].shape
    return shape[0], math.prod(shape[1:])


def _merge(draft: Draft, before: str, key: str) -> None:
    first: Any = draft.layers[before]["operator"]
    second: Any = draft.layers[key]["operator"]
    outer, shape = draft.weight(key, "weight"), draft.shape((key, 0))
    terms: list[Expression] = [Product(outer, draft.weight(before, "bias"))] if first.bias else []
    terms += [draft.weight(key, "bias")] if second.bias else []
    weights: dict[str, Expression] = {"weight": Product(outer, draft.weight(before, "weight"))}
    if terms:
        weights["bias"] = Added(tuple(terms))
    if isinstance(first, Conv):
        rank = len(shape) - 2
        strides = zip(spatial(first, "stride", rank), spatial(second, "stride", rank), strict=True)
        made = replace(
            first, out_channels=second.out_channels, stride=tuple(a * b for a, b in strides), bias=bool(terms)
        )
    else:
        made = replace(first, out_features=second.out_features, bias=bool(terms))
    draft.change(before, made, weights, shape)
    draft.redirect((key, 0), (before, 0))
    draft.remove(key)


REWRITE: Final = Rewrite(
    "merge-pointwise", "A 1×1 convolution after a convolution, or linear after linear, as one.", False, merge
)
