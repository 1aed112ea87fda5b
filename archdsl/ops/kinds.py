"""What kinds of value an operator's parameter takes, each with its check and its description."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from archdsl.dims import Dim, Size, Undecided, show, symbols
from archdsl.ops.dtypes import of_number, promoted
from archdsl.ops.initialiser import INITIALISERS, Initialiser

# torch crashes or wraps round on larger values (padding = 2**61 is a segmentation fault).
MAX_INT = 2**31 - 1
MAX_WHOLE = 2**63 - 1  # of an int64
MAX_VALUES = 2**16  # of a tensor that is written out


class ParamError(ValueError):
    """A parameter's value is not what it takes.

    `reason` completes "`stride` must be ..."; `parameter` is its name, where that is known.
    """

    def __init__(self, reason: str, parameter: str | None = None) -> None:
        super().__init__(reason if parameter is None else f"`{parameter}` {reason}")
        self.reason = reason
        self.parameter = parameter


class Kind(Protocol):
    """A check of a static value."""

    def parse(self, value: Any) -> Any:
        """The value in its final form. Raises `ParamError`, or `Undecided` where a symbol is in the way."""
        ...

    def schema(self) -> dict[str, Any]:
        """The kind as JSON schema. A text is an expression, whose value the schema cannot know."""
        ...

    def describe(self) -> str:
        """The kind in words, for documentation."""
        ...


@dataclass(frozen=True)
class Integer:
    """An integer; or a size with symbols, where it may be `open`."""

    low: int = 0
    high: int = MAX_INT
    open: bool = False

    def parse(self, value: Any) -> Size:
        if isinstance(value, Dim):
            if self.open:
                return value
            raise Undecided(f"the value {value}", symbols(value))
        if type(value) is not int:
            raise ParamError(f"must be an integer, found {spell(value)}")
        if value < self.low:
            raise ParamError(f"must be at least {self.low}, found {spell(value)}")
        if value > self.high:
            raise ParamError(f"must be at most {self.high}, found {spell(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": ["integer", "string"], "minimum": self.low, "maximum": self.high}

    def describe(self) -> str:
        symbols = "; may hold symbols" if self.open else ""
        if self.low < -1000:
            return f"integer{symbols}"
        return f"integer ≥ {self.low}{symbols}" if self.high == MAX_INT else f"integer {self.low} … {self.high}"


@dataclass(frozen=True)
class Number:
    low: float = -math.inf
    high: float = math.inf
    above: bool = False  # low itself is excluded
    whole: bool = False  # an integer stays one
    infinite: bool = False  # infinity is among them

    def parse(self, value: Any) -> float:
        if isinstance(value, Dim):
            raise Undecided(f"the value of {value}", symbols(value))
        if type(value) not in (int, float):
            raise ParamError(f"must be a number, found {spell(value)}")
        if not abs(value) <= 1e300 and not (self.infinite and value in (math.inf, -math.inf)):
            raise ParamError(f"must be a {'number' if self.infinite else 'finite number'}, found {spell(value)}")
        if value < self.low or (self.above and value == self.low) or value > self.high:
            raise ParamError(f"must be {self._range()}, found {spell(value)}")
        if self.whole and type(value) is int:
            Integer(-MAX_WHOLE, MAX_WHOLE).parse(value)
            return value
        return float(value)

    def _range(self) -> str:
        if self.high < math.inf:
            return f"between {_plain(self.low)} and {_plain(self.high)}"
        return f"{'greater than' if self.above else 'at least'} {_plain(self.low)}"

    def schema(self) -> dict[str, Any]:
        low = {} if self.low == -math.inf else {"exclusiveMinimum" if self.above else "minimum": self.low}
        high = {} if self.high == math.inf else {"maximum": self.high}
        return {"type": ["number", "string"], **low, **high}

    def describe(self) -> str:
        infinite = ", `inf` or `-inf`" if self.infinite else ""
        return "number" + (f" {self._range()}" if (self.low, self.high) != (-math.inf, math.inf) else infinite)


@dataclass(frozen=True)
class Numbers:
    """A list of numbers."""

    low: float = -math.inf

    def parse(self, value: Any) -> tuple[float, ...]:
        if not isinstance(value, (list, tuple)) or not value:
            raise ParamError(f"must be a list of numbers, found {spell(value)}")
        return tuple(Number(self.low).parse(item) for item in value)

    def schema(self) -> dict[str, Any]:
        return {"type": ["array", "string"], "items": Number(self.low).schema()}

    def describe(self) -> str:
        return f"list of {Number(self.low).describe().replace('number', 'numbers', 1)}"


@dataclass(frozen=True)
class Boolean:
    def parse(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ParamError(f"must be true or false, found {spell(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": ["boolean", "string"]}

    def describe(self) -> str:
        return "true or false"


@dataclass(frozen=True)
class Choice:
    """One of some words, written bare or quoted."""

    names: tuple[str, ...]

    def parse(self, value: Any) -> str:
        if value not in self.names or not isinstance(value, str):
            raise ParamError(f"must be {' or '.join(self.names)}, found {spell(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "anyOf": _words(self.names)}

    def describe(self) -> str:
        return ", ".join(f"`{name}`" for name in self.names)


@dataclass(frozen=True)
class Equation:
    """Letters of dimensions, as `torch.einsum` takes them: "bij,bjk->bik"; `...` for any number of them."""

    def parse(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ParamError(f'must be a text like "ij,jk->ik", found {spell(value)}')
        text = value.replace(" ", "")
        term = r"[A-Za-z]*(\.\.\.[A-Za-z]*)?"
        if not re.fullmatch(rf"{term}(,{term})*(->{term})?", text) or len(text) > 200:
            raise ParamError(
                f'must be a text like "ij,jk->ik" or "...ij->...ji", with a letter for each dimension that is no part'
                f" of `...`, found {spell(value)}"
            )
        before, _, after = text.partition("->")
        for named in (*before.split(","), after):
            letters = named.replace("...", "")
            if len(set(letters)) < len(letters):
                raise ParamError(f'must name each dimension once, found "{named}"')
        unknown = sorted(set(after) - set(before) - {"."})
        if unknown:
            raise ParamError(f"must have on its left what stands behind the arrow; `{unknown[0]}` does not")
        return text

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}

    def describe(self) -> str:
        return "text"


@dataclass(frozen=True)
class Sizes:
    """One integer for all spatial dimensions, or a list with one for each; words where there are any, and sizes with
    symbols where they may be `open`."""

    low: int = 1
    words: tuple[str, ...] = ()
    open: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return self.words

    def parse(self, value: Any) -> Size | str | tuple[Size, ...]:
        if isinstance(value, str) and self.words:
            if value in self.words:
                return value
            choices = " or ".join(f'"{word}"' for word in self.words)
            raise ParamError(f"must be an integer, a list of integers, {choices}, found {spell(value)}")
        if isinstance(value, (list, tuple)):
            if not 1 <= len(value) <= 3:
                raise ParamError(f"needs one integer or a list with one for each dimension, found {spell(value)}")
            return tuple(map(self._one, value))
        return self._one(value)

    def _one(self, value: Any) -> Size:
        return value if self.open and isinstance(value, Dim) else Integer(self.low).parse(value)

    def schema(self) -> dict[str, Any]:
        items = {"items": Integer(self.low).schema(), "minItems": 1, "maxItems": 3}
        words = {"anyOf": _words(self.words)} if self.words else {}
        return {"type": ["integer", "array", "string"], "minimum": self.low, "maximum": MAX_INT, **items, **words}

    def describe(self) -> str:
        words = "".join(f", or `{word}`" for word in self.words)
        symbols = "; sizes may hold symbols" if self.open else ""
        return f"integer ≥ {self.low}, or a list of one for each dimension{words}{symbols}"


@dataclass(frozen=True)
class Integers:
    """A list of integers; one alone stands for a list of one. Sizes with symbols, where they may be `open`."""

    low: int = -MAX_INT
    open: bool = False
    least: int = 1  # how many

    def parse(self, value: Any) -> tuple[Size, ...]:
        items: Iterable[Any] = value if isinstance(value, (list, tuple)) else [value]
        parsed = tuple(Integer(self.low, open=self.open).parse(item) for item in items)
        if len(parsed) < self.least:
            raise ParamError("must not be empty")
        return parsed

    def schema(self) -> dict[str, Any]:
        items = {"items": Integer(self.low).schema(), "minItems": self.least}
        return {"type": ["integer", "array", "string"], "minimum": self.low, "maximum": MAX_INT, **items}

    def describe(self) -> str:
        return "integer, or a list of integers" + ("; they may hold symbols" if self.open else "")


@dataclass(frozen=True)
class Values:
    """A number or truth value, or lists of them of one length, in lists of one length."""

    def parse(self, value: Any) -> Any:
        if isinstance(value, Dim):
            raise Undecided(f"the value of {value}", symbols(value))
        if not isinstance(value, (list, tuple)):
            return value if isinstance(value, bool) else Number(whole=True, infinite=True).parse(value)
        if getattr(value, "total", len(value)) > MAX_VALUES:
            raise ParamError(f"must be at most {MAX_VALUES} values, found more")
        items = tuple(map(self.parse, value))
        if not items:
            raise ParamError("must not be empty")
        if len({_extent(item) for item in items}) > 1:
            raise ParamError("must be lists of one length, found several")
        return items

    def schema(self) -> dict[str, Any]:
        return {"type": ["number", "boolean", "array", "string"], "minItems": 1}

    def describe(self) -> str:
        return "number or truth value, or lists of them"


def _extent(value: Any) -> tuple[int, ...]:
    """The lengths of lists in lists."""
    return (len(value), *_extent(value[0])) if isinstance(value, tuple) else ()


def type_of(values: Any) -> str:
    """The type that holds all of these values, as `torch.tensor` finds it."""
    if isinstance(values, tuple):
        return promoted(list({type_of(item) for item in values}))
    return "bool" if isinstance(values, bool) else of_number(values)


def infinite(values: Any) -> bool:
    """Whether one of these values is infinite."""
    return any(map(infinite, values)) if isinstance(values, tuple) else math.isinf(values)


@dataclass(frozen=True)
class Sides:
    """Sizes that may hold symbols, as in `reshape([N, -1])`."""

    low: int = 0

    def parse(self, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)) or not value:
            raise ParamError(f"must be a list of sizes, found {spell(value)}")
        return tuple(item if isinstance(item, Dim) else Integer(self.low).parse(item) for item in value)

    def schema(self) -> dict[str, Any]:
        return {"type": ["array", "string"], "items": Integer(self.low).schema(), "minItems": 1}

    def describe(self) -> str:
        return "list of sizes"


@dataclass(frozen=True)
class Factors:
    """A positive number, or a list with one for each spatial dimension."""

    def parse(self, value: Any) -> float | tuple[float, ...]:
        factor = Number(0, above=True)
        if isinstance(value, (list, tuple)):
            return tuple(factor.parse(item) for item in value)
        return factor.parse(value)

    def schema(self) -> dict[str, Any]:
        factor = Number(0, above=True).schema()
        return {**factor, "type": ["number", "array", "string"], "items": factor}

    def describe(self) -> str:
        return "number greater than 0, or a list of one for each dimension"


@dataclass(frozen=True)
class Init:
    """How a weight starts; see `INITIALISERS`."""

    names: tuple[str, ...] = tuple(INITIALISERS)

    def parse(self, value: Any) -> Initialiser:
        if isinstance(value, str) and value in INITIALISERS:
            value = Initialiser(value)
        if not isinstance(value, Initialiser):
            raise ParamError(f"must be an initialiser ({', '.join(self.names)}), found {spell(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "anyOf": _words(self.names)}

    def describe(self) -> str:
        return "initialiser"


def _words(names: Iterable[str]) -> list[dict[str, Any]]:
    """The words that an editor proposes, beside which any expression may stand."""
    return [{"enum": list(names)}, {}]


def spell(value: Any) -> str:
    """A value as it is written in a spec, cut short."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'the text "{value[:40]}"'
    if isinstance(value, int):
        return str(value) if abs(value) < 10**30 else "a number of more than 30 digits"
    if isinstance(value, (list, tuple)) and not all(isinstance(item, (int, float, str, Dim)) for item in value):
        return f"a list of {len(value)} values"
    if isinstance(value, (list, tuple)):
        return "the list " + (show(value) if len(value) <= 8 else f"of {len(value)} values")
    return str(value) if isinstance(value, (float, Dim, Initialiser)) else "a tensor or module"


def literal(value: Any) -> str:
    """A parameter's value as a spec writes it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, str) and not re.fullmatch(r"[\w-]+", value):
        return f'"{value}"'
    return _plain(value) if isinstance(value, float) else str(value)


def _plain(value: float) -> str:
    return f"{value:g}"
