"""Networks of every operator behind every layout that another operator can leave, and what torch makes of them."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Iterator
from operator import getitem
from typing import Any, Final, NamedTuple

from torch import Tensor, fx
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import Module

from archdsl.network import Network
from benchmarks.allocations import inputs
from compiler.fx.lower import KEY

# How a tensor comes to lie: a pipeline, by the rank of the tensor that it leaves.
LAYOUTS: Final[dict[int, tuple[str, ...]]] = {
    2: (
        "z: [4, 6]; z",
        "z: [6, 4]; z -> permute([1, 0])",
        "z: [4, 12]; z -> slice(2, 8)",
        "z: [4, 12]; z -> slice(step = 2)",
        "z: [8, 6]; z -> slice(4, dim = 0)",
        "z: [12, 6]; z -> slice(0, 12, dim = 0, step = 3)",
        "z: [12, 8]; z -> permute([1, 0]) -> slice(step = 2) -> slice(4, dim = 0)",
        "z: [4, 12]; chunk(z, 2)[1]",
        "z: [4, 6, 3]; split(z, [1, 2], dim = 2)[0] -> squeeze(2)",
        "z: [1, 6], w: [4, 6]; expand(z, w)",
        "z: [4, 1], w: [4, 6]; expand(z, w, [1])",
        "z: [24]; z -> reshape([4, 6])",
        "z: [4, 2, 3]; z -> flatten",
        "z: [2, 4, 3]; z -> permute([1, 0, 2]) -> flatten",
        "z: [4, 5, 6]; z -> slice(1, 2) -> squeeze(1)",
        "z: [4, 6, 2, 2]; z -> global_avg_pool -> flatten",
        "z: [4, 2, 2, 6]; z -> permute([0, 3, 1, 2]) -> global_avg_pool -> flatten",
        "z: [4, 3, 6]; z -> mean([1])",
    ),
    3: (
        "z: [2, 4, 6]; z",
        "z: [2, 6, 4]; z -> permute([0, 2, 1])",
        "z: [4, 2, 6]; z -> permute([1, 0, 2])",
        "z: [6, 4, 2]; z -> permute([2, 1, 0])",
        "z: [4, 6, 2]; z -> permute([2, 0, 1])",
        "z: [2, 6, 6]; z -> slice(1, 5)",
        "z: [2, 4, 12]; z -> slice(0, 12, dim = 2, step = 2)",
        "z: [2, 4, 12]; chunk(z, 2, dim = 2)[0]",
        "z: [4, 4, 6]; chunk(z, 2, dim = 0)[1]",
        "z: [2, 8, 6]; chunk(z, 2)[1]",
        "z: [2, 6, 8]; chunk(z -> permute([0, 2, 1]), 2)[0]",
        "z: [1, 4, 6], w: [2, 4, 6]; expand(z, w)",
        "z: [2, 1, 6], w: [2, 4, 6]; expand(z, w, [1])",
        "z: [1, 1, 6], w: [2, 4, 6]; expand(z, w, [0, 1])",
        "z: [2, 4, 1], w: [2, 4, 6]; expand(z, w, [2])",
        "z: [8, 6]; z -> reshape([2, 4, 6])",
        "z: [2, 4, 2, 3]; z -> flatten(2)",
        "z: [2, 2, 3, 4]; z -> permute([0, 3, 1, 2]) -> flatten(2)",
        "z: [2, 2, 4, 3]; z -> permute([0, 2, 1, 3]) -> flatten(2)",
        "z: [2, 6, 2, 2]; z -> flatten(2) -> permute([0, 2, 1])",
        "z: [2, 2, 2, 6]; z -> permute([0, 3, 1, 2]) -> flatten(2) -> permute([0, 2, 1])",
        "z: [2, 4, 3, 6]; z -> slice(1, 2, dim = 2) -> squeeze(2)",
        "z: [4, 6]; z -> unsqueeze(0)",
        "z: [6, 4]; z -> permute([1, 0]) -> unsqueeze(0)",
        "z: [6, 2, 4]; z -> permute([1, 2, 0])",
        "z: [1, 6, 4]; z -> permute([0, 2, 1])",
        "z: [4, 1, 6]; z -> permute([1, 0, 2])",
    ),
    4: (
        "z: [2, 4, 6, 4]; z",
        "z: [2, 6, 4, 4]; z -> permute([0, 3, 1, 2])",
        "z: [2, 4, 4, 6]; z -> permute([0, 2, 3, 1])",
        "z: [2, 6, 4, 4]; z -> permute([0, 2, 1, 3])",
        "z: [2, 4, 4, 6]; z -> permute([0, 1, 3, 2])",
        "z: [4, 2, 6, 4]; z -> permute([1, 0, 2, 3])",
        "z: [4, 6, 4, 2]; z -> permute([3, 2, 1, 0])",
        "z: [2, 6, 6, 4]; z -> slice(1, 5)",
        "z: [4, 4, 6, 4]; z -> slice(2, dim = 0)",
        "z: [2, 4, 6, 8]; z -> slice(0, 8, dim = 3, step = 2)",
        "z: [2, 4, 12, 4]; chunk(z, 2, dim = 2)[1]",
        "z: [2, 8, 6, 4]; chunk(z, 2)[1]",
        "z: [2, 6, 4, 8]; chunk(z -> permute([0, 3, 1, 2]), 2)[1]",
        "z: [2, 8, 4, 4]; z -> permute([0, 3, 1, 2]) -> slice(1, 7, dim = 2)",
        "z: [1, 4, 6, 4], w: [2, 4, 6, 4]; expand(z, w)",
        "z: [2, 4, 1, 1], w: [2, 4, 6, 4]; expand(z, w, [2, 3])",
        "z: [2, 1, 6, 4], w: [2, 4, 6, 4]; expand(z, w, [1])",
        "z: [2, 24, 4]; z -> unflatten(1, [4, 6])",
        "z: [2, 6, 16]; z -> unflatten(2, [4, 4]) -> permute([0, 2, 1, 3])",
        "z: [2, 4, 24]; z -> reshape([2, 4, 6, 4])",
        "z: [1, 6, 4, 4]; z -> permute([0, 3, 1, 2])",
        "z: [2, 1, 6, 4]; z",
        "z: [2, 6, 4, 1]; z -> permute([0, 3, 1, 2])",
        "z: [2, 1, 1, 4]; z -> permute([0, 3, 1, 2])",
        "z: [4, 6, 4]; z -> unsqueeze(0)",
        "z: [6, 4, 4]; z -> permute([1, 0, 2]) -> unsqueeze(1)",
        "z: [2, 6, 2, 16]; z -> unflatten(3, [4, 4]) -> slice(0, 1, dim = 2) -> squeeze(2) -> permute([0, 2, 1, 3])",
        "z: [3, 2, 4, 6, 4]; chunk(z, 3, dim = 0)[1] -> squeeze(0)",
    ),
    5: (
        "z: [2, 4, 4, 6, 4]; z",
        "z: [2, 4, 6, 4, 4]; z -> permute([0, 4, 1, 2, 3])",
        "z: [2, 4, 4, 4, 6]; z -> permute([0, 1, 2, 4, 3])",
        "z: [2, 6, 4, 4, 4]; z -> permute([0, 3, 2, 1, 4])",
        "z: [2, 6, 4, 6, 4]; z -> slice(1, 5)",
        "z: [2, 4, 4, 6, 8]; chunk(z, 2, dim = -1)[1]",
        "z: [1, 4, 4, 6, 4], w: [2, 4, 4, 6, 4]; expand(z, w)",
    ),
}


def _listed(text: str) -> tuple[str, ...]:
    return tuple(use.strip() for use in re.split(r"[|\n]", text) if use.strip())


# What is done with a tensor y. A second tensor w lies in order.
_EVERY: Final = _listed(
    """
    y -> relu | y -> relu6 | y -> leaky_relu | y -> prelu | y -> elu | y -> gelu | y -> gelu(tanh) | y -> silu
    y -> hardswish | y -> hardsigmoid | y -> sigmoid | y -> tanh | y -> softplus | y -> softmax(-1)
    y -> softmax(1) | y -> log_softmax(1) | y -> dropout(0.5) | y -> dropout(0) | y -> dropout(1.0)
    y -> drop_path(0.2) | y -> drop_path(0) | y -> drop_path(1.0) | y -> mean([1])
    y -> mean([0, 1], keepdim = true) | y -> sum([-1]) | y -> layer_norm
    y -> layer_norm(elementwise_affine = false) | y -> layer_norm(bias = false) | y -> identity | y -> flatten
    y -> unsqueeze(1) | y -> unsqueeze(-1) | y -> unflatten(1, [2, -1]) | y -> reshape([2, -1])
    y -> reshape([-1, 2]) | y -> slice(0, 2) | chunk(y, 2)[1] | concat(y) | concat(y, y -> relu) | stack(y, y)
    stack(y, dim = 1) | concat(y, y, dim = 0) | stack(y, y, dim = -1) | stack(y, y -> relu, dim = -1)
    y -> embedding(10, 3) | y -> pad([1, 2]) | y -> pad([-1, 1]) | y -> pad([0, 0]) | y + y | add(y, y, y) | y + 1
    1 + y | y + (y -> relu) | y + w | w + y | y - w | y - 1 | 1 - y | y * w | w * y | y * y | mul(y, y, y)
    mul(y, w, y) | mul(w, y, w -> relu) | 2 * y | y / 2 | 1 / y | y / w | w / y | y / y | maximum(y, w)
    maximum(w, y) | maximum(y, w, y) | y -> linear(5) | y -> linear(5, bias = false) | y -> linear(5) @frozen
    y -> linear(5, bias = false) @frozen | y -> batch_norm @frozen | y -> { relu -> linear(3) } @checkpoint
    y -> twice @checkpoint | y -> twice
    """
)
# The same of what is said of each value alone, or of all along a dimension.
_FUNCTIONS: Final = _listed(
    """
    y -> exp | y -> log | y -> sqrt | y -> rsqrt | y -> abs | y -> sin | y -> cos | y -> sign | y -> floor
    y -> round | y -> clamp(0, 1) | y ** 2 | 2 ** y | y ** w | w ** y | y ** (y -> relu) | y -> tril | y -> triu(1)
    y -> mish | y -> selu | y -> celu | y -> hardtanh | y -> logsigmoid | y -> glu(1) | y -> glu(0) | y -> softmin(1)
    div(y, w, rounding_mode = floor) | div(w, y, rounding_mode = trunc) | y // 2 | y -> normalize
    y -> normalize(dim = -1) | y -> normalize(p = 1, dim = [0, 1]) | y -> rms_norm | y -> rms_norm @frozen
    y -> rms_norm(elementwise_affine = false) | y -> max(1) | y -> min([0, 1], keepdim = true) | y -> prod(1)
    y -> var(1) | y -> std(-1) | y -> norm(dim = 1) | y -> logsumexp(-1) | y -> cumsum(1) | topk(y, 2, dim = 1)[0]
    sort(y, dim = 0)[0] | y -> roll(1, 1) | y -> roll([1, 2], [0, -1]) | y -> flip(-1)
    y -> flip([0, 1]) | y -> tile([1, 2]) | y -> tile(1) | y -> argmax(1) | y -> sum | y -> max
    y > 0 | where(y > w, y, w) | where(w > 0, y, 0) | where(y > 0, other = w, input = 1) | masked_fill(y, w > 0, 1)
    masked_fill(w, y > 0, 1) | einsum("equation", y, w) | einsum("equation", w, y -> relu) | einsum("outer", y, w)
    einsum("turned", y) | einsum("...i,...i->...", y, w) | einsum("...i,...->i...", w, y -> mean([-1]))
    einsum("...ij,...kj->...ik", y, w -> slice(0, 1, dim = 0))
    """
)
_CHANNELS: Final = _listed(
    """
    y -> batch_norm | y -> batch_norm(affine = false) | y -> batch_norm(track_running_stats = false)
    y -> group_norm(1) | y -> group_norm(2) | y -> group_norm(2, affine = false) | y -> local_response_norm(3)
    y -> batch_norm(bias = false) | y -> group_norm(2, bias = false) | y -> instance_norm(affine = true, bias = false)
    y -> channel_shuffle(2) | y -> instance_norm | y -> instance_norm(affine = true, track_running_stats = true)
    y -> max_pool(2) | y -> max_pool(3, stride = 1, padding = 1) | y -> max_pool(1) | y -> avg_pool(2)
    y -> avg_pool(3, stride = 1, padding = 1) | y -> lp_pool(2, 2) | y -> lp_pool(1, 2) | y -> lp_pool(3, 2)
    y -> adaptive_avg_pool(2) | y -> adaptive_avg_pool(1) | y -> adaptive_max_pool(2) | y -> global_avg_pool
    y -> interpolate(scale_factor = 2) | y -> interpolate(size = 5) | y -> interpolate(size = 4, mode = area)
    y -> interpolate(scale_factor = 2, mode = "nearest-exact") | y -> interpolate(scale_factor = 1)
    y -> conv(3, 1) | y -> conv(8, 3, padding = 1, bias = false) | y -> conv(4, 3, padding = same)
    y -> conv(4, 2, padding = same) | y -> conv(4, 4, padding = same)
    y -> conv(4, 3, padding = same, dilation = 2) | y -> conv(4, 2, padding = same, dilation = 2)
    y -> conv(4, 3, padding = 1, padding_mode = reflect) | y -> conv(4, 3, padding = 1, padding_mode = replicate)
    y -> conv(4, 3, padding = 1, padding_mode = circular) | y -> conv(4, 2, padding = same, padding_mode = circular)
    y -> conv(4, 2, padding = same, padding_mode = reflect) | y -> conv(4, 1, padding = 0, padding_mode = circular)
    y -> conv(4, 1, padding = same, padding_mode = circular) | y -> conv(3, 3, padding = 1) @frozen
    y -> conv(4, 2, groups = 2) | y -> conv(3, 2, stride = 2)
    y -> conv(4, 2, padding = valid, padding_mode = reflect) | y -> conv_transpose(3, 2, stride = 2)
    y -> conv_transpose(4, 1) | y -> conv_transpose(4, 2, groups = 2) @frozen
    """
)
_CHANNEL_BORDER: Final = {
    3: "[1, 2]",
    4: "[1, 2, 0, 1]",
    5: "[1, 2, 0, 1, 1, 0]",
}
_SEQUENCE: Final = _listed(
    """
    multihead_attention(y, y, y, 2) | multihead_attention(y, y, y, 2, bias = false)
    multihead_attention(y, w, w, 2) | multihead_attention(w, y, y, 2) | multihead_attention(w, y, y -> relu, 2)
    multihead_attention(y, y -> relu, w, 1) | multihead_attention(y, y, w, 2)
    multihead_attention(y, y, y, 2, key_padding_mask = w -> mean([2]) > 0)
    multihead_attention(y, y, y, 2, attn_mask = w @ (w -> permute([0, 2, 1])) -> mean([0]))
    multihead_attention(y, w, w, 2, add_bias_kv = true) | multihead_attention(y, y, y, 2, is_causal = true)
    multihead_attention(y, w -> linear(4), w -> linear(2), 2)
    multihead_attention(y, y, y, 2, dropout = 0.5) | multihead_attention(y, y, y, 2) @frozen | matmul(p, y)
    matmul(q, y) | matmul(y, q -> permute([1, 0]))
    """
)
_MATRIX: Final = _listed(
    """
    matmul(y, w -> swapped) | matmul(w -> swapped, y) | matmul(y, y -> swapped) | matmul(y -> swapped, y)
    matmul(y, y -> relu -> swapped)
    """
)
_ATTENTION: Final = _listed(
    """
    scaled_dot_product_attention(y, y, y) | scaled_dot_product_attention(y, w, w)
    scaled_dot_product_attention(w, y, y) | scaled_dot_product_attention(y, y, w)
    scaled_dot_product_attention(y, w, w, attn_mask = matmul(w, w -> swapped) > 0)
    scaled_dot_product_attention(y, w, w, attn_mask = matmul(w, w -> swapped))
    scaled_dot_product_attention(w, w, y, attn_mask = matmul(y, w -> swapped), scale = 0.5)
    scaled_dot_product_attention(y, y, y, is_causal = true)
    scaled_dot_product_attention(y, y, y -> slice(0, 2, dim = -1))
    scaled_dot_product_attention(y, y, y, dropout_p = 0.5) | scaled_dot_product_attention(w, w, y)
    """
)
_SWAPPED: Final = {
    2: "permute([1, 0])",
    3: "permute([0, 2, 1])",
    4: "permute([0, 1, 3, 2])",
    5: "permute([0, 1, 2, 4, 3])",
}


def functions(rank: int) -> Iterator[str]:
    """What can be done with a tensor of so many dimensions beside the layers of `uses`."""
    letters = "abcde"[:rank]
    equations = {
        "equation": f"{letters},{letters[:-2]}x{letters[-1]}->{letters[:-1]}x",
        "outer": f"{letters},{letters}->{letters[::-1]}",
        "turned": f"{letters}->{letters[::-1]}",
    }
    for use in _FUNCTIONS:
        yield next((use.replace(name, text) for name, text in equations.items() if name in use), use)
    if rank > 2:
        yield "y -> max_pool(2, return_indices = true)"
    if rank == 4:
        yield from ("y -> unfold(2)", "y -> pixel_unshuffle(2)", "grid_sample(y, w -> slice(0, 2, dim = -1))")
        yield from ("y -> dropout2d", "y -> dropout2d(0)", "y -> dropout2d(1.0)")


def uses(rank: int) -> Iterator[str]:
    """What can be done with a tensor of so many dimensions: the layers of most networks."""
    yield from _EVERY
    yield from (use.replace("swapped", _SWAPPED[rank]) for use in _MATRIX)
    if rank == 2:
        yield from (use for use in _CHANNELS if "batch_norm" in use or "group_norm" in use)
    else:
        # Of three dimensions torch's 1 × 1 × 1 convolution lies one way on one thread, and another on several.
        yield from (use for use in _CHANNELS if rank < 5 or use not in ("y -> conv(3, 1)", "y -> conv_transpose(4, 1)"))
        yield from (
            f"y -> pad({_CHANNEL_BORDER[rank]}, mode = {mode})" for mode in ("reflect", "replicate", "circular")
        )
    if rank == 3:
        yield from _SEQUENCE
        yield "y -> interpolate(size = 5, mode = linear)"
    if rank == 4:
        yield "y -> pixel_shuffle(2)"
        yield "y -> interpolate(size = 5, mode = bilinear)"
        yield "y -> interpolate(size = [5, 3], mode = bicubic, align_corners = true)"
    if rank == 5:
        yield "y -> interpolate(size = 5, mode = trilinear)"
    if rank > 2:
        yield from (use.replace("swapped", _SWAPPED[rank]) for use in _ATTENTION)


class Case(NamedTuple):
    """A network that makes a tensor y lie in some way and uses it."""

    declared: str
    steps: tuple[str, ...]
    shape: tuple[int, ...]  # of y

    def used(self, use: str) -> str:
        """The text of the network that uses y so. `w` is an input of y's shape, `p` and `q` are weights."""
        weights = {"p": "[3, 4, 4]", "q": "[4, 4]" if "matmul(q" in use else "[5, 6]"}
        lines = [f"{name} = parameter({shape})" for name, shape in weights.items() if re.search(rf"\b{name}\b", use)]
        declared = self.declared if "w:" in self.declared else f"{self.declared}, w: {list(self.shape)}"
        body = "\n    ".join([*self.steps, *lines, use])
        return f"{BLOCK}\nnetwork Net({declared}) {{\n    {body}\n}}"

    def then(self, use: str, shape: tuple[int, ...]) -> Case:
        """The same where y is what this use makes of it."""
        *before, made = (re.sub(r"\by\b", f"y{len(self.steps)}", step) for step in (*self.steps, use))
        return Case(self.declared, (*before, f"y = {made}"), shape)


