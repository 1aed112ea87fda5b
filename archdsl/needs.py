"""What a network needs of its symbols, as sizes that must be 0 or more: in words, and which values meet them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from archdsl.courses import MAX_PERIOD, course_of
from archdsl.dims import Dim, Floor, Size, substitute, symbol, symbols, total, value
from archdsl.residues import Residues
from archdsl.symbolic import MAX_SIZE, at_least, interval

MAX_BLOCKS: Final = 32  # of remainders one after the other
FARTHEST: Final = 4096  # from a value that does not fit


def membership(name: str, classes: Residues) -> Dim | None:
    """A size that is 0 or more for the values of a symbol that are in residue classes, and for no other; None where it
    would be too long."""
    blocks = _blocks(classes)
    modulus, whole = classes.modulus, symbol(name)
    if len(blocks) > MAX_BLOCKS:
        return None
    if len(blocks) == 1:
        ((first, count),) = blocks
        found: Size = count - 1 - (whole - first) % modulus
    else:
        found = total((whole - first) // modulus - (whole - first - count) // modulus for first, count in blocks) - 1
    assert isinstance(found, Dim)
    return found


def _blocks(classes: Residues) -> list[tuple[int, int]]:
    """The remainders in rows one after the other, the last of them beside the first: where a row begins, how long it
    is. A row begins within one period before the number that it holds."""
    found: list[tuple[int, int]] = []
    for r in classes.remainders:
        first, count = found[-1] if found else (0, 0)
        if count and r == first + count:
            found[-1] = first, count + 1
        else:
            found.append((r, 1))
    (first, count), (last, row) = found[0], found[-1]
    if len(found) > 1 and first == 0 and last + row == classes.modulus:
        found = [(last - classes.modulus, row + count), *found[1:-1]]
    return [(first - classes.modulus if first > 0 else first, count) for first, count in found]


def needs(sizes: Iterable[Dim]) -> Iterator[str]:
    """What symbols must be for sizes to be 0 or more, neither more nor less: `H >= 33` where one symbol decides it and
    all larger values do, `H <= 9` where all smaller ones do, else the whole of it: `H - W >= 2`, `H % 5 >= 2`."""
    least: dict[str, int] = {}
    most: dict[str, int] = {}
    others: dict[Size, int] = {}
    for size in sizes:
        names = symbols(size)
        first, last = interval(size) if len(names) == 1 else (None, None)
        (name, *_) = names
        if first is not None:
            least[name] = max(least.get(name, 1), first)
        elif last is not None:
            most[name] = min(most.get(name, MAX_SIZE), last)
        else:
            constant = dict(size.terms).get((), 0)
            others[size - constant] = max(others.get(size - constant, -constant), -constant)
    yield from (_in_words(whole, bound) for whole, bound in others.items())
    yield from (f"{name} >= {first}" for name, first in sorted(least.items()) if first > 1)
    yield from (f"{name} <= {last}" for name, last in sorted(most.items()))


class _Remainder(NamedTuple):
    """A size that is `times * (numerator % divisor) + rest`."""

    times: int
    numerator: Dim
    divisor: int
    rest: int

    def __str__(self) -> str:
        """Without the rest."""
        remainder = f"{_operand(self.numerator)} % {self.divisor}"
        return f"{self.times} * ({remainder})" if self.times > 1 else remainder


def _in_words(whole: Size, bound: int) -> str:
    """The condition that a size is so large."""
    opposite = _with_remainder(whole * -1)
    if opposite is None:
        remainder = _with_remainder(whole)
        if remainder is None:
            return _listed(whole - bound) or f"{whole} >= {bound}"
        return f"{remainder} >= {bound - remainder.rest}"
    most = -bound - opposite.rest
    shift = dict(opposite.numerator.terms).get((), 0)
    base = opposite.numerator - shift
    if most or not isinstance(base, Dim):
        return f"{opposite} <= {most}"
    return f"{_operand(base)} % {opposite.divisor} == {-shift % opposite.divisor}"


def _listed(size: Size) -> str | None:
    """The remainders for which a size is not -1 but 0, `H % 8 in [0, 3, 5]`; None for a size of another kind."""
    course = course_of(size) if isinstance(size, Dim) else None
    if course is None or course.rise or not set(course.period) <= {-1, 0}:
        return None
    found = zip(course.places, course.period, strict=True)
    listed = sorted(n % course.length for n, holds in found if holds == 0)
    return f"{course.symbol} % {course.length} in [{', '.join(map(str, listed))}]"


def _operand(size: Dim) -> str:
    text = str(size)
    return text if text.isalnum() or text.startswith("(") else f"({text})"


def _with_remainder(size: Size) -> _Remainder | None:
    """A size as a remainder but for a factor, `H % 5` for `H - 5*(H // 5)`; None for others."""
    if isinstance(size, Dim):
        for monomial, coefficient in size.terms:
            if len(monomial) == 1 and isinstance(monomial[0], Floor) and coefficient % monomial[0].divisor == 0:
                floor, times = monomial[0], -coefficient // monomial[0].divisor
                rest = size - (floor.numerator - Dim({monomial: floor.divisor})) * times
                if times > 0 and isinstance(rest, int):
                    return _Remainder(times, floor.numerator, floor.divisor, rest)
    return None


def least_values(names: Iterable[str], sizes: Iterable[Dim]) -> dict[str, int]:
    """For each symbol the least value with which sizes can be 0 or more, those before it given theirs.

    1 where none is found that does: then nothing would.
    """
    found: dict[str, int] = {}
    for name in names:
        asked = [substitute(size, found) for size in sizes if name in symbols(size)]
        alone = [size for size in asked if isinstance(size, Dim) and symbols(size) == {name}]
        start = max([1, *(first for size in alone if (first := interval(size)[0]) is not None)])
        fitting = (n for n in range(start, start + MAX_PERIOD) if _possible(asked, name, n))
        found[name] = next(fitting, 1)
    return found


def _possible(sizes: Iterable[Size], name: str, number: int) -> bool:
    return all(at_least(substitute(size, {name: number}), 0) is not False for size in sizes)


def unmet(needs: Iterable[Dim], values: Mapping[str, int]) -> list[Dim]:
    """The needs that values of symbols do not meet, of those whose symbols all have one."""
    return [need for need in needs if symbols(need) <= values.keys() and value(need, values) < 0]


def is_periodic(need: Dim) -> bool:
    """Whether a need is about remainders, so that no larger value meets it for good."""
    course = course_of(need)
    return course is None or not course.rise


def nearest(needs: Sequence[Dim], name: str, values: Mapping[str, int]) -> list[int]:
    """The values of a symbol next to the one it has, below and above, that meet all needs of it, others as they are."""
    own = values[name]
    asked = [need for need in needs if name in symbols(need)]

    def fits(number: int) -> bool:
        return not unmet(asked, {**values, name: number})

    below = next((n for n in range(own - 1, max(0, own - FARTHEST), -1) if fits(n)), None)
    above = next((n for n in range(own + 1, own + FARTHEST) if fits(n)), None)
    return [n for n in (below, above) if n is not None]


def fitting(sizes: Sequence[Size]) -> str:
    """One or two sizes that fit where one does not, in words."""
    if len(sizes) == 1:
        return f"the nearest size that fits is {sizes[0]}"
    return f"the nearest sizes that fit are {' and '.join(map(str, sizes))}"
