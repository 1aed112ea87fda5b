"""Values along a dimension that repeat themselves, moved: upsampling makes them of what was alike at every position."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from archdsl.ops.sight import AT_PLACE, MOST, Slide

Coordinate: TypeAlias = int | Fraction
Value: TypeAlias = tuple[Coordinate, ...]  # places along a dimension of the input, which move together
Combine: TypeAlias = Callable[[Sequence[Value]], Value]


class Phases(NamedTuple):
    """At position `q * len(values) + r` the value is `values[r]`, moved by `q * advance`; None where there is none."""

    advance: int
    values: tuple[Value | None, ...]

    @property
    def jump(self) -> Coordinate:
        """How far apart neighbours are, on average."""
        jump = Fraction(self.advance, len(self.values))
        return int(jump) if jump.denominator == 1 else jump

    def at(self, position: int) -> Value | None:
        turn, phase = divmod(position, len(self.values))
        return moved(self.values[phase], turn * self.advance)

    def repeated(self, times: int) -> Phases:
        """The same with so many times the phases."""
        values = [moved(value, turn * self.advance) for turn in range(times) for value in self.values]
        return Phases(self.advance * times, tuple(values))

    def shortest(self) -> Phases:
        """The same with as few phases as there can be."""
        count = len(self.values)
        for period in range(1, count // 2 + 1):
            if count % period or self.advance * period % count:
                continue
            advance = self.advance * period // count
            if all(moved(self.values[i - period], advance) == self.values[i] for i in range(period, count)):
                return Phases(advance, self.values[:period])
        return self

    def through(self, slide: Slide, combine: Combine) -> Phases | None:
        """What outputs have that read these positions; `combine` makes one value of those read, in their order, and
        leaves one alone as it is.

        None where there are too many phases.
        """
        if slide.taps == AT_PLACE and slide.advance == 1:
            return self
        turns = len(self.values) // math.gcd(len(self.values), slide.advance)  # until the phases read are the same
        if turns * len(slide.taps) > MOST:
            return None
        values: list[Value | None] = []
        for turn in range(turns):
            for taps in slide.taps:
                read = [self.at(turn * slide.advance + tap) for tap in self._ends(taps)]
                known = [value for value in read if value is not None]
                values.append(combine(known) if known else None)
        return Phases(turns * slide.advance * self.advance // len(self.values), tuple(values)).shortest()

    def _ends(self, taps: range) -> Iterator[int]:
        """The taps without those in the middle, which are like others that lie further out."""
        period = len(self.values) // math.gcd(len(self.values), taps.step)
        if len(taps) <= 2 * period:
            yield from taps
        else:
            yield from taps[:period]
            yield from taps[-period:]


def moved(value: Value | None, by: Coordinate) -> Value | None:
    return None if value is None else tuple(place + by for place in value)
