"""Reductions over dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from archdsl.dims import Shape, Size, product
from archdsl.ops._op import Example, Operator, ShapeError, Target, index_dim, param
from archdsl.ops.kinds import Boolean, Integers
from archdsl.ops.sight import Sees, Slide

DIMS: Any = Integers()


class _Reduction(Operator):
    """A value for each position that is left when dimensions are reduced."""

    dim: tuple[int, ...]
    keepdim: bool
    function: ClassVar[str]

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        dims = {index_dim(dim, len(shape), "`dim`") for dim in self.dim}
        if len(dims) < len(self.dim):
            raise ShapeError("`dim` names a dimension twice", code="bad-parameter")
        return tuple(1 if i in dims else size for i, size in enumerate(shape) if self.keepdim or i not in dims)

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(inputs[0])

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        rank = len(inputs[0])
        reduced = {dim % rank for dim in self.dim}
        kept = [dim for dim in range(rank) if self.keepdim or dim not in reduced]
        return tuple(None if dim in reduced else Slide(kept.index(dim)) for dim in range(rank))

    def target(self, *inputs: Shape) -> Target:
        return Target(self.function, {"dim": self.dim, "keepdim": self.keepdim}, kind="function")


@dataclass(frozen=True)
class Mean(_Reduction, group="reduction"):
    """The mean over some dimensions."""

    dim: tuple[int, ...] = param(DIMS, "the dimensions reduced")
    keepdim: bool = param(Boolean(), "whether they stay, with size 1", False)
    function = "torch.mean"
    examples = (
        Example("mean([2, 3])", ((2, 8, 5, 5),), (2, 8)),
        Example("mean(-1, keepdim = true)", ((2, 8, 5),), (2, 8, 1)),
    )


@dataclass(frozen=True)
class Sum(_Reduction, group="reduction"):
    """The sum over some dimensions."""

    dim: tuple[int, ...] = param(DIMS, "the dimensions reduced")
    keepdim: bool = param(Boolean(), "whether they stay, with size 1", False)
    function = "torch.sum"
    takes = ("anything",)
    gives = ("added up",)
    gradient = "part"
    autocast = "float32"
    examples = (Example("sum(1)", ((2, 8, 5),), (2, 5)),)
