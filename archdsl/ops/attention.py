"""Attention (Vaswani et al., 2017, arXiv:1706.03762)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

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
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.dtypes import FLOATING
from archdsl.ops.foreign import ForeignCall, ForeignTensor, Made, Reads, Unreadable, Whole
from archdsl.ops.kinds import Boolean, Choice, Integer, Number
from archdsl.ops.linear import linear_copies, product_copies
from archdsl.ops.sight import Sees, pointwise
from archdsl.ops.strides import Laid, Strides, contiguous, elementwise


def _check(query: Shape, key: Shape, value: Shape, groups: bool = False) -> None:
    """`groups`: several heads of the query, at the third dimension from the end, share one of key and value."""
    if not len(query) == len(key) == len(value):
        raise ShapeError(
            f"query {show(query)}, key {show(key)} and value {show(value)} need as many dimensions", culprits=(0, 1, 2)
        )
    alike = all(map(same, query[: -3 if groups else -2], key[: -3 if groups else -2]))
    if not alike or not all(map(same, key[:-2], value[:-2])):
        raise ShapeError(
            f"the leading dimensions of query {show(query)}, key {show(key)} and value {show(value)} differ",
            culprits=(0, 1, 2),
        )
    if groups and not same(query[-3] % key[-3], 0):
        raise ShapeError(
            f"the {query[-3]} heads of the query are not divisible by the {key[-3]} of key and value",
            code="groups",
            culprits=(_last(0, query, 3), _last(1, key, 3)),
        )
    _check_widths(query, key, value)


def _check_widths(query: Shape, key: Shape, value: Shape) -> None:
    if not same(query[-1], key[-1]):
        raise ShapeError(
            f"query {show(query)} and key {show(key)} differ in the last dimension",
            culprits=(_last(0, query), _last(1, key)),
        )
    if not same(key[-2], value[-2]):
        raise ShapeError(
            f"key {show(key)} and value {show(value)} differ in length", culprits=(_last(1, key, 2), _last(2, value, 2))
        )


def _check_mask(mask: Shape, scores: Shape, what: str, position: int) -> None:
    """Refuse a mask that does not stretch to the attention weights."""
    sides = zip(reversed(mask), reversed(scores), strict=False)
    if not 2 <= len(mask) <= len(scores) or not all(size == 1 or same(size, wanted) for size, wanted in sides):
        message = f"{what} {show(mask)} does not stretch to the attention weights {show(scores)}"
        raise ShapeError(message, culprits=(position,))


def _check_mask_type(types: Sequence[str], first: int) -> None:
    for dtype in types[first:]:
        if dtype == "int64":
            message = "a mask holds truth values, or floating-point numbers that are added; found int64"
            raise ShapeError(message, code="wrong-dtype", help="compare: `mask != 0`")


def _last(input: int, shape: Shape, back: int = 1) -> tuple[int, int]:
    return input, len(shape) - back


LOWEST: Final = -3.4e38  # what a mask of numbers that are added hides with, at most
SCORE = 4  # operations on a score: scaled, and the three of its softmax


class _Attention(Operator):
    autocast = "lower"
    projects: ClassVar[bool] = False  # so that all features go into each

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        if number > 2:  # a mask, whose places are those of the scores
            return (None,) * len(inputs[number])
        # A position of its own for the query, all positions of keys and values; scores add up over the features.
        values_apart = number == 2 and not self.projects
        mixed = (*([] if number == 0 else [-2]), *([] if values_apart else [-1]))
        return pointwise(inputs[number], output, mixed=mixed)


def attention_steps(inputs: Sequence[Laid], wanted: Sequence[bool], dropout: float, of_mask: bool = False) -> Kept:
    """What is kept of attention that no kernel fuses: scaled query and key, the attention weights, the value. `of_mask`
    says whether a mask wants a gradient, too."""
    query, key, value = inputs
    scores = (*query.shape[:-1], key.shape[-2])
    weights = Laid(scores, contiguous(scores))
    of_query, of_key, of_value = wanted
    of_weights = of_query or of_key or of_mask
    kept: Size = (key.values if of_query else 0) + (query.values if of_key else 0)
    if of_weights or (of_value and dropout == 0):
        kept = kept + weights.values
    if dropout and of_weights:
        kept = kept + (1 if dropout == 1 else weights.values)  # by what all is multiplied
    if dropout and of_value:
        kept = kept + weights.values
    copied = product_copies(weights, value, (of_weights, of_value))[1] if of_weights else 0
    return Kept((2,) if of_weights and copied == 0 else (), values=kept + copied)


def _unmasked(made: Made) -> Made:
    """Attention without a mask that hides nothing, or that hides what `is_causal` does. A mask is as small as it can
    be, since it stretches."""
    if len(made.inputs) < 4:
        return made
    *tensors, mask = made.inputs
    while isinstance(mask, ForeignTensor) and mask.made_by is not None and mask.made_by.name == "aten.expand":
        smaller = mask.made_by.tensor("self")
        if len(smaller.shape) < 2:
            break
        mask = smaller
    numbers = mask.numbers if isinstance(mask, ForeignTensor) else None
    if numbers is not None and isinstance(mask, ForeignTensor):
        seen = [one is True or (one is not False and one == 0) for one in numbers]
        if all(seen):
            return replace(made, inputs=tuple(tensors))
        hidden = all(one or number is False or number <= LOWEST for one, number in zip(seen, numbers, strict=True))
        side = math.isqrt(len(numbers))
        square = mask.shape[-2:] == (side, side) and side * side == len(numbers)
        if square and hidden and seen == [i >= j for i in range(side) for j in range(side)]:
            return replace(made, parameters={**made.parameters, "is_causal": True}, inputs=tuple(tensors))
    return replace(made, inputs=(*tensors, mask))


def _whole_attention(calls: list[ForeignCall], taken: list[ForeignTensor]) -> Made:
    """torch's module by what it does: how many heads there are is seen where they attend."""
    names = ("aten.scaled_dot_product_attention", "aten.bmm", "aten.baddbmm")
    product = next((call for name in names for call in calls if call.name == name), None)
    if product is None or product.name != names[0]:
        raise Unreadable("`MultiheadAttention` that gives its weights as well")
    if product.get("attn_mask") is not None:
        raise Unreadable("`MultiheadAttention` with a mask")
    states = [value for call in calls for value in call.tensors if value.state is not None]
    endings = {(value.state or "").rpartition(".")[2] for value in states}
    if "in_proj_weight" not in endings:
        raise Unreadable("`MultiheadAttention` with projections of their own")
    query, key, value = (taken * 3)[:3] if len(taken) == 1 else (*taken, *taken[1:])[:3]
    parameters = {
        "num_heads": product.tensor("query").shape[1],
        "dropout": product.get("dropout_p", 0.0),
        "bias": "in_proj_bias" in endings,
        "add_bias_kv": "bias_k" in endings,
        "is_causal": product.get("is_causal", False),
    }
    named = {(value.state or "").rpartition(".")[2]: value for value in states}
    return Made("multihead_attention", parameters, (query, key, value), {"weight": named["in_proj_weight"]})


