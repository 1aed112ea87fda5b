"""A split and a bound of a network with more ideals than can be looked at, brought closer to one another.

Below a bound there is little to look at. It is raised by showing that no chain of ideals has all stages under it,
step by step, until there is one; and what such chains are made of is what better splits are looked for in.
"""

from __future__ import annotations

from collections.abc import Callable
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

STEP: Final = 0.004  # by which a bound is raised
MOST_CUTS: Final = 500_000  # that one sweep looks at
TRIES: Final = 4  # steps over a bound in which a better split is looked for, or that are too long

# A split from ideals of the network, that is better than one, or none.
Better = Callable[[set[int], StageSplit], StageSplit | None]


class Refinement:
    """For one network, and any number of equal devices."""

    def __init__(self, held: Contraction, link: Link, small: Family) -> None:
        self.known = list(zip(small.seconds[0], small.crossing, strict=True))
        rows = constants_in_rows(held.problem, link)
        self.sweeps = [_narrow_sweep(held, held.problem, link, 0.0)]
        if rows.slack:
            self.sweeps.append(_narrow_sweep(held, rows.problem, link, rows.slack))

    def refined(
        self, split: StageSplit, bound: float, devices: int, enough: float, better: Better
    ) -> tuple[StageSplit, float]:
        """A split that is no worse and a bound that is no lower; where that is soon done, the split is at most a share
        `enough` over the bound."""
        ideals = set[int]()
        for narrow, sweep, slack in self.sweeps:
            if bound < split.bottleneck * (1 - enough):
                chains = Chains(sweep, self.known, devices, MOST_CUTS)
                below = _relaxed(chains, bound + slack, split.bottleneck)
                bound, step, tries = max(bound, below - slack), STEP, TRIES
                while tries and bound < split.bottleneck * (1 - enough) and below * (1 + step) <= split.bottleneck:
                    try:
                        cuts = chains.cuts(below * (1 + step))
                    except TooManyCuts:
                        step, tries = step / 2, tries - 1
                        continue
                    below *= 1 + step
                    if cuts is None:
                        bound = max(bound, below - slack)
                    else:
                        tries -= 1
                        ideals |= {narrow.expand(cut.ideal) for cut in cuts}
                        split = better(ideals, split) or split
        return split, bound


def _narrow_sweep(held: Contraction, problem: Problem, link: Link, slack: float) -> tuple[Contraction, Sweep, float]:
    narrow = held.then(without_wide_ends(problem, link))
    problem = in_order(narrow.problem, alike_branches(Boundaries(narrow.problem, link)))
    return narrow, Sweep(problem, Boundaries(problem, link)), slack


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
