"""Pooling."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, ClassVar

from archdsl.dims import Shape, Size, numbers, product, show
from archdsl.ops._op import (
    Example,
    Kept,
    Operator,
    ShapeError,
    Target,
    Use,
    extent,
    param,
    rank_between,
    same,
    smallest,
    spatial,
)
from archdsl.ops.assumptions import fits
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.foreign import ForeignCall, How, Made, Reads, Unreadable, reading
from archdsl.ops.kinds import Boolean, Integer, Number, Sizes
from archdsl.ops.sight import MOST, Sees, Slide, pointwise, spatially, window
from archdsl.ops.strides import RULES, Strides, contiguous

FORM = "[N, C, L], [N, C, H, W] or [N, C, D, H, W]"


def pooled(size: Size, reach: int, stride: int, padding: int, ceil_mode: bool) -> Size:
    """The output size of a pool along one dimension, torch's rule.

    With `ceil_mode` a last window that would start beyond the input and its left border is left out:
    ⌈(L + 2p − r) / s⌉ + 1 windows, but no more than ⌈(L + p) / s⌉. Both are floor divisions by s of
    L plus a constant, so the smaller one is known without knowing L.
    """
    if not ceil_mode:
        return (size + 2 * padding - reach) // stride + 1
    return (size + min(2 * padding - reach + stride - 1, padding - 1)) // stride + 1


class _Pool(Operator):
    """Pooling with a sliding window."""

    kernel_size: Any
    stride: Any
    padding: Any
    ceil_mode: bool
    ranks: ClassVar[tuple[int, int]] = (1, 3)
    averages: ClassVar[bool] = False
    lies = "in plane format"

    def _values(self, name: str, rank: int, default: int = 1) -> tuple[int, ...]:
        return spatial(self, name, rank) if hasattr(self, name) else (default,) * rank

    def _geometry(self, rank: int) -> tuple[list[int], tuple[int, ...], tuple[int, ...]]:
        kernel = spatial(self, "kernel_size", rank)
        stride = kernel if self.stride is None else spatial(self, "stride", rank)
        dilation, padding = self._values("dilation", rank), self._values("padding", rank, 0)
        return list(map(extent, kernel, dilation)), stride, padding

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        low, high = self.ranks
        rank_between(self, shape, low + 2, high + 2, FORM if high == 3 else "[N, C, L] or [N, C, H, W]")
        rank = len(shape) - 2
        reach, stride, padding = self._geometry(rank)
        kernel = spatial(self, "kernel_size", rank)
        out: list[Size] = []
        for axis in range(rank):
            if padding[axis] > kernel[axis] // 2:  # the plain kernel, whatever the dilation
                raise ShapeError(
                    f"`padding` {padding[axis]} must be at most half of the kernel, {kernel[axis] // 2}",
                    code="bad-parameter",
                )
            size = pooled(shape[2 + axis], reach[axis], stride[axis], padding[axis], self.ceil_mode)
            # A 3-d average of torch needs a whole window inside the input, whatever the border or `ceil_mode`.
            whole = not (self.averages and rank == 3) or fits(shape[2 + axis] - kernel[axis] + 1)
            if not (whole and fits(size)):
                raise ShapeError(
                    f"the window ({' × '.join(map(str, reach))}) is larger than its input"
                    f" ({' × '.join(map(str, shape[2:]))})",
                    code="kernel-too-large",
                    help="use a smaller window, a larger input, or one pooling less before this",
                    culprits=((0, 2 + axis),),
                    instead={"kernel_size": self._largest_kernel(shape[2:])},
                )
            out.append(size)
        return (*shape[:2], *out)

    def _largest_kernel(self, sizes: Shape) -> int | None:
        dilation, padding = self._values("dilation", len(sizes)), self._values("padding", len(sizes), 0)
        return smallest([(s + 2 * p - 1) // d + 1 for s, p, d in zip(sizes, padding, dilation, strict=True)])

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        # One for each value of each window, counted as if no window were cut off.
        return product(output) * math.prod(spatial(self, "kernel_size", len(output) - 2))

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        rank = len(output) - 2
        _, stride, padding = self._geometry(rank)
        axes = zip(spatial(self, "kernel_size", rank), stride, padding, self._values("dilation", rank), strict=True)
        return spatially((window(dim, k, s, -p, d) for dim, (k, s, p, d) in enumerate(axes, 2)), mixed=False)


def _step(call: ForeignCall) -> Any:
    """The stride, where it is not the kernel's size, which goes without saying."""
    found, kernel = call.get("stride", ()), call.get("kernel_size")
    return found if found and list(found) != list(kernel) else None


