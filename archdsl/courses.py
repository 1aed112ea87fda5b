"""Sizes of one symbol, value by value.

A size of one symbol n is a quasi-polynomial of it: with a period L, which is the least common multiple of what its
floor divisions repeat after, `f(r + k * L)` is a polynomial of k for each r. Where it is linear, `f(n + L) - f(n)` is
one number, and what holds for all n is decided by looking at one period.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, NamedTuple

from archdsl.dims import Dim, Floor, Quotient, Size, classes_in, symbols, value
from archdsl.residues import Residues

MAX_PERIOD: Final = 1024  # values looked at
MAX_LENGTH: Final = 2**31 - 1


class SizeCourse(NamedTuple):
    """How a size that is linear in its only symbol goes: at which of the numbers 1 … `length` the symbol can be, its
    values there, and by how much all of them rise with the next `length`."""

    symbol: str
    length: int
    places: tuple[int, ...]
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
        reached = [
            n + self.length * max(0, -(first // self.rise)) for n, first in zip(self.places, self.period, strict=True)
        ]
        fails_up_to = max(reached) - self.length
        if fails_up_to < 1:
            return 1
        return min(reached) if min(reached) > fails_up_to else None


def course_of(size: Dim, known: Residues | None = None) -> SizeCourse | None:
    """The course of a size that is linear in its only symbol, which is in the classes `known` if any are given; None
    for others, and where there are too many values in its period."""
    return _course(size, known)


@lru_cache(maxsize=4096)
def _course(size: Dim, known: Residues | None) -> SizeCourse | None:
    names = symbols(size)
    if len(names) != 1 or degree(size) != 1:
        return None
    (name,) = names
    places = places_of(size, {} if known is None else {name: known}).get(name)
    if places is None:
        return None
    length, numbers = places
    values = [value(size, {name: n}) for n in (*numbers, numbers[0] + length)]
    return SizeCourse(name, length, numbers, tuple(values[:-1]), values[-1] - values[0])


def places_of(size: Dim, known: dict[str, Residues]) -> dict[str, tuple[int, tuple[int, ...]]]:
    """For each symbol a period after which all floor divisions in a size repeat, and at which of the numbers up to it
    the symbol can be; nothing for one that can be at too many, or at none."""
    found: dict[str, tuple[int, tuple[int, ...]]] = {}
    own = classes_in(size)
    for name, period in periods(size).items():
        classes = known.get(name) or own.get(name)  # what is known beyond what a symbol carries is part of it
        modulus, count = (classes.modulus, len(classes.remainders)) if classes else (1, 1)
        length = math.lcm(period, modulus)
        if count * (length // modulus) <= MAX_PERIOD and length <= MAX_LENGTH:
            found[name] = length, tuple(classes.places(length) if classes else range(1, length + 1))
    return found


def periods(size: Size) -> dict[str, int]:
    """After how many values of each symbol all floor divisions in a size repeat."""
    found: dict[str, int] = {}
    for monomial, _ in size.terms if isinstance(size, Dim) else ():
        for atom in monomial:
            if isinstance(atom, Floor):
                inner = {name: period * atom.divisor for name, period in periods(atom.numerator).items()}
            elif isinstance(atom, Quotient):
                inner = {atom.symbol: atom.classes.step}
            else:
                inner = {atom: 1}
            for name, period in inner.items():
                found[name] = math.lcm(found.get(name, 1), period)
    return found


def degree(size: Dim) -> int:
    return max(
        sum(degree(atom.numerator) if isinstance(atom, Floor) else 1 for atom in monomial) for monomial, _ in size.terms
    )
