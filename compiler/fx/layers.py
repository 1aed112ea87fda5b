"""Layers and functions that torch does not have in the form an operator needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class StochasticDepth(nn.Module):
    """Zeroes whole samples with probability p in training and scales the others by 1 / (1 − p).

    Drawn and multiplied as torchvision and timm do, whose networks train alike from the same seed.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return input
        if self.p == 1.0:
            return input * 0.0
        shape = [input.shape[0]] + [1] * (input.dim() - 1)
        factors = input.new_empty(shape).bernoulli_(1.0 - self.p)
        return input * factors.div_(1.0 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class DotProductAttention(nn.Module):
    """`torch.nn.functional.scaled_dot_product_attention`, with dropout in training only."""

    def __init__(self, is_causal: bool, dropout_p: float, scale: float | None, enable_gqa: bool) -> None:
        super().__init__()
        self.is_causal = is_causal
        self.dropout_p = dropout_p
        self.scale = scale
        self.enable_gqa = enable_gqa

    def forward(self, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        return nn.functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask,
            dropout_p=self.dropout_p if self.training else 0.0,
            is_causal=self.is_causal,
            scale=self.scale,
            enable_gqa=self.enable_gqa,
        )

    def extra_repr(self) -> str:
        return f"is_causal={self.is_causal}, dropout_p={self.dropout_p}"


class HeadsAttention(nn.MultiheadAttention):
    """`torch.nn.MultiheadAttention` on [N, length, features], returning the output alone.

    `masks` are the names of the tensors that follow the value.
    """

    def __init__(self, *, masks: tuple[str, ...], is_causal: bool, **settings: Any) -> None:
        super().__init__(**settings, batch_first=True)
        self.masks = masks
        self.is_causal = is_causal

    def forward(self, query: Tensor, key: Tensor, value: Tensor, *masks: Tensor) -> Tensor:  # type: ignore[override]
        given: dict[str, Any] = dict(zip(self.masks, masks, strict=True))
        if self.is_causal:  # torch wants the mask beside the hint
            seen = query.new_ones(query.shape[1], key.shape[1], dtype=torch.bool)
            given |= {"attn_mask": seen.triu(1), "is_causal": True}
        return super().forward(query, key, value, need_weights=False, **given)[0]


class LongShortTermMemory(nn.LSTM):
    """`torch.nn.LSTM` on [N, length, features], returning the sequence, the last states and the last cells. It may be
    given the states and cells that it begins with."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, batch_first=True)

    def forward(self, input: Tensor, *begins: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        sequence, (state, cell) = super().forward(input, (begins[0], begins[1]) if begins else None)
        return sequence, state, cell


class GatedRecurrentUnits(nn.GRU):
    """`torch.nn.GRU` on [N, length, features], and a first state if it is given."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, batch_first=True)


class Recurrence(nn.RNN):
    """`torch.nn.RNN` on [N, length, features], and a first state if it is given."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, batch_first=True)


class VolumeResponseNorm(nn.LocalResponseNorm):
    """`torch.nn.LocalResponseNorm` on [N, C, D, H, W], wherever the values lie: torch's asks for a view of the squares
    whose rows and columns are one dimension, which there is none of if they do not lie in order. The squares are copied
    then, not the input, so that autograd keeps the same.
    """

    def forward(self, input: Tensor) -> Tensor:
        samples, channels, depth = input.shape[:3]
        squares = (input * input).reshape(samples, 1, channels, depth, -1)
        squares = nn.functional.pad(squares, (0, 0, 0, 0, self.size // 2, (self.size - 1) // 2))
        means = nn.functional.avg_pool3d(squares, (self.size, 1, 1), stride=1).view(input.shape)
        return input / (means * self.alpha + self.k) ** self.beta


class Recomputed:
    """A function of modules and tensors whose activations are computed again in backward instead of being kept.

    Its first `modules` arguments are the modules that it calls, so that it owns no weights. Backward may run over it
    as often, and as deep, as over any call of `torch.utils.checkpoint`.
    """

    def __init__(self, name: str, function: Callable[..., Any], modules: int) -> None:
        self.__name__ = self.__qualname__ = name
        self.__module__ = "archdsl"
        self.function = function
        self.modules = modules

    def __call__(self, *arguments: Any) -> Any:
        if torch.compiler.is_exporting():  # what is exported has no backward of ours
            return self.function(*arguments)
        return self._checkpoint(*arguments)

    # torch.compile cannot follow what tells the first run from others; it compiles what is inside.
    @torch.compiler.disable(recursive=False)  # type: ignore[untyped-decorator]
    def _checkpoint(self, *arguments: Any) -> Any:
        modules, given = arguments[: self.modules], arguments[self.modules :]
        computed = False

        def run(*given: Any) -> Any:
            nonlocal computed
            if not computed:
                computed = True
                return self.function(*modules, *given)
            with buffers_untouched(modules):
                return self.function(*modules, *given)

        return checkpoint(run, *given, use_reentrant=False)


def run_module(module: nn.Module, *tensors: Tensor) -> Any:
    """What a module makes of tensors, where it is an argument itself. torch.export traces no `operator.call`."""
    return module(*tensors)


@contextmanager
def buffers_untouched(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Let modules work on copies of their buffers: a batch that is computed again counts in no running statistics.

    Buffers are exchanged, not written back, since whoever keeps one for backward would see that it changed.
    """
    held = [(module, dict(module._buffers)) for module in modules]
    try:
        for module, buffers in held:
            module._buffers.update({name: own if own is None else own.clone() for name, own in buffers.items()})
        yield
    finally:
        for module, buffers in held:
            module._buffers.update(buffers)


def convert(input: Tensor, dtype: str) -> Tensor:
    """The values as another type, which is named as torch spells it."""
    return input.to(getattr(torch, dtype))


def sub_from(input: Tensor, scalar: float) -> Tensor:
    """scalar − input."""
    return scalar - input


def div_from(input: Tensor, scalar: float) -> Tensor:
    """scalar / input."""
    return scalar / input


def pow_of(exponent: Tensor, base: float) -> Tensor:
    """base to the power of a tensor."""
    return torch.pow(base, exponent)


def where_number(condition: Tensor, other: Tensor, input: float) -> Tensor:
    """A number where a condition holds, and a tensor's values elsewhere."""
    return torch.where(condition, input, other)


def gather(input: Tensor, index: Tensor, dim: int) -> Tensor:
    """`torch.gather`, whose dimension stands between its tensors."""
    return torch.gather(input, dim, index)


def index_select(input: Tensor, index: Tensor, dim: int) -> Tensor:
    """`torch.index_select`, whose dimension stands between its tensors."""
    return torch.index_select(input, dim, index)


def einsum(operands: Sequence[Tensor], equation: str) -> Tensor:
    """`torch.einsum`, its equation behind the tensors."""
    return torch.einsum(equation, *operands)


def expand_like(input: Tensor, like: Tensor, dims: tuple[int, ...]) -> Tensor:
    """The input, its dimensions of size 1 in `dims` as long as those of another tensor."""
    rank = min(input.dim(), like.dim())
    sizes = [-1] * input.dim()
    for dim in dims:
        sizes[dim % rank] = like.shape[dim % rank]
    return input.expand(sizes)


def slice_dim(input: Tensor, start: int, end: int | None, dim: int, step: int) -> Tensor:
    """Every step-th index from start up to but without end, along a dimension."""
    index = [slice(None)] * (dim % input.dim()) + [slice(start, end, step)]
    return input[tuple(index)]


def signs_(tensor: Tensor) -> Tensor:
    """Fill with -1 or 1, each with probability ½."""
    with torch.no_grad():
        return tensor.bernoulli_(0.5).mul_(2.0).sub_(1.0)
