"""Operators that join tensors: arithmetic, concatenation, stacking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from archdsl.dims import Shape, Size, Undecided, product, show
from archdsl.ops._op import Example, Kept, Operator, ShapeError, Target, Use, build, index_dim, param, same
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.dtypes import FLOATING, of_number, promoted
from archdsl.ops.foreign import ForeignCall, ForeignOperand, ForeignTensor, How, Made, Unreadable, reading
from archdsl.ops.kinds import MAX_INT, Boolean, Choice, Integer, Number
from archdsl.ops.sight import Sees, Slide
from archdsl.ops.strides import SCALAR as NUMBER
from archdsl.ops.strides import Laid, Strides, elementwise, in_format, viewed


def broadcast(a: Shape, b: Shape, what: str) -> Shape:
    """The shape of an elementwise result: aligned at the last dimension, 1 stretches."""
    if a == b:
        return a
    rank = max(len(a), len(b))
    out: list[Size] = []
    for dim in range(-rank, 0):
        x = a[dim] if -dim <= len(a) else 1
        y = b[dim] if -dim <= len(b) else 1
        if x == 1 or y == 1:
            out.append(y if x == 1 else x)
            continue
        try:
            if same(x, y):
                out.append(x)
                continue
        except Undecided as error:
            question = f"whether {show(a)} and {show(b)} fit: {error.question} in dimension {rank + dim}"
            raise Undecided(question, error.symbols, error.condition, exact=error.exact) from None
        raise ShapeError(
            f"cannot {what} {show(a)} and {show(b)}: dimension {rank + dim} is {x} and {y}",
            help=_advice(a, b, rank + dim),
            culprits=((0, len(a) + dim), (1, len(b) + dim)),
        )
    return tuple(out)


def _advice(a: Shape, b: Shape, dim: int) -> str | None:
    if len(a) == len(b) >= 3 and dim == 1 and all(x == y for x, y in zip(a[2:], b[2:], strict=True)):
        return f"project one of them with conv({a[1]}, 1) or conv({b[1]}, 1), so that both have as many channels"
    if len(a) == len(b) >= 3 and dim == 1:
        return "project the smaller one with a strided 1×1 convolution, so that channels and sizes agree"
    if len(a) == len(b) >= 3 and dim > 1:
        return "give both branches the same strides, and padding that keeps the size (`padding = same`)"
    return None


class _Elementwise(Operator):
    """An operator of tensors that broadcast; of more than two, folded from the left."""

    inputs = ("inputs",)
    takes = ("anything",)
    gives = ("promoted",)
    elementwise = True
    folded = True

    def layout(self, use: Use, output: Shape) -> Strides | None:
        joined = use.inputs[0]
        for other in use.inputs[1:] or (NUMBER,):
            shape = broadcast(joined.shape, other.shape, "join")
            joined = Laid(shape, elementwise((joined, other), shape))
        return joined.strides


class InPlaceOfTensor(Operator):
    """An operator of tensors that takes a number in place of one of two, as infix notation has it: `x ** 2`."""

    @classmethod
    def of_number(cls, number: float, first: bool, **settings: Any) -> Operator:
        """The operator of one tensor and a number, which stands `first`, or second."""
        raise NotImplementedError


def joined_shape(
    operator: Operator, inputs: Sequence[Shape], number: bool, verb: str, most: int | None = None
) -> Shape:
    """The shape of what joins tensors, no more than `most`, or one tensor and a number."""
    if len(inputs) < (1 if number else 2):
        raise ShapeError(
            f"`{operator.name}` needs two tensors, or a tensor and a number; found one tensor", code="wrong-arity"
        )
    if most is not None and len(inputs) > most:
        raise ShapeError(f"`{operator.name}` takes two tensors, found {len(inputs)}", code="wrong-arity")
    if number and len(inputs) > 1:
        raise ShapeError(f"`{operator.name}` takes one tensor where it takes a number", code="wrong-arity")
    shape = inputs[0]
    for i, other in enumerate(inputs[1:], 1):
        try:
            shape = broadcast(shape, other, verb)
        except ShapeError as error:
            (_, first), (_, second) = error.sizes
            # Of those joined before, the first is to blame that has the size of them all.
            back = len(shape) - first
            at = next(j for j, one in enumerate(inputs) if len(one) >= back and one[-back] == shape[-back])
            culprits = ((at, len(inputs[at]) - back), (i, second))
            raise ShapeError(error.message, help=error.help, culprits=culprits) from None
    return shape


class _Arithmetic(_Elementwise, InPlaceOfTensor):
    """Elementwise arithmetic of tensors, which broadcast, or of one tensor and a number."""

    scalar: float | None
    verb: ClassVar[str]
    function: ClassVar[str]
    most: ClassVar[int | None] = None
    variadic = 1
    pointwise = True

    @classmethod
    def of_number(cls, number: float, first: bool, **settings: Any) -> Operator:
        return build(cls, {"scalar": number, **settings})

    def infer(self, *inputs: Shape) -> Shape:
        return joined_shape(self, inputs, self.scalar is not None, self.verb, self.most)

    def typed(self, inputs: Sequence[str]) -> Operator:
        # Among floating-point numbers 2 and 2.0 are one number.
        whole = isinstance(self.scalar, int) and promoted(inputs) == FLOATING
        return replace(self, scalar=float(self.scalar or 0)) if whole else self  # type: ignore[type-var]

    def dtypes(self, inputs: Sequence[str]) -> tuple[str, ...]:
        return super().dtypes(inputs if self.scalar is None else [*inputs, of_number(self.scalar)])

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return max(len(inputs) - 1, 1) * product(output)

    def target(self, *inputs: Shape) -> Target:
        # With more than two tensors the compiler folds from the left.
        return Target(self.function, args=() if self.scalar is None else (self.scalar,), kind="function")


SCALAR: Any = Number(whole=True)


def _binary(operator: str) -> How:
    """Two tensors, or one and a number."""

    def how(call: ForeignCall) -> Made:
        x, other = call.tensor("self"), call.get("other")
        rounded = {"rounding_mode": call.get("rounding_mode")} if call.get("rounding_mode") else {}
        if isinstance(other, ForeignTensor):
            return Made(operator, rounded, (x, other))
        return Made(operator, {"scalar": other, **rounded}, (x,))

    return how


def _sum(call: ForeignCall) -> Made:
    return _scaled("add", call)


def _plus_product(call: ForeignCall) -> Made:
    product = Made("mul", {}, (call.tensor("tensor1"), call.tensor("tensor2")))
    factor = call.get("value", 1)
    return Made("add", {}, (call.tensor("self"), product if factor == 1 else product.then("mul", scalar=factor)))


def _difference(call: ForeignCall) -> Made:
    if call.name == "aten.rsub":
        if call.get("alpha", 1) != 1 or isinstance(call.get("other"), ForeignTensor):
            raise Unreadable("`rsub` with a factor")
        return Made("sub", {"scalar": call.get("other"), "scalar_first": True}, (call.tensor("self"),))
    return _scaled("sub", call)


def _scaled(operator: str, call: ForeignCall) -> Made:
    factor, other = call.get("alpha", 1), call.get("other")
    if factor == 1:
        return _read_binary(operator, call)
    if isinstance(other, ForeignTensor):
        return Made(operator, {}, (call.tensor("self"), Made("mul", {"scalar": factor}, (other,))))
    return Made(operator, {"scalar": factor * other}, (call.tensor("self"),))


def _read_binary(operator: str, call: ForeignCall) -> Made:
    made = _binary(operator)(call)
    assert isinstance(made, Made)
    return made


def _onnx_binary(operator: str) -> How:
    """Two tensors of ONNX, one of which may be a number that is written down."""

    def how(call: ForeignCall) -> Made:
        a, b = call.tensor("A"), call.tensor("B")
        for number, other, first in ((b, a, False), (a, b, True)):
            if number.content is not None and not number.shape:
                ordered = {"scalar_first": True} if first and operator in ("sub", "div") else {}
                return Made(operator, {"scalar": number.content, **ordered}, (other,))
        return Made(operator, {}, (a, b))

    return how


def _joined(call: ForeignCall) -> ForeignOperand:
    """Tensors one after the other; torch passes over those of no dimension's numbers, with which lists begin."""
    tensors = [one for one in call.tensors if one.shape != (0,)]
    dim = int(call.get("dim", call.get("axis", 0)))
    alone = len(tensors) == 1 < len(call.tensors)
    return tensors[0] if alone else Made("concat", {"dim": dim}, tuple(tensors))


