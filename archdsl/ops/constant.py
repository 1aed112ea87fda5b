"""Tensors that depend on no other: counted, filled, written out."""

from __future__ import annotations

from typing import Any, ClassVar

from archdsl.dims import Dim, Shape, Size
from archdsl.ops._op import Example, Operator, ShapeError, Target, Weight, param
from archdsl.ops.assumptions import fits
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.dtypes import FLOATING, WIDTHS
from archdsl.ops.foreign import ForeignCall, How, Made, Unreadable, reading
from archdsl.ops.kinds import MAX_INT, Choice, Integer, Integers, Number, Values, infinite, type_of

POSITION: Any = Integer(-MAX_INT, open=True)
SIZES: Any = Integers(1, open=True)
DTYPE: Any = Choice(tuple(WIDTHS))


class _Constant(Operator):
    """A tensor of no others. It is made where it is read, and of a type that it says."""

    inputs = ()
    pointwise = True
    placeless = True
    dtype: str | None
    usual: ClassVar[str] = FLOATING  # the type where none is said

    def dtypes(self, inputs: Any) -> tuple[str, ...]:
        return (self.dtype or self.usual,)

    def check_type(self, values: Any) -> None:
        """Refuse infinity where the type has none. Raises `ShapeError`."""
        if self.dtypes(())[0] == "int64" and infinite(values):
            raise ShapeError(f"`{self.name}` holds {self.dtype}, which has no infinity", code="bad-parameter")

    def made_by(self, function: str, *args: Any) -> Target:
        """What makes it as the network runs, on the device and in the precision of the weights there."""
        kwargs = {"dtype": self.dtypes(())[0]}
        return Target(f"compiler.fx.constants.{function}", kwargs, args, kind="source")


def _filled(operator: str) -> How:
    """Numbers that are all the same, as many as are asked for, or as a tensor has."""

    def how(call: ForeignCall) -> Made:
        dtype = call.output.dtype
        if dtype not in ("float32", "int64", "bool"):
            raise Unreadable(f"numbers of the type {dtype}")
        parameters: dict[str, Any] = {"sizes": list(call.output.shape)}
        if operator == "full":
            parameters["value"] = call.get("fill_value")
        return Made(operator, {**parameters, "dtype": dtype})

    return how


def _counted(call: ForeignCall) -> Made:
    numbers = [call.get("start", 0), call.get("end"), call.get("step", 1)]
    if not all(isinstance(one, (int, Dim)) for one in numbers) or call.output.dtype not in ("int64", "float32"):
        raise Unreadable("steps that are no whole numbers")
    start, end, step = numbers
    return Made("arange", {"end": end, "start": start, "step": step, "dtype": call.output.dtype})