@deferred_dataclass
class ScaledDotProductAttention(_Attention, group="attention"):
    """softmax(Q·Kᵀ / √d)·V of tensors [..., length, d].

    A mask holds true where a position may be seen, or numbers that are added to the scores before softmax.
    """

    is_causal: bool = param(Boolean(), "whether a position sees only itself and those before it", False)
    dropout_p: float = param(Number(0, 1), "probability of dropping an attention weight in training", 0.0)
    scale: float | None = param(Number(), "instead of 1 / √d", None, kw_only=True)
    enable_gqa: bool = param(
        Boolean(), "whether several heads of the query may share one of key and value", False, kw_only=True
    )

    inputs = ("query", "key", "value", "attn_mask")
    optional = 1
    takes = ("floating", "floating", "floating", "anything")
    reads = (Reads("aten.scaled_dot_product_attention"),)
    simpler = staticmethod(_unmasked)
    examples = (
        Example("scaled_dot_product_attention", ((2, 4, 5, 8), (2, 4, 7, 8), (2, 4, 7, 6)), (2, 4, 5, 6)),
        Example("scaled_dot_product_attention(is_causal = true)", ((2, 5, 8),) * 3, (2, 5, 8)),
        Example(
            "scaled_dot_product_attention(scale = 0.5)",
            ((2, 4, 5, 8), (2, 4, 7, 8), (2, 4, 7, 8), (5, 7)),
            (2, 4, 5, 8),
            ("float32", "float32", "float32", "bool"),
        ),
        Example(
            "scaled_dot_product_attention(enable_gqa = true)",
            ((2, 4, 5, 8), (2, 2, 7, 8), (2, 2, 7, 8)),
            (2, 4, 5, 8),
        ),
    )

    def infer(self, *inputs: Shape) -> Shape:
        query, key, value, *masks = inputs
        rank_between(self, query, 3, 6, "[N, ..., length, features]")
        _check(query, key, value, self.enable_gqa)
        if masks and self.is_causal:
            raise ShapeError("`attn_mask` does not go with `is_causal`: say it in the mask", code="bad-parameter")
        for mask in masks:
            _check_mask(mask, (*query[:-1], key[-2]), "the mask", 3)
        return (*query[:-1], value[-1])

    def typed(self, inputs: Sequence[str]) -> Operator:
        _check_mask_type(inputs, 3)
        return self

    def macs(self, inputs: Sequence[Shape], output: Shape) -> Size:
        query, key, value = inputs[:3]
        return product(query) * key[-2] + product(query[:-1]) * key[-2] * value[-1]

    def macs_before_last_kept(self, inputs: Sequence[Shape], output: Shape) -> Size:
        # One kernel keeps its output; else the last product keeps the attention weights.
        return self.macs(inputs, output) if self._fused(inputs) else product(inputs[0]) * inputs[1][-2]

    def backward_macs(self, inputs: Sequence[Shape], output: Shape, wanted: Sequence[bool], trainable: bool) -> Size:
        query, key, value = inputs[:3]
        scores, mixed = product(query) * key[-2], product(query[:-1]) * key[-2] * value[-1]
        of_query, of_key, of_value = wanted[:3]
        return mixed * of_value + (mixed if of_query or of_key else 0) + scores * (of_query + of_key)

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return SCORE * product(inputs[0][:-1]) * inputs[1][-2]

    def keeps(self, use: Use) -> Kept:
        if self._in_one(use):  # and logarithms of sums; a mask of truth values as numbers
            numbers = use.dtypes[3:] == (FLOATING,)
            values = 0 if numbers else sum((product(mask) for mask in use.shapes[3:]), 0)
            kept = (0, 1, 2, 3) if numbers else (0, 1, 2)
            return Kept(kept, output=True, values=values, float32=product(use.output[:-1]))
        query, key, value = use.inputs[:3]
        repeated = self.enable_gqa and query.shape[-3] != key.shape[-3]
        if repeated:  # each head of key and value as often as heads of the query share it
            shapes = [(*laid.shape[:-3], query.shape[-3], *laid.shape[-2:]) for laid in (key, value)]
            key, value = (Laid(shape, contiguous(shape)) for shape in shapes)
        kept_steps = attention_steps((query, key, value), use.wanted[:3], self.dropout_p, any(use.wanted[3:]))
        if repeated and kept_steps.inputs:
            return kept_steps._replace(inputs=(), values=kept_steps.values + value.values)
        return kept_steps

    def layout(self, use: Use, output: Shape) -> Strides | None:
        if self._in_one(use):
            return elementwise(use.inputs[:1], output)
        return super().layout(use, output)

    def scratch(self, inputs: Sequence[Shape], output: Shape) -> Size:
        if self._fused(inputs):
            return product(output[:-1])
        # Query and key with the scale, and the attention weights before and after their softmax.
        return product(inputs[0]) + product(inputs[1]) + 2 * self._weights(inputs)

    def _in_one(self, use: Use) -> bool:
        """Whether one kernel does all for tensors that lie so; it has no gradient for a mask."""
        together = all(laid.strides[-1] == 1 for laid in use.inputs[:3])
        return self._fused(use.shapes) and together and not any(use.wanted[3:])

    def _fused(self, inputs: Sequence[Shape]) -> bool:
        """Whether one kernel does all, which keeps no attention weights."""
        _, key, value = inputs[:3]
        if any(len(mask) not in (2, 4) for mask in inputs[3:]):
            return False
        try:
            alike = same(key[-1], value[-1])
        except Undecided:  # of two open sizes; in general they differ
            alike = False
        return len(value) == 4 and alike and self.dropout_p == 0

    def _weights(self, inputs: Sequence[Shape]) -> Size:
        return 0 if self._fused(inputs) else product(inputs[0][:-1]) * inputs[1][-2]

    def target(self, *inputs: Shape) -> Target:
        return Target("compiler.fx.layers.DotProductAttention", self.params)


