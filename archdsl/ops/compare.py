"""Comparisons of tensors, and what is made by the masks that they give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from archdsl.dims import Shape, Size, product
from archdsl.ops._op import Example, Kept, Operator, ShapeError, Target, Use, build, param
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.dtypes import FLOATING, of_number, promoted
from archdsl.ops.foreign import ForeignCall, ForeignTensor, How, Made, Unreadable, reading
from archdsl.ops.kinds import Number
from archdsl.ops.merge import InPlaceOfTensor, broadcast, joined_shape
from archdsl.ops.strides import SCALAR as NUMBER
from archdsl.ops.strides import Strides, elementwise

SCALAR: Any = Number(whole=True, infinite=True)


class _Comparison(InPlaceOfTensor):
    """A truth value for each pair of values, or for each value and a number."""

    scalar: float | None
    mirrored: ClassVar[str]  # what holds with the sides exchanged

    inputs = ("inputs",)
    takes = ("anything",)
    gives = ("bool",)
    variadic = 1
    pointwise = True
    elementwise = True

    @classmethod
    def of_number(cls, number: float, first: bool, **settings: Any) -> Operator:
        found = MIRRORED[cls.mirrored] if first else cls
        return build(found, {"scalar": number, **settings})

    def infer(self, *inputs: Shape) -> Shape:
        return joined_shape(self, inputs, self.scalar is not None, "compare", most=2)

    def layout(self, use: Use, output: Shape) -> Strides | None:
        return elementwise(use.inputs if len(use.inputs) > 1 else (*use.inputs, NUMBER), output)

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output)

    def target(self, *inputs: Shape) -> Target:
        return Target(f"torch.{self.name}", args=() if self.scalar is None else (self.scalar,), kind="function")


def _examples(name: str) -> tuple[Example, ...]:
    return (Example(name, ((2, 8, 5), (8, 1)), (2, 8, 5)), Example(f"{name}(0)", ((2, 8),), (2, 8)))


def _compared(operator: str) -> How:
    def how(call: ForeignCall) -> Made:
        x, other = call.tensor("self"), call.get("other")
        return (
            Made(operator, {}, (x, other))
            if isinstance(other, ForeignTensor)
            else Made(operator, {"scalar": other}, (x,))
        )

    return how


def _negated(call: ForeignCall) -> Made:
    x = call.tensor("self")
    if x.dtype != "bool":
        raise Unreadable("the bits of numbers turned around")
    return Made("eq", {"scalar": 0}, (x,))


def _where(call: ForeignCall) -> Made:
    condition, one, other = call.tensor("condition"), call.get("self", call.get("input")), call.get("other")
    if isinstance(one, ForeignTensor) and isinstance(other, ForeignTensor):
        return Made("where", {}, (condition, one, other))
    if isinstance(one, ForeignTensor):
        return Made("where", {"other": other}, (condition, one))
    return Made("where", {"input": one}, (condition, other))


@deferred_dataclass
class Eq(_Comparison, group="function"):
    """Whether values are equal: `a == b`."""

    scalar: float | None = param(SCALAR, "a number instead of a second tensor", None)
    mirrored = "eq"
    reads = (reading("aten.eq", _compared("eq")), reading("aten.bitwise_not aten.logical_not", _negated))
    examples = _examples("eq")


@deferred_dataclass
class Ne(_Comparison, group="function"):
    """Whether values differ: `a != b`."""

    scalar: float | None = param(SCALAR, "a number instead of a second tensor", None)
    mirrored = "ne"
    reads = (reading("aten.ne", _compared("ne")),)
    examples = _examples("ne")


@deferred_dataclass
class Lt(_Comparison, group="function"):
    """Whether the first is less: `a < b`."""

    scalar: float | None = param(SCALAR, "a number instead of a second tensor", None)
    mirrored = "gt"
    reads = (reading("aten.lt", _compared("lt")),)
    examples = _examples("lt")


@deferred_dataclass
class Le(_Comparison, group="function"):
    """Whether the first is not greater: `a <= b`."""

    scalar: float | None = param(SCALAR, "a number instead of a second tensor", None)
    mirrored = "ge"
    reads = (reading("aten.le", _compared("le")),)
    examples = _examples("le")


@deferred_dataclass
class Gt(_Comparison, group="function"):
    """Whether the first is greater: `a > b`."""

    scalar: float | None = param(SCALAR, "a number instead of a second tensor", None)
    mirrored = "lt"
    reads = (reading("aten.gt", _compared("gt")),)
    examples = _examples("gt")


@deferred_dataclass
class Ge(_Comparison, group="function"):
    """Whether the first is not less: `a >= b`."""

    scalar: float | None = param(SCALAR, "a number instead of a second tensor", None)
    mirrored = "le"
    reads = (reading("aten.ge", _compared("ge")),)
    examples = _examples("ge")


MIRRORED: dict[str, type[_Comparison]] = {cls.name: cls for cls in (Eq, Ne, Lt, Le, Gt, Ge)}


@deferred_dataclass
class Where(Operator, group="merge"):
    """Values of one tensor where a condition holds, and of another elsewhere; one of them may be a number:
    `where(x > 0, x, 0)`, `where(mask, other = x, input = 1)`."""

    other: float | None = param(SCALAR, "a number instead of the tensor elsewhere", None)
    input: float | None = param(SCALAR, "a number instead of the tensor where it holds", None, kw_only=True)

    inputs = ("condition", "input", "other")
    optional = 1
    takes = ("booleans", "anything")
    pointwise = True
    elementwise = True
    reads = (reading("aten.where", _where),)
    examples = (
        Example("where", ((2, 8), (2, 8), (8,)), (2, 8)),
        Example("where(0)", ((8, 5), (2, 8, 5)), (2, 8, 5)),
        Example("where(input = 1)", ((2, 8), (2, 8)), (2, 8)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        numbers = (self.other is not None) + (self.input is not None)
        if len(inputs) + numbers != 3:
            message = "`where` needs a condition and two tensors, or one tensor and a number"
            raise ShapeError(message, code="wrong-arity")
        shape = inputs[0]
        for other in inputs[1:]:
            shape = broadcast(shape, other, "choose by")
        return shape

    def dtypes(self, inputs: Sequence[str]) -> tuple[str, ...]:
        numbers = [of_number(number) for number in (self.other, self.input) if number is not None]
        return (promoted([*inputs[1:], *numbers]),)

    def keeps(self, use: Use) -> Kept:
        return Kept((0,))

    def layout(self, use: Use, output: Shape) -> Strides | None:
        numbers = (NUMBER,) * (3 - len(use.inputs))
        branches = (*numbers, *use.inputs[1:]) if self.input is not None else (*use.inputs[1:], *numbers)
        return elementwise((use.inputs[0], *branches), output)

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output)

    def target(self, *inputs: Shape) -> Target:
        if self.input is not None:
            return Target("compiler.fx.layers.where_number", args=(self.input,), kind="function")
        return Target("torch.where", args=() if self.other is None else (self.other,), kind="function")


@deferred_dataclass
class MaskedFill(Operator, group="function"):
    """The values, but a number where a mask holds."""

    value: float = param(SCALAR, "the number")

    inputs = ("input", "mask")
    takes = ("anything", "booleans")
    pointwise = True
    elementwise = True
    reads = ("aten.masked_fill",)
    examples = (
        Example("masked_fill(-1000000)", ((2, 4, 5, 5), (5, 5)), (2, 4, 5, 5)),
        Example("masked_fill(0)", ((5,), (2, 5)), (2, 5)),
        Example("masked_fill(-inf)", ((2, 5), (5,)), (2, 5)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        shape, mask = inputs
        return broadcast(shape, mask, "mask")

    def typed(self, inputs: Sequence[str]) -> Operator:
        if inputs[0] != FLOATING and not float(self.value).is_integer():  # torch would cut its fraction off
            raise ShapeError(f"a value of {self.value:g} is none for {inputs[0]}", code="bad-parameter")
        return self

    def keeps(self, use: Use) -> Kept:
        return Kept((1,))

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output)

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.masked_fill", args=(self.value,), kind="function")
