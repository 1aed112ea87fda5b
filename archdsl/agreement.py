"""For which values of their symbols two sizes are equal: for all, for none, or for the numbers in residue classes.

Where every symbol is `L * k + n`, with L a multiple of what the floor divisions repeat after, a difference of sizes is
a polynomial of the k for each choice of the n. It vanishes for all of them where it has no terms, and for none where
its terms have one sign.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from archdsl.courses import course_of, places_of
from archdsl.dims import Dim, Size, substitute, symbol, symbols
from archdsl.residues import Residues, residues

MAX_CHOICES: Final = 256  # of remainders of several symbols at once
NOTHING: Final[Mapping[str, Residues]] = MappingProxyType({})


class Agreement(NamedTuple):
    """Where a difference of sizes is 0: `always`, `never`, or at least where each symbol is in its `classes`, if there
    are any. `exact` says that it is nowhere else. `looked_at` is how many choices of remainders of several symbols it
    took to tell."""

    always: bool = False
    never: bool = False
    classes: Mapping[str, Residues] = NOTHING
    exact: bool = False
    looked_at: int = 0


OPEN: Final = Agreement()
ALWAYS: Final = Agreement(always=True, exact=True)
NEVER: Final = Agreement(never=True, exact=True)


def agreement(difference: Size, known: Mapping[str, Residues] = NOTHING) -> Agreement:
    """Where a difference is 0, of symbols that are in the classes `known`."""
    if isinstance(difference, int):
        return NEVER if difference else ALWAYS
    asked = tuple(sorted((name, known[name]) for name in symbols(difference) & known.keys())) if known else ()
    return _agreement(difference, asked)


@lru_cache(maxsize=4096)
def _agreement(difference: Dim, asked: tuple[tuple[str, Residues], ...]) -> Agreement:
    known = dict(asked)
    names = sorted(symbols(difference))
    course = course_of(difference, known.get(names[0])) if len(names) == 1 else None
    if course is not None:
        if course.rise:
            return OPEN if course.has_zero else NEVER
        zeros: set[tuple[int, ...]] = {
            (n,) for n, found in zip(course.places, course.period, strict=True) if found == 0
        }
        return _classes({course.symbol: (course.length, course.places)}, zeros, exact=True)
    places = places_of(difference, known)
    choices = math.prod(len(numbers) for _, numbers in places.values())
    if len(places) < len(names) or choices > MAX_CHOICES:
        return OPEN
    zeros, exact = set(), True
    for chosen in itertools.product(*(numbers for _, numbers in places.values())):
        # From its least value on, a symbol is `length * (k - 1) + n` for a k of 1 or more.
        at = {
            name: symbol(name) * length + (n - length)
            for (name, (length, _)), n in zip(places.items(), chosen, strict=True)
        }
        polynomial = substitute(difference, at)
        if isinstance(polynomial, int) and polynomial == 0:
            zeros.add(chosen)
        else:
            exact = exact and _never_zero(polynomial)
    return _classes(places, zeros, exact)._replace(looked_at=choices)


def _classes(places: Mapping[str, tuple[int, tuple[int, ...]]], zeros: set[tuple[int, ...]], exact: bool) -> Agreement:
    """The agreement of sizes that are equal at these places of each period; classes where each symbol has its own."""
    if not zeros:
        return NEVER if exact else OPEN
    chosen = [sorted({place[i] for place in zeros}) for i in range(len(places))]
    if len(zeros) != math.prod(map(len, chosen)):
        return OPEN
    classes = {
        name: residues(length, some)
        for (name, (length, numbers)), some in zip(places.items(), chosen, strict=True)
        if len(some) < len(numbers)
    }
    return Agreement(classes=classes, exact=exact) if classes else ALWAYS


def _never_zero(size: Size) -> bool:
    """Whether a polynomial of symbols from 1 on is plainly not 0: counted from 1, its terms have one sign."""
    shifted = substitute(size, {name: symbol(name) + 1 for name in symbols(size)})
    if isinstance(shifted, int):
        return shifted != 0
    constant = dict(shifted.terms).get((), 0)
    return constant != 0 and all((coefficient > 0) == (constant > 0) for _, coefficient in shifted.terms)


def multiples(classes: Mapping[str, Residues]) -> Iterable[tuple[str, int, bool]]:
    """For each symbol the least number whose multiples are all in its classes, and whether these are no others.

    A symbol for which there is none is left out.
    """
    for name, own in sorted(classes.items()):
        divisor = next((d for d in range(1, own.modulus + 1) if own.modulus % d == 0 and _holds(own, d)), None)
        if divisor is not None:
            yield name, divisor, own == residues(divisor, [0])


def _holds(classes: Residues, divisor: int) -> bool:
    return set(range(0, classes.modulus, divisor)) <= set(classes.remainders)
