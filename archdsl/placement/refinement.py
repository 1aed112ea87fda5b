"""A split and a bound of a network with more ideals than can be looked at, brought closer to one another.

Below a bound there is little to look at. It is raised by showing that no chain of ideals has all stages under it,
step by step, until there is one; and what such chains are made of is what better splits are looked for in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from archdsl.placement.branches import alike_branches
from archdsl.placement.chains import Chains
from archdsl.placement.constants import constants_in_rows
from archdsl.placement.contiguous import StageSplit
from archdsl.placement.contraction import Contraction, in_order, without_wide_ends
from archdsl.placement.devices import Link
from archdsl.placement.ideals import Boundaries, Family
from archdsl.placement.problem import Problem
from archdsl.placement.sweep import Sweep, TooManyCuts

ENOUGH, CLOSE = 0.01, 0.006  # gaps with which little is done for a lesser one, and with which nothing is
NEARLY: Final = 0.0099  # a gap that is aimed at, on the way to less
STEP: Final = 0.004  # by which a bound is raised
MOST_CUTS: Final = 500_000  # that one sweep looks at
MOST_ENDS: Final = 10_000  # of stages, among which a better split is looked for
TRIES: Final = 4  # steps over a bound in which a better split is looked for, or that are too long
LITTLE: Final = 0.003  # of a bottleneck: what constants in rows may lose, and be looked at first

# A split from ideals of the network, that is better than one, or none.
Better = Callable[[set[int], StageSplit], StageSplit | None]


class Refinement:
    """For one network, and any number of equal devices."""

    def __init__(self, held: Contraction, link: Link, small: Family) -> None:
        self.known = list(zip(small.seconds[0], small.crossing, strict=True))
        rows = constants_in_rows(held.problem, link)
        self.exact = _NarrowSweep.of(held, held.problem, link, 0.0)
        self.rows = _NarrowSweep.of(held, rows.problem, link, rows.slack) if rows.slack else None

    def refined(self, split: StageSplit, bound: float, devices: int, better: Better) -> tuple[StageSplit, float]:
        """A split that is no worse and a bound that is no lower."""
        for own in self._sweeps(split.bottleneck):
            if bound < split.bottleneck * (1 - CLOSE):
                split, bound = self._along(own, split, bound, devices, better)
        return split, bound

    def _sweeps(self, bottleneck: float) -> list[_NarrowSweep]:
        """Those that are likely to do first. While constants may be anywhere, what is inside what says little."""
        if self.rows is None:
            return [self.exact]
        return [self.rows, self.exact] if self.rows.slack < LITTLE * bottleneck else [self.exact, self.rows]

    def _along(
        self, own: _NarrowSweep, split: StageSplit, bound: float, devices: int, better: Better
    ) -> tuple[StageSplit, float]:
        chains = Chains(own.sweep, self.known, devices, MOST_CUTS)
        below = _relaxed(chains, bound + own.slack, split.bottleneck)
        bound, step, tries = max(bound, below - own.slack), STEP, TRIES
        while tries and bound < split.bottleneck * (1 - CLOSE) and below * (1 + step) <= split.bottleneck:
            near, tried = split.bottleneck * (1 - NEARLY) + own.slack, below * (1 + step)
            tried = near if below < near < tried else tried
            try:
                cuts, below = chains.cuts(tried), tried
            except TooManyCuts:
                cuts, step = [], step / 2
            if cuts is None:
                bound = max(bound, below - own.slack)
                continue
            few = 0 < len(cuts) <= MOST_ENDS
            found = better({own.narrow.expand(cut.ideal) for cut in cuts}, split) if few else None
            split = found or split
            if not found and bound >= split.bottleneck * (1 - ENOUGH):
                tries = min(tries, int(few) + 1)
            tries -= 1
        return split, bound


@dataclass(frozen=True)
class _NarrowSweep:
    """The cuts of a network without those that no good split has, or of a problem that is easier by `slack` seconds."""

    narrow: Contraction
    sweep: Sweep
    slack: float

    @classmethod
    def of(cls, held: Contraction, problem: Problem, link: Link, slack: float) -> _NarrowSweep:
        narrow = held.then(without_wide_ends(problem, link))
        problem = in_order(narrow.problem, alike_branches(Boundaries(narrow.problem, link)))
        return cls(narrow, Sweep(problem, Boundaries(problem, link)), slack)


def _relaxed(chains: Chains, low: float, high: float) -> float:
    """About the highest bound that is soon shown."""
    tried = high * (1 - STEP)
    while tried > low:
        try:
            low, high = (tried, high) if chains.impossible(tried) else (low, tried)
        except TooManyCuts:
            high = tried
        if low * (1 + STEP) >= high:
            break
        tried = (low + high) / 2
    return low
