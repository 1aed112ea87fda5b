"""Static values: what expressions without tensors are worth. No attribute access, no I/O, every result bounded."""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from archdsl import vocabulary
from archdsl.diagnostics import counted
from archdsl.dims import Dim, Size, Undecided, symbols
from archdsl.ops.initialiser import INITIALISERS, Initialiser
from archdsl.ops.kinds import spell
from archdsl.symbolic import at_least, equal

MAX_MAGNITUDE: Final = 2**63
MAX_LENGTH: Final = 100_000
MAX_LIST_DEPTH: Final = 16
CONSTANTS: Final[Mapping[str, float]] = MappingProxyType({"inf": math.inf})  # names of numbers that have no digits


class ValueFault(Exception):
    """A static expression without a value. `code` is a key of the catalogue."""

    def __init__(self, message: str, code: str = "bad-value", help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.help = help


class StaticList(list[Any]):
    """A list that knows what is in it and in its lists: how deep, how many, and of which types.

    Lists are shared, so that a short spec can make one of 10^30 items: nothing may walk through them.
    """

    __slots__ = ("depth", "kinds", "total")

    def __init__(self, items: Iterable[Any]) -> None:
        super().__init__(items)
        if len(self) > MAX_LENGTH:
            raise ValueFault(f"the list would have {len(self)} items; the limit is {MAX_LENGTH}", "number-too-large")
        inner = [item for item in self if isinstance(item, StaticList)]
        self.depth: int = 1 + max((item.depth for item in inner), default=0)
        self.total: int = len(self) + sum(item.total for item in inner)
        self.kinds: frozenset[type] = frozenset(map(type, self)).union(*{item.kinds for item in inner})
        if self.depth > MAX_LIST_DEPTH:
            raise ValueFault(f"lists are nested deeper than {MAX_LIST_DEPTH}", "nesting-too-deep")


ARITHMETIC: Final = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
}


def binary(symbol: str, a: Any, b: Any) -> Any:
    """The value of `a symbol b`. Raises `ValueFault`, or `Undecided` where symbols leave it open."""
    if symbol in ("==", "!="):
        return _equal(a, b) == (symbol == "==")
    if symbol in ("in", "not in"):
        return _contains(b, a) == (symbol == "in")
    if isinstance(a, list) and isinstance(b, list) and symbol == "+":
        return StaticList([*a, *b])
    if isinstance(a, list) and type(b) is int and symbol == "*":
        if len(a) * b > MAX_LENGTH:
            raise ValueFault(f"the list would have {len(a) * b} items; the limit is {MAX_LENGTH}", "number-too-large")
        return StaticList(a * b)
    for value in (a, b):
        if not _is_number(value):
            raise ValueFault(f"`{symbol}` needs numbers, found {spell(value)}", "wrong-type")
    if symbol in ("<", "<=", ">", ">="):
        return _compare(symbol, a, b)
    if symbol == "/":
        return _divide(a, b)
    if symbol == "**":
        return _power(a, b)
    if symbol in ("//", "%") and not isinstance(b, Dim) and b == 0:
        raise ValueFault("division by zero")
    if symbol in ("//", "%") and isinstance(a, Dim) and isinstance(b, float):
        raise ValueFault(f"`{symbol}` of a symbolic size needs an integer, found {spell(b)}", "wrong-type")
    if (isinstance(a, Dim) and isinstance(b, float)) or (isinstance(a, float) and isinstance(b, Dim)):
        raise ValueFault(f"the size {a if isinstance(a, Dim) else b} has symbols and takes integers only", "wrong-type")
    if symbol not in ARITHMETIC:
        raise ValueFault(f"`{symbol}` takes tensors, found {spell(a)} and {spell(b)}", "wrong-type")
    return bounded(ARITHMETIC[symbol](a, b))


def cost(symbol: str, a: Any, b: Any) -> int:
    """The steps that `a symbol b` takes: as many as there are values or terms to look at or to make."""
    if symbol in ("in", "not in"):
        return b.total if isinstance(b, StaticList) else 0
    if isinstance(a, Dim) or isinstance(b, Dim):
        left, right = (side.weight if isinstance(side, Dim) else 1 for side in (a, b))
        return left * right if symbol in ("*", "**") else left + right
    if not isinstance(a, StaticList):
        return 0
    if isinstance(b, StaticList):
        return min(a.total, b.total) if symbol in ("==", "!=") else len(a) + len(b)
    return min(len(a) * b, MAX_LENGTH) if symbol == "*" and type(b) is int and b > 0 else 0


def unary(symbol: str, value: Any) -> Any:
    if symbol == "not":
        return not truth(value)
    if not _is_number(value):
        raise ValueFault(f"`{symbol}` needs a number, found {spell(value)}", "wrong-type")
    if symbol == "+":
        return value
    return -value if isinstance(value, float) else bounded(value * -1)  # -inf among them


