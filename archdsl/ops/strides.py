"""How tensors lie in memory: torch's rules of strides, for sizes that may be symbols.

A stride is the distance, in elements, between neighbours along a dimension; 0 where a dimension is repeated without a
copy. The rules are those of torch 2.13: `computeStride` (ATen/TensorUtils.cpp) for views, `TensorIterator` for
elementwise operators, `c10/core/MemoryFormat.h` for channels last. Where a symbol leaves open which of two strides is
greater, they are taken to lie in order, and a size that is a symbol is taken to be more than 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias

from archdsl.dims import Shape, Size, Undecided, product
from archdsl.symbolic import at_least

Strides: TypeAlias = tuple[Size, ...]


class Laid(NamedTuple):
    """A tensor's shape, and how it lies in memory."""

    shape: Shape
    strides: Strides

    @property
    def values(self) -> Size:
        """How many values it has."""
        return product(self.shape)

    @property
    def in_order(self) -> bool:
        """Whether it lies without gaps in the order of its dimensions: torch's `is_contiguous`."""
        return self.strides == contiguous(self.shape) or self.dense_in(range(len(self.shape)))

    @property
    def channels_last(self) -> bool:
        """Whether torch takes it for one whose channels come last: `suggest_memory_format`."""
        order = LAST.get(len(self.shape))
        if order is None or self.strides[1] == 0:
            return False
        least: Size = 0
        for dim in order:
            stride = self.strides[dim]
            if not _at_least(stride, least) or (dim == 0 and least == self.strides[1]):
                return False
            least = stride * self.shape[dim]
        return True

    def unsqueezed(self, dim: int) -> Laid:
        """With a new dimension of size 1."""
        shape, strides = self
        new = strides[dim] * shape[dim] if dim < len(shape) else 1
        return Laid((*shape[:dim], 1, *shape[dim:]), (*strides[:dim], new, *strides[dim:]))

    def permuted(self, dims: Sequence[int]) -> Laid:
        """With its dimensions in another order."""
        return Laid(tuple(self.shape[dim] for dim in dims), tuple(self.strides[dim] for dim in dims))

    def dense_in(self, dims: Sequence[int]) -> bool:
        """Whether it lies without gaps in this order of its dimensions, where those of size 1 are does not matter."""
        expected: Size = 1
        for dim in reversed(dims):
            if self.shape[dim] != 1:
                if self.strides[dim] != expected:
                    return False
                expected = expected * self.shape[dim]
        return True

    @property
    def in_format(self) -> bool:
        """Whether it lies without gaps in the memory format that torch takes it for."""
        return self.dense_in(tuple(reversed(LAST[len(self.shape)]))) if self.channels_last else self.in_order

    @property
    def dense(self) -> bool:
        """Whether it lies without gaps or repeats in some order of its dimensions."""
        return self.in_order or self.dense_in(_order([self], self.shape))


LAST: Final = {4: (1, 3, 2, 0), 5: (1, 4, 3, 2, 0)}  # dimensions from the innermost, where channels come last


@lru_cache(4096)
def contiguous(shape: Shape) -> Strides:
    """The strides of a tensor without gaps in the order of its dimensions."""
    return _packed(shape, range(len(shape)))


def channels_last(shape: Shape) -> Strides:
    """The strides of a tensor of 4 or 5 dimensions whose channels come last."""
    return _packed(shape, tuple(reversed(LAST[len(shape)])))


def in_format(inputs: Sequence[Laid], shape: Shape) -> Strides:
    """The strides of a result whose channels come last where those of all inputs do."""
    return channels_last(shape) if all(laid.channels_last for laid in inputs) else contiguous(shape)


def in_plane_format(inputs: Sequence[Laid], shape: Shape) -> Strides:
    """The same of pooling, which takes one spatial dimension for a plane of height 1, and knows no format of three."""
    if len(shape) == 4:
        return in_format(inputs, shape)
    if len(shape) != 3:
        return contiguous(shape)
    plane = (*shape[:2], 1, shape[2])
    strides = in_format([laid.unsqueezed(2) for laid in inputs], plane)
    return (*strides[:2], strides[3])


def in_order(inputs: Sequence[Laid], shape: Shape) -> Strides:
    """The strides of a result that lies in order, wherever its inputs lie."""
    return contiguous(shape)


