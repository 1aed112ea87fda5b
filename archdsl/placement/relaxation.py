"""A problem that is no harder than that of a network, and much smaller: what it shows to be impossible is so for both.

Alike branches become one chain of small pieces of work. When so much of their work is done, what crosses is no less
than the lower hull of what crosses one of them says: the sum of a convex function is least where all are equally far
(Jensen). A piece that is half done counts as not begun where a stage ends and as done where one begins, which `slack`
allows for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from math import ceil
from typing import Final

from archdsl.placement.branches import AlikeBranches
from archdsl.placement.devices import Link
from archdsl.placement.ideals import Boundaries
from archdsl.placement.problem import Problem, Times, Travelling

TICKS: Final = 1e12  # a second, where transfers are told in bytes; rounded down
MOST_PIECES: Final = 1024


@dataclass(frozen=True, slots=True)
class Relaxation:
    """No split of the network has a bottleneck that is more than `slack` seconds below the best of `problem`."""

    problem: Problem
    link: Link
    slack: float


@dataclass(frozen=True, slots=True)
class _Pieces:
    """The nodes that stand for branches, from `first` to `last`, of `seconds` each."""

    branches: AlikeBranches
    first: int
    last: int
    seconds: float

    def begun(self, shared: float) -> int | None:
        """The last piece before which it takes less to have some branch not begun, so that what all read is still on
        the way, for `shared` seconds, than to have all begun; None where there is no such piece."""
        own, found = self.branches, None
        for v in range(self.first, self.last):
            since, until = self._done(v), self._done(v + 1)
            if until >= len(own.chains) * own.done[1]:
                waiting = shared + max(own.least_crossing(since), own.least_crossing(until))
                if waiting > min(own.least_crossing(since, 1), own.least_crossing(until, 1)):
                    break
            found = v
        return found

    def _done(self, node: int) -> float:
        return self.seconds * (node - self.first)

    def sent(self) -> list[tuple[int, float]]:
        """What crosses at least when a piece is done and the next one may be half done."""
        least = [self.branches.least_crossing(self._done(v)) for v in range(self.first, self.last + 2)]
        return [(self.first + i, min(pair)) for i, pair in enumerate(pairwise(least[1:]))]


def relaxed(ends: Boundaries, alike: Sequence[AlikeBranches], piece: float) -> Relaxation:
    """The relaxation of a problem with one profile, in pieces of about so many seconds."""
    problem, (times,) = ends.problem, ends.problem.times
    complete = {max(map(max, own.chains)): own for own in alike}
    inside = {v for own in alike for v in chain(*own.chains)}
    names, before, seconds = list[str](), list[frozenset[int]](), list[float]()
    number: dict[int, int] = {}  # by old node; nodes of branches are done when their last piece is
    pieces: list[_Pieces] = []
    for v, name in enumerate(problem.nodes):
        if v in complete:
            own, first = complete[v], len(names)
            count = min(max(ceil(own.seconds / piece), 1), MOST_PIECES)
            began = frozenset(number[u] for u in problem.before[own.chains[0][0]])
            before += [began, *(frozenset([first + i]) for i in range(count - 1))]
            names += [name] * count
            seconds += [own.seconds / count] * count
            pieces.append(_Pieces(own, first, len(names) - 1, own.seconds / count))
            number.update(dict.fromkeys(chain(*own.chains), len(names) - 1))
        elif v not in inside:
            before.append(frozenset(number[u] for u in problem.before[v]))
            names.append(name)
            seconds.append(times.both(v))
            number[v] = len(names) - 1
    zeros = (0,) * len(names)
    smaller = Problem(
        tuple(names),
        tuple(before),
        (Times(tuple(seconds), (0.0,) * len(names)),),
        zeros,
        zeros,
        zeros,
        tuple(_tensors(ends, pieces, inside, number)),
        tuple(frozenset(number[v] for v in group) for group in problem.together),
    )
    return Relaxation(smaller, Link(TICKS), _slack(smaller, pieces))


def _tensors(ends: Boundaries, pieces: Sequence[_Pieces], inside: set[int], number: dict[int, int]) -> list[Travelling]:
    found: list[Travelling] = []

    def add(producer: int | None, readers: set[int], seconds: float) -> None:
        if readers:
            found.append(Travelling("", 0, producer, tuple(sorted(readers)), int(seconds * TICKS), 0))

    begun = {}
    for own in pieces:
        head = own.branches.chains[0][0]
        begun[head] = own.begun(sum(ends.seconds[which] for which in ends.read[head]))
    for which, tensor in enumerate(ends.problem.tensors):
        if tensor.producer in inside:
            continue
        readers = {number[v] for v in tensor.readers if v not in inside}
        readers |= {last for v in tensor.readers if (last := begun.get(v)) is not None}
        add(None if tensor.producer is None else number[tensor.producer], readers, ends.seconds[which])
    for own in pieces:
        for node, seconds in own.sent():
            if node < own.last:
                add(node, {node + 1}, seconds)
        for which in ends.made[own.branches.chains[0][-1]]:
            readers = {number[v] for v in ends.problem.tensors[which].readers}
            add(own.last, readers, len(own.branches.chains) * ends.seconds[which])
    return found


def _slack(problem: Problem, pieces: Sequence[_Pieces]) -> float:
    """The longest time of pieces that may all be half done at once."""
    above = [0] * len(problem.nodes)
    for v, before in enumerate(problem.before):
        for u in before:
            above[v] |= above[u] | 1 << u

    def abreast(one: _Pieces, other: _Pieces) -> bool:
        return not (above[one.first] >> other.last & 1 or above[other.first] >> one.last & 1)

    return max(sum(other.seconds for other in pieces if abreast(one, other)) for one in pieces)
