"""Questions about sizes with symbols: whether they are equal, how large they may be, where they are 0 or more.

Every symbol is a positive integer. A size of one symbol n is a quasi-polynomial of it: with a period L, which is the
least common multiple of what its floor divisions repeat after, `f(r + k * L)` is a polynomial of k for each r. Where
it is linear, `f(n + L) - f(n)` is one number, and what holds for all n is decided by looking at one period.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple, TypeVar

from archdsl.dims import Dim, Floor, Size, Undecided, substitute, symbols, value

MAX_PERIOD: Final = 1024  # looked at value by value
Figure = TypeVar("Figure")
MAX_SIZE: Final = 2**31 - 1  # of a dimension


def equal(a: Size, b: Size) -> bool:
    """Whether two sizes are equal for all values of their symbols.

    Raises `Undecided` where some values make them equal and others may not; its `condition` says some that do, where
    that is simple (`H % 32 == 0`).
    """
    if isinstance(a, int) and isinstance(b, int):
        return a == b
    if a == b:
        return True
    difference = a - b
    if isinstance(difference, int):
        return difference == 0
    low, high = bounds(difference)
    if (low is not None and low > 0) or (high is not None and high < 0):
        return False
    course = course_of(difference)
    if course is not None:
        if not course.rise and not any(course.period):
            return True
        if not course.has_zero:
            return False
    condition, exact = _condition(difference)
    raise Undecided(f"{a} == {b}", symbols(difference), condition, exact=exact)


def at_least(a: Size, b: Size) -> bool | None:
    """Whether a >= b: True, False, or None where it depends on the symbols' values."""
    if isinstance(a, int) and isinstance(b, int):
        return a >= b
    difference = a - b
    low, high = bounds(difference)
    if low is not None and low >= 0:
        return True
    if high is not None and high < 0:
        return False
    course = course_of(difference) if isinstance(difference, Dim) and not _never_falls(difference) else None
    if course is not None and course.rise >= 0 and min(course.period) >= 0:
        return True
    if course is not None and course.rise <= 0 and max(course.period) < 0:
        return False
    return None


def where_decided(figure: Callable[[], Figure]) -> Figure | None:
    """A figure; None where it depends on what symbols leave open."""
    try:
        return figure()
    except Undecided:
        return None


def bounds(size: Size) -> tuple[int | None, int | None]:
    """Least and greatest value with every symbol at least 1, where that is known to be bounded."""
    if isinstance(size, int):
        return size, size
    low: int | None = 0
    high: int | None = 0
    for monomial, coefficient in size.terms:
        if not monomial:
            least: int | None = 1
            most: int | None = 1
        else:
            least, most = 1, None
            for atom in monomial:
                floor = 1 if isinstance(atom, str) else _floor_low(atom)
                least = None if floor is None or floor < 0 or least is None else least * floor
        if coefficient < 0:
            least, most = most, least
        low = None if low is None or least is None else low + coefficient * least
        high = None if high is None or most is None else high + coefficient * most
    return low, high


def _floor_low(atom: Floor) -> int | None:
    low, _ = bounds(atom.numerator)
    return None if low is None else low // atom.divisor


# --- sizes of one symbol ------------------------------------------------------------------------------------------