def _outer(call: ForeignCall) -> Made:
    """Each number of one vector times each of another."""
    return Made("mul", {}, (Made("unsqueeze", {"dim": 1}, (call.tensor("self"),)), call.tensor("vec2")))


def _product(made: Made) -> ForeignOperand:
    """What is multiplied by 1, where that does not change its type."""
    first = made.inputs[0]
    plain = isinstance(first, ForeignTensor) and first.dtype == FLOATING and made.parameters == {"scalar": 1}
    return first if plain else made


def _onnx_concat(call: ForeignCall) -> Made:
    return Made("concat", {"dim": call.get("axis")}, tuple(call.tensors))


@deferred_dataclass
class Add(_Arithmetic, group="merge"):
    """Sum of tensors: `a + b`, `add(a, b, c)`; or of a tensor and a number."""

    scalar: float | None = param(SCALAR, "a number instead of a second tensor", None)
    gradient = "same"
    verb = "add"
    function = "operator.add"
    reads = (
        reading("aten.add", _sum),
        reading("aten.addcmul", _plus_product),
        reading("onnx.Add onnx.Sum", _onnx_binary("add")),
    )
    examples = (
        Example("add", ((2, 8, 5, 5), (2, 8, 5, 5)), (2, 8, 5, 5)),
        Example("add", ((2, 8, 5, 5), (8, 1, 1), (5,)), (2, 8, 5, 5)),
        Example("add(scalar = 1)", ((2, 8),), (2, 8)),
    )


