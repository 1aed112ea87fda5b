"""Residue classes: the positive integers that leave one of some remainders, as `H % 16 == 0` says of H."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Residues:
    """The positive n with n % modulus among `remainders`; build with `residues`.

    All of them are step * k + start, with 0 <= start < step.
    """

    modulus: int
    remainders: tuple[int, ...]  # sorted, one or more
    step: int = field(compare=False)
    start: int = field(compare=False)

    def __hash__(self) -> int:
        return hash((self.modulus, len(self.remainders), self.remainders[0]))

    def __contains__(self, number: int) -> bool:
        return number % self.modulus in self.remainders

    @property
    def least(self) -> int:
        """The smallest of them."""
        first = self.remainders[0]
        if first:
            return first
        return self.remainders[1] if len(self.remainders) > 1 else self.modulus

    def places(self, length: int) -> Iterator[int]:
        """Those among 1 … length, which is a multiple of the modulus, in order."""
        later = [*(r for r in self.remainders if r), *(self.modulus for r in self.remainders[:1] if not r)]
        return (base + n for base in range(0, length, self.modulus) for n in later)


def residues(modulus: int, remainders: Collection[int]) -> Residues:
    """The residue classes with these remainders, of which there is one or more, with the least modulus that says it."""
    found = {r % modulus for r in remainders}
    for divisor in _divisors(modulus, len(found)):
        classes = {r % divisor for r in found}
        if len(classes) * (modulus // divisor) == len(found):
            modulus, found = divisor, classes
            break
    ordered = tuple(sorted(found))
    step = math.gcd(modulus, *(r - ordered[0] for r in ordered))
    return Residues(modulus, ordered, step, ordered[0] % step)


def _divisors(modulus: int, count: int) -> Iterator[int]:
    """Divisors, the least first, by which as many remainders may be classes of a smaller modulus."""
    return (modulus // times for times in range(count, 1, -1) if count % times == 0 and modulus % times == 0)
