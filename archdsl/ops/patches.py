"""Images as columns of patches, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from archdsl.dims import Shape, Size, numbers, product
from archdsl.ops._op import Example, Operator, ShapeError, Target, extent, param, rank_between, same, spatial
from archdsl.ops.assumptions import fits
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.foreign import Reads
from archdsl.ops.kinds import Sizes
from archdsl.ops.sight import Sees


class _Patches(Operator):
    """What reads or writes windows of an image, one column each."""

    kernel_size: Any
    dilation: Any
    padding: Any
    stride: Any

    def positions(self, sizes: Shape) -> tuple[Size, Size]:
        """How many windows there are along the height and the width. Raises `ShapeError`."""
        kernel, dilation = spatial(self, "kernel_size", 2), spatial(self, "dilation", 2)
        padding, stride = spatial(self, "padding", 2), spatial(self, "stride", 2)
        found: list[Size] = []
        for axis, size in enumerate(sizes):
            count = (size + 2 * padding[axis] - extent(kernel[axis], dilation[axis])) // stride[axis] + 1
            if not fits(count):
                message = f"the window of {extent(kernel[axis], dilation[axis])} is larger than a size of {size}"
                raise ShapeError(message, code="kernel-too-large", culprits=((0, 2 + axis),))
            found.append(count)
        return found[0], found[1]

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return None  # places are told by two dimensions at once

    def target(self, *inputs: Shape) -> Target:
        return Target(f"torch.nn.{self.name.capitalize()}", self.params)


@deferred_dataclass
class Unfold(_Patches, group="reshape"):
    """The windows of an image as columns: [N, C, H, W] becomes [N, C · window, windows] (im2col)."""

    kernel_size: Any = param(Sizes(1), "size of the window")
    dilation: Any = param(Sizes(1), "distance between elements of the window", 1)
    padding: Any = param(Sizes(0), "border of zeros on both sides", 0)
    stride: Any = param(Sizes(1), "step of the window", 1)

    reads = (Reads("aten.im2col"),)
    examples = (
        Example("unfold(3, padding = 1)", ((2, 4, 6, 6),), (2, 36, 36)),
        Example("unfold([2, 3], stride = 2)", ((1, 2, 6, 7),), (1, 12, 9)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        rank_between(self, shape, 4, 4, "[N, C, H, W]")
        rows, columns = self.positions(shape[2:])
        return (shape[0], shape[1] * math.prod(spatial(self, "kernel_size", 2)), rows * columns)


@deferred_dataclass
class FoldPatches(_Patches, group="reshape", name="fold"):
    """Columns put back as the windows of an image, and added where windows overlap (col2im)."""

    output_size: Any = param(Sizes(1, open=True), "height and width of the image")
    kernel_size: Any = param(Sizes(1), "size of the window")
    dilation: Any = param(Sizes(1), "distance between elements of the window", 1)
    padding: Any = param(Sizes(0), "border of zeros on both sides", 0)
    stride: Any = param(Sizes(1), "step of the window", 1)

    reads = (Reads("aten.col2im"),)
    examples = (
        Example("fold(6, 3, padding = 1)", ((2, 36, 36),), (2, 4, 6, 6)),
        Example("fold([6, 7], [2, 3], stride = 2)", ((1, 12, 9),), (1, 2, 6, 7)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        rank_between(self, shape, 3, 3, "[N, C · window, windows]")
        sizes, window = spatial(self, "output_size", 2), math.prod(spatial(self, "kernel_size", 2))
        rows, columns = self.positions(sizes)
        if not same(shape[1] % window, 0):
            message = f"{shape[1]} rows do not divide into windows of {window}"
            raise ShapeError(message, code="groups", culprits=((0, 1),))
        if not same(shape[2], rows * columns):
            message = f"an image of {sizes[0]} × {sizes[1]} has {rows} × {columns} windows, found {shape[2]} columns"
            raise ShapeError(message, culprits=((0, 2),))
        return (shape[0], shape[1] // window, *sizes)

    def target(self, *inputs: Shape) -> Target:
        if numbers(spatial(self, "output_size", 2)) is None:  # found as the network runs
            return Target("torch.nn.functional.fold", self.params, kind="function")
        return super().target(*inputs)

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(inputs[0])
