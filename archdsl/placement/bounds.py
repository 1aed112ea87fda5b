"""The best split of a problem, and what no split can beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Final

from archdsl.placement.branches import AlikeBranches, alike_branches
from archdsl.placement.contiguous import Fits, StageSplit, TooManyPairs, best_split, some_split
from archdsl.placement.contraction import Contraction, of_branches, of_stages, with_their_readers
from archdsl.placement.devices import Cluster
from archdsl.placement.holding import Holding
from archdsl.placement.ideals import Boundaries, Family, all_ideals, along, family_of
from archdsl.placement.orders import orders
from archdsl.placement.problem import Problem
from archdsl.placement.reach import Reach
from archdsl.placement.refinement import ENOUGH, Refinement
from archdsl.placement.relaxation import relaxed
from archdsl.placement.schedule import SCHEDULES

MOST_IDEALS: Final = 250_000  # of a network that is looked at whole
MOST_BYTES: Final = 1 << 60
MOST_LOOSE: Final = 16  # weights that might be parted from their readers
MOST_PAIRS: Final = 2_000_000  # of ideals that one search looks at
FEW_PAIRS: Final = 400_000  # and one that has better ways to go on
SHARES, EACH = 24, 4  # of a region's work, and ideals of each, where a good split is looked for first
FAR, STEP = 0.08, 0.01  # how far below a known split a better one is looked for first, and then in which steps
PIECES: Final = 500  # of a stage's work, of which a relaxation makes branches
STEPS: Final = (1.002, 1.004, 1.007, 1.01, 1.02, 1.05)  # over a bound, where a split is looked for


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
    """Splits of one problem over any number of a cluster's devices; what they share is worked out once.

    pins: the devices, by name, of nodes that a spec marks; all of one device are in its stage, and no others.
    """

    def __init__(
        self, problem: Problem, cluster: Cluster, schedule: str, pins: Mapping[int, str] = MappingProxyType({})
    ) -> None:
        by_device = [frozenset(v for v in pins if pins[v] == name) for name in dict.fromkeys(pins.values())]
        problem = replace(problem, together=(*problem.together, *by_device))
        cluster = replace(cluster, named=frozenset(pins.values()))
        self.problem, self.cluster, self.schedule = problem, cluster, schedule
        names = [{device.name for device in kind} for kind in cluster.kinds]
        self.elsewhere = [sum(1 << v for v, name in pins.items() if name not in own) for own in names]  # by kind
        self.ends = Boundaries(problem, cluster.link)
        self.profile = [cluster.row(kind[0]) for kind in cluster.kinds]
        self.paces = [pace(problem, number) for number in self.profile]
        self.memory = [kind[0].memory for kind in cluster.kinds]
        self.holding = Holding(problem, self.ends)
        self.small = along(problem, cluster.link, orders(problem))
        self.reaches: dict[int, Reach] = {}  # by the family's identity
        self.thinned: dict[int, Family] = {}

    @cached_property
    def joined(self) -> Contraction:
        """The network with what stays in one stage as one node."""
        return of_stages(self.problem)

    @cached_property
    def held(self) -> Contraction:
        """That with weights held together with their readers."""
        return self.joined.then(with_their_readers(self.joined.problem))

    @cached_property
    def alike(self) -> list[AlikeBranches]:
        """Branches of that which are alike."""
        return alike_branches(Boundaries(self.held.problem, self.cluster.link))

    @cached_property
    def all(self) -> Family | None:
        """All ideals, unless there are too many."""
        loose = len(self.joined.problem.nodes) - len(self.held.problem.nodes)
        if self._branched or loose > MOST_LOOSE or (loose and self.most is None):
            return None
        family = self._ideals(self.joined.problem)
        return self.joined.expanded(family) if family is not None else None

    @cached_property
    def most(self) -> Family | None:
        """All ideals but those that part a weight from its reader, unless there are too many."""
        if self._branched or len(self.held.problem.nodes) == len(self.joined.problem.nodes):
            return None
        family = self._ideals(self.held.problem)
        return self.held.expanded(family) if family is not None else None

    @cached_property
    def contracted(self) -> Family | None:
        """Those that end between groups of layers, where there are branches that are alike."""
        if not self.alike:
            return None
        smaller = self.held.then(of_branches(self.held.problem, self.alike))
        family = self._ideals(smaller.problem)
        return smaller.expanded(family) if family is not None else None

    @cached_property
    def refinement(self) -> Refinement:
        """What brings bounds and splits closer to one another."""
        return Refinement(self.held, self.cluster.link, self.small)

    @property
    def _branched(self) -> bool:
        return any((1 + len(own.chains[0])) ** len(own.chains) > MOST_IDEALS for own in self.alike)

    def _ideals(self, problem: Problem) -> Family | None:
        return all_ideals(problem, self.cluster.link, MOST_IDEALS)

    def solve(self, counts: Sequence[int], micro_batches: int) -> Solution | None:
        """The best split over so many devices of each kind; None where no split that was found has the memory."""
        found = self._solve(counts, micro_batches)
        if found is None or found.gap <= ENOUGH or len(self.memory) > 1:
            return found
        return self._refined(found, counts, micro_batches)

    def _solve(self, counts: Sequence[int], micro_batches: int) -> Solution | None:
        if self.all is not None:
            return self._of_all(self.all, counts, self.fits(self.all, counts, micro_batches))
        if self.most is None:
            return self._of_many(counts, micro_batches)
        fits = self.fits(self.most, counts, micro_batches)
        found = self._of_all(self.most, counts, fits)
        if found is None or fits is None:
            return found
        free = self._of_all(self.most, counts, None)
        return Solution(found.split, free.bound if free is not None else self.simple_bound(counts))

    def _of_all(self, family: Family, counts: Sequence[int], fits: Fits | None) -> Solution | None:
        """The best split of a family."""
        best = some_split(self.small, counts, self.paces, self.profile, fits)
        try:
            if best is None:
                best = some_split(family, counts, self.paces, self.profile, fits, MOST_PAIRS)
                return Solution(best, best.bottleneck) if best is not None else None
            best = self._search(self._thin(family), counts, fits, best.bottleneck) or best
            best = self._search(family, counts, fits, best.bottleneck, FEW_PAIRS) or best
            return Solution(best, best.bottleneck)
        except TooManyPairs:
            return self._from_below(family, best, counts, fits) if best is not None else None

    def _thin(self, family: Family) -> Family:
        """A part of a family in which a good split is found soon."""
        thin = self.thinned.get(id(family))
        if thin is None:
            thin = self.thinned[id(family)] = family.thinned(SHARES, EACH)
        return thin

    def _from_below(self, family: Family, best: StageSplit, counts: Sequence[int], fits: Fits | None) -> Solution:
        """The same where a search right below a known split takes too long: one far below is short, and finds the best
        split or shows that there is none."""
        bound = self.simple_bound(counts)
        wanted = max(best.bottleneck * (1 - FAR), bound * (1 + STEP))
        while True:
            wanted = min(wanted, best.bottleneck)
            try:
                better = self._search(family, counts, fits, wanted)
            except TooManyPairs:
                return Solution(best, bound)
            if better is not None or wanted == best.bottleneck:
                return Solution(better or best, (better or best).bottleneck)
            bound, wanted = wanted, wanted * (1 + STEP)

    def _of_many(self, counts: Sequence[int], micro_batches: int) -> Solution | None:
        """The same where there are more ideals than can be looked at."""
        family = self.contracted or self.small
        limits = [self.fits(own, counts, micro_batches) for own in (family, self.small)]
        fits = next((limit for limit in limits if limit is not None), None)
        bound = max(self.simple_bound(counts), self._relaxed_bound(counts))
        best = self._near(family, counts, fits, bound)
        return Solution(best, bound) if best is not None else None

    def _refined(self, found: Solution, counts: Sequence[int], micro_batches: int) -> Solution:
        def better(ideals: set[int], than: StageSplit) -> StageSplit | None:
            family = family_of(self.ends, {*ideals, *self.small.members})
            fits = self.fits(family, counts, micro_batches)
            try:
                return best_split(family, counts, self.profile, fits, than.bottleneck, MOST_PAIRS)
            except TooManyPairs:
                return None

        return Solution(*self.refinement.refined(found.split, found.bound, sum(counts), better))

    def _relaxed_bound(self, counts: Sequence[int]) -> float:
        """What no split can beat, with branches that are alike as one stream of work."""
        if not self.alike or len(self.problem.times) > 1:
            return 0.0
        relaxation = relaxed(
            Boundaries(self.held.problem, self.cluster.link), self.alike, self.simple_bound(counts) / PIECES
        )
        family = all_ideals(relaxation.problem, relaxation.link, MOST_IDEALS)
        if family is None:
            return 0.0
        reach, bound = Reach(family, self.profile), self.simple_bound(counts)
        found: StageSplit | None = None
        try:
            while found is None:  # a search below what there is is soon done
                found = best_split(family, counts, self.profile, None, bound * (1 + STEP), MOST_PAIRS, reach)
                bound = bound * (1 + STEP) if found is None else found.bottleneck
        except TooManyPairs:
            pass
        return bound - relaxation.slack

    def _near(self, family: Family, counts: Sequence[int], fits: Fits | None, bound: float) -> StageSplit | None:
        """The best split of a family, looked for first not far over a bound, where that is soon done; or of some orders
        of all layers."""
        best: StageSplit | None = None
        try:
            for step in STEPS:
                best = self._search(family, counts, fits, bound * step)
                if best is not None:
                    break
            else:
                best = some_split(family, counts, self.paces, self.profile, fits, MOST_PAIRS)
            if best is not None and family is not self.small:
                return self._search(self.small, counts, fits, best.bottleneck) or best
        except TooManyPairs:
            pass
        return best or some_split(self.small, counts, self.paces, self.profile, fits)

    def fits(self, family: Family, counts: Sequence[int], micro_batches: int, more: int = 0) -> Fits | None:
        """Whether stages between ideals of a family fit into the devices, were their memory larger by so many bytes;
        None where all do."""
        holding, last = self.holding, sum(counts)
        crossing = int(max(family.crossing) * self.cluster.link.bandwidth) + 1
        most_in_flight = SCHEDULES[self.schedule].in_flight(last, last, micro_batches)
        most = holding.most(most_in_flight, micro_batches, crossing)
        if all(memory is None or most <= memory + more for memory in self.memory):
            return self._marked
        flight, devices, memory = SCHEDULES[self.schedule].in_flight, sum(counts), self.memory

        def fits(start: int, end: int, kind: int, position: int) -> bool:
            limit = memory[kind]
            if end & ~start & self.elsewhere[kind]:
                return False
            if limit is None:
                return True
            in_flight = flight(position, devices, micro_batches)
            return holding.stage(start, end, in_flight, micro_batches) <= limit + more

        return fits

    @property
    def _marked(self) -> Fits | None:
        """Whether a device may have a stage, whatever its memory; None where it may have any."""
        elsewhere = self.elsewhere
        return (lambda start, end, kind, position: not end & ~start & elsewhere[kind]) if any(elsewhere) else None

    def possible(self, counts: Sequence[int]) -> bool:
        """Whether a stage on each device can have what is marked, were there memory enough."""
        for family in (self.small, self.all or self.most or self.contracted):
            if family is not None:
                try:
                    if some_split(family, counts, self.paces, self.profile, self._marked, MOST_PAIRS) is not None:
                        return True
                except TooManyPairs:
                    continue
        return False

    def missing(self, counts: Sequence[int], micro_batches: int) -> int | None:
        """By how many bytes the memory of each device is too small, were the order of the layers that of the spec; None
        where that order has no such stages."""
        high = 1 << 20
        while not self._possible(counts, micro_batches, high):
            high *= 2
            if high > MOST_BYTES:
                return None
        low = 0
        while high - low > max(high >> 10, 1):
            middle = (low + high) // 2
            low, high = (low, middle) if self._possible(counts, micro_batches, middle) else (middle, high)
        return high

    def _possible(self, counts: Sequence[int], micro_batches: int, more: int) -> bool:
        fits = self.fits(self.small, counts, micro_batches, more)
        return some_split(self.small, counts, self.paces, self.profile, fits) is not None

    def simple_bound(self, counts: Sequence[int]) -> float:
        """The work shared out evenly, or the largest layer where it takes least, whichever is longer."""
        times = [self.problem.times[number] for number in self.profile]
        work = sum(times[0].both(v) for v in range(len(self.problem.nodes)))
        # `paces` are those of the first profile, which is that of the first kind.
        even = work / sum(count / pace for count, pace in zip(counts, self.paces, strict=True))
        used = [own for own, count in zip(times, counts, strict=True) if count]
        return max(even, *(min(own.both(v) for own in used) for v in range(len(self.problem.nodes))))

    def _search(
        self, family: Family, counts: Sequence[int], fits: Fits | None, below: float, most: int = MOST_PAIRS
    ) -> StageSplit | None:
        reach = self.reaches.get(id(family))
        if reach is None:
            reach = self.reaches[id(family)] = Reach(family, self.profile)
        return best_split(family, counts, self.profile, fits, below, most, reach)


def pace(problem: Problem, profile: int) -> float:
    """Seconds on a profile for what takes one second on the first, at least."""
    first, other = problem.times[0], problem.times[profile]
    nodes = [v for v in range(len(problem.nodes)) if first.both(v)]
    return min((other.both(v) / first.both(v) for v in nodes), default=1.0) or 1e-12