@deferred_dataclass
class MultiheadAttention(_Attention, Weighted, group="attention"):
    """Attention in several heads with projections: `multihead_attention(query, key, value, heads)`.

    Tensors are [N, length, features]; those of key and value may have other features than the query. Parameters are
    named as in `torch.nn.MultiheadAttention`. As there, masks of truth values are true where a position may not be
    seen; others are added to the scores. `key_padding_mask` is [N, length of the keys], `attn_mask` [length, length
    of the keys] or [N · heads, length, length of the keys].
    """

    num_heads: int = param(Integer(1), "heads; must divide the features")
    dropout: float = param(Number(0, 1), "probability of dropping an attention weight in training", 0.0)
    bias: bool = param(Boolean(), "whether the projections have biases", True)
    add_bias_kv: bool = param(Boolean(), "whether a learnt position is added to keys and values", False, kw_only=True)
    is_causal: bool = param(Boolean(), "whether a position sees only itself and those before it", False, kw_only=True)
    kdim: int | None = param(Integer(1), "features of the key, which are seen from it", None, kw_only=True)
    vdim: int | None = param(Integer(1), "features of the value, which are seen from it", None, kw_only=True)
    mask: str = param(
        Choice(("key_padding_mask", "attn_mask")),
        "which mask it is that is given alone, not by its name",
        "key_padding_mask",
        kw_only=True,
    )

    inputs = ("query", "key", "value", "key_padding_mask", "attn_mask")
    optional = 2
    takes = ("floating", "floating", "floating", "anything")
    projects = True
    joint = True
    reads = (Whole(_whole_attention, cls="torch.nn.modules.activation.MultiheadAttention"),)
    examples = (
        Example("multihead_attention(4)", ((2, 5, 16),) * 3, (2, 5, 16)),
        Example("multihead_attention(2, bias = false)", ((2, 5, 8), (2, 7, 8), (2, 7, 8)), (2, 5, 8)),
        Example("multihead_attention(2, add_bias_kv = true)", ((2, 5, 8), (2, 7, 6), (2, 7, 4)), (2, 5, 8)),
        Example(
            "multihead_attention(2, mask = attn_mask)",
            ((2, 5, 8), (2, 7, 8), (2, 7, 8), (5, 7)),
            (2, 5, 8),
            ("float32", "float32", "float32", "bool"),
        ),
        Example(
            "multihead_attention(2)",
            ((2, 5, 8), (2, 7, 8), (2, 7, 8), (2, 7), (4, 5, 7)),
            (2, 5, 8),
            ("float32", "float32", "float32", "bool", "bool"),
        ),
        Example("multihead_attention(2, is_causal = true)", ((2, 5, 8),) * 3, (2, 5, 8)),
    )

    @classmethod
    def told_by_names(cls, named: Sequence[str]) -> Mapping[str, Any]:
        return {"mask": "attn_mask"} if list(named) == ["attn_mask"] else {}

    def infer(self, *inputs: Shape) -> Shape:
        query, key, value = inputs[:3]
        for shape in inputs[:3]:
            rank_between(self, shape, 3, 3, "[N, length, features]")
        _check((*query[:-1], 1), (*key[:-1], 1), (*value[:-1], 1))
        for i, told in ((1, self.kdim), (2, self.vdim)):
            features = known(inputs[i][-1], f"the number of features of the {self.inputs[i]}")
            if told is not None and told != features:
                message = f"the {self.inputs[i]} has {features} features, found {'kv'[i - 1]}dim = {told}"
                raise ShapeError(message, culprits=(_last(i, inputs[i]),))
        self._check_masks(inputs)
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

    def _masks(self, inputs: Sequence[Shape]) -> dict[str, int]:
        """Which masks are given, with their places among the inputs."""
        names = (self.mask,) if len(inputs) == 4 else self.inputs[3:5]
        return {name: 3 + i for i, name in enumerate(names[: len(inputs) - 3])}

    def _check_masks(self, inputs: Sequence[Shape]) -> None:
        query, key = inputs[:2]
        masks = self._masks(inputs)
        if "attn_mask" in masks and self.is_causal:
            raise ShapeError("`attn_mask` does not go with `is_causal`: say it in the mask", code="bad-parameter")
        forms: dict[str, list[Shape]] = {
            "key_padding_mask": [(query[0], key[1])],
            "attn_mask": [(query[1], key[1]), (query[0] * self.num_heads, query[1], key[1])],
        }
        for name, place in masks.items():
            fitting = [form for form in forms[name] if len(form) == len(inputs[place])]
            if not fitting or not all(map(same, inputs[place], fitting[0])):
                said = " or ".join(map(show, forms[name]))
                raise ShapeError(f"`{name}` has the shape {said}, found {show(inputs[place])}", culprits=(place,))

    def typed(self, inputs: Sequence[str]) -> Operator:
        _check_mask_type(inputs, 3)
        return self

    def _keys(self, key: Shape) -> Size:
        """How many positions are attended to."""
        return key[1] + 1 if self.add_bias_kv else key[1]

    def _width(self, query: Shape) -> int:
        return known(query[-1], "the number of features of `multihead_attention`")

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        width, widths = self._width(inputs[0]), [known(shape[-1], "a number of features") for shape in inputs[:3]]
        found = [Weight("in_proj_weight", (3 * width, width))]
        if widths != [width] * 3:
            found = [Weight(f"{x}_proj_weight", (width, size)) for x, size in zip("qkv", widths, strict=True)]
        if self.bias:
            found.append(Weight("in_proj_bias", (3 * width,), "bias"))
        if self.add_bias_kv:
            found += [Weight(f"bias_{x}", (1, 1, width), "bias") for x in "kv"]
        found.append(Weight("out_proj.weight", (width, width)))
        if self.bias:
            found.append(Weight("out_proj.bias", (width,), "bias"))
        return tuple(found)

    def macs(self, inputs: Sequence[Shape], output: Shape) -> Size:
        query, key, value = inputs[:3]
        width = self._width(query)
        projections = (2 * product(query) + product(key) + product(value)) * width
        return projections + 2 * product(query) * self._keys(key)

    def macs_before_last_kept(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return self.macs(inputs, output) - product(output) * self._width(inputs[0])  # all but the last projection

    def backward_macs(self, inputs: Sequence[Shape], output: Shape, wanted: Sequence[bool], trainable: bool) -> Size:
        query, key, _ = inputs[:3]
        wanted = wanted[:3]
        width, scores = self._width(query), product(query) * self._keys(key)
        entering = sum((product(shape) * (want + trainable) for shape, want in zip(inputs, wanted, strict=False)), 0)
        # The projected query, key and value want gradients where their weights do.
        of_query, of_key, of_value = (want or trainable for want in wanted)
        inside = scores * (of_value + (of_query or of_key) + of_query + of_key)
        leaving = product(output) * (2 if trainable else any(wanted))
        return (entering + leaving) * width + inside

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        query, key, value = inputs[:3]
        biases = 2 * product(query) + product(key) + product(value) if self.bias else 0
        return biases + SCORE * product(query[:-1]) * self._keys(key) * self.num_heads

    def keeps(self, use: Use) -> Kept:
        within = self._within(use)
        if not use.trained:
            return within
        # Each projection keeps its input, which it copies where positions and samples, in this order, do not lie as if
        # they were one dimension.
        projected = range(self._projections(use))
        copied = {i: linear_copies(use.inputs[i].permuted((1, 0, 2)), 1, False, True)[0] for i in projected}
        values = sum(copied.values(), within.values)
        return within._replace(
            inputs=(*(i for i in projected if copied[i] == 0), *(i for i in within.inputs if i > 2)), values=values
        )

    def _projections(self, use: Use) -> int:
        """How many products project query, key and value: one where they are one tensor, two where the last two are."""
        _, key, value = use.first[:3]
        if len({shape[-1] for shape in use.shapes[:3]}) > 1:  # a weight for each
            return 3
        return 3 if key != value else 2 if key else 1

    def _within(self, use: Use) -> Kept:
        """What is kept between the projections and the output."""
        query, key, _ = use.shapes[:3]
        width, heads = self._width(query), self.num_heads
        values = key[0] * self._keys(key) * width
        if self.dropout == 0:  # projected query, key and value, and what attention gives
            kept = Kept(values=2 * product(query) + 2 * values, float32=product(query[:-1]) * heads)
            return self._with_mask(use, kept)
        split = [
            Laid((*shape[1::-1], heads, width // heads), contiguous((*shape[1::-1], heads, width // heads)))
            for shape in (query, *[(key[0], self._keys(key), key[2])] * 2)
        ]
        wanted = [want or use.trained for want in use.wanted[:3]]
        kept = attention_steps([laid.permuted((1, 2, 0, 3)) for laid in split], wanted, self.dropout)
        beside = {1: product(query) + values, 2: values, 3: 0}[self._projections(use)]  # in one storage with the value
        whole = values + beside if kept.inputs else 0
        return Kept(values=kept.values + whole + (product(query) if use.trained else 0))

    def _with_mask(self, use: Use, kept: Kept) -> Kept:
        """The same with the mask that attention is given: one of numbers as it is, any other made of them."""
        (batch, length, _), keys, masks = use.shapes[0], self._keys(use.shapes[1]), self._masks(use.shapes)
        if not masks:
            return kept
        if "key_padding_mask" in masks:
            rows = length if "attn_mask" in masks or self.is_causal else 1
            return kept._replace(values=kept.values + batch * self.num_heads * rows * keys)
        place = masks["attn_mask"]
        if use.dtypes[place] == FLOATING and not self.add_bias_kv:
            return kept._replace(inputs=(*kept.inputs, place))
        samples = batch * self.num_heads if len(use.shapes[place]) == 3 else 1
        return kept._replace(values=kept.values + samples * length * keys)

    def layout(self, use: Use, output: Shape) -> Strides | None:
        positions_first = (output[1], output[0], output[2])
        return Laid(positions_first, contiguous(positions_first)).permuted((1, 0, 2)).strides

    def target(self, *inputs: Shape) -> Target:
        kwargs = {
            "embed_dim": inputs[0][-1],
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "bias": self.bias,
            "add_bias_kv": self.add_bias_kv,
            "is_causal": self.is_causal,
            "kdim": inputs[1][-1],
            "vdim": inputs[2][-1],
            "masks": tuple(self._masks(inputs)),
        }
        return Target("compiler.fx.layers.HeadsAttention", kwargs)

    def built(self, name: str, arguments: dict[str, str]) -> tuple[str, dict[str, str]]:
        if self.is_causal:
            return name, arguments
        own = {key: text for key, text in arguments.items() if key not in ("is_causal", "masks")}
        own = {key: text for key, text in own.items() if key not in ("kdim", "vdim") or text != own["embed_dim"]}
        return "torch.nn.MultiheadAttention", {**own, "batch_first": "True"}

    def idiom(self, *inputs: Shape) -> str | None:
        if self.is_causal:
            return None
        masks = [f"{name}={{{place}}}" for name, place in self._masks(inputs).items()]
        return f"{{module}}({', '.join(['{0}', '{1}', '{2}', *masks, 'need_weights=False'])})[0]"
