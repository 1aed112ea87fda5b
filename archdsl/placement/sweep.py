"""The ideals that a stage may end at, found by deciding one node after the other to be inside or outside.

Work and what crosses add up along an order of the nodes. So of ideals that are alike in all that later nodes can see,
those of about the same work are carried on as one, with the least that crosses any of them. What can no longer come to
lie in the window that is asked for is dropped at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from archdsl.placement.ideals import Boundaries
from archdsl.placement.orders import narrowest, still_read
from archdsl.placement.problem import Problem


class TooManyCuts(Exception):
    """More cuts to look at than are allowed."""


class Cut(NamedTuple):
    """Ideals of about the same work, in seconds of the first profile.

    least, most: of their work. crossing: the least that any of them has on the way. inside: the nodes that all have.
    reached: those that any has. ideal: one of them.
    """

    least: float
    most: float
    crossing: float
    inside: int
    reached: int
    ideal: int

    @property
    def since(self) -> float:
        """When a stage that begins here begins at the latest, less what it receives."""
        return self.most - self.crossing

    @property
    def until(self) -> float:
        """When a stage that ends here ends at the soonest, with what it sends."""
        return self.least + self.crossing


class _Branch(NamedTuple):
    """Cuts that are alike in what later nodes see of them. What lies behind a node that is outside is `blocked`; `room`
    is the work of all that may still join."""

    blocked: int
    room: float
    cuts: list[tuple[float, float, float, int, int, int]]


# Of the nodes that something still reads, those inside; of the tensors, those that cross in any case.
_Seen = tuple[int, int]


class Sweep:
    """The cuts of one problem.

    `whole` is the work of all nodes.
    """

    def __init__(self, problem: Problem, ends: Boundaries) -> None:
        self.ends, self.order = ends, narrowest(problem)
        self.work = [problem.times[0].both(v) for v in range(len(problem.nodes))]
        self.whole = sum(self.work)
        self.reads = [sum(1 << number for number in read) for read in ends.read]
        self.producer = [0 if t.producer is None else 1 << t.producer for t in problem.tensors]
        self.behind = [1 << v for v in range(len(problem.nodes))]
        for v in reversed(range(len(problem.nodes))):
            for u in problem.before[v]:
                self.behind[u] |= self.behind[v]
        *later, _ = accumulate((1 << v for v in reversed(self.order)), int.__or__, initial=0)
        self.later = later[::-1]
        self.needed = list(zip(still_read(problem, self.order), _crossing_later(ends, self.order), strict=True))
        self.left_out: dict[tuple[int, int], tuple[int, float, int]] = {}

    def between(
        self, since: float, until: float, width: float, most: int, inside: int = 0, reached: int = -1
    ) -> list[Cut]:
        """Cuts of all ideals at which a stage may end by `until` and the next begin `since`, none and all left out;
        the work of those that are one cut differs by `width` at most. `inside` are nodes that all ideals have,
        `reached` those that any may have.

        Raises `TooManyCuts` where it takes more than `most`.
        """
        limit, found = (until - since) / 2, list[tuple[float, float, float, int, int, int]]()
        alive = sum(1 << number for number in self.ends.inputs)
        branches: dict[_Seen, _Branch] = {(0, 0): _Branch(0, self.whole, [(0.0, 0.0, 0.0, 0, 0, 0)])}
        seconds, readers, producer = self.ends.seconds, self.ends.readers, self.producer
        for v, later, (nodes, tensors) in zip(self.order, self.later, self.needed, strict=True):
            bit, own, made = 1 << v, self.work[v], self.ends.made[v]
            grown: dict[_Seen, _Branch] = {}
            for (open_, crossing), (blocked, room, cuts) in branches.items():
                if blocked & bit:
                    _add(grown, (open_ & nodes, crossing & tensors), blocked, room, cuts)
                    continue
                more, passing = 0.0, crossing
                for number in made:
                    if readers[number] & blocked:
                        more += seconds[number]
                        passing |= 1 << number
                joined = [
                    (least + own, work + own, sent + more, low | bit, high | bit, ideal | bit)
                    for least, work, sent, low, high, ideal in cuts
                    if sent + more <= limit
                    and least + own + sent + more <= until
                    and work + room - sent - more >= since
                ]
                if joined and reached & bit:
                    _add(grown, ((open_ | bit) & nodes, passing & tensors), blocked, room - own, joined)
                if inside & bit:
                    continue
                behind, lost, due = self._outside(v, blocked)
                more, passing, due = 0.0, crossing, due & alive & ~crossing
                while due:
                    lowest = due & -due
                    due ^= lowest
                    number = lowest.bit_length() - 1
                    if not producer[number] or open_ & producer[number]:
                        more += seconds[number]
                        passing |= lowest
                left = [
                    (least, work, sent + more, low, high, ideal)
                    for least, work, sent, low, high, ideal in cuts
                    if sent + more <= limit
                    and least + sent + more <= until
                    and work + room - lost - sent - more >= since
                ]
                if left and later & ~behind:
                    _add(grown, (open_ & nodes, passing & tensors), behind, room - lost, left)
                else:
                    found += left
            alive = tensors
            branches = {seen: branch._replace(cuts=_joined(branch.cuts, width)) for seen, branch in grown.items()}
            most -= sum(len(branch.cuts) for branch in branches.values())
            if most < 0:
                raise TooManyCuts
        found += (cut for branch in branches.values() for cut in branch.cuts)
        ended = map(Cut._make, _joined(found, 0.0))
        return [
            cut
            for cut in ended
            if cut.reached and cut.inside != self.ends.all and cut.since >= since and cut.until <= until
        ]

    def _outside(self, node: int, blocked: int) -> tuple[int, float, int]:
        """What is blocked where a node is outside, the work that is lost by that, and the tensors that this reads."""
        found = self.left_out.get((node, blocked))
        if found is None:
            more, lost, due = self.behind[node] & ~blocked, 0.0, 0
            found_bits = more
            while more:
                lowest = more & -more
                more ^= lowest
                lost += self.work[lowest.bit_length() - 1]
                due |= self.reads[lowest.bit_length() - 1]
            found = self.left_out[node, blocked] = (blocked | found_bits, lost, due)
        return found


def _add(
    branches: dict[_Seen, _Branch],
    seen: _Seen,
    blocked: int,
    room: float,
    cuts: list[tuple[float, float, float, int, int, int]],
) -> None:
    known = branches.get(seen)
    if known is None:
        branches[seen] = _Branch(blocked, room, list(cuts))
    else:
        known.cuts.extend(cuts)


def _joined(
    cuts: list[tuple[float, float, float, int, int, int]], width: float
) -> list[tuple[float, float, float, int, int, int]]:
    """Those of about the same work as one."""
    if len(cuts) < 2:
        return cuts
    cuts.sort()
    found = cuts[:1]
    for cut in cuts[1:]:
        least, most, crossing, low, high, ideal = found[-1]
        if cut[1] - least <= width:
            best, kept = (crossing, ideal) if crossing <= cut[2] else (cut[2], cut[5])
            found[-1] = (least, max(most, cut[1]), best, low & cut[3], high | cut[4], kept)
        else:
            found.append(cut)
    return found


def _crossing_later(ends: Boundaries, order: Sequence[int]) -> list[int]:
    """After each node of an order, the tensors until then that are read later."""
    at = {v: i for i, v in enumerate(order)}
    ending = [0] * len(order)
    for number, tensor in enumerate(ends.problem.tensors):
        ending[max(at[v] for v in tensor.readers)] |= 1 << number
    found, tensors = list[int](), sum(1 << number for number in ends.inputs)
    for v, ended in zip(order, ending, strict=True):
        tensors |= sum(1 << number for number in ends.made[v])
        tensors &= ~ended
        found.append(tensors)
    return found
