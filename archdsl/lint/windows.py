"""The layers that slide a window over their input: convolutions and pooling."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from archdsl.dims import Size
from archdsl.graph import Layer
from archdsl.lint._rule import Net
from archdsl.ops.sight import spatial_slides


class WindowAxis(NamedTuple):
    """A window along one dimension: output o reads the inputs `o * stride + offset + i * dilation`, for each element i
    of the kernel."""

    size: Size
    out: Size
    kernel: int
    stride: int
    dilation: int
    offset: int

    @property
    def read(self) -> Fraction:
        """The share of positions that some window reads, borders aside."""
        elements = range(min(self.kernel, self.stride))  # further ones repeat
        return Fraction(len({self.dilation * i % self.stride for i in elements}), self.stride)

    @property
    def left(self) -> int:
        """How many positions at the end no window reads; 0 where sizes are symbols."""
        if not isinstance(self.size, int) or not isinstance(self.out, int):
            return 0
        elements = range(self.kernel) if self.dilation > 1 else (self.kernel - 1,)
        last = max(self._last(i * self.dilation + self.offset) for i in elements)
        return max(self.size - 1 - last, 0)

    def _last(self, start: int) -> int:
        """The last position that one element reads, `start` being the first; without holes it may be in the border."""
        assert isinstance(self.size, int) and isinstance(self.out, int)
        last = self.out - 1
        if self.dilation > 1:
            last = min(last, (self.size - 1 - start) // self.stride)
        return last * self.stride + start


class Sliding(NamedTuple):
    """A layer that slides a window."""

    key: str
    node: Layer
    axes: tuple[WindowAxis, ...]


def sliding(net: Net) -> Iterator[Sliding]:
    """Convolutions and poolings whose windows all have one size and whole steps."""
    for key, node in net.layers.items():
        operator, shapes = node["operator"], net.input_shapes(key)
        if operator.group not in ("convolution", "pooling") or len(shapes) != 1:
            continue
        (shape,) = shapes
        slides = spatial_slides(operator.sees(shapes, node["shape"], 0))
        if slides is None or any(len(slide.taps) > 1 for slide in slides):
            continue
        axes = []
        for size, out, slide in zip(shape[2:], node["shape"][2:], slides, strict=True):
            (taps,) = slide.taps
            axes.append(WindowAxis(size, out, len(taps), slide.advance, taps.step, taps.start))
        yield Sliding(key, node, tuple(axes))
