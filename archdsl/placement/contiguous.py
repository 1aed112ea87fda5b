"""The best split of a network into stages, one a device: a dynamic programme over chains of ideals, from the end.

It is exact over the ideals it is given. Work is kept small by bounds alone: a stage that takes as long as the best
split known is no part of a better one, nor is an ideal that the remaining devices could not reach in that time.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from math import inf
from typing import NamedTuple

from archdsl.placement.ideals import Family
from archdsl.placement.reach import Reach


class TooManyPairs(Exception):
    """More pairs of ideals to look at than are allowed."""


@dataclass(frozen=True, slots=True)
class StageSplit:
    """Stages from the first to the last: the kind of device of each, and the ideal that ends it."""

    bottleneck: float  # seconds of a micro-batch on the slowest stage, with what it receives and sends
    kinds: tuple[int, ...]
    ends: tuple[int, ...]

    @property
    def starts(self) -> tuple[int, ...]:
        return (0, *self.ends[:-1])


# Whether a device of a kind holds a stage: from ideal to ideal, and the how manieth stage it is from the end.
Fits = Callable[[int, int, int, int], bool]


def best_split(
    family: Family,
    counts: Sequence[int],
    profile: Sequence[int],
    fits: Fits | None,
    below: float,
    most: int,
    reach: Reach | None = None,
) -> StageSplit | None:
    """The split with the least bottleneck, if one is below a bound; it may leave devices without work.

    counts: devices of each kind. profile: the row of `family.seconds` of each kind. reach: that of the family, where it
    is known. Raises `TooManyPairs` where it takes more than `most`.
    """
    search = _Search(family, counts, profile, fits, below, most, reach or Reach(family, profile))
    return search.run()


class _End(NamedTuple):
    """Where a stage may end: its seconds until then with what it sends, and the least bottleneck of what follows."""

    until: float
    value: float
    ideal: int


class _Front:
    """Ends of which none is both later and slower than another, the soonest first."""

    def __init__(self) -> None:
        self.ends: list[_End] = []
        self.differences: list[float] = []  # of `until` and `value`, which grow

    def add(self, end: _End) -> None:
        ends = self.ends
        at = bisect_left(ends, end)
        if at and ends[at - 1].value <= end.value:
            return
        behind = at
        while behind < len(ends) and ends[behind].value >= end.value:
            behind += 1
        ends[at:behind] = [end]
        self.differences[at:behind] = [end.until - end.value]

    def best(self, since: float) -> tuple[float, int] | None:
        """The least of what is longer, the stage or what follows it, and the end of the stage."""
        if not self.ends:
            return None
        at = bisect_left(self.differences, since)
        around = self.ends[max(at - 1, 0) : at + 1]
        return min((max(end.until - since, end.value), end.ideal) for end in around)


class _Search:
    def __init__(
        self,
        family: Family,
        counts: Sequence[int],
        profile: Sequence[int],
        fits: Fits | None,
        below: float,
        most: int,
        reach: Reach,
    ) -> None:
        self.family, self.counts, self.profile = family, tuple(counts), profile
        self.fits, self.below, self.left = fits, below, most
        self.last = len(family.members) - 1
        self.reach = reach
        # By devices used: from an ideal on, the least bottleneck, the end of its stage, and the kind of its device.
        self.best: dict[tuple[int, ...], dict[int, tuple[float, int, int]]] = {}
        self.found: tuple[int, ...] | None = None

    def run(self) -> StageSplit | None:
        none = (0,) * len(self.counts)
        self.best[none] = {self.last: (0.0, -1, -1)}
        states = sorted(product(*(range(count + 1) for count in self.counts)), key=sum)
        for state in states[1:]:
            self.best[state] = self._level(state)
            if 0 in self.best[state] and self.best[state][0][0] < self.below:
                self.below, self.found = self.best[state][0][0], state
        return self._read() if self.found is not None else None

    def _level(self, state: tuple[int, ...]) -> dict[int, tuple[float, int, int]]:
        found: dict[int, tuple[float, int, int]] = {}
        rest = tuple(count - used for count, used in zip(self.counts, state, strict=True))
        for kind, used in enumerate(state):
            if used:
                before = (*state[:kind], used - 1, *state[kind + 1 :])
                self._stages(found, self.best[before], kind, rest, sum(state))
        return found

    def _stages(
        self,
        found: dict[int, tuple[float, int, int]],
        ends: dict[int, tuple[float, int, int]],
        kind: int,
        rest: tuple[int, ...],
        position: int,
    ) -> None:
        """The stages on a device of a kind that end where others begin.

        Every ideal of an earlier region is inside every one of a later region, so that of the ends in later regions
        only those matter for which no other is sooner reached and no slower from there on.
        """
        crossing, regions, row = self.family.crossing, self.family.regions, self.profile[kind]
        seconds = self.family.seconds[row]
        by_region: dict[int, list[_End]] = {}
        for end, (value, _, _) in ends.items():
            if value < self.below and end:
                by_region.setdefault(regions[end], []).append(_End(seconds[end] + crossing[end], value, end))
        if not by_region:
            return
        soonest = min(end.until for alike in by_region.values() for end in alike)
        starts: dict[int, list[int]] = {}
        for start in self._starts(row, soonest - self.below, rest):
            starts.setdefault(regions[start], []).append(start)
        later, front = list[_End](), _Front()
        for region in sorted({*by_region, *starts}, reverse=True):
            here = sorted(by_region.get(region, ()))
            for start in starts.get(region, ()):
                entry = self._stage(start, seconds[start] - crossing[start], front, later, here, kind, position)
                if entry is not None and (start not in found or entry[0] < found[start][0]):
                    found[start] = entry
            later += here
            for reached in here:
                front.add(reached)

    def _starts(self, row: int, since: float, rest: tuple[int, ...]) -> list[int]:
        """The ideals that stages may begin at, which the devices that are left could have reached."""
        if not any(rest):
            return [0]
        family, crossing = self.family, self.family.crossing
        progress, limits = self.reach.of(rest, self.below)
        low = bisect_left(family.ascending[row], since - 1e-15)
        high = bisect_right(family.ascending[0], progress)
        behind, before = family.order[row][low:], family.order[0][:high]
        if row == 0:
            chosen = family.order[0][low:high]
        else:
            seconds, first = family.seconds[row], family.seconds[0]
            chosen = (
                [i for i in behind if first[i] <= progress]
                if len(behind) < len(before)
                else [i for i in before if seconds[i] >= since - 1e-15]
            )
        found = [i for i in chosen if any(family.seconds[r][i] + crossing[i] < limit for r, limit in limits.items())]
        self._count(len(found))
        return found

    def _stage(
        self,
        start: int,
        since: float,
        front: _Front,
        later: list[_End],
        here: list[_End],
        kind: int,
        position: int,
    ) -> tuple[float, int, int] | None:
        """The best stage from an ideal on: to those of later regions, or to larger ones of its own."""
        members, fits = self.family.members, self.fits
        worst, chosen = self.below, -1
        best = front.best(since)
        if best is not None and best[0] < worst:
            if fits is None or fits(members[start], members[best[1]], kind, position):
                worst, chosen = best
            else:
                self._count(len(later))
                for value, end in sorted((max(e.until - since, e.value), e.ideal) for e in later):
                    if value >= worst:
                        break
                    if fits(members[start], members[end], kind, position):
                        worst, chosen = value, end
                        break
        inside = members[start]
        for number, (until, value, end) in enumerate(here):
            load = max(until - since, value)
            if until - since >= worst:
                self._count(number)
                break
            larger = load < worst and end != start and not inside & ~members[end]
            if larger and (fits is None or fits(inside, members[end], kind, position)):
                worst, chosen = load, end
        else:
            self._count(len(here))
        return (worst, chosen, kind) if chosen >= 0 else None

    def _count(self, pairs: int) -> None:
        self.left -= pairs
        if self.left < 0:
            raise TooManyPairs

    def _read(self) -> StageSplit:
        state, ideal = self.found, 0
        assert state is not None
        kinds, ends = [], []
        while ideal != self.last:
            _, ideal, kind = self.best[state][ideal]
            kinds.append(kind)
            ends.append(self.family.members[ideal])
            state = (*state[:kind], state[kind] - 1, *state[kind + 1 :])
        return StageSplit(self.below, tuple(kinds), tuple(ends))


def some_split(
    family: Family,
    counts: Sequence[int],
    paces: Sequence[float],
    profile: Sequence[int],
    fits: Fits | None,
    most_pairs: int = 1 << 62,
) -> StageSplit | None:
    """The best split, where none is known: from a guess that grows until there is one. None where none fits."""
    total = max(row[-1] for row in family.seconds)
    most = total + 2 * max(family.crossing) + 1e-9
    devices = sum(counts)
    guess = family.seconds[0][-1] * max(paces) / devices * 1.1
    reach = Reach(family, profile)
    while True:
        found = best_split(family, counts, profile, fits, min(guess, most), most_pairs, reach)
        if found is not None or guess >= most:
            return found
        guess = max(guess, inf if guess == 0 else guess * 1.5)
