"""What shape rules take for granted about symbols: an open size is taken to be large enough, and one that must equal
another to be among those that do. Both are noted, as what the network needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from archdsl.agreement import agreement
from archdsl.dims import Dim, Size
from archdsl.residues import Residues
from archdsl.symbolic import at_least, differ, undecided


@dataclass(slots=True)
class Assumed:
    """What is taken for granted: sizes that must be 0 or more, in the order found, and the residue classes of symbols
    beyond those that the symbols carry themselves. `looked_at` is what it took to find them, and `asked` whether it was
    asked what is taken for granted already."""

    least: dict[Dim, None] = field(default_factory=dict)
    classes: dict[str, Residues] = field(default_factory=dict)
    looked_at: int = 0
    asked: bool = False


_NOTED: Final[ContextVar[Assumed | None]] = ContextVar("assumptions", default=None)


def fits(size: Size, least: int = 1) -> bool:
    """Whether a size can be so large. Where symbols decide, it is taken to be, and noted."""
    if isinstance(size, int):
        return size >= least
    certain = at_least(size, least)
    noted = _NOTED.get()
    if certain is None and noted is not None:
        beyond = size - least
        if isinstance(beyond, Dim):
            noted.least[beyond] = None
    return certain is not False


def agree(a: Size, b: Size) -> bool:
    """Whether two sizes can be equal. Where they are for all numbers in residue classes, such as multiples of 16, the
    symbols are taken to be such, and that is noted, if anybody notes.

    Raises `Undecided` where they are equal for other values of their symbols, and not for all.
    """
    if a == b:
        return True
    difference = a - b
    if isinstance(difference, int) or differ(difference):
        return difference == 0
    noted = _NOTED.get()
    found = agreement(difference, noted.classes if noted is not None else {})
    if noted is not None:
        noted.looked_at += found.looked_at
        noted.asked = True
    if found.always or found.never:
        return found.always
    if not found.classes or noted is None:
        raise undecided(a, b, found)
    noted.classes |= found.classes
    return True


@contextmanager
def assumptions() -> Iterator[Assumed]:
    """Collect what rules take for granted inside. Where nothing goes wrong, it is taken for granted outside, too."""
    outer = _NOTED.get()
    noted = Assumed(classes=dict(outer.classes) if outer is not None else {})
    token = _NOTED.set(noted)
    try:
        yield noted
    finally:
        _NOTED.reset(token)
    if outer is not None:
        outer.least |= noted.least
        outer.classes |= noted.classes