@deferred_dataclass
class Mul(_Arithmetic, group="merge"):
    """Product of tensors: `a * b`; or of a tensor and a number: `0.2 * a`."""

    scalar: float | None = param(SCALAR, "a number instead of a second tensor", None)
    verb = "multiply"
    function = "operator.mul"
    reads = (
        reading("aten.mul", _binary("mul")),
        reading("aten.neg onnx.Neg", lambda call: Made("mul", {"scalar": -1}, (call.tensors[0],))),
        reading("aten.square", lambda call: Made("mul", {}, (call.tensor("self"),) * 2)),
        reading("aten.outer aten.ger", _outer),
        reading("onnx.Mul", _onnx_binary("mul")),
    )
    simpler = staticmethod(_product)
    examples = (
        Example("mul", ((2, 8, 5, 5), (2, 8, 1, 1)), (2, 8, 5, 5)),
        Example("mul(scalar = 0.2)", ((2, 8),), (2, 8)),
    )

    def keeps(self, use: Use) -> Kept:
        # Of each product of two, a factor for the gradient of the other.
        kept: list[int] = []
        values: Size = 0
        shape, want = use.inputs[0].shape, use.wanted[0]
        for i, (laid, wants) in enumerate(zip(use.inputs[1:], use.wanted[1:], strict=True), 1):
            kept += [i] if want else []
            if wants and i == 1:
                kept.append(0)
            elif wants:
                values = values + product(shape)  # the product so far
            shape, want = broadcast(shape, laid.shape, self.verb), want or wants
        return Kept(tuple(kept), values=values)

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        # The gradient of what was stretched is as large as the output before it is added up.
        return product(output) if any(shape != output for shape in inputs) else 0


