"""Where a place of an older text stands in a newer one, while it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moved:
    """One text became another between the `start` that both share and their common end.

    `old` and `new` are where the changed part ends in each.
    """

    start: int
    old: int
    new: int

    @classmethod
    def between(cls, before: str, after: str) -> Moved:
        """The least change that makes one text of the other, as one stretch."""
        most = min(len(before), len(after))
        start = _shared(most, lambda size: before[:size] == after[:size])
        end = _shared(most - start, lambda size: before[len(before) - size :] == after[len(after) - size :])
        return cls(start, len(before) - end, len(after) - end)

    def forward(self, offset: int, *, end: bool = False) -> int | None:
        """The place of the newer text for one of the older; None for one that was written over.

        What is inserted just there goes before a place where something begins, and behind the `end` of something.
        """
        if offset < self.start or (end and offset == self.start):
            return offset
        return offset + self.new - self.old if offset >= self.old else None

    def back(self, offset: int) -> int | None:
        """The place of the older text for one of the newer; None for one that is new."""
        return Moved(self.start, self.new, self.old).forward(offset)


def _shared(most: int, alike: Callable[[int], bool]) -> int:
    """The largest size up to `most` of which both texts are alike; they are alike of every smaller one."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if alike(middle) else (low, middle - 1)
    return low
