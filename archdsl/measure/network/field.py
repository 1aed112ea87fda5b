"""Where elements of a tensor look along one dimension of the input, and the union of two such fields."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from archdsl.dims import Size
from archdsl.measure.network.phases import Coordinate, Phases, Value
from archdsl.ops.sight import MOST


class Digit(NamedTuple):
    """A part of an element's index along a dimension: `index // unit % values`, as of the row in a flattened image.

    With a `source` it takes these values in an order that only that layer, of its output of that number, knows.
    """

    dim: int
    size: Size  # of the dimension
    unit: Size
    values: Size
    source: tuple[str, int] | None = None

    @property
    def whole(self) -> bool:
        return self.source is None and self.unit == 1 and self.values == self.size


STILL: Final = Phases(0, ((0, 0),))  # what does not move
STEADY: Final = Phases(1, ((0, 0),))  # what moves one position at a time
Move: TypeAlias = tuple[Digit, Phases]


class Field(NamedTuple):
    """Along one dimension, an element depends on the inputs from `low` to `high`, moved by what each digit of its
    index adds to them: a lower and an upper end, or None where it depends on nothing."""

    low: Coordinate
    high: Coordinate
    moves: tuple[Move, ...] = ()

    def at(self, index: Mapping[int, int]) -> tuple[Coordinate, Coordinate] | None:
        """The first and the last input that an element with this index, by dimension, depends on; None for none.

        Raises `ValueError` where a digit's order is not known.
        """
        low, high = self.low, self.high
        for digit, phases in self.moves:
            if digit.source is not None or not isinstance(digit.unit, int) or not isinstance(digit.values, int):
                raise ValueError(f"the order of positions along dimension {digit.dim} is not known")
            added = phases.at(index[digit.dim] // digit.unit % digit.values)
            if added is None:
                return None
            low, high = low + added[0], high + added[1]
        return low, high

    @property
    def size(self) -> int:
        """The number of inputs from the first to the last, where elements differ in it, the largest."""
        return self._extent(max)

    @property
    def smallest(self) -> int:
        """The same of the element that sees least; 0 where one sees nothing."""
        return self._extent(min)

    def _extent(self, choose: Callable[[Sequence[Coordinate]], Coordinate]) -> int:
        total = self.high - self.low + 1
        for digit, phases in self.moves:
            there = phases.values[: digit.values] if isinstance(digit.values, int) else phases.values
            widths = [None if value is None else value[1] - value[0] for value in there]
            known = [width for width in widths if width is not None]
            if not known or (choose is min and len(known) < len(widths)):
                return 0
            total += choose(known)
        return int(total)

    @property
    def jump(self) -> Coordinate | None:
        """How far apart neighbours along a dimension see, on average: 0 where all see the same; None if that is no one
        number."""
        if not self.moves:
            return 0
        digit, phases = self.moves[0]
        return phases.jump if len(self.moves) == 1 and digit.whole else None

    @property
    def offset(self) -> Coordinate | None:
        """The first input that the first element sees, where that is known."""
        if any(digit.source is not None for digit, _ in self.moves):
            return None
        first = [phases.values[0] for _, phases in self.moves]
        return None if None in first else self.low + sum(value[0] for value in first if value is not None)


Fields = tuple[Field, ...] | None  # None: not known


def settled(low: Coordinate, high: Coordinate, moves: Sequence[Move]) -> Field:
    """A field whose moves start from nothing, so that equal ones are written alike, without those that do not move."""
    kept = []
    for digit, phases in moves:
        first = next((value for value in phases.values if value is not None), None)
        if first is not None:
            narrowest = min(value[1] - value[0] for value in phases.values if value is not None)
            low, high = low + first[0], high + first[0] + narrowest
            values = [v and (v[0] - first[0], v[1] - first[0] - narrowest) for v in phases.values]
            phases = Phases(phases.advance, tuple(values))
        if phases != STILL:
            kept.append((digit, phases))
    return Field(low, high, tuple(kept))


def joined(a: Field, b: Field) -> Field | None:
    """The least field that holds two others. Where one moves faster along a digit, the rest of its way is all seen."""
    if a.moves == b.moves:
        return Field(min(a.low, b.low), max(a.high, b.high), a.moves)
    ways = dict(a.moves), dict(b.moves)
    digits = tuple(dict.fromkeys((*ways[0], *ways[1])))
    exact = _joined_by_phase(a, b, digits)
    if exact is not None:
        return exact
    shared = {digit: _slower(ways[0].get(digit, STILL), ways[1].get(digit, STILL)) for digit in digits}
    lows, highs = [], []
    for field, mine in zip((a, b), ways, strict=True):
        low, high = field.low, field.high
        for digit in digits:
            rest = _rest(mine.get(digit, STILL), shared[digit], digit.values)
            if rest is None:
                return None
            low, high = low + rest[0], high + rest[1]
        lows.append(low)
        highs.append(high)
    return settled(min(lows), max(highs), [(digit, shared[digit].shortest()) for digit in digits])


def _joined_by_phase(a: Field, b: Field, digits: Sequence[Digit]) -> Field | None:
    """The union, phase by phase, of two fields that move together, where only one digit has phases."""
    ways = dict(a.moves), dict(b.moves)
    pairs = {digit: (ways[0].get(digit, STILL), ways[1].get(digit, STILL)) for digit in digits}
    if any(x.jump != y.jump for x, y in pairs.values()):
        return None
    phased = [digit for digit, (x, y) in pairs.items() if x != y or len(x.values) > 1]
    if len(phased) != 1:
        return None
    (digit,) = phased
    x, y = pairs[digit]
    count = math.lcm(len(x.values), len(y.values))
    if count > MOST:
        return None
    values: list[Value | None] = []
    for phase in range(count):
        ends = [
            (field.low + value[0], field.high + value[1])
            for field, value in ((a, x.at(phase)), (b, y.at(phase)))
            if value is not None
        ]
        values.append(hull(ends) if ends else None)
    united = Phases(int(x.jump * count), tuple(values)).shortest()
    return settled(0, 0, [(d, united if d == digit else pairs[d][0]) for d in digits])


def _slower(a: Phases, b: Phases) -> Phases:
    """A move as fast as the slower of two, with no phase that sees nothing."""
    slower = a if a.jump <= b.jump else b
    filled = list[Value]()
    for phase, value in enumerate(slower.values):
        start = math.floor(phase * slower.jump)
        filled.append((start, start) if value is None else value)
    return Phases(slower.advance, tuple(filled))


def _rest(mine: Phases, shared: Phases, values: Size) -> Value | None:
    """By how much a move's ends are beyond those of another; None where that depends on a symbol."""
    period = math.lcm(len(mine.values), len(shared.values))
    if period > MOST:
        return None
    positions: Iterable[int]
    if mine.jump == shared.jump:
        positions = range(period)
    elif isinstance(values, int):
        positions = _ends(period, values)
    else:
        return None
    lows, highs = [], []
    for position in positions:
        own, other = mine.at(position), shared.at(position)
        if own is not None and other is not None:
            lows.append(own[0] - other[0])
            highs.append(own[1] - other[1])
    return (min(lows), max(highs)) if lows else (0, 0)


def across(phases: Phases, values: Size) -> Value | None:
    """What all values of a digit add together; None where that depends on a symbol, or none sees anything."""
    if not isinstance(values, int):
        return None
    found = [phases.at(position) for position in _ends(len(phases.values), values)]
    known = [value for value in found if value is not None]
    return hull(known) if known else None


def _ends(period: int, values: int) -> Iterator[int]:
    """The first and the last positions of each phase."""
    yield from range(min(values, period))
    yield from range(max(values - period, period), values)


def hull(values: Sequence[Value]) -> Value:
    return min(value[0] for value in values), max(value[1] for value in values)
