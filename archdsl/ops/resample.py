"""Operators that change the spatial size without weights."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from archdsl.dims import Dim, Shape, Size, Undecided, product, show, symbols
from archdsl.ops._op import (
    Example,
    Kept,
    Operator,
    ShapeError,
    Target,
    Use,
    choose,
    known,
    param,
    rank_between,
    same,
    spatial,
)
from archdsl.ops.assumptions import fits
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.dtypes import FLOATING
from archdsl.ops.foreign import ForeignCall, ForeignTensor, How, Made, Reads, Unreadable, reading
from archdsl.ops.kinds import MAX_INT, Boolean, Choice, Factors, Integer, Integers, Number, Sizes
from archdsl.ops.pool import adaptive_keeps, adaptive_windows
from archdsl.ops.rearranged import padded
from archdsl.ops.sight import MOST, Sees, Slide, pointwise, spatially, window
from archdsl.ops.strides import RULES, Laid, Strides, contiguous, elementwise
from archdsl.symbolic import at_least

FORM = "[N, C, L], [N, C, H, W] or [N, C, D, H, W]"
MAX_STEP = 10**6  # of the denominator of a factor
LINEAR = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}  # mode -> spatial rank


def _upsampled(mode: str, antialias: bool = False) -> How:
    def how(call: ForeignCall) -> Made:
        factors, x = call.get("scale_factors"), call.tensor("input" if "input" in call.arguments else "self")
        size = [*call.output.shape[2:]]
        known_size = all(isinstance(one, int) for one in size)
        parameters: dict[str, Any] = {"mode": mode, "antialias": antialias}
        if factors:
            parameters["scale_factor"] = [int(one) if one == int(one) else one for one in factors]
        elif known_size:
            parameters["size"] = size
        else:
            raise Unreadable("resampled to a size that is not known")
        if call.get("align_corners"):
            parameters["align_corners"] = True
        return Made("interpolate", parameters, (x,))

    return how


def _onnx_resize(call: ForeignCall) -> Made:
    mode = {"linear": "bilinear", "cubic": "bicubic"}.get(call.get("mode", "nearest"), "nearest")
    how = call.get("coordinate_transformation_mode", "half_pixel")
    plain = how == "asymmetric" if mode == "nearest" else how in ("half_pixel", "pytorch_half_pixel", "align_corners")
    if not plain or not all(isinstance(size, int) for size in call.output.shape[2:]):
        raise Unreadable(f"`coordinate_transformation_mode` = {how}")
    parameters: dict[str, Any] = {"size": [*call.output.shape[2:]], "mode": mode}
    if how == "align_corners":
        parameters["align_corners"] = True
    return Made("interpolate", parameters, (call.tensor("X"),))


def _onnx_pad(call: ForeignCall) -> Made:
    pads = call.get("pads")
    sides = list(pads.content if isinstance(pads, ForeignTensor) else pads)
    half = len(sides) // 2
    pad = [side for i in reversed(range(half)) for side in (sides[i], sides[half + i])]
    while pad[-2:] == [0, 0]:
        pad = pad[:-2]
    number = call.get("constant_value")
    value = number.content if isinstance(number, ForeignTensor) else (number or 0.0)
    mode = {"edge": "replicate", "wrap": "circular"}.get(call.get("mode", "constant"), call.get("mode", "constant"))
    return Made("pad", {"pad": pad, "mode": mode, "value": value}, (call.tensor("data"),))


def _mode(call: ForeignCall) -> str:
    return ("bilinear", "nearest", "bicubic")[call.get("interpolation_mode", 0)]


def _border(call: ForeignCall) -> str:
    return ("zeros", "border", "reflection")[call.get("padding_mode", 0)]


@deferred_dataclass
class Interpolate(Operator, group="resample"):
    """The spatial dimensions resampled to a size, or by a factor: ⌊L · scale_factor⌋ in double precision."""

    size: Any = param(Sizes(1, open=True), "size of the output", None)
    scale_factor: Any = param(Factors(), "factor instead of a size", None)
    mode: str = param(Choice(("nearest", "nearest-exact", "area", *LINEAR)), "how values between are made", "nearest")
    align_corners: bool | None = param(Boolean(), "whether corner values are kept (linear modes and bicubic)", None)
    antialias: bool = param(
        Boolean(), "whether values are averaged where the image gets smaller (bilinear, bicubic)", False, kw_only=True
    )

    reads = (
        reading("aten.upsample_nearest1d aten.upsample_nearest2d aten.upsample_nearest3d", _upsampled("nearest")),
        reading("aten.upsample_linear1d", _upsampled("linear")),
        reading("aten.upsample_bilinear2d", _upsampled("bilinear")),
        reading("aten.upsample_bicubic2d", _upsampled("bicubic")),
        reading("aten.upsample_trilinear3d", _upsampled("trilinear")),
        reading("aten._upsample_bilinear2d_aa", _upsampled("bilinear", True)),
        reading("aten._upsample_bicubic2d_aa", _upsampled("bicubic", True)),
        reading("onnx.Resize", _onnx_resize),
    )
    examples = (
        Example("interpolate(scale_factor = 2)", ((2, 8, 5, 5),), (2, 8, 10, 10)),
        Example("interpolate(size = [7, 9], mode = bilinear)", ((2, 8, 5, 5),), (2, 8, 7, 9)),
        Example("interpolate(scale_factor = 1.15)", ((1, 2, 100),), (1, 2, 114)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        rank_between(self, shape, 3, 5, FORM)
        rank = len(shape) - 2
        if (self.size is None) == (self.scale_factor is None):
            raise ShapeError(
                "`interpolate` needs either `size` or `scale_factor`" + (", not both" if self.size is not None else ""),
                code="bad-parameter",
            )
        if LINEAR.get(self.mode, rank) != rank:
            fitting = " or ".join(m for m, r in LINEAR.items() if r == rank)
            raise ShapeError(
                f"mode `{self.mode}` needs {LINEAR[self.mode]} spatial dimensions, found {rank}",
                code="bad-parameter",
                help=f"use {fitting} or nearest",
            )
        if self.align_corners is not None and self.mode not in LINEAR:
            raise ShapeError(f"`align_corners` does not go with mode `{self.mode}`", code="bad-parameter")
        if self.antialias and self.mode not in ("bilinear", "bicubic"):
            raise ShapeError(f"`antialias` does not go with mode `{self.mode}`", code="bad-parameter")
        if self.size is not None:
            sizes = spatial(self, "size", rank)
            if not all(map(fits, sizes)):
                raise ShapeError(f"`interpolate` to {show(sizes)} gives nothing", code="empty-output")
            return (*shape[:2], *sizes)
        factors = self._factors(rank)
        return (*shape[:2], *(_scaled(size, factor) for size, factor in zip(shape[2:], factors, strict=True)))

    def _factors(self, rank: int) -> tuple[float, ...]:
        if isinstance(self.scale_factor, tuple):
            if len(self.scale_factor) != rank:
                raise ShapeError(
                    f"`scale_factor` needs 1 value or {rank}, found {len(self.scale_factor)}", code="bad-parameter"
                )
            return self.scale_factor
        return (self.scale_factor,) * rank

    def keeps(self, use: Use) -> Kept:
        return adaptive_keeps(use) if self.mode == "area" else Kept()

    def layout(self, use: Use, output: Shape) -> Strides | None:
        return RULES["in plane format" if self.mode == "area" else "in format"](use.inputs, output)

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        if self.mode == "area":
            return product(inputs[0])
        # A product for each value that takes part, and the additions between them; a copy is none.
        taps = {"nearest": 1, "nearest-exact": 1, "bicubic": 4}.get(self.mode, 2) ** (len(output) - 2)
        return (2 * taps - 1) * product(output) if taps > 1 else 0

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        if self.mode == "area":
            return adaptive_windows(inputs[0], output)
        if self.antialias:
            return None
        steps = [self._step(axis, *sizes) for axis, sizes in enumerate(zip(inputs[0][2:], output[2:], strict=True))]
        if any(step is None for step in steps):
            return None
        known = [step for step in steps if step is not None]
        if max(step.denominator for step in known) > MOST:
            return None
        taps = (tuple(self._read(phase, step) for phase in range(step.denominator)) for step in known)
        axes = enumerate(zip(taps, known, strict=True), 2)
        return spatially((Slide(dim, read, step.numerator) for dim, (read, step) in axes), mixed=False)

    def _step(self, axis: int, size: Size, out: Size) -> Fraction | None:
        """How far apart in the input neighbours of the output lie; None where that depends on a symbol."""
        if self.scale_factor is not None and not self.align_corners:
            # torch takes the factor itself, not what becomes of it
            factor = self.scale_factor[axis] if isinstance(self.scale_factor, tuple) else self.scale_factor
            return 1 / Fraction(factor).limit_denominator(MAX_STEP)
        if not (isinstance(size, int) and isinstance(out, int)):
            return None
        if self.align_corners:
            return Fraction(size - 1, out - 1) if out > 1 else Fraction(0)
        return Fraction(size, out)

    def _read(self, output: int, step: Fraction) -> range:
        """The inputs that an output reads: those around its place whose weights are not 0."""
        if self.mode in ("nearest", "nearest-exact"):
            place = math.floor(output * step if self.mode == "nearest" else (output + Fraction(1, 2)) * step)
            return range(place, place + 1)
        exact = output * step if self.align_corners else (output + Fraction(1, 2)) * step - Fraction(1, 2)
        place = math.floor(exact)
        if exact == place:
            return range(place, place + 1)
        return range(place - 1, place + 3) if self.mode == "bicubic" else range(place, place + 2)

    def target(self, *inputs: Shape) -> Target:
        kwargs: dict[str, Any] = {"mode": self.mode}
        if self.size is not None:
            kwargs["size"] = self.size
        else:
            kwargs["scale_factor"] = self.scale_factor
        if self.align_corners is not None:
            kwargs["align_corners"] = self.align_corners
        if any(isinstance(size, Dim) for size in (self.size if isinstance(self.size, tuple) else (self.size,))):
            return Target("torch.nn.functional.interpolate", kwargs, kind="function")
        if self.antialias:
            return Target("torch.nn.functional.interpolate", kwargs | {"antialias": True}, kind="function")
        return Target("torch.nn.Upsample", kwargs)


def _scaled(size: Size, factor: float) -> Size:
    if isinstance(size, Dim):
        ratio = Fraction(factor)  # exactly what the double holds: 1/49 is not among them, and ⌊49 · (1/49)⌋ is 0
        if ratio.numerator * ratio.denominator <= MAX_INT:
            return size * ratio.numerator // ratio.denominator
        raise Undecided(f"the size {size} · {factor:g} of `interpolate`", symbols(size))
    out = math.floor(size * factor)
    if not 1 <= out <= MAX_INT:
        raise ShapeError(f"{size} · {factor:g} gives a size of {out}", code="empty-output", culprits=(0,))
    return out


@deferred_dataclass
class PixelShuffle(Operator, group="resample"):
    """Channels to space: [N, C·r², H, W] becomes [N, C, H·r, W·r] (Shi et al., 2016, arXiv:1609.05158)."""

    upscale_factor: int = param(Integer(1), "r")

    reads = ("aten.pixel_shuffle",)
    examples = (Example("pixel_shuffle(2)", ((2, 8, 5, 5),), (2, 2, 10, 10)),)

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        rank_between(self, shape, 4, 4, "[N, C, H, W]")
        channels, r = known(shape[1], "the number of channels of `pixel_shuffle`"), self.upscale_factor
        if channels % (r * r):
            fitting = [d for d in range(2, 17) if channels % (d * d) == 0]
            raise ShapeError(
                f"{channels} channels are not divisible by upscale_factor² = {r * r}",
                code="groups",
                help=choose("upscale_factor", fitting, f"channels: a multiple of {r * r}"),
                culprits=((0, 1),),
            )
        return (shape[0], channels // (r * r), shape[2] * r, shape[3] * r)

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        if self.upscale_factor > MOST:
            return None
        return spatially(Slide(dim, (range(1),) * self.upscale_factor) for dim in (2, 3))

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.nn.PixelShuffle", {"upscale_factor": self.upscale_factor})


def _cropped(size: Size, before: Size, after: Size) -> list[Size]:
    """What a negative border leaves of a size, on either side and on both; all of it where the border is not negative.

    Where symbols decide about the sign, all cases are there: what is said of each is said of the least.
    """
    return [size + left + right for left in _cut(before) for right in _cut(after)]


def _cut(border: Size) -> list[Size]:
    if at_least(border, 0):
        return [0]
    return [border] if at_least(0, border) else [0, border]


@deferred_dataclass
class PixelUnshuffle(Operator, group="resample"):
    """Space to channels: [N, C, H·r, W·r] becomes [N, C·r², H, W], the inverse of `pixel_shuffle`."""

    downscale_factor: int = param(Integer(1), "r")

    takes = ("anything",)
    lies = "in format"
    reads = ("aten.pixel_unshuffle",)
    examples = (Example("pixel_unshuffle(2)", ((2, 2, 10, 6),), (2, 8, 5, 3)),)

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        rank_between(self, shape, 4, 4, "[N, C, H, W]")
        r = self.downscale_factor
        for axis in (2, 3):
            if not same(shape[axis] % r, 0):
                message = f"a size of {shape[axis]} is not divisible by downscale_factor = {r}"
                raise ShapeError(message, code="groups", culprits=((0, axis),))
        return (shape[0], shape[1] * r * r, shape[2] // r, shape[3] // r)

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        r = self.downscale_factor
        return (Slide(0), Slide(1, ordered=False), window(2, r, r), window(3, r, r))

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.nn.PixelUnshuffle", {"downscale_factor": self.downscale_factor})


@deferred_dataclass
class GridSample(Operator, group="resample"):
    """Values of an image at the places of a grid, which are given from -1 to 1 as [N, H, W, (x, y)], or in a volume
    as [N, D, H, W, (x, y, z)] (Jaderberg et al., 2015, arXiv:1506.02025)."""

    mode: str = param(Choice(("bilinear", "nearest", "bicubic")), "how values between are made", "bilinear")
    padding_mode: str = param(Choice(("zeros", "border", "reflection")), "what lies outside", "zeros")
    align_corners: bool = param(Boolean(), "whether -1 and 1 are the centres of the outermost values", False)

    inputs = ("input", "grid")
    saves = ("input", "other")
    reads = (Reads("aten.grid_sampler", {"mode": _mode, "padding_mode": _border}, ignored=("interpolation_mode",)),)
    examples = (
        Example("grid_sample", ((2, 4, 6, 6), (2, 3, 5, 2)), (2, 4, 3, 5)),
        Example("grid_sample(padding_mode = border)", ((1, 2, 4, 5, 6), (1, 3, 5, 2, 3)), (1, 2, 3, 5, 2)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        shape, grid = inputs
        rank_between(self, shape, 4, 5, "[N, C, H, W] or [N, C, D, H, W]")
        rank = len(shape) - 2
        if len(grid) != len(shape) or not same(grid[-1], rank):
            message = f"a grid for {show(shape)} has the shape [N, {'D, ' * (rank - 2)}H, W, {rank}]"
            raise ShapeError(f"{message}, found {show(grid)}", culprits=(0, 1))
        if not same(shape[0], grid[0]):
            raise ShapeError(f"{show(shape)} and the grid {show(grid)} differ in the batch", culprits=((0, 0), (1, 0)))
        if self.mode == "bicubic" and rank != 2:
            raise ShapeError("mode `bicubic` needs 2 spatial dimensions, found 3", code="bad-parameter")
        return (*shape[:2], *grid[1:-1])

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        # A product for each value that takes part, and the additions between them.
        taps: int = {"nearest": 1, "bicubic": 4}.get(self.mode, 2) ** (len(output) - 2)
        return 2 * taps * product(output)

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        if number == 0:  # wherever the grid leads
            return pointwise(inputs[0], inputs[0], mixed=range(2, len(output)))
        return (Slide(0), *(Slide(dim) for dim in range(2, len(output))), None)

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.nn.functional.grid_sample", self.params, kind="function")


@deferred_dataclass
class Pad(Operator, group="reshape"):
    """A border around the last dimensions: [left, right, top, bottom, ...], the last dimension first.

    Negative values crop.
    """

    pad: tuple[Size, ...] = param(Integers(open=True), "sizes of the border, two for each dimension from the last on")
    mode: str = param(Choice(("constant", "reflect", "replicate", "circular")), "what the border holds", "constant")
    value: float = param(Number(infinite=True), "value of a constant border", 0.0)

    takes = ("anything",)
    lies = "in format"
    reads = (
        reading("aten.pad aten.constant_pad_nd", padded),
        reading("onnx.Pad", _onnx_pad),
    )
    examples = (
        Example("pad([1, 2, 3, 4])", ((2, 8, 5, 5),), (2, 8, 12, 8)),
        Example("pad([0, 0, 0, 0, 4, 4])", ((2, 8, 5, 5),), (2, 16, 5, 5)),
        Example("pad([1, 1], mode = reflect)", ((2, 8, 5),), (2, 8, 7)),
        Example("pad([-1, -1])", ((2, 8, 5),), (2, 8, 3)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if self.mode != "constant":
            rank_between(self, shape, 3, 5, FORM)
        count = len(self.pad)
        if count % 2 or count > 2 * len(shape):
            raise ShapeError(
                f"`pad` needs two values for each dimension, at most {2 * len(shape)}; found {count}",
                code="bad-parameter",
            )
        if self.mode != "constant" and count != 2 * (len(shape) - 2):
            raise ShapeError(
                f"`pad` with mode {self.mode} needs {2 * (len(shape) - 2)} values for an input of"
                f" {len(shape)} dimensions, found {count}",
                code="bad-parameter",
            )
        if self.mode != "constant" and self.value:
            raise ShapeError(f"`value` does not go with mode `{self.mode}`", code="bad-parameter")
        out = list(shape)
        for i in range(count // 2):
            dim = len(shape) - 1 - i
            before, after = self.pad[2 * i], self.pad[2 * i + 1]
            # What is cropped cannot wrap round: torch would copy values that it is still writing.
            kept = _cropped(shape[dim], before, after)
            limits = {"reflect": [shape[dim] - 1], "circular": kept}.get(self.mode, [])
            borders = {max(before, after)} if isinstance(before, int) and isinstance(after, int) else {before, after}
            for limit, border in itertools.product(limits, borders):
                if not fits(limit - border, 0):
                    raise ShapeError(
                        f"{self.mode} padding of {border} is too large for dimension {dim} of size {shape[dim]}",
                        code="bad-parameter",
                    )
            if not all(map(fits, kept)):
                raise ShapeError(f"`pad` takes away all of dimension {dim} of size {shape[dim]}", code="empty-output")
            out[dim] = shape[dim] + before + after
        return tuple(out)

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        before = [*self.pad[::2], *[0] * (len(output) - len(self.pad) // 2)]
        return tuple(
            window(dim, 1, offset=-border) if isinstance(border, int) else Slide(dim, ordered=False)
            for dim, border in enumerate(reversed(before))
        )

    def layout(self, use: Use, output: Shape) -> Strides | None:
        if self.mode == "circular":
            return contiguous(output)
        if self.mode == "constant" and all(at_least(0, border) for border in self.pad):  # a copy of what is left
            return elementwise([Laid(output, use.inputs[0].strides)], output)
        return super().layout(use, output)

    def typed(self, inputs: Sequence[str]) -> Operator:
        if inputs[0] == "bool" and self.mode in ("reflect", "replicate"):
            raise ShapeError(f"`pad` with mode {self.mode} needs numbers, found bool", code="wrong-dtype")
        if inputs[0] != FLOATING and not self.value.is_integer():  # torch would cut its fraction off
            raise ShapeError(f"a border of {self.value:g} is none for {inputs[0]}", code="bad-parameter")
        return self

    @property
    def saves(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("input",) if self.mode in ("reflect", "replicate") else ()

    def target(self, *inputs: Shape) -> Target:
        kwargs: dict[str, Any] = {"mode": self.mode} | ({"value": self.value} if self.mode == "constant" else {})
        return Target("torch.nn.functional.pad", kwargs, (self.pad,), kind="function")