BLOCK: Final = "block twice(t) { (t -> relu) * (t -> sigmoid) + t }"
SHAPES: Final = {2: (4, 6), 3: (2, 4, 6), 4: (2, 4, 6, 4), 5: (2, 4, 4, 6, 4)}


def case(layout: str, rank: int, wanted: bool) -> Case:
    """A tensor that lies in this way, and whether a gradient goes back to it."""
    declared, _, pipeline = layout.partition("; ")
    shape = declared.split(": ")[1].partition("]")[0] + "]"
    source = [f"a = z + (parameter({shape}))"] if wanted else []
    made = re.sub(r"\bz\b", "a", pipeline) if wanted else pipeline
    return Case(declared, (*source, f"y = {made}"), SHAPES[rank])


class Measured(NamedTuple):
    """What torch makes of a network: the strides of every tensor, and the bytes that autograd keeps, weights aside."""

    strides: dict[tuple[str, int], tuple[int, ...]]
    shapes: dict[tuple[str, int], tuple[int, ...]]
    kept: int


class _Held:
    """A tensor that autograd keeps, for as long as it does."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class _Recording(fx.Interpreter):
    """Runs a compiled network and notes what every layer makes."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.made: dict[tuple[str, int], Tensor] = {}

    def run_node(self, n: fx.Node) -> Any:
        made = super().run_node(n)
        if KEY in n.meta and n.target is not getitem:
            several = made if isinstance(made, (list, tuple)) else [made]
            self.made |= {(n.meta[KEY], i): tensor for i, tensor in enumerate(several)}
        return made