class _Ordered(_Arithmetic):
    """Arithmetic whose operands are not alike: exactly two, or one and a number on either side."""

    scalar_first: bool
    most = 2

    @classmethod
    def of_number(cls, number: float, first: bool, **settings: Any) -> Operator:
        return build(cls, {"scalar": number, "scalar_first": first, **settings})

    def target(self, *inputs: Shape) -> Target:
        if self.scalar is not None and self.scalar_first:
            return Target(f"compiler.fx.layers.{self.name}_from", args=(self.scalar,), kind="function")
        return super().target(*inputs)


@deferred_dataclass
class Sub(_Ordered, group="merge"):
    """Difference of two tensors: `a - b`; or of a tensor and a number."""

    scalar: float | None = param(SCALAR, "a number instead of the other tensor", None)
    scalar_first: bool = param(Boolean(), "whether the number comes first: `1 - a`", False, kw_only=True)
    takes = ("numbers",)  # torch's minus takes no truth values
    verb = "subtract"
    function = "operator.sub"
    reads = (
        reading("aten.sub aten.rsub", _difference),
        reading("onnx.Sub", _onnx_binary("sub")),
    )
    examples = (
        Example("sub", ((2, 8), (2, 8)), (2, 8)),
        Example("sub(scalar = 0.5)", ((2, 8),), (2, 8)),
    )


