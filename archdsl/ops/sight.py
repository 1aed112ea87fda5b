"""The receptive-field rule of an operator: which elements of an input an element of its output depends on."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fractions import Fraction
from typing import Literal, NamedTuple, TypeAlias

from archdsl.dims import Shape

Number: TypeAlias = int | Fraction


class Slide(NamedTuple):
    """A window along one dimension of the input that moves with a dimension of the output.

    Output o sees the inputs from `o * stride + offset` to `o * stride + offset + extent - 1`. An offset of None means
    one input for each output, in an order that this cannot say.
    """

    dim: int  # of the output
    extent: Number = 1
    stride: Number = 1
    offset: Number | None = 0


# For each dimension of an input, a window along it, or None where all of it is seen; or the same elements one after the
# other, in another shape.
Sees: TypeAlias = tuple[Slide | None, ...] | Literal["in order"]


def pointwise(input: Shape, output: Shape, mixed: Collection[int] = ()) -> Sees:
    """An element sees the one at its own place, aligned at the last dimension, and all along the dimensions `mixed`.

    What is stretched is seen from everywhere.
    """
    shift = len(output) - len(input)
    across = {dim % len(input) for dim in mixed}
    found = []
    for dim, size in enumerate(input):
        to = dim + shift
        stretched = to < 0 or (size == 1 and output[to] != 1)
        found.append(None if dim in across or stretched else Slide(to))
    return tuple(found)


def everything(input: Shape) -> Sees:
    """Every element sees all."""
    return (None,) * len(input)


def windows(windows: Iterable[tuple[Number, Number, Number]], *, mixed: bool = True) -> Sees:
    """Extent, stride and offset along each spatial dimension, from the third on; channels are `mixed` or stay."""
    sliding = (Slide(dim, *window) for dim, window in enumerate(windows, 2))
    return (Slide(0), None if mixed else Slide(1), *sliding)


def spatial_windows(sees: Sees) -> tuple[Slide, ...] | None:
    """The windows along the dimensions from the third on; None where they do not each move with itself."""
    found = [slide for dim, slide in enumerate(sees[2:], 2) if isinstance(slide, Slide) and slide.dim == dim]
    known = [slide for slide in found if slide.offset is not None]
    return tuple(known) if sees != "in order" and len(known) == len(sees) - 2 else None
