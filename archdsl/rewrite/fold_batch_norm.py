"""Batch norm folded into the convolution or linear layer before it.

    γ · (W·x + b − μ) / √(σ² + ε) + β  =  (s W)·x + (s · (b − μ) + β)    with s = γ / √(σ² + ε), by output channel

Requires: inference, where μ and σ² are the running statistics; the batch norm alone reads the layer before it; each of
the two is used once, owns its weights and is on the device of the other; a transposed convolution is in one group,
whose output channels are a dimension of the weight. Whether either is `@frozen` is no matter, as nothing is trained.

Ensures: outputs equal up to rounding; a layer, its parameters and its statistics less, a bias more.

In training: refused. There μ and σ² are those of the batch, which follow from W.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from archdsl.derived_weights import Added, Expression, InverseRoot, Scaled
from archdsl.ops.conv import Conv, ConvTranspose
from archdsl.ops.linear import Linear
from archdsl.ops.norm import BatchNorm
from archdsl.rewrite.draft import Draft, Rewrite

CHANNELS: Final = {Conv: 0, ConvTranspose: 1, Linear: 0}  # the dimension of the weight that has the output channels


def fold(draft: Draft) -> list[str]:
    return [
        f"`{before}` takes `{key}`" for key in draft if (before := _foldable(draft, key)) and _fold(draft, before, key)
    ]


def _foldable(draft: Draft, key: str) -> str | None:
    """The layer that a batch norm can be folded into."""
    norm = draft.layers[key]["operator"]
    if type(norm) is not BatchNorm or not norm.track_running_stats or not draft.own(key):
        return None
    (before, _), *_ = draft.reads[key]
    layer = draft.layers[before]["operator"]
    if type(layer) not in CHANNELS or not draft.own(before) or draft.sole_reader(before) != key:
        return None
    if isinstance(layer, ConvTranspose) and layer.groups > 1:
        return None
    if isinstance(layer, Linear) and len(draft.shape((before, 0))) > 2:  # the norm is over another dimension
        return None
    return before if draft.together([before, key]) else None


def _fold(draft: Draft, before: str, key: str) -> bool:
    layer: Any = draft.layers[before]["operator"]
    scale, shift = scale_and_shift(draft, key)
    bias: Expression = shift
    if layer.bias:
        bias = Added((Scaled(draft.weight(before, "bias"), scale), shift))
    weight = Scaled(draft.weight(before, "weight"), scale, CHANNELS[type(layer)])
    draft.change(before, replace(layer, bias=True), {"weight": weight, "bias": bias})
    draft.redirect((key, 0), (before, 0))
    draft.remove(key)
    return True


def scale_and_shift(draft: Draft, key: str) -> tuple[Expression, Expression]:
    """What batch norm multiplies each channel by in inference, and what it adds then."""
    norm = draft.layers[key]["operator"]
    assert isinstance(norm, BatchNorm)
    scale: Expression = InverseRoot(draft.weight(key, "running_var"), norm.eps)
    if norm.affine:
        scale = Scaled(draft.weight(key, "weight"), scale)
    shift: Expression = Scaled(draft.weight(key, "running_mean"), scale, sign=-1)
    return scale, Added((draft.weight(key, "bias"), shift)) if norm.affine else shift


REWRITE: Final = Rewrite(
    "fold-batch-norm", "Batch norm folded into the convolution or linear layer before it.", False, fold
)