def truth(value: Any) -> bool:
    """A condition's value: only booleans are conditions."""
    if not isinstance(value, bool):
        number = isinstance(value, (int, float))
        help = "compare it: `n > 0`" if number else "a condition is static: it is decided before the network runs"
        raise ValueFault(f"a condition is true or false, found {spell(value)}", "wrong-type", help)
    return value


def index(value: Any, position: Any) -> Any:
    if not isinstance(value, list):
        raise ValueFault(f"only lists have items, found {spell(value)}", "wrong-type")
    if type(position) is not int:
        raise ValueFault(f"an index is an integer, found {spell(position)}", "wrong-type")
    if not -len(value) <= position < len(value):
        raise ValueFault(f"index {position} is out of range for a list of {len(value)}")
    return value[position]


def part(value: Any, start: Any, stop: Any, step: Any) -> Any:
    """The items of a list from `start` to before `stop`, each `step`-th; None is left out, as in Python."""
    if not isinstance(value, list):
        raise ValueFault(f"only lists have slices, found {spell(value)}", "wrong-type")
    for bound in (start, stop, step):
        if bound is not None and type(bound) is not int:
            raise ValueFault(f"a slice has integers, found {spell(bound)}", "wrong-type")
    if step == 0:
        raise ValueFault("a slice needs a step other than 0")
    return StaticList(value[start:stop:step])


def bounded(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueFault("the result is not a finite number", "number-too-large")
    if isinstance(value, int) and abs(value) > MAX_MAGNITUDE:
        raise ValueFault("the result is larger than 2^63", "number-too-large")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Dim)) and not isinstance(value, bool)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, Dim) or isinstance(b, Dim):
        if not (isinstance(a, (int, Dim)) and isinstance(b, (int, Dim))):
            return False
        return equal(a, b)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, bool) is not isinstance(b, bool):
        return False
    return bool(a == b)


def _contains(items: Any, value: Any) -> bool:
    """Whether a list has an item. Raises `Undecided` only where no item is surely equal."""
    if not isinstance(items, list):
        raise ValueFault(f"`in` looks into a list, found {spell(items)}", "wrong-type")
    open_question: Undecided | None = None
    for item in items:
        try:
            if _equal(item, value):
                return True
        except Undecided as error:
            open_question = error
    if open_question is not None:
        raise open_question
    return False


