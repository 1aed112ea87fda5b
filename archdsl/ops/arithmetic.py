"""How an operator's output sizes come about, in the words of its own shape rule.

The rule is run once more on sizes that write down what is done with them, so that the arithmetic shown is the
arithmetic done: an operator says nothing twice, and one of a user's own explains itself like any other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

from archdsl.dims import Dim, Shape, Size
from archdsl.ops._op import Operator

ATOM, PRODUCT, QUOTIENT, SUM = 4, 3, 2, 1  # how tightly a text holds together


class InputDim(NamedTuple):
    """A dimension of one of an operator's inputs."""

    input: int
    dim: int


class Derivation(NamedTuple):
    """How one size of an output comes about.

    `arithmetic` is written with numbers: `(55 + 2*0 - 3) // 2 + 1`. `places` are the sizes of inputs that it begins
    with. `passed` says that it is one of them, as it is; `parameter` is the parameter that it is, if it is one.
    """

    arithmetic: str
    places: tuple[InputDim, ...]
    passed: bool
    parameter: str | None


def say(size: Size) -> str:
    """A size as it stands in a sentence: a floor division alone needs no parentheses."""
    text = str(size)
    alone = isinstance(size, Dim) and len(size.terms) == 1 and text.startswith("(") and len(size.terms[0][0]) == 1
    return text[1:-1] if alone else text


@lru_cache(maxsize=4096)  # networks repeat themselves, and so do their variants
def derive(operator: Operator, inputs: tuple[Shape, ...]) -> tuple[tuple[Derivation, ...], ...]:
    """How each size of each output comes about, for inputs that the operator fits."""
    shapes = [
        tuple(_written(size, places=(InputDim(i, dim),)) for dim, size in enumerate(shape))
        for i, shape in enumerate(inputs)
    ]
    noted = {f.name: _noted(getattr(operator, f.name), f.name) for f in fields(operator)}  # type: ignore[arg-type]
    return tuple(tuple(map(_derivation, output)) for output in replace(operator, **noted).infer_all(*shapes))  # type: ignore[type-var]


def _derivation(size: Size) -> Derivation:
    if not isinstance(size, _Written):
        return Derivation(str(size), (), False, None)
    return Derivation(size.text, size.places, size.atomic and bool(size.places), size.parameter)


def _noted(value: Any, name: str) -> Any:
    """A parameter whose integers say that they are its own."""
    if isinstance(value, tuple):
        return tuple(_noted(item, name) for item in value)
    if isinstance(value, bool) or not isinstance(value, (int, Dim)):
        return value
    return _written(value, parameter=name)


class _Written:
    """A size that writes down where it comes from. The accumulators' 0 + and 1 * are not written."""

    text: str
    level: int
    places: tuple[InputDim, ...]
    parameter: str | None
    atomic: bool  # nothing was done with it

    def __add__(self, other: Any) -> Any:
        return _join(self, "+", other)

    def __radd__(self, other: Any) -> Any:
        return self if _bare(other, 0) else _join(other, "+", self)

    def __sub__(self, other: Any) -> Any:
        return _join(self, "-", other)

    def __rsub__(self, other: Any) -> Any:
        return _join(other, "-", self)

    def __mul__(self, other: Any) -> Any:
        return self if _bare(other, 1) else _join(self, "*", other)

    def __rmul__(self, other: Any) -> Any:
        return self if _bare(other, 1) else _join(other, "*", self)

    def __floordiv__(self, other: Any) -> Any:
        return self if _bare(other, 1) else _join(self, "//", other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _join(other, "//", self)

    def __mod__(self, other: Any) -> Any:
        return _join(self, "%", other)

    def __neg__(self) -> Any:
        return _join(self, "*", -1)


class _WrittenInt(_Written, int):
    pass


class _WrittenDim(_Written, Dim):
    pass


class _WrittenFloat(float):
    """A product with a factor that is no integer, on its way to being rounded down."""

    text: str
    places: tuple[InputDim, ...]

    def __floor__(self) -> int:
        size = _WrittenInt(math.floor(float(self)))
        _note(size, f"floor({self.text})", ATOM, self.places, None, atomic=False)
        return size


OPERATIONS: Final[Mapping[str, tuple[int, Callable[[Any, Any], Any]]]] = {
    "+": (SUM, lambda a, b: a + b),
    "-": (SUM, lambda a, b: a - b),
    "*": (PRODUCT, lambda a, b: a * b),
    "//": (QUOTIENT, lambda a, b: a // b),
    "%": (QUOTIENT, lambda a, b: a % b),
}


_RIGHT: Final = {"+": SUM, "-": QUOTIENT, "*": ATOM, "//": ATOM, "%": ATOM}  # what needs no parentheses there


def _join(left: Any, symbol: str, right: Any) -> Any:
    level, operation = OPERATIONS[symbol]
    value = operation(_plain(left), _plain(right))
    if value is NotImplemented or not isinstance(value, (int, float, Dim)):
        return NotImplemented
    # A sum takes a sum on its right without parentheses, since it adds up all the same; no reader need know how
    # tightly `//` binds beside `*`.
    texts = _text(left, max(level, PRODUCT) if level != SUM else SUM), _text(right, _RIGHT[symbol])
    text = f"{texts[0]}*{texts[1]}" if symbol == "*" else f"{texts[0]} {symbol} {texts[1]}"
    places = tuple(dict.fromkeys((*getattr(left, "places", ()), *getattr(right, "places", ()))))
    if isinstance(value, float):
        return _note(_WrittenFloat(value), text, level, places, None, atomic=False)
    return _note(_empty(value), text, level, places, None, atomic=False)


def _written(size: Size, places: tuple[InputDim, ...] = (), parameter: str | None = None) -> Any:
    text = say(size)
    level = ATOM if text.isalnum() else QUOTIENT if text != str(size) else SUM
    return _note(_empty(size), text, level, places, parameter, atomic=True)


def _note(
    size: Any, text: str, level: int, places: tuple[InputDim, ...], parameter: str | None, *, atomic: bool
) -> Any:
    size.text, size.level, size.places, size.parameter, size.atomic = text, level, places, parameter, atomic
    return size


def _empty(size: Size) -> Any:
    return _WrittenInt(size) if isinstance(size, int) else _WrittenDim(dict(size.terms))


def _plain(size: Any) -> Any:
    """The size as the arithmetic of integers and symbols knows it."""
    if isinstance(size, _WrittenDim):
        return Dim(dict(size.terms))
    return int(size) if isinstance(size, int) else size


def _text(size: Any, level: int) -> str:
    """The text of an operand, in parentheses where it holds together less tightly than that."""
    text = getattr(size, "text", None)
    if text is None:
        text = str(int(size)) if isinstance(size, float) and size.is_integer() else str(size)
        return text if text.isalnum() or isinstance(size, float) else f"({text})"
    return text if size.level >= level else f"({text})"


def _bare(value: Any, number: int) -> bool:
    """Whether a value is this number, and not a parameter that happens to be."""
    return type(value) is int and value == number
