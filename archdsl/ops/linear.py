"""Matrix products with a weight: linear layers and look-up tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archdsl.dims import Shape, Size, product
from archdsl.ops._op import (
    Example,
    Operator,
    ShapeError,
    Target,
    Weight,
    Weighted,
    known,
    param,
    rank_between,
    same,
)
from archdsl.ops.kinds import Boolean, Integer
from archdsl.ops.sight import Sees, Slide, pointwise


@dataclass(frozen=True)
class Linear(Weighted, group="linear"):
    """x · Wᵀ + b over the last dimension."""

    out_features: int = param(Integer(1), "size of the last dimension of the output")
    bias: bool = param(Boolean(), "whether a bias is added", True, kw_only=True)

    told = -1
    saves = ("input",)
    for_weights = True
    autocast = "lower"
    examples = (
        Example("linear(10)", ((2, 16),), (2, 10)),
        Example("linear(8, bias = false)", ((2, 5, 16),), (2, 5, 8)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        rank_between(self, shape, 2, 8, "[N, ..., features]")
        self._features(shape)
        return (*shape[:-1], self.out_features)

    def _features(self, shape: Shape) -> int:
        return known(shape[-1], "the number of input features of `linear`")

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        weight = Weight("weight", (self.out_features, self._features(inputs[0])))
        return (weight, Weight("bias", (self.out_features,), "bias")) if self.bias else (weight,)

    def macs(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output) * self._features(inputs[0])

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output) if self.bias else 0

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return pointwise(inputs[0], output, mixed=(-1,))

    def target(self, *inputs: Shape) -> Target:
        kwargs = {"in_features": inputs[0][-1], "out_features": self.out_features, "bias": self.bias}
        return Target("torch.nn.Linear", kwargs)


@dataclass(frozen=True)
class Embedding(Weighted, group="linear"):
    """A row of a table for each index; the input holds integers (int64)."""

    num_embeddings: int = param(Integer(1), "rows of the table")
    embedding_dim: int = param(Integer(1), "size of a row")

    integer_inputs = (0,)
    gathers = True
    saves = ("input",)
    examples = (Example("embedding(100, 16)", ((2, 7),), (2, 7, 16)),)

    def infer(self, *inputs: Shape) -> Shape:
        return (*inputs[0], self.embedding_dim)

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return (Weight("weight", (self.num_embeddings, self.embedding_dim)),)

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return tuple(map(Slide, range(len(inputs[0]))))

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.nn.Embedding", self._kwargs())

    def _kwargs(self) -> dict[str, Any]:
        return {"num_embeddings": self.num_embeddings, "embedding_dim": self.embedding_dim}


@dataclass(frozen=True)
class Matmul(Operator, group="linear"):
    """Matrix product of two tensors over their last two dimensions; the others broadcast."""

    inputs = ("input", "other")
    saves = ("crosswise",)
    autocast = "lower"
    examples = (
        Example("matmul", ((2, 4, 5, 6), (2, 4, 6, 3)), (2, 4, 5, 3)),
        Example("matmul", ((2, 4, 5), (5, 3)), (2, 4, 3)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        from archdsl.ops.merge import broadcast

        a, b = inputs
        if len(a) < 2 or len(b) < 2:
            raise ShapeError("`matmul` needs inputs of two or more dimensions", code="wrong-rank")
        if not same(a[-1], b[-2]):
            raise ShapeError(
                f"cannot multiply matrices of {a[-2]} × {a[-1]} and {b[-2]} × {b[-1]}:"
                f" the inner sizes are {a[-1]} and {b[-2]}",
                culprits=((0, len(a) - 1), (1, len(b) - 2)),
            )
        return (*broadcast(a[:-2], b[:-2], what="multiply"), a[-2], b[-1])

    def macs(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output) * inputs[0][-1]

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return pointwise(inputs[number], output, mixed=((-1,), (-2,))[number])  # the inner dimension

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.matmul", kind="function")