def measured(net: Network) -> Measured:
    """Run a network's forward pass on the CPU, in training."""
    model = net.compile("cpu").train()
    run = _Recording(model)
    kept = _kept_by(model, lambda: run.run(*inputs(net, "cpu")))
    strides = {key: tensor.stride() for key, tensor in run.made.items()}
    shapes = {key: tuple(tensor.shape) for key, tensor in run.made.items()}
    return Measured(strides, shapes, kept)


def kept_with_the_outputs(net: Network) -> int:
    """The bytes that autograd keeps of a forward pass of which no more than the outputs are held."""
    model = net.compile("cpu").train()
    return _kept_by(model, lambda: model(*inputs(net, "cpu")))


def _kept_by(model: Module, forward: Callable[[], object]) -> int:
    """The bytes that autograd keeps for what a forward pass returns, weights aside."""
    own = {t.untyped_storage()._cdata for t in [*model.parameters(), *model.buffers()]}
    held: weakref.WeakSet[_Held] = weakref.WeakSet()

    def pack(tensor: Tensor) -> _Held:
        holder = _Held(tensor.detach())  # an output itself would hold what made it
        held.add(holder)
        return holder

    with saved_tensors_hooks(pack, lambda holder: holder.tensor):
        made = forward()
    storages = {holder.tensor.untyped_storage()._cdata: holder.tensor.untyped_storage() for holder in held}
    del made
    return sum(s.nbytes() for place, s in storages.items() if place not in own)