def _compare(symbol: str, a: Any, b: Any) -> bool:
    if isinstance(a, Dim) or isinstance(b, Dim):
        if isinstance(a, float) or isinstance(b, float):
            raise ValueFault("a symbolic size is compared with integers only", "wrong-type")
        high, low = (a, b) if symbol in (">", ">=") else (b, a)
        answer = at_least(high, low + 1 if symbol in (">", "<") else low)
        if answer is None:
            raise Undecided(f"{a} {symbol} {b}", symbols(a) | symbols(b))
        return answer
    return bool({"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}[symbol](a, b))


def _divide(a: Any, b: Any) -> Any:
    if isinstance(a, Dim) or isinstance(b, Dim):
        raise ValueFault("a symbolic size is divided with `//`", "wrong-type")
    if b == 0:
        raise ValueFault("division by zero")
    if isinstance(a, int) and isinstance(b, int) and a % b == 0:
        return a // b
    return bounded(a / b)


def _power(a: Any, b: Any) -> Any:
    if isinstance(b, Dim) or (isinstance(a, Dim) and (type(b) is not int or not 0 <= b <= 8)):
        raise ValueFault("a symbolic size is raised to an integer from 0 to 8 only", "wrong-type")
    if isinstance(a, Dim):
        result: Size = 1
        for _ in range(b):
            result = result * a
        return result
    if abs(b) > 64 and abs(a) > 1:
        raise ValueFault("the result is larger than 2^63", "number-too-large")
    try:
        result = a**b
    except (ZeroDivisionError, OverflowError):
        raise ValueFault("the power has no finite value", "number-too-large") from None
    if isinstance(result, complex):
        raise ValueFault("the power has no real value")
    return bounded(result)


# --- functions ----------------------------------------------------------------------------------------------------


def _numbers(values: Sequence[Any]) -> list[Any]:
    items = list(values[0]) if len(values) == 1 and isinstance(values[0], list) else list(values)
    if not items:
        raise ValueFault("needs at least one number")
    for item in items:
        if not _is_number(item):
            raise ValueFault(f"needs numbers, found {spell(item)}", "wrong-type")
    return items


def _extreme(pick: Callable[[Any], Any], above: bool) -> Callable[..., Any]:
    def choose(*values: Any) -> Any:
        items = _numbers(values)
        if not any(isinstance(item, Dim) for item in items):
            return pick(items)
        best = items[0]
        for item in items[1:]:
            if _compare(">=" if above else "<=", item, best):
                best = item
        return best

    return choose


def _number(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        if isinstance(value, Dim):
            if convert in (int, round, math.floor, math.ceil):
                return value
            raise ValueFault(f"the size {value} has no value yet", "wrong-type")
        if not _is_number(value):
            infinite = isinstance(value, str) and value.strip("+-").lower() in ("inf", "infinity")
            help = "infinity is written `inf`, and `-inf`" if infinite else None
            raise ValueFault(f"needs a number, found {spell(value)}", "wrong-type", help)
        try:
            return bounded(convert(value))
        except (ValueError, OverflowError):
            raise ValueFault(f"has no value for {spell(value)}") from None

    return apply


def _length(value: Any) -> int:
    if not isinstance(value, list):
        raise ValueFault(f"needs a list, found {spell(value)}", "wrong-type")
    return len(value)


def _range(*bounds: Any) -> list[int]:
    if any(type(bound) is not int for bound in bounds) or not 1 <= len(bounds) <= 3:
        raise ValueFault("needs one to three integers", "wrong-type")
    if len(bounds) == 3 and bounds[2] == 0:
        raise ValueFault("needs a step other than 0")
    span = range(*bounds)
    if span and abs(span[-1] - span[0]) // abs(span.step) >= MAX_LENGTH:
        raise ValueFault(f"would have more than {MAX_LENGTH} items", "number-too-large")
    return StaticList(span)


def _lists(values: Sequence[Any]) -> None:
    for value in values:
        if not isinstance(value, list):
            raise ValueFault(f"needs lists, found {spell(value)}", "wrong-type")


def _sum(value: Any) -> Any:
    _lists([value])
    total: Any = 0
    for item in value:
        total = binary("+", total, item)
    return total


def _zip(*values: Any) -> list[Any]:
    _lists(values)
    if len({len(value) for value in values}) > 1:
        raise ValueFault(f"needs lists of one length, found {', '.join(str(len(v)) for v in values)}")
    return StaticList(StaticList(items) for items in zip(*values, strict=True))


def _enumerate(value: Any, start: Any = 0) -> list[Any]:
    _lists([value])
    if type(start) is not int:
        raise ValueFault(f"counts from an integer, found {spell(start)}", "wrong-type")
    return StaticList(StaticList([i, item]) for i, item in enumerate(value, start))


def _reversed(value: Any) -> list[Any]:
    _lists([value])
    return StaticList(reversed(value))


def _abs(value: Any) -> Any:
    if not isinstance(value, Dim):
        return _number(abs)(value)
    if at_least(value, 0):
        return value
    if at_least(0, value):
        return value * -1
    raise Undecided(f"abs({value})", symbols(value))


FUNCTIONS: MappingProxyType[str, Callable[..., Any]] = MappingProxyType(
    {
        "int": _number(int),
        "float": _number(float),
        "abs": _abs,
        "min": _extreme(min, above=False),
        "max": _extreme(max, above=True),
        "round": _number(round),
        "ceil": _number(math.ceil),
        "floor": _number(math.floor),
        "sqrt": _number(math.sqrt),
        "log2": _number(math.log2),
        "len": _length,
        "range": _range,
        "sum": _sum,
        "zip": _zip,
        "enumerate": _enumerate,
        "reversed": _reversed,
    }
)


def call(name: str, arguments: Sequence[Any]) -> Any:
    """The value of a built-in function."""
    try:
        return FUNCTIONS[name](*arguments)
    except ValueFault as fault:
        help = fault.help
        if fault.code == "wrong-type" and not all(map(_is_static, arguments)):
            word = vocabulary.operator(name)
            help = word.help if word is not None and word.help else "it is for sizes and settings, not for tensors"
        raise ValueFault(f"`{name}` {fault.message}", fault.code, help) from None
    except TypeError:
        takes = _arity(FUNCTIONS[name])
        message = f"`{name}` takes {takes}, found {counted(len(arguments), 'value')}"
        raise ValueFault(message, "wrong-arity") from None


def _is_static(value: Any) -> bool:
    return isinstance(value, (int, float, str, list, Dim))


def _arity(function: Callable[..., Any]) -> str:
    """How many values a function takes, in words."""
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return "at least 1 value"
    least = sum(p.default is p.empty for p in parameters)
    return counted(len(parameters), "value") if least == len(parameters) else f"{least} or {len(parameters)} values"


def built_in(name: str) -> Any:
    """The value of a name that the language itself has: a number, or an initialiser without arguments."""
    return CONSTANTS[name] if name in CONSTANTS else initialiser(name, ())


def initialiser(name: str, arguments: Sequence[Any]) -> Initialiser:
    """An initialiser with its arguments: `normal(0.01)`."""
    wanted = INITIALISERS[name].arguments
    if len(arguments) != len(wanted):
        takes = ", ".join(wanted) or "no arguments"
        raise ValueFault(f"`{name}` takes {takes}; found {len(arguments)} values", "wrong-arity")
    for value in arguments:
        if not _is_number(value) or isinstance(value, Dim):
            raise ValueFault(f"`{name}` needs a number, found {spell(value)}", "wrong-type")
        if not math.isfinite(value):
            raise ValueFault(f"`{name}` needs a finite number, found {spell(value)}")
    if name == "normal" and arguments[0] < 0:
        raise ValueFault("`normal` needs a standard deviation of at least 0")
    return Initialiser(name, tuple(float(value) for value in arguments))
