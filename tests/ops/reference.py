"""The operators in torch's own words: the worker of the oracle, a process that runs each in CPU eager mode.

Written from torch's API alone; nothing here knows archdsl's shape rules or its `target()`. It reads one request a
line from standard input, `[operator, parameters, input shapes, input types]` as JSON, and answers with one line: the
shapes and types of the outputs, or what torch said against it.
"""

import json
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

# On tensors, with the parameters by their names. These may be anything: what torch says to it is asked.
Operation: TypeAlias = Callable[..., Tensor | Sequence[Tensor]]


def by_rank(family: str, x: Tensor) -> type[nn.Module]:
    """The class of a family for an input: one, two or three spatial dimensions, as near as there is one."""
    found: type[nn.Module] = getattr(nn, f"{family}{min(max(x.dim() - 2, 1), 3)}d")
    return found


def apply(layer: nn.Module, x: Tensor) -> Tensor:
    output: Tensor = layer(x)
    return output


def channels(x: Tensor) -> int:
    return x.shape[1] if x.dim() > 2 else x.shape[0]


def spatial_module(family: str) -> Operation:
    return lambda x, **params: apply(by_rank(family, x)(**params), x)


def module(cls: type[nn.Module]) -> Operation:
    return lambda x, **params: apply(cls(**params), x)


# --- with weights


def conv(x: Tensor, **params: Any) -> Tensor:
    return apply(by_rank("Conv", x)(channels(x), **params), x)


def conv_transpose(x: Tensor, **params: Any) -> Tensor:
    return apply(by_rank("ConvTranspose", x)(channels(x), **params), x)


def linear(x: Tensor, out_features: int, **params: Any) -> Tensor:
    return apply(nn.Linear(x.shape[-1], out_features, **params), x)


def embedding(indices: Tensor, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None) -> Tensor:
    return apply(nn.Embedding(num_embeddings, embedding_dim, padding_idx), indices % num_embeddings)


def multihead_attention(
    query: Tensor, key: Tensor, value: Tensor, *masks: Tensor, num_heads: int, **params: Any
) -> Tensor:
    names = ["key_padding_mask", "attn_mask"] if len(masks) != 1 else [params.pop("mask", "key_padding_mask")]
    given: dict[str, Any] = dict(zip(names, masks, strict=False))
    if params.pop("is_causal", False):
        assert "attn_mask" not in given
        seen = torch.ones(query.shape[1], key.shape[1], dtype=torch.bool)
        given |= {"attn_mask": seen.triu(1), "is_causal": True}
    widths = {"kdim": key.shape[-1], "vdim": value.shape[-1]}
    layer = nn.MultiheadAttention(query.shape[-1], num_heads, batch_first=True, **widths, **params)
    output: Tensor = layer(query, key, value, need_weights=False, **given)[0]
    return output


def batch_norm(x: Tensor, **params: Any) -> Tensor:
    # In inference: whether a batch is large enough for training is not the network's affair.
    return apply(by_rank("BatchNorm", x)(x.shape[min(1, x.dim() - 1)], **params).eval(), x)


def instance_norm(x: Tensor, **params: Any) -> Tensor:
    return apply(by_rank("InstanceNorm", x)(channels(x), **params).eval(), x)


def group_norm(x: Tensor, num_groups: int, **params: Any) -> Tensor:
    return apply(nn.GroupNorm(num_groups, x.shape[1], **params), x)


def layer_norm(x: Tensor, normalized_shape: Any = None, **params: Any) -> Tensor:
    return apply(nn.LayerNorm(x.shape[-1:] if normalized_shape is None else normalized_shape, **params), x)


def rms_norm(x: Tensor, normalized_shape: Any = None, **params: Any) -> Tensor:
    return apply(nn.RMSNorm(x.shape[-1:] if normalized_shape is None else normalized_shape, **params), x)


def parameter(shape: Sequence[int], init: object = None) -> Tensor:
    return nn.Parameter(torch.empty(shape))


def buffer(shape: Sequence[int], init: object = None) -> Tensor:
    return nn.Buffer(torch.empty(shape))


# --- without


