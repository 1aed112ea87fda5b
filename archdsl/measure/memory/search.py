"""The largest number that fits, found in few trials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

MOST: Final = 2**24  # of a batch, or of steps of an input's size
PATIENCE: Final = 3  # trials in a row that may leave more than half of what is open: near its end a line closes in


def largest(excess: Callable[[int], int], least: int = 1) -> int:
    """The largest number that fits, if all below it do; `least` - 1 where that does not.

    `excess` says by how much a number is too large: 0 or less where it fits. Memory grows almost evenly with a batch,
    so the next number tried is where a line through the last two meets 0; where lines mislead, the middle.
    """
    low, below = least, excess(least)
    if below > 0:
        return least - 1
    high, above = low + 1, excess(low + 1)
    while above <= 0:
        if high >= MOST:
            return high
        rise = above - below
        reach = high + (high - low) * -above // rise + 1 if rise > 0 else 2 * high
        low, below, high = high, above, min(reach, MOST)
        above = excess(high)
    last, slow = ((low, below), (high, above)), 0
    while (width := high - low) > 1:
        (x, a), (y, b) = last
        line = y + (y - x) * -b // (b - a) if a != b else low
        guess = (low + high) // 2 if slow == PATIENCE else min(max(line, low + 1), high - 1)
        found = excess(guess)
        if found > 0:
            high = guess
        else:
            low = guess
        last = last[1], (guess, found)
        slow = slow + 1 if high - low > (width + 1) // 2 else 0
    return low
