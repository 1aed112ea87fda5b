"""Operators that choose values by their place or their size, or move them along a dimension."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from archdsl.dims import Shape, Size, product, show
from archdsl.ops._op import Example, Kept, Operator, ShapeError, Target, Use, index_dim, param
from archdsl.ops.assumptions import fits
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.foreign import ForeignCall, Made, Reads, reading
from archdsl.ops.function import distinct_dims
from archdsl.ops.kinds import MAX_INT, Boolean, Integer, Integers
from archdsl.ops.rearranged import indexed, repeated
from archdsl.ops.sight import Sees, Slide, pointwise
from archdsl.ops.strides import RULES, Lies, Strides

DIM: Any = Integer(-MAX_INT)


def unordered(dims: set[int], rank: int) -> Sees:
    """Each element reads one at its own place, but anywhere along some dimensions."""
    return tuple(Slide(dim, ordered=dim not in dims) for dim in range(rank))


@deferred_dataclass
class Gather(Operator, group="reshape"):
    """For each index of a tensor the value that stands there along a dimension: `out[i][j] = input[index[i][j]][j]`."""

    dim: int = param(DIM, "the dimension along which the indices count")

    inputs = ("input", "index")
    takes = ("anything", "integers")
    gathers = True
    reads = (Reads("aten.gather", ignored=("sparse_grad",)),)
    examples = (
        Example("gather(1)", ((2, 8, 5), (2, 3, 5)), (2, 3, 5)),
        Example("gather(-1)", ((4, 9), (2, 1)), (2, 1)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        shape, index = inputs
        dim = index_dim(self.dim, len(shape), "`dim`")
        if len(index) != len(shape):
            message = f"indices {show(index)} need as many dimensions as {show(shape)}"
            raise ShapeError(message, culprits=(0, 1))
        for axis, (size, chosen) in enumerate(zip(shape, index, strict=True)):
            if axis != dim and not fits(size - chosen, 0):
                message = f"dimension {axis} of the indices is {chosen}, beyond that of {show(shape)}"
                raise ShapeError(message, culprits=((0, axis), (1, axis)))
        return index

    def keeps(self, use: Use) -> Kept:
        return Kept((0, 1))

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        chosen = {self.dim % len(output)} if number == 0 else set[int]()
        return unordered(chosen, len(output))

    def target(self, *inputs: Shape) -> Target:
        return Target("compiler.fx.layers.gather", args=(self.dim,), kind="function")


@deferred_dataclass
class IndexSelect(Operator, group="reshape"):
    """The parts of a dimension that a list of indices names."""

    dim: int = param(DIM, "the dimension that is chosen from", 0)

    inputs = ("input", "index")
    takes = ("anything", "integers")
    gathers = True
    reads = (
        "aten.index_select",
        reading("aten.index", indexed),
    )
    examples = (
        Example("index_select(1)", ((2, 8, 5), (3,)), (2, 3, 5)),
        Example("index_select", ((9, 4), (6,)), (6, 4)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        shape, index = inputs
        dim = index_dim(self.dim, len(shape), "`dim`")
        if len(index) != 1:
            raise ShapeError(f"`index_select` needs a list of indices, found {show(index)}", code="wrong-rank")
        return (*shape[:dim], index[0], *shape[dim + 1 :])

    def keeps(self, use: Use) -> Kept:
        return Kept((1,))

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        chosen = self.dim % len(output)
        return unordered({chosen}, len(output)) if number == 0 else (Slide(chosen),)

    def target(self, *inputs: Shape) -> Target:
        return Target("compiler.fx.layers.index_select", args=(self.dim,), kind="function")


@deferred_dataclass
class Roll(Operator, group="reshape"):
    """The values moved along dimensions; what leaves at an end comes in at the other."""

    shifts: tuple[Size, ...] = param(Integers(open=True), "by how many places, one for each dimension")
    dims: tuple[int, ...] = param(Integers(), "the dimensions")

    takes = ("anything",)
    lies = "in format"
    reads = ("aten.roll",)
    examples = (
        Example("roll(1, 2)", ((2, 8, 5, 4),), (2, 8, 5, 4)),
        Example("roll([-2, -2], [1, 2])", ((2, 8, 8, 3),), (2, 8, 8, 3)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        if len(self.shifts) != len(self.dims):
            message = f"`roll` needs a shift for each dimension, found {len(self.shifts)} for {len(self.dims)}"
            raise ShapeError(message, code="bad-parameter")
        distinct_dims(self.dims, len(inputs[0]))
        return inputs[0]

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return unordered({dim % len(output) for dim in self.dims}, len(output))

    def layout(self, use: Use, output: Shape) -> Strides | None:
        """Two parts are joined along each dimension; of which one is empty, the format is lost."""
        moves = zip(self.shifts, (output[dim % len(output)] for dim in self.dims), strict=True)
        known = ((shift, size) for shift, size in moves if isinstance(shift, int) and isinstance(size, int))
        return RULES["in order" if any(shift % size == 0 for shift, size in known) else self.lies](use.inputs, output)

    def scratch(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output) if len(self.dims) > 1 else 0  # moved along one dimension after the other

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.roll", args=(self.shifts, self.dims), kind="function")


@deferred_dataclass
class Flip(Operator, group="reshape"):
    """The values along some dimensions in the opposite order."""

    dims: tuple[int, ...] = param(Integers(), "the dimensions")

    takes = ("anything",)
    lies = "elementwise"
    reads = ("aten.flip",)
    examples = (Example("flip(-1)", ((2, 8, 5),), (2, 8, 5)), Example("flip([1, 2])", ((2, 8, 5),), (2, 8, 5)))

    def infer(self, *inputs: Shape) -> Shape:
        distinct_dims(self.dims, len(inputs[0]))
        return inputs[0]

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return unordered({dim % len(output) for dim in self.dims}, len(output))

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.flip", args=(self.dims,), kind="function")


@deferred_dataclass
class Tile(Operator, group="reshape"):
    """The tensor repeated along its last dimensions, so often each; further numbers make new dimensions before them."""

    dims: tuple[int, ...] = param(Integers(1), "how often, for each of the last dimensions")

    takes = ("anything",)
    reads = (reading("aten.repeat aten.tile", repeated),)
    examples = (Example("tile([1, 3])", ((2, 8, 5),), (2, 8, 15)), Example("tile([4, 1, 1])", ((2, 8),), (4, 2, 8)))

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        rank = max(len(shape), len(self.dims))
        sizes = (*(1,) * (rank - len(shape)), *shape)
        times = (*(1,) * (rank - len(self.dims)), *self.dims)
        return tuple(size * count for size, count in zip(sizes, times, strict=True))

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        (shape,), new = inputs, len(output) - len(inputs[0])
        return tuple(Slide(new + dim, ordered=size == output[new + dim]) for dim, size in enumerate(shape))

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.tile", args=(self.dims,), kind="function")


class _Ranked(Operator):
    """Values along a dimension by their size, and their indices."""

    dim: int
    gives = ("same", "int64")
    lies: ClassVar[Lies] = "in order"

    def keeps(self, use: Use) -> Kept:
        return Kept(further=(1,))

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        # Comparisons: as many for each value as it takes to halve the dimension down to one.
        size = inputs[0][self.dim % len(inputs[0])]
        return product(inputs[0]) * (max(math.ceil(math.log2(size)), 1) if isinstance(size, int) else 1)

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return pointwise(inputs[0], inputs[0], mixed=(self.dim,))


@deferred_dataclass
class Topk(_Ranked, group="reduction"):
    """The k greatest values along a dimension, and their indices: `values, indices = topk(x, 2)`."""

    k: int = param(Integer(1), "how many")
    dim: int = param(DIM, "the dimension", -1)
    largest: bool = param(Boolean(), "the greatest; else the least", True)
    sorted: bool = param(Boolean(), "whether they come in order", True)

    takes = ("numbers",)
    reads = ("aten.topk",)
    examples = (
        Example("topk(2)", ((2, 8, 5),), ((2, 8, 2), (2, 8, 2))),
        Example("topk(3, dim = 1, largest = false)", ((2, 8),), ((2, 3), (2, 3))),
    )

    def infer_all(self, *inputs: Shape) -> tuple[Shape, ...]:
        (shape,) = inputs
        dim = index_dim(self.dim, len(shape), "`dim`")
        if not fits(shape[dim] - self.k, 0):
            message = f"`k` {self.k} is more than dimension {dim} of {show(shape)} has"
            raise ShapeError(message, code="bad-parameter", culprits=((0, dim),), instead={"k": shape[dim]})
        return ((*shape[:dim], self.k, *shape[dim + 1 :]),) * 2

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.topk", self.params, kind="function")


@deferred_dataclass
class Sort(_Ranked, group="reshape"):
    """The values along a dimension in order, and their indices: `values, indices = sort(x)`."""

    dim: int = param(DIM, "the dimension", -1)
    descending: bool = param(Boolean(), "the greatest first", False)
    stable: bool = param(Boolean(), "whether equal values stay in their order", False, kw_only=True)

    takes = ("anything",)
    lies = "elementwise"
    reads = ("aten.sort",)
    examples = (Example("sort(1, descending = true)", ((2, 8, 5),), ((2, 8, 5), (2, 8, 5))),)

    def infer_all(self, *inputs: Shape) -> tuple[Shape, ...]:
        index_dim(self.dim, len(inputs[0]), "`dim`")
        return (inputs[0],) * 2

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.sort", self.params, kind="function")


def _summed_up(call: ForeignCall) -> Made:
    """Sums of what was converted before, where a type is given."""
    x, dtype = call.tensor("self"), call.get("dtype")
    kept = dtype is None or x.dtype == dtype or (x.dtype == "bool" and dtype == "int64")
    return Made("cumsum", {"dim": call.get("dim")}, (x if kept else Made("to", {"dtype": dtype}, (x,)),))


@deferred_dataclass
class Cumsum(Operator, group="function"):
    """Sums along a dimension, of each value and all before it."""

    dim: int = param(DIM, "the dimension")

    takes = ("anything",)
    gives = ("added up",)
    autocast = "float32"
    reads = (reading("aten.cumsum", _summed_up),)
    examples = (Example("cumsum(1)", ((2, 8, 5),), (2, 8, 5)),)

    def infer(self, *inputs: Shape) -> Shape:
        index_dim(self.dim, len(inputs[0]), "`dim`")
        return inputs[0]

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output)

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return 2 * product(output)  # the gradient the other way round, and its sums

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return pointwise(inputs[0], output, mixed=(self.dim,))  # the last element sees all

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.cumsum", self.params, kind="function")