@deferred_dataclass
class Arange(_Constant, group="parameter"):
    """The integers from start up to but without end: positions, as many as a size says, if that is known only then."""

    end: Any = param(POSITION, "where it ends")
    start: Any = param(POSITION, "the first", 0, kw_only=True)
    step: int = param(Integer(-MAX_INT), "from each to the next", 1, kw_only=True)
    dtype: str | None = param(Choice(("int64", "float32")), "the type; int64 if not given", None, kw_only=True)

    usual = "int64"
    reads = (reading("aten.arange", _counted),)
    examples = (
        Example("arange(7)", (), (7,)),
        Example("arange(10, start = 1, step = 4, dtype = float32)", (), (3,)),
        Example("arange(-1, start = 4, step = -2)", (), (3,)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        if self.step == 0:
            raise ShapeError("`step` of `arange` must not be 0", code="bad-parameter")
        step = abs(self.step)
        span: Size = self.end - self.start if self.step > 0 else self.start - self.end
        length = (span + step - 1) // step
        if not fits(length):
            message = f"`arange` from {self.start} to {self.end} by {self.step} has no values"
            raise ShapeError(message, code="empty-output")
        return (length,)

    def target(self, *inputs: Shape) -> Target:
        return self.made_by("arange", self.start, self.end, self.step)


@deferred_dataclass
class Linspace(_Constant, group="parameter"):
    """Numbers from start to end, both among them, equally far apart."""

    start: float = param(Number(), "the first")
    end: float = param(Number(), "the last")
    steps: Any = param(Integer(1, open=True), "how many")

    dtype = None
    examples = (Example("linspace(0, 1, 5)", (), (5,)),)

    def infer(self, *inputs: Shape) -> Shape:
        return (self.steps,)

    def target(self, *inputs: Shape) -> Target:
        return self.made_by("linspace", self.start, self.end, self.steps)


@deferred_dataclass
class Eye(_Constant, group="parameter"):
    """Ones on the diagonal of a matrix, and zeros beside it."""

    n: Any = param(Integer(1, open=True), "rows")
    m: Any = param(Integer(1, open=True), "columns; as many as rows if not given", None, kw_only=True)
    dtype: str | None = param(DTYPE, "the type; float32 if not given", None, kw_only=True)

    examples = (Example("eye(3)", (), (3, 3)), Example("eye(2, m = 3, dtype = bool)", (), (2, 3)))

    def infer(self, *inputs: Shape) -> Shape:
        return (self.n, self.n if self.m is None else self.m)

    def target(self, *inputs: Shape) -> Target:
        return self.made_by("eye", *self.infer())


class _Filled(_Constant):
    """One value everywhere."""

    sizes: tuple[Size, ...]

    def infer(self, *inputs: Shape) -> Shape:
        return self.sizes


@deferred_dataclass
class Zeros(_Filled, group="parameter"):
    """Zeros. (`init = zeros` is an initialiser.)"""

    sizes: tuple[Size, ...] = param(SIZES, "its shape")
    dtype: str | None = param(DTYPE, "the type; float32 if not given", None, kw_only=True)
    reads = (reading("aten.zeros aten.new_zeros aten.zeros_like", _filled("zeros")),)
    examples = (Example("zeros([2, 3])", (), (2, 3)), Example("zeros(4, dtype = int64)", (), (4,)))

    def target(self, *inputs: Shape) -> Target:
        return self.made_by("full", self.sizes, 0)


@deferred_dataclass
class Ones(_Filled, group="parameter"):
    """Ones. (`init = ones` is an initialiser.)"""

    sizes: tuple[Size, ...] = param(SIZES, "its shape")
    dtype: str | None = param(DTYPE, "the type; float32 if not given", None, kw_only=True)
    reads = (reading("aten.ones aten.new_ones aten.ones_like", _filled("ones")),)
    examples = (Example("ones([2, 3])", (), (2, 3)), Example("ones([2, 2], dtype = bool)", (), (2, 2)))

    def target(self, *inputs: Shape) -> Target:
        return self.made_by("full", self.sizes, 1)


@deferred_dataclass
class Full(_Filled, group="parameter"):
    """One value everywhere: integers of an integer, truth values of a truth value."""

    sizes: tuple[Size, ...] = param(SIZES, "its shape")
    value: float = param(Values(), "the value")
    dtype: str | None = param(DTYPE, "the type; that of the value if not given", None, kw_only=True)
    reads = (reading("aten.full aten.new_full aten.full_like", _filled("full")),)
    examples = (
        Example("full([2, 3], 0.5)", (), (2, 3)),
        Example("full([2, 3], 7)", (), (2, 3)),
        Example("full(2, true)", (), (2,)),
        Example("full([2, 2], -inf)", (), (2, 2)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        if isinstance(self.value, tuple):
            raise ShapeError("`value` of `full` is one number; `tensor` takes lists", code="bad-parameter")
        self.check_type(self.value)
        return self.sizes

    def dtypes(self, inputs: Any) -> tuple[str, ...]:
        return (self.dtype or type_of(self.value),)

    def target(self, *inputs: Shape) -> Target:
        return self.made_by("full", self.sizes, self.value)


@deferred_dataclass
class TensorLiteral(_Constant, group="parameter", name="tensor"):
    """The values that are written, in lists of lists of one length: a table, a mask, a filter.

    It goes where the network goes, as a buffer does, and is not saved with it.
    """

    values: Any = param(Values(), "numbers, or truth values")
    dtype: str | None = param(DTYPE, "the type; that of the values if not given", None, kw_only=True)

    owns_storage = True
    examples = (
        Example("tensor([[1, 2, 3], [4, 5, 6]])", (), (2, 3)),
        Example("tensor([0.25, 1])", (), (2,)),
        Example("tensor([[true, false]])", (), (1, 2)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        self.check_type(self.values)
        shape: list[int] = []
        values = self.values
        while isinstance(values, tuple):
            shape.append(len(values))
            values = values[0]
        if not shape:
            raise ShapeError("`tensor` takes a list; a number beside a tensor needs none", code="bad-parameter")
        return tuple(shape)

    def dtypes(self, inputs: Any) -> tuple[str, ...]:
        return (self.dtype or type_of(self.values),)

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        shape = tuple(size for size in self.infer() if not isinstance(size, Dim))
        return (Weight("", shape, "buffer", self.dtypes(())[0], persistent=False),)

    def target(self, *inputs: Shape) -> Target:
        kwargs = {"dtype": self.dtypes(())[0]}
        return Target("compiler.fx.constants.tensor", kwargs, (self.values,), kind="constant")