def lp_pool(x: Tensor, **params: Any) -> Tensor:
    # LPPool1d takes plain numbers only: a list of one stands for its number.
    single = {k: v[0] if x.dim() <= 3 and type(v) is tuple and len(v) == 1 else v for k, v in params.items()}
    return apply(by_rank("LPPool", x)(**single), x)


def global_avg_pool(x: Tensor) -> Tensor:
    return apply(by_rank("AdaptiveAvgPool", x)(1), x)


def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, *mask: Any, **params: Any) -> Tensor:
    return F.scaled_dot_product_attention(query, key, value, *mask, **params)


def drop_path(x: Tensor, p: float) -> Tensor:
    keep = torch.full((x.shape[0], *[1] * (x.dim() - 1)), 1.0 - p).bernoulli()
    return x * (keep / (1 - p)) if p < 1 else x * keep


def folded(function: Callable[..., Tensor], swapped: Callable[[Any, Tensor], Tensor] | None = None) -> Operation:
    """An arithmetic function of any number of tensors, or of a tensor and a number on either side."""

    def run(*tensors: Tensor, scalar: Any = None, scalar_first: bool = False) -> Tensor:
        if scalar is None:
            return reduce(function, tensors)
        (x,) = tensors
        if scalar_first:
            assert swapped is not None
            return swapped(scalar, x)
        return function(x, scalar)

    return run


def div(*tensors: Tensor, rounding_mode: Any = None, **number: Any) -> Tensor | Sequence[Tensor]:
    if rounding_mode is None:
        return folded(torch.div, lambda scalar, x: scalar / x)(*tensors, **number)
    if number.pop("scalar_first", False):
        raise TypeError("torch.div takes a tensor first")
    operands: list[Any] = [*tensors, *number.values()]
    x, other = operands
    return torch.div(x, other, rounding_mode=rounding_mode)


def pow_(*tensors: Tensor, base: Any = None, **number: Any) -> Tensor:
    if base is not None and not number:
        (x,) = tensors
        return torch.pow(base, x)
    operands: list[Any] = [*tensors, *number.values()]
    x, exponent = operands
    if base is not None:
        raise TypeError("torch.pow takes two operands")
    return torch.pow(x, exponent)


def lstm(x: Tensor, *begins: Tensor, **params: Any) -> Sequence[Tensor]:
    sequence, (state, cell) = nn.LSTM(x.shape[-1], batch_first=True, **params)(x, begins or None)
    return sequence, state, cell


def recurrent(cls: type[nn.RNNBase]) -> Operation:
    return lambda x, *begin, **params: cls(x.shape[-1], batch_first=True, **params)(x, *begin)


def extreme(function: Callable[..., Tensor]) -> Operation:
    return lambda x, dim=(), keepdim=False: function(x, dim=dim, keepdim=keepdim)


def compared(function: Callable[..., Tensor]) -> Operation:
    return lambda *tensors, **number: function(*tensors, *number.values())


def where(condition: Tensor, *tensors: Tensor, **number: Any) -> Tensor:
    operands: list[Any] = [*tensors, *number.values()] if set(number) != {"input"} else [number["input"], *tensors]
    input, other = operands
    return torch.where(condition, input, other)


def indexed(function: Callable[..., Tensor], default: int | None = None) -> Operation:
    return lambda x, index, dim=default: function(x, dim, index)


def concat(*tensors: Tensor, dim: int = 1) -> Tensor:
    return torch.cat(tensors, dim=dim)


def stack(*tensors: Tensor, dim: int = 0) -> Tensor:
    return torch.stack(tensors, dim=dim)


def chunk(x: Tensor, chunks: int, dim: int = 1) -> Sequence[Tensor]:
    return torch.chunk(x, chunks, dim)


def split(x: Tensor, sizes: Any, dim: int = 1) -> Sequence[Tensor]:
    # torch reads a single number as the size of every part, archdsl as a list of one part.
    return torch.split(x, [sizes] if type(sizes) is int else sizes, dim)


def expand(x: Tensor, like: Tensor, dim: Any = (0,)) -> Tensor:
    rank = min(x.dim(), like.dim())
    sizes = [-1] * x.dim()
    for d in (dim,) if type(dim) is int else dim:
        if not -rank <= d < rank:
            raise IndexError(d)
        sizes[d % rank] = like.shape[d % rank]
    return x.expand(sizes)


