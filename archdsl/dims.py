"""Symbolic dimensions: exact integer expressions of positive symbols.

A size is a plain `int` wherever it can be; a `Dim` appears only where a symbol is left. Its normal form is a
polynomial with integer coefficients whose atoms are symbols and floor divisions by a positive integer.
Nested floor divisions are joined, `(x // m + c) // n == (x + c * m) // (m * n)`, so that equal chains of
strided layers have equal forms.

A symbol that is known to be in residue classes is `step * k + start`, where k is its `Quotient`: where H is a multiple
of 16, H is 16 * k, H // 2 is 8 * k, and H // 16 * 16 is H, by the same arithmetic. What is shown is written in H.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias, Union

from archdsl.residues import Residues

# Of an expression, floor divisions opened up, and of a term: nobody can read a longer one.
MAX_TERMS: Final = 1024
MAX_FACTORS: Final = 32
REMEMBERED: Final = 4096  # products of sizes: networks repeat themselves

Size: TypeAlias = Union[int, "Dim"]
Shape: TypeAlias = tuple[Size, ...]
Monomial: TypeAlias = tuple["Atom", ...]


@dataclass(frozen=True, slots=True)
class Floor:
    """`numerator // divisor`, not reducible further; `divisor` > 1."""

    numerator: Dim
    divisor: int


@dataclass(frozen=True, slots=True)
class Quotient:
    """`symbol // step`, of a symbol in residue classes of that step."""

    symbol: str
    classes: Residues

    @property
    def least(self) -> int:
        """The smallest that it can be."""
        return (self.classes.least - self.classes.start) // self.classes.step

    def of(self, size: Size) -> Size:
        """What it is where the symbol is a size."""
        return (size - self.classes.start) // self.classes.step


Atom: TypeAlias = str | Quotient | Floor


class Undecided(Exception):
    """A question about sizes whose answer depends on symbols that have no value.

    `condition` are some values for which the answer is yes, `H % 32 == 0`; `exact` says that there are no others.
    """

    def __init__(
        self, question: str, symbols: Iterable[str], condition: str | None = None, *, exact: bool = False
    ) -> None:
        super().__init__(question)
        self.question = question
        self.symbols = tuple(sorted(set(symbols)))
        self.condition = condition
        self.exact = exact


class Dim:
    """An exact size with symbols in it. Immutable; build with `symbol` and arithmetic."""

    __slots__ = ("_hash", "terms", "weight")

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        # How many terms it has with all floor divisions opened up: what printing or comparing it costs.
        self.weight: int = sum(
            1 + sum(atom.numerator.weight for atom in monomial if isinstance(atom, Floor)) for monomial in terms
        )
        if self.weight > MAX_TERMS or any(len(monomial) > MAX_FACTORS for monomial in terms):
            raise _too_long(terms)
        self.terms: tuple[tuple[Monomial, int], ...] = tuple(
            sorted(((m, c) for m, c in terms.items() if c), key=_order)
        )
        self._hash = hash(self.terms)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dim) and self.terms == other.terms

    def __hash__(self) -> int:
        return self._hash

    def __add__(self, other: object) -> Size:
        if not isinstance(other, (int, Dim)):
            return NotImplemented
        total = dict(self.terms)
        for monomial, coefficient in _terms(other):
            total[monomial] = total.get(monomial, 0) + coefficient
        return _normal(total)

    __radd__ = __add__

    def __neg__(self) -> Size:
        return self * -1

    def __sub__(self, other: object) -> Size:
        if not isinstance(other, (int, Dim)):
            return NotImplemented
        return self + other * -1

    def __rsub__(self, other: object) -> Size:
        if not isinstance(other, int):
            return NotImplemented
        return self * -1 + other

    def __mul__(self, other: object) -> Size:
        if not isinstance(other, (int, Dim)):
            return NotImplemented
        return _multiplied(self, other)

    __rmul__ = __mul__

    def __floordiv__(self, other: object) -> Size:
        if isinstance(other, Dim):
            quotient = _quotient(self, other)
            if quotient is None:
                raise Undecided(f"{self} // ({other})", symbols(self) | symbols(other))
            return quotient
        if not isinstance(other, int):
            return NotImplemented
        if other == 0:
            raise ZeroDivisionError("division by zero")
        if other < 0:
            return (self * -1) // -other
        if other == 1:
            return self
        whole: dict[Monomial, int] = {}
        rest: dict[Monomial, int] = {}
        for monomial, coefficient in self.terms:
            quotient_part, remainder = divmod(coefficient, other)
            if remainder and monomial:  # n*x // d is not (n // d)*x: only whole multiples come out
                rest[monomial] = coefficient
            else:
                whole[monomial] = quotient_part
                if remainder:
                    rest[()] = remainder
        # A factor that the divisor shares with all terms goes out of both; the constant is rounded down by it.
        common = math.gcd(other, *(coefficient for monomial, coefficient in rest.items() if monomial))
        inner = _normal({monomial: coefficient // common for monomial, coefficient in rest.items()})
        if isinstance(inner, int):
            return _normal(whole) + inner // (other // common)
        return _normal(whole) + _floor(inner, other // common)

    def __rfloordiv__(self, other: object) -> Size:
        if not isinstance(other, int):
            return NotImplemented
        if other == 0:
            return 0
        raise Undecided(f"{other} // ({self})", symbols(self))

    def __mod__(self, other: object) -> Size:
        if not isinstance(other, (int, Dim)):
            return NotImplemented
        return self - (self // other) * other

    def __rmod__(self, other: object) -> Size:
        if not isinstance(other, int):
            return NotImplemented
        return other - (other // self) * self

    def __str__(self) -> str:
        written = in_symbols(self)
        if isinstance(written, int):
            return str(written)
        # Positive terms first, the constant last: `2*N + 5`, not `5 + 2*N`.
        shown = sorted(written.terms, key=lambda term: (not term[0], term[1] < 0))
        text = ""
        for monomial, coefficient in shown:
            size = abs(coefficient)
            factors = [str(size)] if size != 1 or not monomial else []
            factors += [_show_atom(atom) for atom in monomial if not isinstance(atom, Quotient)]
            part = "*".join(factors)
            if not text:
                text = part if coefficient > 0 else f"-{part}"
            else:
                text += f" + {part}" if coefficient > 0 else f" - {part}"
        return text

    __repr__ = __str__


def symbol(name: str, classes: Residues | None = None) -> Dim:
    """The positive integer called `name`, which is in these residue classes if any are given."""
    if classes is None or classes.modulus == 1:
        return Dim({(name,): 1})
    return Dim({(Quotient(name, classes),): classes.step, (): classes.start})


def symbols(size: Size) -> set[str]:
    """The names of the symbols in a size."""
    if isinstance(size, int):
        return set()
    found: set[str] = set()
    for monomial, _ in size.terms:
        for atom in monomial:
            found |= _names(atom)
    return found


def _names(atom: Atom) -> set[str]:
    if isinstance(atom, Floor):
        return symbols(atom.numerator)
    return {atom if isinstance(atom, str) else atom.symbol}


def classes_in(size: Size) -> dict[str, Residues]:
    """The residue classes of those symbols in a size that have any."""
    found: dict[str, Residues] = {}
    for monomial, _ in size.terms if isinstance(size, Dim) else ():
        for atom in monomial:
            if isinstance(atom, Quotient):
                found[atom.symbol] = atom.classes
            elif isinstance(atom, Floor):
                found |= classes_in(atom.numerator)
    return found


def in_symbols(size: Size) -> Size:
    """The same size, for the values that the symbols can have, in the symbols themselves: `H // 2` for 8 * k where H is
    16 * k."""
    if isinstance(size, int) or not classes_in(size):
        return size
    return total(_term_in_symbols(monomial, coefficient) for monomial, coefficient in size.terms)


def each_in_symbols(value: Any) -> Any:
    """A value with all sizes in it, in tuples and lists too, written in the symbols themselves."""
    if isinstance(value, Dim):
        return in_symbols(value)
    return tuple(map(each_in_symbols, value)) if isinstance(value, (list, tuple)) else value


def _term_in_symbols(monomial: Monomial, coefficient: int) -> Size:
    # k * step is the symbol, but for where it starts: of the coefficient, the steps are given what they share with it.
    quotients = [atom for atom in monomial if isinstance(atom, Quotient)]
    left = [atom.classes.step for atom in quotients]
    while sharing := [i for i, divisor in enumerate(left) if math.gcd(coefficient, divisor) > 1]:
        largest = max(sharing, key=left.__getitem__)
        shared = math.gcd(coefficient, left[largest])
        factor = next(d for d in range(2, shared + 1) if shared % d == 0)
        left[largest] //= factor
        coefficient //= factor
    found: Size = coefficient
    for quotient, divisor in zip(quotients, left, strict=True):
        whole, start = symbol(quotient.symbol), quotient.classes.start
        found = found * (whole - start if divisor == 1 else whole // divisor - start // divisor)
    for atom in monomial:
        if isinstance(atom, str):
            found = found * symbol(atom)
        elif isinstance(atom, Floor):
            found = found * (in_symbols(atom.numerator) // atom.divisor)
    return found


def substitute(size: Size, values: Mapping[str, Size]) -> Size:
    """The size with values put in for symbols."""
    if isinstance(size, int):
        return size
    total: Size = 0
    for monomial, coefficient in size.terms:
        product: Size = coefficient
        for atom in monomial:
            if isinstance(atom, Floor):
                product = product * (substitute(atom.numerator, values) // atom.divisor)
            elif isinstance(atom, str):
                product = product * (values[atom] if atom in values else symbol(atom))
            else:
                kept = atom.symbol not in values
                product = product * (Dim({(atom,): 1}) if kept else atom.of(values[atom.symbol]))
        total = total + product
    return total


def value(size: Size, values: Mapping[str, int]) -> int:
    """The number that a size is, where all its symbols have values."""
    if isinstance(size, int):
        return size
    total = 0
    for monomial, coefficient in size.terms:
        for atom in monomial:
            if isinstance(atom, str):
                coefficient *= values[atom]
            elif isinstance(atom, Floor):
                coefficient *= value(atom.numerator, values) // atom.divisor
            else:
                coefficient *= (values[atom.symbol] - atom.classes.start) // atom.classes.step
        total += coefficient
    return total


@lru_cache(maxsize=REMEMBERED)
def _multiplied(a: Dim, b: Size) -> Size:
    if isinstance(b, Dim) and len(a.terms) * len(b.terms) > 4 * MAX_TERMS:
        raise _too_long([*dict(a.terms), *dict(b.terms)])
    product: dict[Monomial, int] = {}
    for left, x in a.terms:
        for right, y in _terms(b):
            monomial = tuple(sorted(left + right, key=_atom_order)) if right else left
            product[monomial] = product.get(monomial, 0) + x * y
    return _normal(product)


def product(sizes: Iterable[Size]) -> Size:
    """The product of sizes; 1 of none."""
    total: Size = 1
    for size in sizes:
        total = total * size
    return total


def total(sizes: Iterable[Size]) -> Size:
    """The sum of sizes, in one go: adding many long ones one after the other would take quadratic time."""
    whole = 0
    terms: dict[Monomial, int] = {}
    for size in sizes:
        if isinstance(size, int):
            whole += size
        else:
            for monomial, coefficient in size.terms:
                terms[monomial] = terms.get(monomial, 0) + coefficient
    return _normal(terms) + whole


def numbers(sizes: Iterable[Size]) -> tuple[int, ...] | None:
    """The sizes, where all are numbers; None where a symbol is left in one."""
    given = tuple(sizes)
    found = tuple(size for size in given if isinstance(size, int))
    return found if len(found) == len(given) else None


def show(shape: Iterable[Size]) -> str:
    """A shape as people write it: `[N, 64, 56, 56]`."""
    return "[" + ", ".join(str(size) for size in shape) + "]"


def _too_long(terms: Iterable[Monomial]) -> Undecided:
    names = set[str]()
    for monomial in terms:
        for atom in monomial:
            names |= _names(atom)
    return Undecided(f"a size of more than {MAX_TERMS} terms", names)


def _order(term: tuple[Monomial, int]) -> tuple[int, list[tuple[int, str]]]:
    return -len(term[0]), [_atom_order(atom) for atom in term[0]]


def _atom_order(atom: Atom) -> tuple[int, str]:
    if isinstance(atom, Quotient):
        return 0, f"{atom.symbol} // {atom.classes.step}"
    return (0, atom) if isinstance(atom, str) else (1, _show_atom(atom))


def _show_atom(atom: str | Floor) -> str:
    if isinstance(atom, str):
        return atom
    inner = str(atom.numerator)
    return f"({inner} // {atom.divisor})" if inner.isalnum() else f"(({inner}) // {atom.divisor})"


def _terms(size: Size) -> Iterable[tuple[Monomial, int]]:
    return size.terms if isinstance(size, Dim) else (((), size),)


def _normal(terms: Mapping[Monomial, int]) -> Size:
    kept = {monomial: c for monomial, c in terms.items() if c}
    if not kept:
        return 0
    if len(kept) == 1 and () in kept:
        return kept[()]
    return Dim(kept)


def _floor(numerator: Dim, divisor: int) -> Size:
    """`numerator // divisor` with inner floor divisions joined: (x // m + c) // n == (x + c*m) // (m*n)."""
    outer = [(m, c) for m, c in numerator.terms if m]
    if len(outer) == 1 and outer[0][1] == 1 and len(outer[0][0]) == 1:
        atom = outer[0][0][0]
        if isinstance(atom, Floor):
            constant = dict(numerator.terms).get((), 0)
            return (atom.numerator + constant * atom.divisor) // (atom.divisor * divisor)
    return Dim({(Floor(numerator, divisor),): 1})


def _quotient(a: Dim, b: Dim) -> Size | None:
    """a // b where b is a single term whose symbols divide every term of a."""
    if len(b.terms) != 1:
        return 1 if a == b else None
    (divisor, by), quotient = b.terms[0], {}
    for monomial, coefficient in a.terms:
        left = list(monomial)
        for atom in divisor:
            if atom not in left:
                return None
            left.remove(atom)
        quotient[tuple(left)] = coefficient
    return _normal(quotient) // by
