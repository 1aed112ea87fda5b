"""Reductions over dimensions, named as in torch; `max` and `min` are its amax and amin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from archdsl.dims import Shape, Size, product
from archdsl.ops._op import Example, Operator, Target, param
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.foreign import ForeignCall, ForeignTensor, How, Made, Reads, reading
from archdsl.ops.function import distinct_dims
from archdsl.ops.kinds import MAX_INT, Boolean, Integer, Integers, Number
from archdsl.ops.sight import Sees, Slide

DIMS: Any = Integers()
DIM: Any = Integer(-MAX_INT)
KEEPDIM: Any = Boolean()


class _Reduction(Operator):
    """A value for each position that is left when dimensions are reduced."""

    dim: Any  # a dimension, several, or None for all
    keepdim: bool
    function: ClassVar[str]

    def reduced(self, shape: Shape) -> set[int]:
        """The dimensions reduced, counted from the start. Raises `ShapeError`."""
        if self.dim is None:
            return set(range(len(shape)))
        return distinct_dims(self.dim if isinstance(self.dim, tuple) else (self.dim,), len(shape))

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        dims = self.reduced(shape)
        return tuple(1 if i in dims else size for i, size in enumerate(shape) if self.keepdim or i not in dims)

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(inputs[0])

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        rank = len(inputs[0])
        reduced = self.reduced(inputs[0])
        kept = [dim for dim in range(rank) if self.keepdim or dim not in reduced]
        return tuple(None if dim in reduced else Slide(kept.index(dim)) for dim in range(rank))

    def target(self, *inputs: Shape) -> Target:
        return Target(self.function, self.params, kind="function")

    def idiom(self, *inputs: Shape) -> str | None:
        if not hasattr(self, "function") or set(self.params) != {"dim", "keepdim"}:
            return None
        chosen = ["dim={dim}"] if self.dim is not None else []
        chosen += ["keepdim=True"] if self.keepdim else []
        return f"{{0.atom}}.{self.function.removeprefix('torch.')}({', '.join(chosen)})"


def _greatest(operator: str) -> How:
    """torch gives the places as well along one dimension; they are no part of this operator."""

    def how(call: ForeignCall) -> Made:
        parameters = {"dim": call.get("dim"), "keepdim": call.get("keepdim", False)}
        return Made(operator, parameters, (call.tensor("self"),))

    return how


def onnx_reduction(operator: str) -> How:
    def how(call: ForeignCall) -> Made:
        axes = call.get("axes")
        dims = axes.content if isinstance(axes, ForeignTensor) else axes
        return Made(operator, {"dim": dims, "keepdim": bool(call.get("keepdims", 1))}, (call.tensors[0],))

    return how


@deferred_dataclass
class Mean(_Reduction, group="reduction"):
    """The mean over some dimensions, or over all."""

    dim: tuple[int, ...] | None = param(DIMS, "the dimensions reduced; all if not given", None)
    keepdim: bool = param(KEEPDIM, "whether they stay, with size 1", False)
    function = "torch.mean"
    reads = (
        Reads("aten.mean", ignored=("dtype",)),
        reading("onnx.ReduceMean", onnx_reduction("mean")),
    )
    examples = (
        Example("mean([2, 3])", ((2, 8, 5, 5),), (2, 8)),
        Example("mean(-1, keepdim = true)", ((2, 8, 5),), (2, 8, 1)),
    )


@deferred_dataclass
class Sum(_Reduction, group="reduction"):
    """The sum over some dimensions, or over all."""

    dim: tuple[int, ...] | None = param(DIMS, "the dimensions reduced; all if not given", None)
    keepdim: bool = param(KEEPDIM, "whether they stay, with size 1", False)
    function = "torch.sum"
    takes = ("anything",)
    gives = ("added up",)
    gradient = "part"
    autocast = "float32"
    reads = (
        Reads("aten.sum", ignored=("dtype",)),
        reading("onnx.ReduceSum", onnx_reduction("sum")),
    )
    examples = (Example("sum(1)", ((2, 8, 5),), (2, 5)),)


@deferred_dataclass
class Prod(_Reduction, group="reduction"):
    """The product over a dimension, or over all."""

    dim: int | None = param(DIM, "the dimension reduced; all if not given", None)
    keepdim: bool = param(KEEPDIM, "whether it stays, with size 1; not where all are reduced", False)
    takes = ("anything",)
    gives = ("added up",)
    saves = ("input", "output")
    autocast = "float32"
    reads = (Reads("aten.prod", ignored=("dtype",)),)
    examples = (Example("prod(1)", ((2, 8, 5),), (2, 5)),)

    def infer(self, *inputs: Shape) -> Shape:
        return super().infer(*inputs) if self.dim is not None else ()

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return super().sees(inputs, output, number) if self.dim is not None else (None,) * len(inputs[0])

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.prod", self.params if self.dim is not None else {}, kind="function")


class _Extreme(_Reduction):
    """A value among those of the dimensions reduced; its gradient is shared by all that are equal to it."""

    dim: tuple[int, ...] | None
    takes = ("anything",)
    saves = ("input", "output")

    def target(self, *inputs: Shape) -> Target:
        return Target(self.function, {"dim": self.dim or (), "keepdim": self.keepdim}, kind="function")


@deferred_dataclass
class Max(_Extreme, group="reduction"):
    """The greatest value over some dimensions, or over all."""

    dim: tuple[int, ...] | None = param(DIMS, "the dimensions reduced; all if not given", None)
    keepdim: bool = param(KEEPDIM, "whether they stay, with size 1", False)
    function = "torch.amax"
    reads = (
        reading("aten.max", _greatest("max")),
        Reads("aten.amax"),
        reading("onnx.ReduceMax", onnx_reduction("max")),
    )
    examples = (
        Example("max(1)", ((2, 8, 5),), (2, 5)),
        Example("max([1, 2], keepdim = true)", ((2, 8, 5),), (2, 1, 1)),
    )


@deferred_dataclass
class Min(_Extreme, group="reduction"):
    """The least value over some dimensions, or over all."""

    dim: tuple[int, ...] | None = param(DIMS, "the dimensions reduced; all if not given", None)
    keepdim: bool = param(KEEPDIM, "whether they stay, with size 1", False)
    function = "torch.amin"
    reads = (
        reading("aten.min", _greatest("min")),
        Reads("aten.amin"),
    )
    examples = (Example("min(1)", ((2, 8, 5),), (2, 5)),)


class _Place(_Reduction):
    """Where a value is found: an index along the dimension reduced, or among all values in order."""

    takes = ("numbers",)
    gives = ("int64",)


@deferred_dataclass
class Argmax(_Place, group="reduction"):
    """The index of the greatest value along a dimension, or among all."""

    dim: int | None = param(DIM, "the dimension reduced; all if not given", None)
    keepdim: bool = param(KEEPDIM, "whether it stays, with size 1", False)
    function = "torch.argmax"
    reads = ("aten.argmax",)
    examples = (Example("argmax(1)", ((2, 8, 5),), (2, 5)),)


@deferred_dataclass
class Argmin(_Place, group="reduction"):
    """The index of the least value along a dimension, or among all."""

    dim: int | None = param(DIM, "the dimension reduced; all if not given", None)
    keepdim: bool = param(KEEPDIM, "whether it stays, with size 1", False)
    function = "torch.argmin"
    reads = ("aten.argmin",)
    examples = (Example("argmin(1)", ((2, 8, 5),), (2, 5)),)


class _Spread(_Reduction):
    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return 4 * product(inputs[0])  # for the mean 1, and 3 for the squares of the differences and their sum

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return 2 * product(inputs[0])  # the differences from the mean, and those times a factor


CORRECTION: Any = Number(0)


@deferred_dataclass
class Var(_Spread, group="reduction"):
    """The variance over some dimensions, or over all: the sum of squares divided by n − correction."""

    dim: tuple[int, ...] | None = param(DIMS, "the dimensions reduced; all if not given", None)
    correction: float = param(CORRECTION, "1 for an estimate from a sample, 0 for the values' own", 1.0, kw_only=True)
    keepdim: bool = param(KEEPDIM, "whether they stay, with size 1", False, kw_only=True)
    function = "torch.var"
    saves = ("input",)
    reads = (Reads("aten.var", ignored=()),)
    examples = (
        Example("var(1)", ((2, 8, 5),), (2, 5)),
        Example("var([1, 2], correction = 0, keepdim = true)", ((2, 8, 5),), (2, 1, 1)),
    )


@deferred_dataclass
class Std(_Spread, group="reduction"):
    """The standard deviation over some dimensions, or over all."""

    dim: tuple[int, ...] | None = param(DIMS, "the dimensions reduced; all if not given", None)
    correction: float = param(CORRECTION, "1 for an estimate from a sample, 0 for the values' own", 1.0, kw_only=True)
    keepdim: bool = param(KEEPDIM, "whether they stay, with size 1", False, kw_only=True)
    function = "torch.std"
    saves = ("input", "output")
    reads = (Reads("aten.std", ignored=()),)
    examples = (Example("std(-1)", ((2, 8, 5),), (2, 8)),)


@deferred_dataclass
class Norm(_Reduction, group="reduction"):
    """The p-norm over some dimensions, or over all."""

    p: float = param(Number(infinite=True), "which norm: 1 is the sum of absolute values, 2 the Euclidean norm", 2.0)
    dim: tuple[int, ...] | None = param(DIMS, "the dimensions reduced; all if not given", None)
    keepdim: bool = param(KEEPDIM, "whether they stay, with size 1", False)
    function = "torch.norm"
    saves = ("input", "output")
    autocast = "float32"
    reads = (
        Reads("aten.linalg_vector_norm", {"p": "ord"}),
        Reads("aten.norm", ignored=("dtype",)),
    )
    examples = (
        Example("norm(dim = -1)", ((2, 8, 5),), (2, 8)),
        Example("norm(1, [1, 2], keepdim = true)", ((2, 8, 5),), (2, 1, 1)),
    )

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return 2 * product(inputs[0])


@deferred_dataclass
class Logsumexp(_Reduction, group="reduction"):
    """The logarithm of the sum of exponentials over some dimensions."""

    dim: tuple[int, ...] = param(DIMS, "the dimensions reduced")
    keepdim: bool = param(KEEPDIM, "whether they stay, with size 1", False)
    function = "torch.logsumexp"
    saves = ("input", "output")
    autocast = "float32"
    reads = ("aten.logsumexp",)
    examples = (Example("logsumexp(-1)", ((2, 8, 5),), (2, 8)),)

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return 3 * product(inputs[0])  # the greatest value, the exponentials, their sum

    def scratch(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(inputs[0]) + product(output)

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(inputs[0])
