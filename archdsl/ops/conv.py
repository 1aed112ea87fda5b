"""Convolutions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from archdsl.dims import Shape, Size, product, show
from archdsl.ops._op import (
    Example,
    Kept,
    ShapeError,
    Target,
    Use,
    Weight,
    Weighted,
    choose,
    divisor_near,
    divisors,
    extent,
    known,
    param,
    rank_between,
    smallest,
    spatial,
)
from archdsl.ops.assumptions import fits
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.foreign import ForeignCall, ForeignTensor, Made, Reads, Unreadable, reading
from archdsl.ops.kinds import Boolean, Choice, Integer, Sizes
from archdsl.ops.sight import MOST, Sees, Slide, everything, spatially, window
from archdsl.ops.strides import Strides, contiguous

MODES = ("zeros", "reflect", "replicate", "circular")


def _channels(op: Weighted, shape: Shape, groups: int, out_channels: int) -> int:
    """Input channels, checked against the groups."""
    channels = known(shape[1], f"the number of input channels of `{op.name}`")
    if channels % groups:
        raise ShapeError(
            f"{channels} input channels are not divisible by groups = {groups}",
            code="groups",
            help=choose("groups", divisors(channels, out_channels), "input channels"),
            culprits=((0, 1),),
            instead={"groups": divisor_near(groups, channels, out_channels)},
        )
    if groups > 1 and known(out_channels, f"the number of output channels of `{op.name}`") % groups:
        raise ShapeError(
            f"{out_channels} output channels are not divisible by groups = {groups}",
            code="groups",
            help=choose("groups", divisors(channels, out_channels), "output channels"),
            instead={"groups": divisor_near(groups, channels, out_channels)},
        )
    return channels


def _kernel(operator: type[Weighted], weight: Shape) -> Any:
    """The size of the kernel of a weight: one number where it is the same in all dimensions."""
    if not 3 <= len(weight) <= 5:
        message = f"the weight of `{operator.name}` has three to five dimensions, found {show(weight)}"
        raise ShapeError(message, code="wrong-rank")
    sizes = weight[2:]
    return sizes[0] if all(isinstance(size, int) and size == sizes[0] for size in sizes) else sizes


_BOTH: Mapping[str, str] = {"weight": "weight", "bias": "bias"}


def _has_bias(call: ForeignCall) -> bool:
    return call.get("bias") is not None


def _symmetric(call: ForeignCall) -> Any:
    """The border that ONNX says for each side."""
    if call.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise Unreadable(f"`auto_pad` = {call.get('auto_pad')}")
    pads = list(call.get("pads", [0, 0]))
    before, after = pads[: len(pads) // 2], pads[len(pads) // 2 :]
    if before != after:
        raise Unreadable(f"`pads` = {pads}, more on one side than on the other")
    return before


def _onnx_weights(call: ForeignCall) -> dict[str, ForeignTensor]:
    weights = {"weight": call.tensor("W")}
    return weights | ({"bias": call.tensor("B")} if call.get("B") is not None else {})


def _onnx_conv(call: ForeignCall) -> Made:
    weights = _onnx_weights(call)
    parameters = {
        **Conv.told_by(weights["weight"].shape, {}),
        "stride": call.get("strides", 1),
        "padding": _symmetric(call),
        "dilation": call.get("dilations", 1),
        "groups": call.get("group", 1),
        "bias": "bias" in weights,
    }
    return Made("conv", parameters, (call.tensor("X"),), weights)


def _onnx_conv_transpose(call: ForeignCall) -> Made:
    weights = _onnx_weights(call)
    groups = call.get("group", 1)
    parameters = {
        **ConvTranspose.told_by(weights["weight"].shape, {"groups": groups}),
        "stride": call.get("strides", 1),
        "padding": _symmetric(call),
        "output_padding": call.get("output_padding", 0),
        "dilation": call.get("dilations", 1),
        "groups": groups,
        "bias": "bias" in weights,
    }
    return Made("conv_transpose", parameters, (call.tensor("X"),), weights)


@deferred_dataclass
class Conv(Weighted, group="convolution"):
    """Convolution over one, two or three spatial dimensions, by the rank of the input.

    Each spatial size L becomes (L + 2·padding − dilation·(kernel_size − 1) − 1) // stride + 1; with
    `padding = same` (stride 1 only) it stays L.
    """

    out_channels: int = param(Integer(1), "channels of the output")
    kernel_size: Any = param(Sizes(1), "size of the kernel")
    stride: Any = param(Sizes(1), "step of the kernel", 1, kw_only=True)
    padding: Any = param(Sizes(0, ("same", "valid")), "border added on both sides", 0, kw_only=True)
    dilation: Any = param(Sizes(1), "distance between kernel elements", 1, kw_only=True)
    groups: int = param(Integer(1), "groups of channels that are convolved apart", 1, kw_only=True)
    bias: bool = param(Boolean(), "whether a bias is added", True, kw_only=True)
    padding_mode: str = param(Choice(MODES), "what the border holds", "zeros", kw_only=True)

    told = 1
    lends = ("weight", "bias")
    keeps_weights = ("weight",)
    weight_places: ClassVar[Mapping[str, tuple[int, int]]] = {"weight": (0, 1), "bias": (0, 1)}
    autocast = "lower"
    lies = "in format"
    reads = (
        Reads("aten.conv1d aten.conv2d aten.conv3d", {"bias": _has_bias}, weights=_BOTH),
        Reads(
            "aten.convolution aten._convolution",
            {"bias": _has_bias},
            weights=_BOTH,
            expects={"transposed": False},
            ignored=("output_padding", "benchmark", "deterministic", "cudnn_enabled", "allow_tf32"),
        ),
        reading("onnx.Conv", _onnx_conv),
    )
    examples = (
        Example("conv(64, 7, stride = 2, padding = 3)", ((2, 3, 32, 32),), (2, 64, 16, 16)),
        Example("conv(6, [3, 5], padding = same, groups = 3, bias = false)", ((1, 3, 9, 8),), (1, 6, 9, 8)),
        Example("conv(8, 3, dilation = 2)", ((2, 4, 16),), (2, 8, 12)),
        Example("conv(2, 2, stride = [1, 2, 2])", ((1, 2, 4, 4, 4),), (1, 2, 3, 2, 2)),
        Example("conv(4, 3, padding = 1, padding_mode = reflect)", ((1, 2, 5, 5),), (1, 4, 5, 5)),
        Example(
            "conv(padding = 1, groups = 2, bias = false)", ((1, 4, 5, 5), (6, 2, 3, 3)), (1, 6, 5, 5), named=("weight",)
        ),
        Example("conv(4, 3)", ((1, 2, 5), (4,)), (1, 4, 3), named=("bias",)),
        Example("conv", ((1, 2, 3, 3, 6), (4, 2, 1, 2, 3), (4,)), (1, 4, 3, 2, 4), named=("weight", "bias")),
    )

    @classmethod
    def told_by(cls, weight: Shape, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"out_channels": weight[0], "kernel_size": _kernel(cls, weight)}

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        rank_between(self, shape, 3, 5, "[N, C, L], [N, C, H, W] or [N, C, D, H, W]")
        rank = len(shape) - 2
        _channels(self, shape, self.groups, self.out_channels)
        reach, stride, padding = self._geometry(rank)
        out: list[Size] = []
        for axis in range(rank):
            before, after = padding[axis]
            size = shape[2 + axis]
            self._check_border(axis, size, before, after)
            border = 2 * before if before == after else before + after
            length = (size + border - reach[axis]) // stride[axis] + 1
            if not fits(length):
                raise ShapeError(
                    f"the kernel ({_extent_text(self, reach, rank)}) is larger than its padded input"
                    f" ({' × '.join(str(s + b + a) for s, (b, a) in zip(shape[2:], padding, strict=True))})",
                    code="kernel-too-large",
                    help=f"pad the input{_enough(size, reach[axis])}, or use a smaller kernel or a larger input",
                    culprits=((0, 2 + axis),),
                    instead={"kernel_size": self._largest_kernel(shape[2:], padding)},
                )
            out.append(length)
        return (shape[0], self.out_channels, *out)

    def _geometry(self, rank: int) -> tuple[list[int], tuple[int, ...], list[tuple[int, int]]]:
        """Effective kernel, stride and padding (before, after) of each spatial dimension."""
        kernel, stride, dilation = (spatial(self, name, rank) for name in ("kernel_size", "stride", "dilation"))
        reach = list(map(extent, kernel, dilation))
        if self.padding == "valid":
            return reach, stride, [(0, 0)] * rank
        if self.padding == "same":
            if any(s != 1 for s in stride):
                raise ShapeError(
                    f"`padding = same` needs stride 1, found stride {_show(self.stride)}",
                    code="bad-parameter",
                    help=self._halving(reach),
                )
            return reach, stride, [((r - 1) // 2, r - 1 - (r - 1) // 2) for r in reach]
        return reach, stride, [(p, p) for p in spatial(self, "padding", rank)]

    @staticmethod
    def _halving(reach: Sequence[int]) -> str:
        """The padding with which a stride divides the sizes, if it can be the same on both sides."""
        padding = [(r - 1) // 2 for r in reach]
        if any(r % 2 == 0 for r in reach):
            return "a window of an even size is padded on one side more, by a step before it: `pad([…])`"
        shown = str(padding[0]) if len(set(padding)) == 1 else str(padding)
        return f"`padding = {shown}` divides the sizes by the stride, rounded up"

    def _largest_kernel(self, sizes: Shape, padding: list[tuple[int, int]]) -> int | None:
        dilation = spatial(self, "dilation", len(sizes))
        room = [(s + b + a - 1) // d + 1 for s, (b, a), d in zip(sizes, padding, dilation, strict=True)]
        return smallest(room)

    def _check_border(self, axis: int, size: Size, before: int, after: int) -> None:
        border = max(before, after)
        limit = {"reflect": size - 1, "circular": size}.get(self.padding_mode)
        if limit is not None and not fits(limit, border):
            raise ShapeError(
                f"{self.padding_mode} padding of {border} needs an input of at least"
                f" {border + (self.padding_mode == 'reflect')}, found {size} in dimension {axis + 2}",
                code="bad-parameter",
            )

    def keeps(self, use: Use) -> Kept:
        padded = self._padded(use.shapes[0])
        bordered = self.padding_mode in ("reflect", "replicate") and use.wanted[0]  # the border's gradient needs it
        return Kept((0,) if padded == 0 or bordered else (), values=padded)

    def layout(self, use: Use, output: Shape) -> Strides | None:
        return contiguous(output) if self.padding_mode == "circular" else super().layout(use, output)

    def scratch(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return self._padded(inputs[0])

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        padded = self._padded(inputs[0])
        return padded - product(inputs[0]) if padded else 0  # the border's gradient

    def _padded(self, shape: Shape) -> Size:
        """Values of the padded copy of its input, which it makes of any border but zeros, and of one more zero at an
        end."""
        _, _, padding = self._geometry(len(shape) - 2)
        if self.padding_mode == "zeros":
            padding = [(0, after - before) for before, after in padding]
            if padding == [(0, 0)] * len(padding):
                return 0
        return product(shape[:2]) * product(s + b + a for s, (b, a) in zip(shape[2:], padding, strict=True))

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        (shape,) = inputs
        kernel = spatial(self, "kernel_size", len(shape) - 2)
        weight = Weight("weight", (self.out_channels, known(shape[1], "channels") // self.groups, *kernel))
        return (weight, Weight("bias", (self.out_channels,), "bias")) if self.bias else (weight,)

    def macs(self, inputs: Sequence[Shape], output: Shape) -> Size:
        (shape,) = inputs
        kernel = math.prod(spatial(self, "kernel_size", len(shape) - 2))
        return product(output) * (known(shape[1], "channels") // self.groups) * kernel

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output) if self.bias else 0

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        rank = len(output) - 2
        _, stride, padding = self._geometry(rank)
        kernel, dilation = spatial(self, "kernel_size", rank), spatial(self, "dilation", rank)
        axes = zip(kernel, stride, padding, dilation, strict=True)
        return spatially(window(dim, k, s, -before, d) for dim, (k, s, (before, _), d) in enumerate(axes, 2))

    def target(self, *inputs: Shape) -> Target:
        (shape,) = inputs
        rank = len(shape) - 2
        kwargs: dict[str, Any] = {"in_channels": shape[1], "out_channels": self.out_channels}
        for name in ("kernel_size", "stride", "dilation"):
            kwargs[name] = spatial(self, name, rank)
        kwargs["padding"] = self.padding if isinstance(self.padding, str) else spatial(self, "padding", rank)
        kwargs |= {"groups": self.groups, "bias": self.bias, "padding_mode": self.padding_mode}
        return Target(f"torch.nn.Conv{rank}d", kwargs)


def _transposed(kernel: int, stride: int, padding: int, dilation: int) -> tuple[range, ...]:
    """What a transposed convolution reads, by phase: input i meets output o where i·stride − padding + k·dilation = o
    for an element k of the kernel."""
    found = []
    period = stride // math.gcd(stride, dilation)  # elements from one that meets an input to the next
    for phase in range(stride):
        first = next((k for k in range(min(kernel, period)) if (phase + padding - k * dilation) % stride == 0), None)
        if first is None:
            found.append(range(0))
            continue
        met = range(first, kernel, period)
        last, first_input = ((phase + padding - k * dilation) // stride for k in (met[0], met[-1]))
        found.append(range(first_input, last + 1, period * dilation // stride))
    return tuple(found)


@deferred_dataclass
class ConvTranspose(Weighted, group="convolution"):
    """Transposed convolution over one, two or three spatial dimensions.

    Each spatial size L becomes (L − 1)·stride − 2·padding + dilation·(kernel_size − 1) + output_padding + 1.
    """

    out_channels: int = param(Integer(1), "channels of the output")
    kernel_size: Any = param(Sizes(1), "size of the kernel")
    stride: Any = param(Sizes(1), "step of the kernel on the output", 1, kw_only=True)
    padding: Any = param(Sizes(0), "border taken away on both sides of the output", 0, kw_only=True)
    output_padding: Any = param(Sizes(0), "size added to one side of the output", 0, kw_only=True)
    groups: int = param(Integer(1), "groups of channels that are convolved apart", 1, kw_only=True)
    bias: bool = param(Boolean(), "whether a bias is added", True, kw_only=True)
    dilation: Any = param(Sizes(1), "distance between kernel elements", 1, kw_only=True)

    told = 1
    lends = ("weight", "bias")
    keeps_weights = ("weight",)
    weight_places: ClassVar[Mapping[str, tuple[int, int]]] = {"weight": (1, 1), "bias": (0, 1)}
    saves = ("input",)
    autocast = "lower"
    lies = "in format"
    reads = (
        Reads("aten.conv_transpose1d aten.conv_transpose2d aten.conv_transpose3d", {"bias": _has_bias}, weights=_BOTH),
        reading("onnx.ConvTranspose", _onnx_conv_transpose),
    )
    examples = (
        Example("conv_transpose(4, 2, stride = 2)", ((2, 8, 5, 5),), (2, 4, 10, 10)),
        Example("conv_transpose(4, 3, stride = 2, padding = 1, output_padding = 1)", ((1, 2, 7),), (1, 4, 14)),
        Example("conv_transpose(4, 3, groups = 2, bias = false)", ((1, 2, 2, 2, 2),), (1, 4, 4, 4, 4)),
        Example(
            "conv_transpose(stride = 2, bias = false)", ((2, 8, 5, 5), (8, 4, 2, 2)), (2, 4, 10, 10), named=("weight",)
        ),
        Example("conv_transpose", ((1, 2, 7), (2, 4, 3), (4,)), (1, 4, 9), named=("weight", "bias")),
    )

    @classmethod
    def told_by(cls, weight: Shape, given: Mapping[str, Any]) -> dict[str, Any]:
        kernel, groups = _kernel(cls, weight), given.get("groups", 1)
        return {"out_channels": weight[1] * (groups if type(groups) is int else 1), "kernel_size": kernel}

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        rank_between(self, shape, 3, 5, "[N, C, L], [N, C, H, W] or [N, C, D, H, W]")
        rank = len(shape) - 2
        _channels(self, shape, self.groups, self.out_channels)
        kernel, stride, padding, extra, dilation = self._geometry(rank)
        out: list[Size] = []
        for axis in range(rank):
            if extra[axis] >= max(stride[axis], dilation[axis]):
                raise ShapeError(
                    f"`output_padding` {extra[axis]} must be smaller than the stride {stride[axis]}"
                    f" or the dilation {dilation[axis]}",
                    code="bad-parameter",
                )
            size = (
                (shape[2 + axis] - 1) * stride[axis]
                - 2 * padding[axis]
                + dilation[axis] * (kernel[axis] - 1)
                + extra[axis]
                + 1
            )
            if not fits(size):
                raise ShapeError(
                    f"dimension {axis + 2} of the output would have the size {size}",
                    code="empty-output",
                    help="use less padding, or a larger kernel",
                    culprits=((0, axis + 2),),
                )
            out.append(size)
        return (shape[0], self.out_channels, *out)

    def _geometry(self, rank: int) -> list[tuple[int, ...]]:
        return [spatial(self, n, rank) for n in ("kernel_size", "stride", "padding", "output_padding", "dilation")]

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        (shape,) = inputs
        kernel = spatial(self, "kernel_size", len(shape) - 2)
        weight = Weight("weight", (known(shape[1], "channels"), self.out_channels // self.groups, *kernel))
        return (weight, Weight("bias", (self.out_channels,), "bias")) if self.bias else (weight,)

    def macs(self, inputs: Sequence[Shape], output: Shape) -> Size:
        (shape,) = inputs
        kernel = math.prod(spatial(self, "kernel_size", len(shape) - 2))
        return product(shape) * (self.out_channels // self.groups) * kernel

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output) if self.bias else 0

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        kernel, stride, padding, _, dilation = self._geometry(len(output) - 2)
        axes = zip(kernel, stride, padding, dilation, strict=True)
        if max(stride) > MOST:
            return None
        return spatially(Slide(dim, _transposed(k, s, p, d)) for dim, (k, s, p, d) in enumerate(axes, 2))

    def sees_weight(self, name: str, weight: Shape, output: Shape) -> Sees:
        if self.groups > 1 and name == "weight":  # the same place for a channel of each group
            return everything(weight)
        return super().sees_weight(name, weight, output)

    def target(self, *inputs: Shape) -> Target:
        (shape,) = inputs
        rank = len(shape) - 2
        kernel, stride, padding, extra, dilation = self._geometry(rank)
        kwargs = {
            "in_channels": shape[1],
            "out_channels": self.out_channels,
            "kernel_size": kernel,
            "stride": stride,
            "padding": padding,
            "output_padding": extra,
            "groups": self.groups,
            "bias": self.bias,
            "dilation": dilation,
        }
        return Target(f"torch.nn.ConvTranspose{rank}d", kwargs)


def _show(value: int | tuple[int, ...]) -> str:
    return show(value) if isinstance(value, tuple) else str(value)


def _enough(size: Size, reach: int) -> str:
    """The least padding with which a kernel fits, where the size is known."""
    return f" (`padding = {-(-(reach - size) // 2)}` is enough)" if isinstance(size, int) else ""


def _extent_text(op: Conv, reach: list[int], rank: int) -> str:
    text = " × ".join(map(str, reach))
    dilation = spatial(op, "dilation", rank)
    if any(d > 1 for d in dilation):
        text += f", from kernel_size {_show(op.kernel_size)} with dilation {_show(op.dilation)}"
    return text