def viewed(laid: Laid, shape: Shape) -> Strides | None:
    """The strides of a view of another shape; None where only a copy has it."""
    if laid.strides == contiguous(laid.shape):
        return contiguous(shape)
    old, strides = laid
    if not old:
        return (1,) * len(shape)
    found: list[Size] = [1] * len(shape)
    dim, inner = len(shape) - 1, strides[-1]
    here: Size = 1
    there: Size = 1
    for at in range(len(old) - 1, -1, -1):
        here = here * old[at]
        if at > 0 and (old[at - 1] == 1 or strides[at - 1] == here * inner):
            continue  # this dimension and the one before it are one run
        while dim >= 0 and (there != here or shape[dim] == 1):
            found[dim] = there * inner
            there = there * shape[dim]
            dim -= 1
        if there != here:
            return None
        if at > 0:
            inner, here, there = strides[at - 1], 1, 1
    return tuple(found) if dim == -1 else None


def expanded(laid: Laid, shape: Shape) -> Laid:
    """A tensor repeated without a copy, new dimensions first."""
    new = len(shape) - len(laid.shape)
    strides: list[Size] = []
    for dim in range(len(shape) - 1, -1, -1):
        if dim < new:  # torch gives a new dimension of size 1 the stride that it would have in order
            strides.append(0 if shape[dim] != 1 else strides[-1] * shape[dim + 1] if strides else 1)
        else:
            strides.append(laid.strides[dim - new] if laid.shape[dim - new] == shape[dim] else 0)
    return Laid(shape, tuple(reversed(strides)))


def elementwise(inputs: Sequence[Laid], shape: Shape) -> Strides:
    """The strides of the result of an elementwise operator: in the order in which its inputs lie."""
    plain = contiguous(shape)
    if all(laid.strides == plain and laid.shape == shape for laid in inputs):
        return plain
    if all(laid.shape == shape for laid in inputs):
        if all(laid.in_order for laid in inputs):
            return plain
        order = LAST.get(len(shape))
        if order is not None and all(laid.dense_in(tuple(reversed(order))) for laid in inputs):
            return channels_last(shape)
        first = inputs[0]
        if first.dense and all(laid.strides == first.strides for laid in inputs):
            return first.strides
    return _packed(shape, _order([expanded(laid, shape) for laid in inputs], shape))


Lies: TypeAlias = Literal["in order", "in format", "in plane format", "elementwise"]
RULES: Final[Mapping[Lies, Callable[[Sequence[Laid], Shape], Strides]]] = {
    "in order": in_order,
    "in format": in_format,
    "in plane format": in_plane_format,
    "elementwise": elementwise,
}
SCALAR: Final = Laid((), ())  # a number beside tensors


def _packed(shape: Shape, dims: Sequence[int]) -> Strides:
    """Strides without gaps, the dimensions in this order from the outermost."""
    found: list[Size] = [1] * len(shape)
    stride: Size = 1
    for dim in reversed(dims):
        found[dim] = stride
        stride = stride * shape[dim]
    return tuple(found)


def _order(inputs: Sequence[Laid], shape: Shape) -> list[int]:
    """The dimensions from the outermost, as `TensorIterator::reorder_dimensions` sorts them."""
    dims = list(reversed(range(len(shape))))  # the innermost first
    for i in range(1, len(dims)):
        moving = i
        for before in range(i - 1, -1, -1):
            swap = _swap(inputs, shape, dims[before], dims[moving])
            if swap > 0:
                dims[before], dims[moving] = dims[moving], dims[before]
                moving = before
            elif swap < 0:
                break
    return dims[::-1]


def _swap(inputs: Sequence[Laid], shape: Shape, inner: int, outer: int) -> int:
    """1 where two dimensions lie the other way round, -1 where they do not, 0 where no input tells."""
    for laid in inputs:
        a, b = laid.strides[inner], laid.strides[outer]
        if a == 0 or b == 0:
            continue
        if a != b:
            return -1 if _at_least(b, a) else 1
        if shape[inner] != shape[outer] and _at_least(shape[inner], shape[outer]):
            return 1
    return 0


def _at_least(a: Size, b: Size) -> bool:
    if isinstance(a, int) and isinstance(b, int):
        return a >= b
    try:
        decided = at_least(a, b)
        return at_least(b, a) is not True if decided is None else decided  # `1 >= H` holds at H = 1 alone
    except Undecided:  # too long to compare
        return True
