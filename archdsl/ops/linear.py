"""Matrix products with a weight: linear layers and look-up tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from archdsl.dims import Shape, Size, product, show
from archdsl.ops._op import (
    Example,
    Operator,
    ShapeError,
    Target,
    Use,
    Weight,
    Weighted,
    known,
    param,
    rank_between,
    same,
)
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.foreign import ForeignCall, Made, Reads, Unreadable, reading
from archdsl.ops.kinds import MAX_INT, Boolean, Integer
from archdsl.ops.merge import broadcast
from archdsl.ops.sight import Sees, Slide, pointwise
from archdsl.ops.strides import Laid, expanded, viewed


def product_copies(a: Laid, b: Laid, wanted: tuple[bool, bool]) -> tuple[Size, Size]:
    """The values of the copies of its two factors that `torch.matmul` works on; 0 where it takes a view.

    It makes one product of matrices where one factor is a matrix, and else a batch of products, along one dimension
    (ATen/native/LinearAlgebra.cpp).
    """
    rank = max(len(a.shape), len(b.shape))
    if rank <= 2:
        return 0, 0
    if len(a.shape) == len(b.shape) == 3 and a.shape[0] != b.shape[0]:
        if a.shape[0] == 1 and wanted[0]:
            return product_copies(_first(a), b, wanted)
        if b.shape[0] == 1 and wanted[1]:
            return product_copies(a, _first(b), wanted)
    if len(b.shape) == 2 and (wanted[1] or _merges(a)):
        return _copied(a, (product(a.shape[:-1]), a.shape[-1])), 0
    if len(a.shape) == 2 and wanted[0]:
        b = b.permuted((*range(rank - 2), rank - 1, rank - 2))
        return 0, _copied(b, (product(b.shape[:-1]), b.shape[-1]))
    batch = broadcast(a.shape[:-2], b.shape[:-2], what="multiply")
    whole = product(batch)
    found = [_copied(expanded(f, (*batch, *f.shape[-2:])), (whole, *f.shape[-2:])) for f in (a, b)]
    return found[0], found[1]


def linear_copies(x: Laid, features: Size, wanted: bool, trained: bool) -> tuple[Size, Size]:
    """The same of the input and the weight of a linear layer."""
    weight = Laid((x.shape[-1], features), (1, x.shape[-1]))
    return product_copies(x, weight, (wanted, trained))


def _first(laid: Laid) -> Laid:
    return Laid(laid.shape[1:], laid.strides[1:])


def _merges(laid: Laid) -> bool:
    """Whether all dimensions but the last lie as if they were one."""
    steps = [size * stride for size, stride in zip(*laid, strict=True)]
    return all(laid.strides[dim] == steps[dim + 1] for dim in range(len(laid.shape) - 2))


def _copied(laid: Laid, shape: Shape) -> Size:
    return laid.values if viewed(laid, shape) is None else 0


def _matrix(operator: type[Weighted], weight: Shape) -> None:
    if len(weight) != 2:
        message = f"the weight of `{operator.name}` has two dimensions, found {show(weight)}"
        raise ShapeError(message, code="wrong-rank")


def _has_bias(call: ForeignCall) -> bool:
    return call.get("bias") is not None


def _padding(call: ForeignCall) -> int | None:
    found = call.get("padding_idx", -1)
    return None if found == -1 else int(found)  # torch says -1 where there is none


def _plus_product(call: ForeignCall) -> Made:
    if call.get("beta", 1) != 1 or call.get("alpha", 1) != 1:
        raise Unreadable("a product with factors")
    names = ("mat1", "mat2") if call.name == "aten.addmm" else ("batch1", "batch2")
    return Made("add", {}, (call.tensor("self"), Made("matmul", {}, tuple(map(call.tensor, names)))))


def _gemm(call: ForeignCall) -> Made:
    """a · bᵀ + c of ONNX; another order of the weight is another layer."""
    if call.get("transB", 0) != 1 or call.get("transA", 0) or call.get("alpha", 1.0) != 1 or call.get("beta", 1.0) != 1:
        raise Unreadable("a product that is no `linear`: a factor, or a weight in another order")
    weights = {"weight": call.tensor("B")} | ({"bias": call.tensor("C")} if call.get("C") is not None else {})
    parameters = {"out_features": weights["weight"].shape[0], "bias": "bias" in weights}
    return Made("linear", parameters, (call.tensor("A"),), weights)


@deferred_dataclass
class Linear(Weighted, group="linear"):
    """x · Wᵀ + b over the last dimension."""

    out_features: int = param(Integer(1), "size of the last dimension of the output")
    bias: bool = param(Boolean(), "whether a bias is added", True, kw_only=True)

    told = -1
    lends = ("weight", "bias")
    keeps_weights = ("weight",)
    weight_places: ClassVar[Mapping[str, tuple[int, int]]] = {"weight": (0, -1), "bias": (0, -1)}
    saves = ("input",)
    for_weights = True
    autocast = "lower"
    reads = (
        Reads("aten.linear", {"bias": _has_bias}, weights={"weight": "weight", "bias": "bias"}),
        reading("onnx.Gemm", _gemm),
    )
    examples = (
        Example("linear(10)", ((2, 16),), (2, 10)),
        Example("linear(8, bias = false)", ((2, 5, 16),), (2, 5, 8)),
        Example("linear(bias = false)", ((2, 5, 16), (8, 16)), (2, 5, 8), named=("weight",)),
        Example("linear(8)", ((2, 16), (8,)), (2, 8), named=("bias",)),
        Example("linear", ((2, 16), (8, 16), (8,)), (2, 8), named=("weight", "bias")),
    )

    @classmethod
    def told_by(cls, weight: Shape, given: Mapping[str, Any]) -> dict[str, Any]:
        _matrix(cls, weight)
        return {"out_features": weight[0]}

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

    def copies(self, use: Use) -> tuple[Size, ...]:
        (x,) = use.inputs
        return linear_copies(x, self.out_features, use.wanted[0], use.trained)[:1]

    def macs(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output) * self._features(inputs[0])

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output) if self.bias else 0

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return pointwise(inputs[0], output, mixed=(-1,))

    def target(self, *inputs: Shape) -> Target:
        kwargs = {"in_features": inputs[0][-1], "out_features": self.out_features, "bias": self.bias}
        return Target("torch.nn.Linear", kwargs)


@deferred_dataclass
class Embedding(Weighted, group="linear"):
    """A row of a table for each index; the input holds integers."""

    num_embeddings: int = param(Integer(1), "rows of the table")
    embedding_dim: int = param(Integer(1), "size of a row")
    padding_idx: int | None = param(
        Integer(-MAX_INT), "an index whose row starts at 0 and is not trained", None, kw_only=True
    )

    lends = ("weight",)
    weight_places: ClassVar[Mapping[str, tuple[int, int]]] = {"weight": (1, -1)}
    takes = ("integers",)
    gives = ("float32",)
    gathers = True
    saves = ("input",)
    reads = (
        Reads(
            "aten.embedding",
            {"padding_idx": _padding},
            weights={"weight": "weight"},
            ignored=("scale_grad_by_freq", "sparse"),
        ),
    )
    examples = (
        Example("embedding(100, 16)", ((2, 7),), (2, 7, 16)),
        Example("embedding", ((2, 7), (100, 16)), (2, 7, 16), named=("weight",)),
    )

    @classmethod
    def told_by(cls, weight: Shape, given: Mapping[str, Any]) -> dict[str, Any]:
        _matrix(cls, weight)
        return {"num_embeddings": weight[0], "embedding_dim": weight[1]}

    def infer(self, *inputs: Shape) -> Shape:
        if self.padding_idx is not None and not -self.num_embeddings <= self.padding_idx < self.num_embeddings:
            message = f"`padding_idx` {self.padding_idx} is none of {self.num_embeddings} rows"
            raise ShapeError(message, code="bad-parameter")
        return (*inputs[0], self.embedding_dim)

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return (Weight("weight", (self.num_embeddings, self.embedding_dim)),)

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return tuple(map(Slide, range(len(inputs[0]))))

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.nn.Embedding", self._kwargs())

    def _kwargs(self) -> dict[str, Any]:
        padding = {"padding_idx": self.padding_idx} if self.padding_idx is not None else {}
        return {"num_embeddings": self.num_embeddings, "embedding_dim": self.embedding_dim, **padding}


@deferred_dataclass
class Matmul(Operator, group="linear"):
    """Matrix product of two tensors over their last two dimensions; the others broadcast."""

    inputs = ("input", "other")
    saves = ("crosswise",)
    autocast = "lower"
    reads = ("aten.matmul aten.bmm aten.mm onnx.MatMul", reading("aten.addmm aten.baddbmm", _plus_product))
    examples = (
        Example("matmul", ((2, 4, 5, 6), (2, 4, 6, 3)), (2, 4, 5, 3)),
        Example("matmul", ((2, 4, 5), (5, 3)), (2, 4, 3)),
    )

    def infer(self, *inputs: Shape) -> Shape:
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

    def copies(self, use: Use) -> tuple[Size, ...]:
        (a, b), (want_a, want_b) = use.inputs, use.wanted
        return product_copies(a, b, (want_a, want_b))

    def macs(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output) * inputs[0][-1]

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return pointwise(inputs[number], output, mixed=((-1,), (-2,))[number])  # the inner dimension

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.matmul", kind="function")