def _onnx_pool(operator: str) -> How:
    def how(call: ForeignCall) -> Made:
        kernel, strides = list(call.get("kernel_shape")), list(call.get("strides", [1]))
        pads = list(call.get("pads", [0, 0]))
        before, after = pads[: len(pads) // 2], pads[len(pads) // 2 :]
        if before != after:
            raise Unreadable(f"`pads` = {pads}, more on one side than on the other")
        parameters: dict[str, Any] = {
            "kernel_size": kernel,
            "stride": None if strides == kernel else strides,
            "padding": before,
            "ceil_mode": bool(call.get("ceil_mode", 0)),
        }
        if operator == "max_pool":
            parameters["dilation"] = call.get("dilations", 1)
        else:
            parameters["count_include_pad"] = bool(call.get("count_include_pad", 0))
        return Made(operator, parameters, (call.tensor("X"),))

    return how


@deferred_dataclass
class MaxPool(_Pool, group="pooling"):
    """The greatest value of each window."""

    kernel_size: Any = param(Sizes(1), "size of the window")
    stride: Any = param(Sizes(1), "step of the window; the kernel size if not given", None)
    padding: Any = param(Sizes(0), "border on both sides, at most half of the kernel", 0)
    dilation: Any = param(Sizes(1), "distance between elements of the window", 1)
    ceil_mode: bool = param(Boolean(), "whether a last, partial window counts", False)
    return_indices: bool = param(
        Boolean(), "whether the places of the values are a second output, for `max_unpool`", False, kw_only=True
    )

    gives = ("same", "int64")
    reads = (
        Reads("aten.max_pool1d aten.max_pool2d aten.max_pool3d", {"stride": _step}),
        Reads("aten.max_pool2d_with_indices", {"stride": _step}, fixed={"return_indices": True}),
        reading("onnx.MaxPool", _onnx_pool("max_pool")),
    )
    examples = (
        Example("max_pool(3, stride = 2, padding = 1)", ((2, 4, 112, 112),), (2, 4, 56, 56)),
        Example("max_pool(2, stride = 2, padding = 1, ceil_mode = true)", ((1, 3, 7),), (1, 3, 4)),
        Example("max_pool([1, 2, 2], dilation = [2, 1, 1])", ((1, 2, 4, 4, 4),), (1, 2, 4, 2, 2)),
        Example("max_pool(2, return_indices = true)", ((2, 4, 6, 6),), ((2, 4, 3, 3), (2, 4, 3, 3))),
    )

    @property
    def saves(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("input",) if self.return_indices else ("input", "index")

    def infer_all(self, *inputs: Shape) -> tuple[Shape, ...]:
        return (self.infer(*inputs),) * (2 if self.return_indices else 1)

    @property
    def several(self) -> bool:
        return self.return_indices

    def dtypes(self, inputs: Sequence[str]) -> tuple[str, ...]:
        return super().dtypes(inputs)[: 1 + self.return_indices]

    def keeps(self, use: Use) -> Kept:
        kept = super().keeps(use)
        return kept._replace(further=(1,)) if self.return_indices else kept

    def layout(self, use: Use, output: Shape) -> Strides | None:
        if len(output) == 3 and not use.wanted[0]:  # one dimension has a kernel of its own, which gives no indices
            return contiguous(output)
        return RULES["in format" if len(output) > 3 else "in plane format"](use.inputs, output)

    def target(self, *inputs: Shape) -> Target:
        rank = len(inputs[0]) - 2
        _, stride, padding = self._geometry(rank)
        kwargs = {
            "kernel_size": spatial(self, "kernel_size", rank),
            "stride": stride,
            "padding": padding,
            "dilation": spatial(self, "dilation", rank),
            "ceil_mode": self.ceil_mode,
            "return_indices": self.return_indices,
        }
        return Target(f"torch.nn.MaxPool{rank}d", kwargs)


@deferred_dataclass
class MaxUnpool(Operator, group="resample"):
    """The values that a `max_pool` with `return_indices` has found back at their places, and 0 elsewhere."""

    kernel_size: Any = param(Sizes(1), "size of that pool's window")
    stride: Any = param(Sizes(1), "step of its window; the kernel size if not given", None)
    padding: Any = param(Sizes(0), "its border on both sides", 0)

    inputs = ("input", "indices")
    takes = ("floating", "integers")
    examples = (
        Example("max_unpool(2)", ((2, 4, 3, 3), (2, 4, 3, 3)), (2, 4, 6, 6)),
        Example("max_unpool(3, stride = 2, padding = 1)", ((1, 2, 5), (1, 2, 5)), (1, 2, 9)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        shape, indices = inputs
        rank_between(self, shape, 3, 5, FORM)
        if len(shape) != len(indices) or not all(map(same, shape, indices)):
            message = f"values {show(shape)} and indices {show(indices)} of `max_unpool` differ in shape"
            raise ShapeError(message, culprits=(0, 1))
        rank = len(shape) - 2
        kernel, stride, padding = self._geometry(rank)
        sizes = tuple(
            (size - 1) * s - 2 * p + k for size, k, s, p in zip(shape[2:], kernel, stride, padding, strict=True)
        )
        if not all(map(fits, sizes)):
            raise ShapeError(f"`max_unpool` of {show(shape)} gives nothing", code="empty-output", culprits=(0,))
        return (*shape[:2], *sizes)

    def _geometry(self, rank: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        kernel = spatial(self, "kernel_size", rank)
        stride = kernel if self.stride is None else spatial(self, "stride", rank)
        return kernel, stride, spatial(self, "padding", rank)

    def keeps(self, use: Use) -> Kept:
        return Kept((1,))

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        kernel, stride, padding = self._geometry(len(output) - 2)
        if kernel != stride or any(padding) or max(stride) > MOST:
            return pointwise(inputs[0], output, mixed=range(2, len(output)))  # windows overlap
        return spatially((Slide(dim, (range(1),) * step) for dim, step in enumerate(stride, 2)), mixed=False)

    def target(self, *inputs: Shape) -> Target:
        rank = len(inputs[0]) - 2
        kernel, stride, padding = self._geometry(rank)
        kwargs = {"kernel_size": kernel, "stride": stride, "padding": padding}
        return Target(f"torch.nn.MaxUnpool{rank}d", kwargs)


@deferred_dataclass
class AvgPool(_Pool, group="pooling"):
    """The mean of each window."""

    kernel_size: Any = param(Sizes(1), "size of the window")
    stride: Any = param(Sizes(1), "step of the window; the kernel size if not given", None)
    padding: Any = param(Sizes(0), "border on both sides, at most half of the kernel", 0)
    ceil_mode: bool = param(Boolean(), "whether a last, partial window counts", False)
    count_include_pad: bool = param(Boolean(), "whether the border counts in the mean", True)
    divisor_override: int | None = param(Integer(1), "divide by this instead (2-d and 3-d)", None)

    averages = True
    saves = ("input",)
    reads = (
        Reads("aten.avg_pool1d aten.avg_pool2d aten.avg_pool3d", {"stride": _step}),
        reading("onnx.AveragePool", _onnx_pool("avg_pool")),
    )
    examples = (
        Example("avg_pool(2)", ((1, 3, 8, 8),), (1, 3, 4, 4)),
        Example("avg_pool(3, stride = 2, padding = 1, count_include_pad = false)", ((2, 2, 7),), (2, 2, 4)),
        Example("avg_pool(2, divisor_override = 1)", ((2, 6, 28, 28),), (2, 6, 14, 14)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        out = super().infer(*inputs)
        if self.divisor_override is not None and len(out) == 3:
            raise ShapeError("`divisor_override` needs two or three spatial dimensions", code="bad-parameter")
        return out

    def target(self, *inputs: Shape) -> Target:
        rank = len(inputs[0]) - 2
        _, stride, padding = self._geometry(rank)
        kwargs: dict[str, Any] = {
            "kernel_size": spatial(self, "kernel_size", rank),
            "stride": stride,
            "padding": padding,
            "ceil_mode": self.ceil_mode,
            "count_include_pad": self.count_include_pad,
        }
        if self.divisor_override is not None:
            kwargs["divisor_override"] = self.divisor_override
        return Target(f"torch.nn.AvgPool{rank}d", kwargs)


@deferred_dataclass
class LpPool(_Pool, group="pooling"):
    """The p-norm of each window."""

    norm_type: float = param(Number(0, above=True), "which norm: 1 is the sum, 2 the Euclidean norm")
    kernel_size: Any = param(Sizes(1), "size of the window")
    stride: Any = param(Sizes(1), "step of the window; the kernel size if not given", None)
    ceil_mode: bool = param(Boolean(), "whether a last, partial window counts", False)

    averages = True
    saves = ("input",)
    autocast = "float32"
    examples = (
        Example("lp_pool(2, 3, stride = 2)", ((1, 3, 9, 9),), (1, 3, 4, 4)),
        Example("lp_pool(1, 2)", ((2, 3, 8),), (2, 3, 4)),
    )

    def also_saves(self, inputs: Sequence[Shape], output: Shape) -> Size:
        # The powers; their means, with sign, without, and scaled.
        return product(inputs[0]) + 4 * product(output)

    def scratch(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(inputs[0])

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(inputs[0])

    def target(self, *inputs: Shape) -> Target:
        rank = len(inputs[0]) - 2
        _, stride, _ = self._geometry(rank)
        kwargs = {
            "norm_type": self.norm_type,
            "kernel_size": spatial(self, "kernel_size", rank) if rank > 1 else spatial(self, "kernel_size", 1)[0],
            "stride": stride if rank > 1 else stride[0],
            "ceil_mode": self.ceil_mode,
        }
        return Target(f"torch.nn.LPPool{rank}d", kwargs)


def adaptive_windows(input: Shape, output: Shape) -> Sees:
    """What a pool sees whose windows are spread: from ⌊o·L/out⌋ to ⌈(o + 1)·L/out⌉ along each dimension."""
    sizes, outs = numbers(input[2:]), numbers(output[2:])
    if outs is None:
        return None
    if sizes is None:
        return pointwise(input, output, mixed=range(2, len(input)))
    found = []
    for dim, (size, out) in enumerate(zip(sizes, outs, strict=True), 2):
        step = Fraction(size, out)
        if step.denominator > MOST:
            return None
        ends = ((math.floor(o * step), math.ceil((o + 1) * step)) for o in range(step.denominator))
        found.append(Slide(dim, tuple(range(*both) for both in ends), step.numerator))
    return spatially(found, mixed=False)


def adaptive_keeps(use: Use) -> Kept:
    """What is kept of an average over spread windows: its input, unless it is the mean of all."""
    return Kept((0,) if any(size != 1 for size in use.output[2:]) else ())


class _AdaptivePool(Operator):
    """Pooling to a size that is given."""

    output_size: Any
    module: ClassVar[str]
    lies = "in plane format"

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        rank_between(self, shape, 3, 5, FORM)
        return (*shape[:2], *spatial(self, "output_size", len(shape) - 2))

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(inputs[0])

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return adaptive_windows(inputs[0], output)

    def target(self, *inputs: Shape) -> Target:
        rank = len(inputs[0]) - 2
        size = spatial(self, "output_size", rank)
        given = size if rank > 1 else size[0]
        if numbers(size) is None:  # found as the network runs
            function = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.module).lower()
            return Target(f"torch.nn.functional.{function}{rank}d", args=(given,), kind="function")
        return Target(f"torch.nn.{self.module}{rank}d", {"output_size": given})


def _spread(call: ForeignCall) -> Made:
    """A mean of windows; that of all is an operator of its own."""
    size = call.get("output_size")
    sizes = [size] if isinstance(size, int) else list(size)
    if all(one == 1 for one in sizes):
        return Made("global_avg_pool", {}, (call.tensor("self"),))
    return Made("adaptive_avg_pool", {"output_size": sizes}, (call.tensor("self"),))


@deferred_dataclass
class AdaptiveAvgPool(_AdaptivePool, group="pooling"):
    """The mean of windows spread so that the output has the size given."""

    output_size: Any = param(Sizes(1, open=True), "size of the output")
    module = "AdaptiveAvgPool"
    reads = (reading("aten.adaptive_avg_pool1d aten.adaptive_avg_pool2d aten.adaptive_avg_pool3d", _spread),)
    examples = (
        Example("adaptive_avg_pool(7)", ((1, 8, 14, 10),), (1, 8, 7, 7)),
        Example("adaptive_avg_pool([2, 3])", ((1, 8, 5, 5),), (1, 8, 2, 3)),
        Example("adaptive_avg_pool(4)", ((1, 8, 9),), (1, 8, 4)),
    )

    def keeps(self, use: Use) -> Kept:
        return adaptive_keeps(use)


@deferred_dataclass
class AdaptiveMaxPool(_AdaptivePool, group="pooling"):
    """The greatest value of windows spread so that the output has the size given."""

    output_size: Any = param(Sizes(1, open=True), "size of the output")
    module = "AdaptiveMaxPool"
    saves = ("input", "index")
    reads = (
        "aten.adaptive_max_pool1d aten.adaptive_max_pool2d aten.adaptive_max_pool3d",
        Reads("onnx.GlobalMaxPool", fixed={"output_size": 1}),
    )
    examples = (
        Example("adaptive_max_pool(1)", ((1, 8, 14, 14),), (1, 8, 1, 1)),
        Example("adaptive_max_pool(5)", ((1, 8, 5, 7),), (1, 8, 5, 5)),
    )


@deferred_dataclass
class GlobalAvgPool(Operator, group="pooling"):
    """The mean over all spatial dimensions, which stay as dimensions of size 1."""

    lies = "in plane format"
    reads = ("onnx.GlobalAveragePool",)
    examples = (
        Example("global_avg_pool", ((2, 8, 7, 7),), (2, 8, 1, 1)),
        Example("global_avg_pool", ((2, 8, 7),), (2, 8, 1)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        rank_between(self, shape, 3, 5, FORM)
        return (*shape[:2], *([1] * (len(shape) - 2)))

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(inputs[0])

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return pointwise(inputs[0], output, mixed=range(2, len(output)))

    def target(self, *inputs: Shape) -> Target:
        return Target(f"torch.nn.AdaptiveAvgPool{len(inputs[0]) - 2}d", {"output_size": 1})
