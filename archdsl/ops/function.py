"""Functions of single values, named as in torch, and the parts of a matrix above and below its diagonal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from archdsl.dims import Shape, Size, product
from archdsl.ops._op import Example, Kept, Operator, ShapeError, Target, Use, build, index_dim, param, rank_between
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.dtypes import of_number, promoted
from archdsl.ops.foreign import ForeignCall, ForeignTensor, Made, Reads, reading
from archdsl.ops.kinds import MAX_INT, Integer, Integers, Number
from archdsl.ops.merge import InPlaceOfTensor, joined_shape
from archdsl.ops.sight import Sees, pointwise
from archdsl.ops.strides import SCALAR as NUMBER
from archdsl.ops.strides import Laid, Lies, Strides, contiguous, elementwise, expanded


class _Function(Operator):
    """A function of each value by itself: torch's of the same name."""

    pointwise = True
    lies: ClassVar[Lies] = "elementwise"

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output)  # a function of a value is one, however it is computed

    def target(self, *inputs: Shape) -> Target:
        return Target(f"torch.{self.name}", self.params, kind="function")


def _example(step: str) -> tuple[Example, ...]:
    return (Example(step, ((2, 8, 5),), (2, 8, 5)),)


def _power(call: ForeignCall) -> Made:
    base, exponent = call.get("self"), call.get("exponent")
    if not isinstance(base, ForeignTensor):
        return Made("pow", {"base": base}, (exponent,))
    return (
        Made("pow", {}, (base, exponent))
        if isinstance(exponent, ForeignTensor)
        else Made("pow", {"exponent": exponent}, (base,))
    )


def _onnx_power(call: ForeignCall) -> Made:
    x, exponent = call.tensor("X"), call.tensor("Y")
    if exponent.content is not None and not exponent.shape:
        return Made("pow", {"exponent": exponent.content}, (x,))
    return Made("pow", {}, (x, exponent))


def _clip(call: ForeignCall) -> Made:
    bounds = [call.get(name) for name in ("min", "max")]
    low, high = (bound.content if isinstance(bound, ForeignTensor) else bound for bound in bounds)
    x = (call.tensor("input"),)
    return Made("relu6", {}, x) if (low, high) == (0, 6) else Made("clamp", {"min": low, "max": high}, x)


@deferred_dataclass
class Exp(_Function, group="function"):
    """eˣ."""

    saves = ("output",)
    autocast = "float32"
    reads = ("aten.exp onnx.Exp",)
    examples = _example("exp")


@deferred_dataclass
class Log(_Function, group="function"):
    """The natural logarithm; of 0 it is minus infinity, of less NaN."""

    saves = ("input",)
    autocast = "float32"
    reads = ("aten.log onnx.Log",)
    examples = _example("log")


@deferred_dataclass
class Sqrt(_Function, group="function"):
    """The square root."""

    saves = ("output",)
    reads = ("aten.sqrt onnx.Sqrt",)
    examples = _example("sqrt")


@deferred_dataclass
class Rsqrt(_Function, group="function"):
    """One over the square root."""

    saves = ("output",)
    autocast = "float32"
    reads = ("aten.rsqrt",)
    examples = _example("rsqrt")


@deferred_dataclass
class Abs(_Function, group="function"):
    """The absolute value."""

    takes = ("numbers",)
    saves = ("input",)
    reads = ("aten.abs onnx.Abs",)
    examples = _example("abs")


@deferred_dataclass
class Sin(_Function, group="function"):
    """The sine."""

    saves = ("input",)
    reads = ("aten.sin onnx.Sin",)
    examples = _example("sin")


@deferred_dataclass
class Cos(_Function, group="function"):
    """The cosine."""

    saves = ("input",)
    reads = ("aten.cos onnx.Cos",)
    examples = _example("cos")


@deferred_dataclass
class Sign(_Function, group="function"):
    """-1, 0 or 1. Its gradient is 0."""

    takes = ("numbers",)
    reads = ("aten.sign onnx.Sign",)
    examples = _example("sign")


@deferred_dataclass
class RoundDown(_Function, group="function", name="floor"):
    """The greatest integer that is not greater. Its gradient is 0."""

    reads = ("aten.floor onnx.Floor",)
    examples = _example("floor")


@deferred_dataclass
class Round(_Function, group="function"):
    """The nearest integer, of two the even one; or the nearest value of so many decimals. Its gradient is 0."""

    decimals: int = param(Integer(-30, 30), "digits behind the point; before it where negative", 0, kw_only=True)
    reads = ("aten.round onnx.Round",)
    examples = (*_example("round"), *_example("round(decimals = 2)"))


@deferred_dataclass
class Clamp(_Function, group="function"):
    """x, kept between two bounds of which one may be missing. Its gradient is 0 outside of them."""

    min: float | None = param(Number(whole=True, infinite=True), "lower bound", None)
    max: float | None = param(Number(whole=True, infinite=True), "upper bound", None)

    takes = ("numbers",)
    saves = ("input",)
    reads = (
        "aten.clamp",
        Reads("aten.clamp_min", {"min": "min"}),
        Reads("aten.clamp_max", {"max": "max"}),
        reading("onnx.Clip", _clip),
    )
    examples = (*_example("clamp(0, 6)"), *_example("clamp(min = 0.001)"), *_example("clamp(-inf, 1)"))

    def infer(self, *inputs: Shape) -> Shape:
        if self.min is None and self.max is None:
            raise ShapeError("`clamp` needs `min`, `max` or both", code="bad-parameter")
        return inputs[0]

    def dtypes(self, inputs: Sequence[str]) -> tuple[str, ...]:
        return (promoted([*inputs, *(of_number(bound) for bound in (self.min, self.max) if bound is not None)]),)

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output) * ((self.min is not None) + (self.max is not None))