@deferred_dataclass
class Div(_Ordered, group="merge"):
    """Quotient of two tensors: `a / b`; or of a tensor and a number. `a // b` is the quotient rounded down."""

    scalar: float | None = param(SCALAR, "a number instead of the other tensor", None)
    scalar_first: bool = param(Boolean(), "whether the number comes first: `1 - a`", False, kw_only=True)
    rounding_mode: str | None = param(
        Choice(("floor", "trunc")), "whether it is rounded: down, or towards 0", None, kw_only=True
    )
    verb = "divide"
    function = "operator.truediv"
    reads = (
        reading("aten.div", _binary("div")),
        reading(
            "aten.reciprocal onnx.Reciprocal",
            lambda call: Made("div", {"scalar": 1, "scalar_first": True}, (call.tensors[0],)),
        ),
        reading("onnx.Div", _onnx_binary("div")),
    )
    examples = (
        Example("div", ((2, 8), (2, 1)), (2, 8)),
        Example("div(scalar = 2)", ((2, 8),), (2, 8)),
        Example("div(rounding_mode = floor)", ((2, 8), (2, 1)), (2, 8)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        if self.rounding_mode is not None and self.scalar_first:
            raise ShapeError("`rounding_mode` does not go with `scalar_first`", code="bad-parameter")
        return super().infer(*inputs)

    def dtypes(self, inputs: Sequence[str]) -> tuple[str, ...]:
        # Quotients of integers are fractions, unless they are rounded.
        return super().dtypes(inputs) if self.rounding_mode is not None else (FLOATING,)

    def target(self, *inputs: Shape) -> Target:
        if self.rounding_mode is None:
            return super().target(*inputs)
        args = () if self.scalar is None else (self.scalar,)
        return Target("torch.div", {"rounding_mode": self.rounding_mode}, args, kind="function")

    def keeps(self, use: Use) -> Kept:
        if self.scalar is None:
            return Kept((0, 1) if use.wanted[1] else (1,))
        # A number is divided by a tensor as the number times one over the tensor.
        return Kept(values=product(use.output) if self.scalar_first else 0)

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        if self.scalar is not None:
            return 0
        # The divisor's gradient takes two quotients, a change of sign and a product, all as large as the output.
        return 4 * product(output) - sum((product(shape) for shape in inputs), 0)


@deferred_dataclass
class Maximum(_Elementwise, group="merge"):
    """Elementwise maximum of tensors."""

    variadic = 2
    pointwise = True
    saves = ("input", "other")
    reads = ("aten.maximum onnx.Max",)
    examples = (
        Example("maximum", ((2, 8, 5), (2, 8, 5)), (2, 8, 5)),
        Example("maximum", ((2, 8), (2, 8), (1, 8)), (2, 8)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        shape = inputs[0]
        for other in inputs[1:]:
            shape = broadcast(shape, other, "take the maximum of")
        return shape

    def also_saves(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output) * (len(inputs) - 2)  # the greatest so far

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output) * 3 // 2  # half of the gradient, for what is equal, and two masks

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return (len(inputs) - 1) * product(output)

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.maximum", kind="function")


@deferred_dataclass
class Concat(Operator, group="merge"):
    """Tensors one after the other along a dimension; their other dimensions must be equal."""

    dim: int = param(Integer(-MAX_INT), "the dimension along which they are joined", 1)

    inputs = ("inputs",)
    takes = ("anything",)
    gives = ("promoted",)
    variadic = 1
    gradient = "part"
    lies = "in format"
    reads = (
        reading("aten.cat aten.concat aten.concatenate", _joined),
        reading("onnx.Concat", _onnx_concat),
    )
    examples = (
        Example("concat", ((2, 8, 5, 5), (2, 4, 5, 5)), (2, 12, 5, 5)),
        Example("concat(dim = -1)", ((2, 3), (2, 4), (2, 5)), (2, 12)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        first = inputs[0]
        dim = index_dim(self.dim, len(first), "`dim`")
        total = first[dim]
        for i, other in enumerate(inputs[1:], 1):
            if len(other) != len(first):
                raise ShapeError(
                    f"cannot concatenate {show(first)} and {show(other)}: they have {len(first)} and"
                    f" {len(other)} dimensions",
                    culprits=(0, i),
                )
            for axis, (x, y) in enumerate(zip(first, other, strict=True)):
                if axis != dim and not same(x, y):
                    raise ShapeError(
                        f"cannot concatenate {show(first)} and {show(other)} along dimension {dim}:"
                        f" dimension {axis} is {x} and {y}",
                        help="give all branches the same strides, and padding that keeps the size"
                        if axis > 1
                        else None,
                        culprits=((0, axis), (i, axis)),
                    )
            total = total + other[dim]
        return (*first[:dim], total, *first[dim + 1 :])

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        joined = self.dim % len(output)
        return tuple(Slide(dim, ordered=dim != joined) for dim in range(len(output)))

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.cat", {"dim": self.dim}, kind="function", pack=True)


@deferred_dataclass
class Stack(Operator, group="merge"):
    """Tensors of one shape along a new dimension."""

    dim: int = param(Integer(-MAX_INT), "where the new dimension goes", 0)

    inputs = ("inputs",)
    takes = ("anything",)
    gives = ("promoted",)
    variadic = 1
    gradient = "part"
    reads = ("aten.stack",)
    examples = (Example("stack(dim = 1)", ((2, 8), (2, 8), (2, 8)), (2, 3, 8)),)

    def infer(self, *inputs: Shape) -> Shape:
        first = inputs[0]
        dim = index_dim(self.dim, len(first) + 1, "`dim`")
        for i, other in enumerate(inputs[1:], 1):
            if len(other) != len(first) or not all(map(same, first, other)):
                raise ShapeError(f"cannot stack {show(first)} and {show(other)}: shapes differ", culprits=(0, i))
        return (*first[:dim], len(inputs), *first[dim:])

    def layout(self, use: Use, output: Shape) -> Strides | None:
        # Concatenated along the dimension before which the new one goes, and then divided.
        inputs, new = use.inputs, self.dim % len(output)
        if new == len(output) - 1:
            inputs = tuple(laid.unsqueezed(new) for laid in inputs)
        shape = inputs[0].shape
        joined = (*shape[:new], shape[new] * len(inputs), *shape[new + 1 :])
        return viewed(Laid(joined, in_format(inputs, joined)), output)

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        new = self.dim % len(output)
        return tuple(Slide(dim + (dim >= new)) for dim in range(len(output) - 1))

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.stack", {"dim": self.dim}, kind="function", pack=True)


def folds(operator: Operator, inputs: Sequence[Any]) -> bool:
    """Whether these are joined two at a time from the left."""
    return operator.folded and len(inputs) > 2
