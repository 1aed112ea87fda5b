"""Attention (Vaswani et al., 2017, arXiv:1706.03762)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from archdsl.dims import Shape, Size, Undecided, product, show
from archdsl.ops._op import (
    Example,
    Kept,
    Operator,
    ShapeError,
    Target,
    Use,
    Weight,
    Weighted,
    choose,
    divisor_near,
    divisors,
    known,
    param,
    rank_between,
    same,
)
from archdsl.ops.kinds import Boolean, Integer, Number
from archdsl.ops.linear import linear_copies, product_copies
from archdsl.ops.sight import Sees, pointwise
from archdsl.ops.strides import Laid, Strides, contiguous, elementwise


def _check(query: Shape, key: Shape, value: Shape) -> None:
    if not len(query) == len(key) == len(value):
        raise ShapeError(
            f"query {show(query)}, key {show(key)} and value {show(value)} need as many dimensions", culprits=(0, 1, 2)
        )
    if not all(map(same, query[:-2], key[:-2])) or not all(map(same, key[:-2], value[:-2])):
        raise ShapeError(
            f"the leading dimensions of query {show(query)}, key {show(key)} and value {show(value)} differ",
            culprits=(0, 1, 2),
        )
    if not same(query[-1], key[-1]):
        raise ShapeError(
            f"query {show(query)} and key {show(key)} differ in the last dimension",
            culprits=(_last(0, query), _last(1, key)),
        )
    if not same(key[-2], value[-2]):
        raise ShapeError(
            f"key {show(key)} and value {show(value)} differ in length", culprits=(_last(1, key, 2), _last(2, value, 2))
        )


def _last(input: int, shape: Shape, back: int = 1) -> tuple[int, int]:
    return input, len(shape) - back


SCORE = 4  # operations on a score: scaled, and the three of its softmax


class _Attention(Operator):
    autocast = "lower"
    projects: ClassVar[bool] = False  # so that all features go into each

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        # A position of its own for the query, all positions of keys and values; scores add up over the features.
        values_apart = number == 2 and not self.projects
        mixed = (*([] if number == 0 else [-2]), *([] if values_apart else [-1]))
        return pointwise(inputs[number], output, mixed=mixed)


def attention_steps(inputs: Sequence[Laid], wanted: Sequence[bool], dropout: float) -> Kept:
    """What is kept of attention that no kernel fuses: scaled query and key, the attention weights, the value."""
    query, key, value = inputs
    scores = (*query.shape[:-1], key.shape[-2])
    weights = Laid(scores, contiguous(scores))
    of_query, of_key, of_value = wanted
    of_weights = of_query or of_key
    kept: Size = (key.values if of_query else 0) + (query.values if of_key else 0)
    if of_weights or (of_value and dropout == 0):
        kept = kept + weights.values
    if dropout and of_weights:
        kept = kept + (1 if dropout == 1 else weights.values)  # by what all is multiplied
    if dropout and of_value:
        kept = kept + weights.values
    copied = product_copies(weights, value, (of_weights, of_value))[1] if of_weights else 0
    return Kept((2,) if of_weights and copied == 0 else (), values=kept + copied)


@dataclass(frozen=True)
class ScaledDotProductAttention(_Attention, group="attention"):
    """softmax(Q·Kᵀ / √d)·V of tensors [..., length, d]."""

    is_causal: bool = param(Boolean(), "whether a position sees only itself and those before it", False)
    dropout_p: float = param(Number(0, 1), "probability of dropping an attention weight in training", 0.0)

    inputs = ("query", "key", "value")
    examples = (
        Example("scaled_dot_product_attention", ((2, 4, 5, 8), (2, 4, 7, 8), (2, 4, 7, 6)), (2, 4, 5, 6)),
        Example("scaled_dot_product_attention(is_causal = true)", ((2, 5, 8),) * 3, (2, 5, 8)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        query, key, value = inputs
        rank_between(self, query, 3, 6, "[N, ..., length, features]")
        _check(query, key, value)
        return (*query[:-1], value[-1])

    def macs(self, inputs: Sequence[Shape], output: Shape) -> Size:
        query, key, value = inputs
        return product(query) * key[-2] + product(query[:-1]) * key[-2] * value[-1]

    def macs_before_last_kept(self, inputs: Sequence[Shape], output: Shape) -> Size:
        # One kernel keeps its output; else the last product keeps the attention weights.
        return self.macs(inputs, output) if self._fused(inputs) else product(inputs[0]) * inputs[1][-2]

    def backward_macs(self, inputs: Sequence[Shape], output: Shape, wanted: Sequence[bool], trainable: bool) -> Size:
        query, key, value = inputs
        scores, mixed = product(query) * key[-2], product(query[:-1]) * key[-2] * value[-1]
        of_query, of_key, of_value = wanted
        return mixed * of_value + (mixed if of_query or of_key else 0) + scores * (of_query + of_key)

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return SCORE * product(inputs[0][:-1]) * inputs[1][-2]

    def keeps(self, use: Use) -> Kept:
        if self._fused(use.shapes) and all(laid.strides[-1] == 1 for laid in use.inputs):
            return Kept((0, 1, 2), output=True, float32=product(use.output[:-1]))  # and logarithms of sums
        return attention_steps(use.inputs, use.wanted, self.dropout_p)

    def layout(self, use: Use, output: Shape) -> Strides | None:
        if self._fused(use.shapes) and all(laid.strides[-1] == 1 for laid in use.inputs):
            return elementwise(use.inputs[:1], output)
        return super().layout(use, output)

    def scratch(self, inputs: Sequence[Shape], output: Shape) -> Size:
        if self._fused(inputs):
            return product(output[:-1])
        # Query and key with the scale, and the attention weights before and after their softmax.
        return product(inputs[0]) + product(inputs[1]) + 2 * self._weights(inputs)

    def _fused(self, inputs: Sequence[Shape]) -> bool:
        """Whether one kernel does all, which keeps no attention weights."""
        _, key, value = inputs
        try:
            alike = same(key[-1], value[-1])
        except Undecided:  # of two open sizes; in general they differ
            alike = False
        return len(value) == 4 and alike and self.dropout_p == 0

    def _weights(self, inputs: Sequence[Shape]) -> Size:
        return 0 if self._fused(inputs) else product(inputs[0][:-1]) * inputs[1][-2]

    def target(self, *inputs: Shape) -> Target:
        return Target("compiler.fx.layers.DotProductAttention", self.params)


@dataclass(frozen=True)
class MultiheadAttention(_Attention, Weighted, group="attention"):
    """Attention in several heads with projections: `multihead_attention(query, key, value, heads)`.

    Tensors are [N, length, features]. Parameters are named as in `torch.nn.MultiheadAttention`.
    """

    num_heads: int = param(Integer(1), "heads; must divide the features")
    dropout: float = param(Number(0, 1), "probability of dropping an attention weight in training", 0.0)
    bias: bool = param(Boolean(), "whether the projections have biases", True)

    inputs = ("query", "key", "value")
    projects = True
    examples = (
        Example("multihead_attention(4)", ((2, 5, 16),) * 3, (2, 5, 16)),
        Example("multihead_attention(2, bias = false)", ((2, 5, 8), (2, 7, 8), (2, 7, 8)), (2, 5, 8)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        query, key, value = inputs
        for shape in inputs:
            rank_between(self, shape, 3, 3, "[N, length, features]")
        _check(query, key, value)
        if not same(key[-1], value[-1]):
            raise ShapeError(
                f"key {show(key)} and value {show(value)} differ in the last dimension",
                culprits=(_last(1, key), _last(2, value)),
            )
        width = self._width(query)
        if width % self.num_heads:
            raise ShapeError(
                f"{width} features are not divisible by num_heads = {self.num_heads}",
                code="groups",
                help=choose("num_heads", divisors(width), "features"),
                culprits=((0, 2),),
                instead={"num_heads": divisor_near(self.num_heads, width)},
            )
        return query

    def _width(self, query: Shape) -> int:
        return known(query[-1], "the number of features of `multihead_attention`")

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        width = self._width(inputs[0])
        projection = Weight("in_proj_weight", (3 * width, width))
        out = Weight("out_proj.weight", (width, width))
        if not self.bias:
            return (projection, out)
        return (
            projection,
            Weight("in_proj_bias", (3 * width,), "bias"),
            out,
            Weight("out_proj.bias", (width,), "bias"),
        )

    def macs(self, inputs: Sequence[Shape], output: Shape) -> Size:
        query, key, value = inputs
        width = self._width(query)
        projections = (2 * product(query) + product(key) + product(value)) * width
        return projections + 2 * product(query) * key[1]

    def macs_before_last_kept(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return self.macs(inputs, output) - product(output) * self._width(inputs[0])  # all but the last projection

    def backward_macs(self, inputs: Sequence[Shape], output: Shape, wanted: Sequence[bool], trainable: bool) -> Size:
        query, key, _ = inputs
        width, scores = self._width(query), product(query) * key[1]
        entering = sum((product(shape) * (want + trainable) for shape, want in zip(inputs, wanted, strict=True)), 0)
        # The projected query, key and value want gradients where their weights do.
        of_query, of_key, of_value = (want or trainable for want in wanted)
        inside = scores * (of_value + (of_query or of_key) + of_query + of_key)
        leaving = product(output) * (2 if trainable else any(wanted))
        return (entering + leaving) * width + inside

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        query, key, value = inputs
        biases = 2 * product(query) + product(key) + product(value) if self.bias else 0
        return biases + SCORE * product(query[:-1]) * key[1] * self.num_heads

    def keeps(self, use: Use) -> Kept:
        within = self._within(use)
        if not use.trained:
            return within
        # Each projection keeps its input, which it copies where positions and samples, in this order, do not lie as if
        # they were one dimension.
        projected = range(self._projections(use))
        copied = {i: linear_copies(use.inputs[i].permuted((1, 0, 2)), 1, False, True)[0] for i in projected}
        values = sum(copied.values(), within.values)
        return within._replace(inputs=tuple(i for i in projected if copied[i] == 0), values=values)

    def _projections(self, use: Use) -> int:
        """How many products project query, key and value: one where they are one tensor, two where the last two are."""
        _, key, value = use.first
        return 3 if key != value else 2 if key else 1

    def _within(self, use: Use) -> Kept:
        """What is kept between the projections and the output."""
        query, key, _ = use.shapes
        width, heads = self._width(query), self.num_heads
        values = product(key[:-1]) * width
        if self.dropout == 0:  # projected query, key and value, and what attention gives
            return Kept(values=2 * product(query) + 2 * values, float32=product(query[:-1]) * heads)
        split = [
            Laid((*shape[1::-1], heads, width // heads), contiguous((*shape[1::-1], heads, width // heads)))
            for shape in use.shapes
        ]
        wanted = [want or use.trained for want in use.wanted]
        kept = attention_steps([laid.permuted((1, 2, 0, 3)) for laid in split], wanted, self.dropout)
        beside = {1: product(query) + values, 2: values, 3: 0}[self._projections(use)]  # in one storage with the value
        whole = values + beside if kept.inputs else 0
        return Kept(values=kept.values + whole + (product(query) if use.trained else 0))

    def layout(self, use: Use, output: Shape) -> Strides | None:
        positions_first = (output[1], output[0], output[2])
        return Laid(positions_first, contiguous(positions_first)).permuted((1, 0, 2)).strides

    def target(self, *inputs: Shape) -> Target:
        kwargs = {
            "embed_dim": inputs[0][-1],
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "bias": self.bias,
        }
        return Target("compiler.fx.layers.HeadsAttention", kwargs)