@deferred_dataclass
class Pow(InPlaceOfTensor, group="function"):
    """A tensor to a power: `x ** 2`; a number to that of a tensor: `2 ** x`; or a tensor to that of another."""

    exponent: float | None = param(Number(), "a number instead of the second tensor", None)
    base: float | None = param(Number(), "a number instead of the first tensor", None, kw_only=True)

    inputs = ("inputs",)
    variadic = 1
    pointwise = True
    elementwise = True
    autocast = "float32"
    reads = (
        reading("aten.pow", _power),
        reading("onnx.Pow", _onnx_power),
    )
    examples = (
        Example("pow(2)", ((2, 8, 5),), (2, 8, 5)),
        Example("pow(base = 2)", ((2, 8),), (2, 8)),
        Example("pow", ((2, 8, 5), (8, 1)), (2, 8, 5)),
    )

    @classmethod
    def of_number(cls, number: float, first: bool, **settings: Any) -> Operator:
        return build(cls, {"base" if first else "exponent": number, **settings})

    def infer(self, *inputs: Shape) -> Shape:
        if self.exponent is not None and self.base is not None:
            raise ShapeError("`pow` takes `exponent` or `base`, not both", code="bad-parameter")
        number = self.exponent is not None or self.base is not None
        return joined_shape(self, inputs, number, "raise to a power", most=2)

    def keeps(self, use: Use) -> Kept:
        if self.base is not None:
            return Kept((0,), output=True)
        return Kept((0,)) if self.exponent is not None else Kept((0, 1), output=True)

    def layout(self, use: Use, output: Shape) -> Strides | None:
        if self.base is not None:
            return contiguous(output)
        return elementwise(use.inputs if len(use.inputs) > 1 else (*use.inputs, NUMBER), output)

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output)

    def target(self, *inputs: Shape) -> Target:
        if self.base is not None:
            return Target("compiler.fx.layers.pow_of", args=(self.base,), kind="function")
        return Target("torch.pow", args=() if self.exponent is None else (self.exponent,), kind="function")


@deferred_dataclass
class Normalize(Operator, group="normalization"):
    """x divided by its p-norm along dimensions, which is taken to be at least eps."""

    p: float = param(Number(infinite=True), "which norm: 1 is the sum of absolute values, 2 the Euclidean norm", 2.0)
    dim: tuple[int, ...] = param(Integers(), "the dimensions over which the norm is taken", (1,))
    eps: float = param(Number(0), "the least norm that is divided by", 1e-12)

    lies = "elementwise"
    autocast = "float32"
    examples = (
        Example("normalize", ((2, 8, 5),), (2, 8, 5)),
        Example("normalize(p = 1, dim = -1)", ((2, 8),), (2, 8)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        distinct_dims(self.dim, len(inputs[0]))
        return inputs[0]

    def norms(self, shape: Shape) -> Size:
        """How many norms it takes."""
        reduced = {dim % len(shape) for dim in self.dim}
        return product(size for dim, size in enumerate(shape) if dim not in reduced)

    def keeps(self, use: Use) -> Kept:
        return Kept((0,), values=2 * self.norms(use.output))  # as they are, and at least eps

    def layout(self, use: Use, output: Shape) -> Strides | None:
        reduced = {dim % len(output) for dim in self.dim}
        norms = tuple(1 if dim in reduced else size for dim, size in enumerate(output))
        return elementwise((use.inputs[0], expanded(Laid(norms, contiguous(norms)), output)), output)

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return 3 * product(output)  # the powers, their sum, the division

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return 2 * product(output)  # the gradients through the norm and through the quotient, before they are added

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return pointwise(inputs[0], output, mixed=self.dim)

    def target(self, *inputs: Shape) -> Target:
        dim = self.dim if len(self.dim) > 1 else self.dim[0]
        return Target("torch.nn.functional.normalize", {"p": self.p, "dim": dim, "eps": self.eps}, kind="function")


def distinct_dims(dims: Sequence[int], rank: int) -> set[int]:
    """Dimensions counted from the start. Raises `ShapeError` where one is out of range, or is named twice."""
    found = {index_dim(dim, rank, "`dim`") for dim in dims}
    if len(found) < len(dims):
        raise ShapeError("`dim` names a dimension twice", code="bad-parameter")
    return found


class _Triangle(_Function):
    """A part of the matrices of the last two dimensions, and 0 elsewhere."""

    diagonal: int
    takes = ("anything",)
    lies = "in order"

    def infer(self, *inputs: Shape) -> Shape:
        rank_between(self, inputs[0], 2, 8, "[..., rows, columns]")
        return inputs[0]

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return 0  # a copy


DIAGONAL: Any = Integer(-MAX_INT)


@deferred_dataclass
class Tril(_Triangle, group="function"):
    """The lower triangle of the last two dimensions, the diagonal included; 0 above it."""

    diagonal: int = param(DIAGONAL, "the last diagonal that stays: 1 is the one above the main diagonal", 0)
    reads = ("aten.tril",)
    examples = (Example("tril", ((2, 5, 5),), (2, 5, 5)), Example("tril(-1)", ((4, 6),), (4, 6)))


@deferred_dataclass
class Triu(_Triangle, group="function"):
    """The upper triangle of the last two dimensions, the diagonal included; 0 below it."""

    diagonal: int = param(DIAGONAL, "the first diagonal that stays: 1 is the one above the main diagonal", 0)
    reads = ("aten.triu",)
    examples = (Example("triu", ((2, 5, 5),), (2, 5, 5)), Example("triu(1)", ((4, 6),), (4, 6)))
