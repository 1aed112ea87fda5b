"""The largest number that fits, found in few trials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

MOST: Final = 2**24  # of a batch, or of steps of an input's size


def largest(excess: Callable[[int], int], least: int = 1) -> int:
    """The largest number that fits, if all below it do; `least` - 1 where that does not.

    `excess` says by how much a number is too large: 0 or less where it fits. Memory grows almost evenly with a batch,
    so the next number tried is where a line through the last two meets 0; where the line misleads, the middle.
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
    halve = False
    while (width := high - low) > 1:
        guess = (low + high) // 2 if halve else low + width * -below // (above - below)
        guess = min(max(guess, low + 1), high - 1)
        found = excess(guess)
        if found > 0:
            high, above = guess, found
        else:
            low, below = guess, found
        halve = not halve and high - low > (width + 1) // 2
    return low