class SizeCourse(NamedTuple):
    """How a size that is linear in its only symbol goes: its values at 1, 2, … over one period, and by how much all
    of them rise with the next."""

    symbol: str
    period: tuple[int, ...]
    rise: int

    @property
    def has_zero(self) -> bool:
        """Whether it is 0 for some value of the symbol."""
        if not self.rise:
            return 0 in self.period
        return any(first % self.rise == 0 and -first // self.rise >= 0 for first in self.period)

    def holds_from(self) -> int | None:
        """The value from which on, and below which never, it is 0 or more; None where there is no such value."""
        if self.rise <= 0:
            return 1 if not self.rise and min(self.period) >= 0 else None
        # Of each place in the period, the value at which it comes to 0.
        reached = [n + len(self.period) * max(0, -(first // self.rise)) for n, first in enumerate(self.period, 1)]
        start = max((n - len(self.period) for n in reached), default=0) + 1
        return max(start, 1) if all(n >= start for n in reached) else None


@lru_cache(maxsize=4096)
def course_of(size: Dim) -> SizeCourse | None:
    """The course of a size that is linear in its only symbol; None for others, and where its period is long."""
    names = symbols(size)
    length = _period(size)
    if len(names) != 1 or _degree(size) != 1 or length > MAX_PERIOD:
        return None
    (name,) = names
    values = [value(size, {name: n}) for n in range(1, length + 2)]
    return SizeCourse(name, tuple(values[:-1]), values[-1] - values[0])


def _period(size: Size) -> int:
    """After how many values of a symbol all floor divisions in a size repeat."""
    if isinstance(size, int):
        return 1
    floors = (atom for monomial, _ in size.terms for atom in monomial if isinstance(atom, Floor))
    return math.lcm(*(atom.divisor * _period(atom.numerator) for atom in floors))


def _degree(size: Dim) -> int:
    return max(
        sum(1 if isinstance(atom, str) else _degree(atom.numerator) for atom in monomial) for monomial, _ in size.terms
    )


def _never_falls(size: Size) -> bool:
    """Whether it is plain that a size becomes no less where its symbols grow."""
    if isinstance(size, int):
        return True
    for monomial, coefficient in size.terms:
        if coefficient < 0 and monomial:
            return False
        for atom in monomial:
            if isinstance(atom, Floor):
                low = _floor_low(atom)
                if not _never_falls(atom.numerator) or (len(monomial) > 1 and (low is None or low < 0)):
                    return False
    return True


def _condition(difference: Dim) -> tuple[str | None, bool]:
    """Where a difference with floor divisions of one symbol vanishes, `H % d == 0` with the least such d, and whether
    it does so nowhere else."""
    names, length = symbols(difference), _period(difference)
    if len(names) != 1 or length == 1:
        return None, False
    (name,) = names
    course = course_of(difference)
    if course is not None and not course.rise:
        zeros = {n % length for n, found in enumerate(course.period, 1) if found == 0}
        for divisor in (d for d in range(1, length + 1) if length % d == 0):
            multiples = set(range(0, length, divisor))
            if multiples <= zeros:
                return f"{name} % {divisor} == 0", multiples == zeros
    # Of the multiples of the period it is a polynomial, which vanishes where it has one zero more than its degree.
    if all(value(difference, {name: length * k}) == 0 for k in range(1, _degree(difference) + 2)):
        return f"{name} % {length} == 0", False
    return None, False


# --- needs --------------------------------------------------------------------------------------------------------


def needs(sizes: Iterable[Dim]) -> Iterator[str]:
    """What symbols must be for sizes to be 0 or more, neither more nor less: `H >= 33` where one symbol decides it and
    all larger values do, `H <= 9` where all smaller ones do, else the whole of it: `H - W >= 2`, `H % 5 >= 2`."""
    least: dict[str, int] = {}
    most: dict[str, int] = {}
    others: dict[Size, int] = {}
    for size in sizes:
        names = symbols(size)
        first, last = _interval(size) if len(names) == 1 else (None, None)
        (name, *_) = names
        if first is not None:
            least[name] = max(least.get(name, 1), first)
        elif last is not None:
            most[name] = min(most.get(name, MAX_SIZE), last)
        else:
            constant = dict(size.terms).get((), 0)
            others[size - constant] = max(others.get(size - constant, -constant), -constant)
    for whole, bound in others.items():
        opposite = _with_remainder(whole * -1)
        yield f"{opposite} <= {-bound}" if opposite else f"{_with_remainder(whole) or whole} >= {bound}"
    yield from (f"{name} >= {first}" for name, first in sorted(least.items()) if first > 1)
    yield from (f"{name} <= {last}" for name, last in sorted(most.items()))


def _interval(size: Dim) -> tuple[int | None, int | None]:
    """The value of its only symbol from which on, or up to which, a size is 0 or more, if it is so for no other."""
    (name,) = symbols(size)

    def holds(number: int) -> bool:
        return value(size, {name: number}) >= 0

    if _never_falls(size):
        return (1 if holds(1) else _edge(1, MAX_SIZE, holds) if holds(MAX_SIZE) else None), None
    opposite = -size
    if _never_falls(opposite):
        return None, _edge(MAX_SIZE, 1, holds) if holds(1) else None
    course = course_of(size)
    if course is None:
        return None, None
    first = course.holds_from()
    if first is not None:
        return first, None
    assert isinstance(opposite, Dim)
    fails_from = course_of(opposite - 1).holds_from() if course.rise < 0 else None  # type: ignore[union-attr]
    return None, fails_from - 1 if fails_from is not None and fails_from > 1 else None


def _edge(fails: int, holds: int, condition: Callable[[int], bool]) -> int:
    """The last value for which a condition holds, on the way from one that holds to one that does not."""
    while abs(holds - fails) > 1:
        middle = (holds + fails) // 2
        if condition(middle):
            holds = middle
        else:
            fails = middle
    return holds


def solutions(size: Dim, number: int) -> list[int]:
    """The values of its only symbol for which a size is a number, the least ones; none where it is not told.

    It is told for sizes that are linear with a short period, and for those that never fall.
    """
    (name,) = symbols(size)
    course = course_of(size)
    if course is not None:
        length = len(course.period)
        if not course.rise:
            once = [n for n, found in enumerate(course.period, 1) if found == number]
            return [*once, *(n + length for n in once)]  # and so on
        reached = [(n, number - first) for n, first in enumerate(course.period, 1)]
        found = sorted(n + length * (left // course.rise) for n, left in reached if left % course.rise == 0)
        return [n for n in found if 1 <= n <= MAX_SIZE]
    if not _never_falls(size) or value(size, {name: MAX_SIZE}) < number:
        return []

    def reaches(n: int) -> bool:
        return value(size, {name: n}) >= number

    first = 1 if reaches(1) else _edge(1, MAX_SIZE, reaches)
    return [n for n in (first, first + 1) if value(size, {name: n}) == number]


def _with_remainder(size: Size) -> str | None:
    """A size that is a remainder but for a factor, `H % 5` for `H - 5*(H // 5)`; None for others."""
    if isinstance(size, Dim):
        for monomial, coefficient in size.terms:
            if len(monomial) == 1 and isinstance(monomial[0], Floor) and coefficient % monomial[0].divisor == 0:
                floor, times = monomial[0], -coefficient // monomial[0].divisor
                rest = size - (floor.numerator - Dim({monomial: floor.divisor})) * times
                if times > 0 and isinstance(rest, int):
                    inner = str(floor.numerator)
                    remainder = f"{inner if inner.isalnum() else f'({inner})'} % {floor.divisor}"
                    return (f"{times} * ({remainder})" if times > 1 else remainder) + (f" + {rest}" if rest else "")
    return None


def least_values(names: Iterable[str], sizes: Iterable[Dim]) -> dict[str, int]:
    """For each symbol the least value with which sizes can be 0 or more, those before it given theirs.

    1 where none is found that does: then nothing would.
    """
    found: dict[str, int] = {}
    for name in names:
        asked = [substitute(size, found) for size in sizes if name in symbols(size)]
        alone = [size for size in asked if isinstance(size, Dim) and symbols(size) == {name}]
        start = max([1, *(first for size in alone if (first := _interval(size)[0]) is not None)])
        fitting = (n for n in range(start, start + MAX_PERIOD) if _possible(asked, name, n))
        found[name] = next(fitting, 1)
    return found


def _possible(sizes: Iterable[Size], name: str, number: int) -> bool:
    return all(at_least(substitute(size, {name: number}), 0) is not False for size in sizes)