def slice_(x: Tensor, start: int = 0, end: int | None = None, dim: int = 1, step: int = 1) -> Tensor:
    index: list[slice] = [slice(None)] * x.dim()
    index[dim] = slice(start, end, step)
    return x[tuple(index)]


def pad(x: Tensor, pad: Any, **params: Any) -> Tensor:
    return F.pad(x, pad, **params)


def classes_of(logits: Tensor) -> int:
    return logits.shape[1] if logits.dim() > 1 else logits.shape[0]


def weights(params: dict[str, Any]) -> dict[str, Any]:
    return {name: torch.tensor(value) if isinstance(value, (list, tuple)) else value for name, value in params.items()}


def class_loss(function: Callable[..., Tensor]) -> Operation:
    def loss(x: Tensor, target: Tensor, **params: Any) -> Tensor:
        known = target if target.is_floating_point() else target.long() % classes_of(x)
        return function(x, known, **weights(params))

    return loss


def binary_loss(function: Callable[..., Tensor]) -> Operation:
    return lambda x, target, **params: function(x.sigmoid(), target.sigmoid(), **weights(params))


def ctc_loss(x: Tensor, targets: Tensor, inputs: Tensor, lengths: Tensor, **params: Any) -> Tensor:
    return F.ctc_loss(x.log_softmax(-1), targets * 0, inputs * 0 + x.shape[0], lengths * 0 + 1, **params)


def typed(dtype: str | None) -> torch.dtype | None:
    return None if dtype is None else getattr(torch, dtype)


