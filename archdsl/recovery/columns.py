"""A column of values, one an instance, explained: a constant, something known, or made of something known.

Nothing here knows what the values are of. A formula's text is an expression both in a spec and in Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final, TypeAlias

from archdsl.columns import ABSENT, constant, equal, ratio, there, whole

FACTORS: Final = (2, 3, 4, 6, 8)
DIVISORS: Final = (2, 3, 4, 8, 16)


@dataclass(frozen=True)
class Known:
    """A column that has a name: a parameter, a size of an input."""

    name: str
    values: Sequence[Any]


@dataclass(frozen=True)
class Constant:
    """The same value in all instances."""

    value: Any


@dataclass(frozen=True)
class Formula:
    """What a column is made of. `names` are those of known columns; `items` are the parts of a list."""

    text: str
    names: frozenset[str]
    items: tuple[Explained, ...] = ()


Explained: TypeAlias = Constant | Formula


def explained(
    column: Sequence[Any], known: Sequence[Known], halves: bool = False, extents: Sequence[Known] = ()
) -> Explained | None:
    """What a column is, by the simplest formula over what is known; None where there is none.

    `halves`: a half of something known is likelier than another reason, as the padding of a kernel. `extents` are known
    too, of which and of whose products any part is likely.
    """
    values = there(column)
    if constant(column):
        return Constant(values[0] if values else None)
    for one in (*known, *extents):
        if equal(column, one.values):
            return Formula(one.name, frozenset([one.name]))
    if all(isinstance(value, (list, tuple)) for value in values) and len({len(value) for value in values}) == 1:
        return _list(column, known, halves, extents)
    if not all(whole(value) for value in values):
        return None
    numbers = [one for one in known if all(whole(value) for value in there(one.values))]
    return _part(column, extents) or _multiple(column, numbers, halves)


def _list(column: Sequence[Any], known: Sequence[Known], halves: bool, extents: Sequence[Known]) -> Formula | None:
    length = len(there(column)[0])
    items: list[Explained] = []
    for i in range(length):
        before = {name for item in items if isinstance(item, Formula) for name in item.names}
        fresh = sorted(extents, key=lambda one: one.name in before)  # each is likely once
        item = explained([value if value is ABSENT else value[i] for value in column], known, halves, fresh)
        if item is None:
            return None
        items.append(item)
    return listed(items)


def _part(column: Sequence[Any], extents: Sequence[Known]) -> Formula | None:
    """A part of an extent, or of the product of two."""
    for one in extents:
        _, divisor = ratio(column, one.values) or (1, 1)
        if divisor > 1:
            return Formula(f"{one.name} // {divisor}", frozenset([one.name]))
    for one, other in combinations(sorted(extents, key=lambda one: one.name), 2):
        factor, divisor = ratio(column, _product(one, other)) or (0, 0)
        if factor == 1:
            part = "" if divisor == 1 else f" // {divisor}"
            return Formula(f"{one.name} * {other.name}{part}", frozenset([one.name, other.name]))
    return None


def listed(items: Sequence[Explained]) -> Formula:
    names = frozenset(name for item in items if isinstance(item, Formula) for name in item.names)
    return Formula(f"[{', '.join(map(written, items))}]", names, tuple(items))


def _multiple(column: Sequence[Any], known: Sequence[Known], halves: bool) -> Formula | None:
    if halves:
        for one in known:
            if equal(column, _each(one, lambda value: value // 2)):
                return Formula(f"{one.name} // 2", frozenset([one.name]))
    for one in known:
        factor, divisor = ratio(column, one.values) or (1, 1)
        if factor in FACTORS:
            return Formula(f"{factor} * {one.name}", frozenset([one.name]))
        if divisor in DIVISORS:
            return Formula(f"{one.name} // {divisor}", frozenset([one.name]))
    for i, one in enumerate(known):
        for other in known[i + 1 :]:
            if constant(one.values) or constant(other.values):
                continue
            if equal(column, _product(one, other)):
                return Formula(f"{other.name} * {one.name}", frozenset([one.name, other.name]))
    return None


def shifted(column: Sequence[Any], known: Sequence[Known]) -> Formula | None:
    """One more or less than something known: a number of rounds, of which one is said apart."""
    for one in known:
        for by, text in ((-1, f"{one.name} - 1"), (1, f"{one.name} + 1"), (-2, f"{one.name} - 2")):
            numbers = all(whole(value) for value in there(one.values))
            if numbers and equal(column, _each(one, lambda value, by=by: value + by)):
                return Formula(text, frozenset([one.name]))
    return None


def _product(one: Known, other: Known) -> list[Any]:
    pairs = zip(one.values, other.values, strict=True)
    return [ABSENT if a is ABSENT or b is ABSENT else a * b for a, b in pairs]


def _each(known: Known, function: Any) -> list[Any]:
    return [value if value is ABSENT else function(value) for value in known.values]


def written(said: Explained) -> str:
    """A formula, or a constant as a spec writes it."""
    return said.text if isinstance(said, Formula) else literal(said.value)


def literal(value: Any) -> str:
    """A value as a spec writes it; a bare word stays one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{int(value)}.0"
    return str(value)
