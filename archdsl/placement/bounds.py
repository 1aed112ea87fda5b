"""The best split of a problem, and what no split can beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from archdsl.placement.contiguous import Fits, StageSplit, TooManyPairs, best_split, some_split
from archdsl.placement.devices import Cluster
from archdsl.placement.holding import Holding
from archdsl.placement.ideals import Boundaries, Family, all_ideals, along
from archdsl.placement.orders import orders
from archdsl.placement.problem import Problem
from archdsl.placement.schedule import SCHEDULES

MOST_IDEALS: Final = 400_000  # of a network that is looked at whole
MOST_PAIRS: Final = 2_000_000  # of ideals that one search looks at
SHARES, EACH = 24, 4  # of a region's work, and ideals of each, where a good split is looked for first
GAPS: Final = (0.01, 0.05)  # that are tried where the best cannot be proved


@dataclass(frozen=True, slots=True)
class Solution:
    """A split, and a bound: no split has a lesser bottleneck."""

    split: StageSplit
    bound: float

    @property
    def gap(self) -> float:
        """By how much of the bottleneck a better split could be, at most."""
        return 1 - self.bound / self.split.bottleneck if self.split.bottleneck else 0.0


class Planner:
    """Splits of one problem over any number of a cluster's devices; what they share is worked out once."""

    def __init__(self, problem: Problem, cluster: Cluster, schedule: str) -> None:
        self.problem, self.cluster, self.schedule = problem, cluster, schedule
        self.ends = Boundaries(problem, cluster.link)
        profiles = {id(profile): number for number, profile in enumerate(cluster.profiles)}
        self.profile = [profiles[id(kind[0].profile)] for kind in cluster.kinds]
        self.paces = [pace(problem, number) for number in self.profile]
        self.memory = [kind[0].memory for kind in cluster.kinds]
        self.holding = Holding(problem, self.ends)
        self.small = along(problem, cluster.link, orders(problem))

    @cached_property
    def all(self) -> Family | None:
        """All ideals, unless there are too many."""
        return all_ideals(self.problem, self.cluster.link, MOST_IDEALS)

    @cached_property
    def thin(self) -> Family:
        """A part of all ideals in which a good split is found soon."""
        assert self.all is not None
        return self.all.thinned(SHARES, EACH)

    def solve(self, counts: Sequence[int], micro_batches: int) -> Solution | None:
        """The best split over so many devices of each kind; None where no split that was found has the memory."""
        fits = self.fits(counts, micro_batches)
        best = some_split(self.small, counts, self.paces, self.profile, fits)
        least = self.simple_bound(counts)
        if self.all is None:
            return Solution(best, least) if best is not None else None
        try:
            if best is None:
                best = some_split(self.all, counts, self.paces, self.profile, fits, MOST_PAIRS)
                return Solution(best, best.bottleneck) if best is not None else None
            best = self._search(self.thin, counts, fits, best.bottleneck) or best
            best = self._search(self.all, counts, fits, best.bottleneck) or best
            return Solution(best, best.bottleneck)
        except TooManyPairs:
            return self._bounded(self.all, best, counts, fits, least) if best is not None else None

    def fits(self, counts: Sequence[int], micro_batches: int, more: int = 0) -> Fits | None:
        """Whether stages fit into the devices, were their memory larger by so many bytes; None where all do."""
        holding = self.holding
        most = holding.most(micro_batches)
        if all(memory is None or most <= memory + more for memory in self.memory):
            return None
        flight, devices, memory = SCHEDULES[self.schedule].in_flight, sum(counts), self.memory

        def fits(start: int, end: int, kind: int, position: int) -> bool:
            limit = memory[kind]
            if limit is None:
                return True
            in_flight = flight(position, devices, micro_batches)
            return holding.stage(start, end, in_flight, micro_batches) <= limit + more

        return fits

    def missing(self, counts: Sequence[int], micro_batches: int) -> int:
        """By how many bytes the memory of each device is too small, were the order of the layers that of the spec."""
        high = 1 << 20
        while not self._possible(counts, micro_batches, high):
            high *= 2
        low = 0
        while high - low > max(high >> 10, 1):
            middle = (low + high) // 2
            low, high = (low, middle) if self._possible(counts, micro_batches, middle) else (middle, high)
        return high

    def _possible(self, counts: Sequence[int], micro_batches: int, more: int) -> bool:
        fits = self.fits(counts, micro_batches, more)
        return some_split(self.small, counts, self.paces, self.profile, fits) is not None

    def simple_bound(self, counts: Sequence[int]) -> float:
        """The work shared out evenly, or the largest layer where it takes least, whichever is longer."""
        times = [self.problem.times[number] for number in self.profile]
        work = sum(times[0].both(v) for v in range(len(self.problem.nodes)))
        # `paces` are those of the first profile, which is that of the first kind.
        even = work / sum(count / pace for count, pace in zip(counts, self.paces, strict=True))
        used = [own for own, count in zip(times, counts, strict=True) if count]
        return max(even, *(min(own.both(v) for own in used) for v in range(len(self.problem.nodes))))

    def _search(self, family: Family, counts: Sequence[int], fits: Fits | None, below: float) -> StageSplit | None:
        return best_split(family, counts, self.profile, fits, below, MOST_PAIRS)

    def _bounded(
        self, family: Family, best: StageSplit, counts: Sequence[int], fits: Fits | None, least: float
    ) -> Solution:
        """The same where the search for the best takes too long: what can be shown to be impossible is less."""
        for gap in GAPS:
            wanted = best.bottleneck * (1 - gap)
            if wanted <= least:
                break
            try:
                better = self._search(family, counts, fits, wanted)
            except TooManyPairs:
                continue
            return Solution(better, better.bottleneck) if better is not None else Solution(best, wanted)
        return Solution(best, least)


def pace(problem: Problem, profile: int) -> float:
    """Seconds on a profile for what takes one second on the first, at least."""
    first, other = problem.times[0], problem.times[profile]
    nodes = [v for v in range(len(problem.nodes)) if first.both(v)]
    return min((other.both(v) / first.both(v) for v in nodes), default=1.0) or 1e-12
