"""Under which condition a part is there: over numbers that are known, as a person would have written it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, permutations
from typing import Any

from archdsl.columns import ABSENT, constant, there
from archdsl.recovery.columns import Formula, Known


def condition(presence: Sequence[Any], known: Sequence[Known], sizes: frozenset[str]) -> Formula | None:
    """A condition that holds where a part is there; None where none of those that people write does.

    Entries of `presence` are truth values, or absent where it does not matter. `sizes` are the known columns that are
    sizes of a tensor: comparisons are mostly with these.
    """
    numbers = [one for one in known if all(_number(value) for value in there(one.values)) and not constant(one.values)]
    simple = [one for one in _simple(numbers, sizes) if not constant(one[1])]
    # Where a stride or a change of width may be the reason, a person writes both.
    reasons = ([one for one in simple if " > 1" in one[0].text and "stride" in one[0].text],
               [one for one in simple if "!=" in one[0].text and one[0].names & sizes])  # fmt: skip
    both = [(_join("or", a, b), _each(lambda x, y: x or y, va, vb)) for a, va in reasons[0] for b, vb in reasons[1]]
    still = [one for one in simple if " == 1" in one[0].text]
    equal = [one for one in simple if " == " in one[0].text and one[0].names & sizes]
    and_ = [(_join("and", a, b), _each(lambda x, y: x and y, va, vb)) for a, va in still for b, vb in equal]
    for formula, values in (*_flags(known), *both, *simple, *and_, *_ranges(numbers)):
        if _fits(values, presence):
            return formula
    return None


def _flags(known: Sequence[Known]) -> Iterator[tuple[Formula, list[Any]]]:
    """Truth values, as they are or not."""
    for one in known:
        if all(isinstance(value, bool) for value in there(one.values)) and there(one.values):
            yield Formula(one.name, frozenset([one.name])), list(one.values)
            yield Formula(f"not {one.name}", frozenset([one.name])), _each(lambda x: not x, one.values)


def _simple(numbers: Sequence[Known], sizes: frozenset[str]) -> Iterator[tuple[Formula, list[Any]]]:
    for one in numbers:
        names = _named(one)
        yield Formula(f"{one.name} > 1", names), _each(lambda x: x > 1, one.values)
        yield Formula(f"{one.name} == 1", names), _each(lambda x: x == 1, one.values)
    for test in ("!=", "=="):
        for one, other in permutations(numbers, 2):
            if one.name in sizes and other.name not in sizes:
                holds: Callable[[Any, Any], bool] = (lambda x, y: x != y) if test == "!=" else (lambda x, y: x == y)
                values = _each(holds, one.values, other.values)
                yield Formula(f"{one.name} {test} {other.name}", _named(one, other)), values
        for one, other in combinations(numbers, 2):
            if (one.name in sizes) == (other.name in sizes):
                holds = (lambda x, y: x != y) if test == "!=" else (lambda x, y: x == y)
                yield (
                    Formula(f"{one.name} {test} {other.name}", _named(one, other)),
                    _each(holds, one.values, other.values),
                )
    for one in numbers:
        yield Formula(f"{one.name} > 0", _named(one)), _each(lambda x: x > 0, one.values)


def _named(*known: Known) -> frozenset[str]:
    """The names in those of known columns, which may be multiples: `4 * width`."""
    return frozenset(one.name.rpartition(" * ")[2] for one in known)


def _ranges(numbers: Sequence[Known]) -> Iterator[tuple[Formula, list[Any]]]:
    """One value of a number, as a last resort."""
    for one in numbers:
        for value in sorted(set(there(one.values))):
            yield Formula(f"{one.name} == {value}", _named(one)), _each(lambda x, v=value: x == v, one.values)
            yield Formula(f"{one.name} != {value}", _named(one)), _each(lambda x, v=value: x != v, one.values)


def _join(word: str, a: Formula, b: Formula) -> Formula:
    return Formula(f"{a.text} {word} {b.text}", a.names | b.names)


def _each(function: Callable[..., Any], *columns: Sequence[Any]) -> list[Any]:
    return [ABSENT if ABSENT in entries else function(*entries) for entries in zip(*columns, strict=True)]


def _fits(values: Sequence[Any], presence: Sequence[Any]) -> bool:
    return all(b is ABSENT or (a is not ABSENT and bool(a) == b) for a, b in zip(values, presence, strict=True))


def _number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
