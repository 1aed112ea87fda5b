"""The receptive-field rule of an operator: which elements of an input an element of its output depends on."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias

from archdsl.dims import Shape

MOST: Final = 1024  # phases that are kept apart; resampling by odd factors may have more
AT_PLACE: Final = (range(1),)  # the taps of what reads the position at its own place alone


class Slide(NamedTuple):
    """What is read along one dimension of the input by the positions along a dimension of the output.

    The positions repeat themselves after as many as there are `taps`: output `q * len(taps) + r` reads the inputs
    `q * advance + tap` for each tap in `taps[r]`; where that is empty, it reads none. A window that moves by its stride
    has one phase; what makes images larger has several. Where not `ordered`, each output reads one input, in an order
    that this cannot say.
    """

    dim: int  # of the output
    taps: tuple[range, ...] = AT_PLACE
    advance: int = 1
    ordered: bool = True


# For each dimension of an input, what is read along it, or None where all of it is; or the same elements one after the
# other, in another shape ("in order"); or None where nobody has said.
Sees: TypeAlias = tuple[Slide | None, ...] | Literal["in order"] | None


def window(dim: int, kernel: int, stride: int = 1, offset: int = 0, dilation: int = 1) -> Slide:
    """Output o reads the inputs `o * stride + offset + k * dilation` for each k below `kernel`."""
    return Slide(dim, (range(offset, offset + (kernel - 1) * dilation + 1, dilation),), stride)


@lru_cache
def straight(rank: int) -> tuple[Slide, ...]:
    """Each element sees the one at its own place, of an input of the same shape."""
    return tuple(map(Slide, range(rank)))


def pointwise(input: Shape, output: Shape, mixed: Collection[int] = ()) -> tuple[Slide | None, ...]:
    """An element sees the one at its own place, aligned at the last dimension, and all along the dimensions `mixed`.

    What is stretched is seen from everywhere.
    """
    if input == output and not mixed:
        return straight(len(input))
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


def spatially(slides: Iterable[Slide], *, mixed: bool = True) -> Sees:
    """What is read along each spatial dimension, from the third on; channels are `mixed` or stay."""
    return (Slide(0), None if mixed else Slide(1), *slides)


def spatial_slides(sees: Sees) -> tuple[Slide, ...] | None:
    """What is read along the dimensions from the third on; None where they do not each move with themselves."""
    if sees is None or sees == "in order":
        return None
    found = [slide for dim, slide in enumerate(sees[2:], 2) if slide is not None and slide.dim == dim and slide.ordered]
    return tuple(found) if len(found) == len(sees) - 2 else None
