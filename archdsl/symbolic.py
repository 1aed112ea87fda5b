"""Questions about sizes with symbols: whether they are equal, how large they may be, which values give a number.

Every symbol is a positive integer, or those in its residue classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from archdsl.agreement import Agreement, agreement, multiples
from archdsl.courses import course_of
from archdsl.dims import Dim, Floor, Quotient, Size, Undecided, symbols, value

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
    if differ(difference):
        return False
    found = agreement(difference)
    if found.always or found.never:
        return found.always
    raise undecided(a, b, found)


def differ(difference: Dim) -> bool:
    """Whether the bounds of a difference tell that it is never 0."""
    low, high = bounds(difference)
    return (low is not None and low > 0) or (high is not None and high < 0)


def undecided(a: Size, b: Size, found: Agreement) -> Undecided:
    """The question whether two sizes are equal, with some values that make them so."""
    said = list(multiples(found.classes))
    condition = " and ".join(f"{name} % {divisor} == 0" for name, divisor, _ in said)
    whole = len(said) == len(found.classes)
    exact = whole and found.exact and all(exact for *_, exact in said)
    return Undecided(f"{a} == {b}", symbols(a) | symbols(b), condition if said and whole else None, exact=exact)


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
    course = course_of(difference) if isinstance(difference, Dim) and not never_falls(difference) else None
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
                floor = _atom_low(atom)
                least = None if floor is None or floor < 0 or least is None else least * floor
        if coefficient < 0:
            least, most = most, least
        low = None if low is None or least is None else low + coefficient * least
        high = None if high is None or most is None else high + coefficient * most
    return low, high


def _atom_low(atom: str | Quotient | Floor) -> int | None:
    if not isinstance(atom, Floor):
        return 1 if isinstance(atom, str) else atom.least
    low, _ = bounds(atom.numerator)
    return None if low is None else low // atom.divisor


def never_falls(size: Size) -> bool:
    """Whether it is plain that a size becomes no less where its symbols grow."""
    if isinstance(size, int):
        return True
    for monomial, coefficient in size.terms:
        if coefficient < 0 and monomial:
            return False
        for atom in monomial:
            if isinstance(atom, Floor):
                low = _atom_low(atom)
                if not never_falls(atom.numerator) or (len(monomial) > 1 and (low is None or low < 0)):
                    return False
    return True


def interval(size: Dim) -> tuple[int | None, int | None]:
    """The value of its only symbol from which on, or up to which, a size is 0 or more, if it is so for no other."""
    (name,) = symbols(size)

    def holds(number: int) -> bool:
        return value(size, {name: number}) >= 0

    if never_falls(size):
        return (1 if holds(1) else _edge(1, MAX_SIZE, holds) if holds(MAX_SIZE) else None), None
    opposite = -size
    if never_falls(opposite):
        return None, _edge(MAX_SIZE, 1, holds) if holds(1) else None
    course = course_of(size)
    if course is None:
        return None, None
    first = course.holds_from()
    if first is not None:
        return first, None
    beyond = opposite - 1
    falls = course_of(beyond) if course.rise < 0 and isinstance(beyond, Dim) else None
    fails_from = falls.holds_from() if falls is not None else None
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
        if not course.rise:
            once = [n for n, found in zip(course.places, course.period, strict=True) if found == number]
            return [*once, *(n + course.length for n in once)]  # and so on
        reached = [(n, number - first) for n, first in zip(course.places, course.period, strict=True)]
        found = sorted(n + course.length * (left // course.rise) for n, left in reached if left % course.rise == 0)
        return [n for n in found if 1 <= n <= MAX_SIZE]
    if not never_falls(size) or value(size, {name: MAX_SIZE}) < number:
        return []

    def reaches(n: int) -> bool:
        return value(size, {name: n}) >= number

    first = 1 if reaches(1) else _edge(1, MAX_SIZE, reaches)
    return [n for n in (first, first + 1) if value(size, {name: n}) == number]
