"""Branches that are alike: chains of equal layers between the same tensors, as the paths of a ResNeXt block.

Which of them are done matters not, only how many and how far: sorted by how far they are, those of one ideal stay
inside those of a larger one. So of alike branches the later ones may be held to come no sooner than the earlier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from archdsl.placement.ideals import Boundaries
from archdsl.placement.problem import Problem

FEWEST: Final = 3


@dataclass(frozen=True, slots=True)
class AlikeBranches:
    """chains: the nodes of each branch. Of one branch, by how many of its nodes are done, none first: `done`, the
    seconds that they take on the first profile, and `crossing`, those that what they send on is on the way."""

    chains: tuple[tuple[int, ...], ...]
    done: tuple[float, ...]
    crossing: tuple[float, ...]

    @property
    def seconds(self) -> float:
        return len(self.chains) * self.done[-1]

    def corners(self, first: int = 0) -> list[int]:
        """The positions of a branch on the lower hull of `crossing` over `done`, from one to the last."""
        hull: list[int] = []
        for q in range(first, len(self.done)):
            x, y = self.done[q], self.crossing[q]
            while len(hull) > 1:
                (x0, y0), (x1, y1) = ((self.done[p], self.crossing[p]) for p in hull[-2:])
                if (x1 - x0) * (y - y0) > (x - x0) * (y1 - y0):
                    break
                hull.pop()
            hull.append(q)
        return hull

    def cuts(self) -> list[int]:
        """The positions that a split may be looked for at: the corners, or else the middle of the work too."""
        corners = self.corners()
        if len(corners) > 2:
            return corners
        half = [q for q in range(1, corners[-1]) if self.done[q] <= self.done[-1] / 2]
        return [0, *half[-1:], corners[-1]]

    def least_crossing(self, seconds: float, first: int = 0) -> float:
        """Seconds on the way that the branches have at least, together, when so much of their work is done and so many
        nodes of each."""
        each, hull = seconds / len(self.chains), self.corners(first)
        for low, high in pairwise(hull):
            span = self.done[high] - self.done[low]
            if each <= self.done[high] and span:
                share = (each - self.done[low]) / span
                share = max(share, 0.0)
                return len(self.chains) * (self.crossing[low] + share * (self.crossing[high] - self.crossing[low]))
        return len(self.chains) * self.crossing[hull[-1]]


def alike_branches(ends: Boundaries) -> list[AlikeBranches]:
    """All branches of which at least `FEWEST` are alike, the first in the order of the nodes first."""
    problem = ends.problem
    by_look: dict[object, list[tuple[int, ...]]] = {}
    for chain in _chains(ends):
        by_look.setdefault(_look(ends, chain), []).append(chain)
    return [
        AlikeBranches(tuple(chains), *_progress(problem, ends, chains[0]))
        for chains in by_look.values()
        if len(chains) >= FEWEST
    ]


def _chains(ends: Boundaries) -> list[tuple[int, ...]]:
    """The longest chains in which each node alone reads what the one before it makes, and nothing else."""
    problem = ends.problem
    loss, shared = len(problem.nodes) - 1, {v for group in problem.together for v in group}
    follows: dict[int, int] = {}
    for v in range(loss):
        before = [u for u in problem.before[v] if u not in shared]
        if v in shared or len(problem.before[v]) != 1 or not before:
            continue
        (u,) = before
        if ends.after[u] == [v] and len(ends.read[v]) == len(ends.made[u]):
            follows[u] = v
    chains, later = [], set(follows.values())
    for head in range(loss):
        if head not in later and head not in shared:
            chain = [head]
            while chain[-1] in follows:
                chain.append(follows[chain[-1]])
            chains.append(tuple(chain))
    return chains


def _look(ends: Boundaries, chain: Sequence[int]) -> object:
    """What is the same of two chains that are alike."""
    problem = ends.problem

    def sent(v: int) -> tuple[object, ...]:
        return tuple((t.bytes, t.gradient, t.kept) for t in (problem.tensors[number] for number in ends.made[v]))

    return (
        frozenset(ends.read[chain[0]]),
        problem.before[chain[0]],
        tuple(
            (tuple((times.forward[v], times.backward[v]) for times in problem.times), problem.at_rest[v],
             problem.kept[v], sent(v))
            for v in chain
        ),
        tuple(problem.tensors[number].readers for number in ends.made[chain[-1]]),
    )  # fmt: skip


def _progress(problem: Problem, ends: Boundaries, chain: Sequence[int]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    done, crossing = [0.0], [0.0]
    for v in chain:
        done.append(done[-1] + problem.times[0].both(v))
        crossing.append(sum(ends.seconds[number] for number in ends.made[v]))
    return tuple(done), tuple(crossing)