REFERENCE: dict[str, Operation] = {
    "arange": lambda end, start=0, step=1, dtype=None: torch.arange(start, end, step, dtype=typed(dtype)),
    "linspace": lambda start, end, steps: torch.linspace(start, end, steps),
    "eye": lambda n, m=None, dtype=None: torch.eye(n, n if m is None else m, dtype=typed(dtype)),
    "zeros": lambda sizes, dtype=None: torch.zeros(sizes, dtype=typed(dtype)),
    "ones": lambda sizes, dtype=None: torch.ones(sizes, dtype=typed(dtype)),
    "full": lambda sizes, value, dtype=None: torch.full(
        (sizes,) if type(sizes) is int else sizes, value, dtype=typed(dtype)
    ),
    "tensor": lambda values, dtype=None: torch.tensor(values, dtype=typed(dtype)),
    "to": lambda x, dtype: x.to(getattr(torch, dtype)),
    "conv": conv,
    "conv_transpose": conv_transpose,
    "linear": linear,
    "embedding": embedding,
    "multihead_attention": multihead_attention,
    "scaled_dot_product_attention": scaled_dot_product_attention,
    "batch_norm": batch_norm,
    "instance_norm": instance_norm,
    "group_norm": group_norm,
    "layer_norm": layer_norm,
    "local_response_norm": module(nn.LocalResponseNorm),
    "parameter": parameter,
    "buffer": buffer,
    "relu": module(nn.ReLU),
    "relu6": module(nn.ReLU6),
    "leaky_relu": module(nn.LeakyReLU),
    "prelu": module(nn.PReLU),
    "elu": module(nn.ELU),
    "gelu": module(nn.GELU),
    "silu": module(nn.SiLU),
    "hardswish": module(nn.Hardswish),
    "hardsigmoid": module(nn.Hardsigmoid),
    "sigmoid": module(nn.Sigmoid),
    "tanh": module(nn.Tanh),
    "softplus": module(nn.Softplus),
    "softmax": module(nn.Softmax),
    "log_softmax": module(nn.LogSoftmax),
    "dropout": module(nn.Dropout),
    "drop_path": drop_path,
    "max_pool": spatial_module("MaxPool"),
    "avg_pool": spatial_module("AvgPool"),
    "lp_pool": lp_pool,
    "adaptive_avg_pool": spatial_module("AdaptiveAvgPool"),
    "adaptive_max_pool": spatial_module("AdaptiveMaxPool"),
    "global_avg_pool": global_avg_pool,
    "mean": lambda x, dim=None, keepdim=False: torch.mean(x, dim=dim, keepdim=keepdim),
    "sum": lambda x, dim=None, keepdim=False: torch.sum(x, dim=dim, keepdim=keepdim),
    "var": lambda x, dim=None, **params: torch.var(x, dim=dim, **params),
    "std": lambda x, dim=None, **params: torch.std(x, dim=dim, **params),
    "max": extreme(torch.amax),
    "min": extreme(torch.amin),
    **{name: compared(getattr(torch, name)) for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    "where": where,
    "einsum": lambda *tensors, equation: torch.einsum(equation, *tensors),
    "lstm": lstm,
    "gru": recurrent(nn.GRU),
    "rnn": recurrent(nn.RNN),
    "randn": torch.randn_like,
    "rand": torch.rand_like,
    "masked_fill": lambda x, mask, value: torch.masked_fill(x, mask, value),
    "gather": indexed(torch.gather),
    "index_select": indexed(torch.index_select, 0),
    "flip": lambda x, dims: torch.flip(x, (dims,) if type(dims) is int else dims),
    "tile": lambda x, dims: torch.tile(x, (dims,) if type(dims) is int else dims),
    "unfold": module(nn.Unfold),
    "fold": module(nn.Fold),
    "max_unpool": lambda x, indices, **params: by_rank("MaxUnpool", x)(**params)(x, indices),
    "add": folded(torch.add),
    "mul": folded(torch.mul),
    "sub": folded(torch.sub, lambda scalar, x: scalar - x),
    "div": div,
    "pow": pow_,
    "hardtanh": module(nn.Hardtanh),
    "rms_norm": rms_norm,
    "maximum": folded(torch.maximum),
    "matmul": torch.matmul,
    "concat": concat,
    "stack": stack,
    "chunk": chunk,
    "split": split,
    "slice": slice_,
    "flatten": module(nn.Flatten),
    "unflatten": lambda x, dim, sizes: torch.unflatten(x, dim, sizes),
    "reshape": lambda x, shape: torch.reshape(x, shape),
    "permute": lambda x, dims: torch.permute(x, (dims,) if type(dims) is int else dims),
    "expand": expand,
    "squeeze": lambda x, dim: torch.squeeze(x, dim),
    "unsqueeze": lambda x, dim: torch.unsqueeze(x, dim),
    "identity": module(nn.Identity),
    "contiguous": torch.Tensor.contiguous,
    "interpolate": lambda x, **params: F.interpolate(x, **params),
    "pixel_shuffle": module(nn.PixelShuffle),
    "channel_shuffle": module(nn.ChannelShuffle),
    "pad": pad,
    "cross_entropy": class_loss(F.cross_entropy),
    "nll_loss": class_loss(F.nll_loss),
    "binary_cross_entropy_with_logits": binary_loss(F.binary_cross_entropy_with_logits),
    "binary_cross_entropy": binary_loss(F.binary_cross_entropy),
    "kl_div": F.kl_div,
    "huber_loss": F.huber_loss,
    "triplet_margin_loss": F.triplet_margin_loss,
    "cosine_embedding_loss": F.cosine_embedding_loss,
    "ctc_loss": ctc_loss,
    "mse_loss": F.mse_loss,
    "l1_loss": F.l1_loss,
    "smooth_l1_loss": F.smooth_l1_loss,
    "abort": lambda: os.abort(),  # for the test of the oracle itself
}


def operation(operator: str) -> Operation:
    """What computes an operator: what is said above, or torch's function of its name."""
    found: Operation = REFERENCE.get(operator) or getattr(F, operator, None) or getattr(torch, operator)
    return found


def run(operator: str, params: dict[str, Any], shapes: list[list[int]], dtypes: list[str]) -> Sequence[Tensor]:
    tensors = [torch.rand(shape).to(getattr(torch, dtype)) for shape, dtype in zip(shapes, dtypes, strict=True)]
    params = {name: tuple(value) if type(value) is list else value for name, value in params.items()}
    out = operation(operator)(*tensors, **params)
    return (out,) if isinstance(out, Tensor) else out


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        try:
            made = run(*json.loads(line))
            types = [str(tensor.dtype).removeprefix("torch.") for tensor in made]
            answer: dict[str, object] = {"shapes": [list(tensor.shape) for tensor in made], "dtypes": types}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
