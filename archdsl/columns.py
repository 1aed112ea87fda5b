"""Columns of values: what stands in one place of several instances, one entry an instance.

What is found again, in the blocks of an imported network and in the classes of source, rests on comparing these.
Nothing here knows what the values are of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias


class _Absent:
    """Stands in a column where an instance has no value."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
ValueColumn: TypeAlias = Sequence[Any]


def same(a: Any, b: Any) -> bool:
    """Whether two values are one, and of one type: 1 is neither True nor 1.0. A list equals a tuple."""
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and bool(a == b)


def there(column: Iterable[Any]) -> list[Any]:
    """The entries that are not absent."""
    return [value for value in column if value is not ABSENT]


def constant(column: ValueColumn) -> bool:
    """Whether all entries that there are are one value."""
    values = there(column)
    return all(same(value, values[0]) for value in values)


def equal(column: ValueColumn, other: ValueColumn) -> bool:
    """Whether the second column has the values of the first, wherever the first has any."""
    return all(a is ABSENT or same(a, b) for a, b in zip(column, other, strict=True))


def whole(value: Any) -> bool:
    """Whether a value is an integer."""
    return isinstance(value, int) and not isinstance(value, bool)


def ratio(column: ValueColumn, other: ValueColumn) -> tuple[int, int] | None:
    """(n, 1) for a column that is n times another wherever it has entries, (1, n) for one that is the nth part of it,
    without a rest; None for any other."""
    pairs = [(a, b) for a, b in zip(column, other, strict=True) if a is not ABSENT]
    if not pairs or not all(whole(a) and whole(b) for a, b in pairs):
        return None
    a, b = next(((a, b) for a, b in pairs if a and b), (0, 0))
    if not a:
        return None
    for found in ((a // b, 1), (1, b // a)):
        if 0 not in found and all(a * found[1] == b * found[0] for a, b in pairs):
            return found
    return None
