"""Ideals of a network: sets of nodes that hold, with each node, all that comes before it.

A split into stages is a chain of them, from none to all. Tensors are passed on from stage to stage, so what crosses
the end of a stage depends on the ideal alone: Tarnawski et al., "Efficient Algorithms for Device Placement of DNN
Graph Operators", NeurIPS 2020, section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from archdsl.placement.devices import Link
from archdsl.placement.ideal_count import countable
from archdsl.placement.problem import Problem

READY: Final = 8  # nodes that may be added to an ideal, of most networks


@dataclass(frozen=True)
class Family:
    """Ideals as bits, that of no node first and that of all nodes last.

    seconds: by kind of device and ideal, what its nodes take, forward and backward. crossing: seconds that what leaves
    an ideal is on the way, with the gradients that come back. regions: how many waists an ideal has in it, nodes that
    come before or after every other; all ideals of an earlier region are inside those of a later one.
    """

    members: Sequence[int]
    seconds: Sequence[Sequence[float]]
    crossing: Sequence[float]
    regions: Sequence[int]

    @cached_property
    def order(self) -> list[list[int]]:
        """By kind, the ideals in the order of their seconds."""
        return [sorted(range(len(row)), key=row.__getitem__) for row in self.seconds]

    @cached_property
    def ascending(self) -> list[list[float]]:
        """By kind, the seconds of ideals in order."""
        return [sorted(row) for row in self.seconds]

    def thinned(self, shares: int, each: int) -> Family:
        """Of each region, those ideals that least crosses: so many for each of equal shares of its work."""
        by_region: dict[int, list[int]] = {}
        for i, region in enumerate(self.regions):
            by_region.setdefault(region, []).append(i)
        chosen = {0, len(self.members) - 1}
        work = self.seconds[0]
        for inside in by_region.values():
            low, high = min(work[i] for i in inside), max(work[i] for i in inside)
            by_share: dict[int, list[int]] = {}
            for i in inside:
                by_share.setdefault(int((work[i] - low) / (high - low) * shares) if high > low else 0, []).append(i)
            for alike in by_share.values():
                chosen.update(sorted(alike, key=self.crossing.__getitem__)[:each])
        kept = sorted(chosen)
        return Family(
            [self.members[i] for i in kept],
            [[row[i] for i in kept] for row in self.seconds],
            [self.crossing[i] for i in kept],
            [self.regions[i] for i in kept],
        )


class Boundaries:
    """What passes the end of an ideal, by its bits."""

    def __init__(self, problem: Problem, link: Link) -> None:
        self.problem = problem
        self.before = [sum(1 << u for u in before) for before in problem.before]
        self.readers = [sum(1 << v for v in tensor.readers) for tensor in problem.tensors]
        self.seconds = [
            link.seconds(tensor.bytes + tensor.gradient, 2 if tensor.gradient else 1) for tensor in problem.tensors
        ]
        count = len(problem.nodes)
        self.all = (1 << count) - 1
        self.made: list[list[int]] = [[] for _ in range(count)]
        self.read: list[list[int]] = [[] for _ in range(count)]
        self.inputs: list[int] = []
        for number, tensor in enumerate(problem.tensors):
            (self.inputs if tensor.producer is None else self.made[tensor.producer]).append(number)
            for reader in tensor.readers:
                self.read[reader].append(number)
        self.after: list[list[int]] = [[] for _ in range(count)]
        for v, before in enumerate(problem.before):
            for u in before:
                self.after[u].append(v)
        self.waists = sum(1 << v for v in waists(problem))
        self.together = [sum(1 << v for v in group) for group in problem.together]
        self._crossing: dict[int, list[int]] = {}

    def crossing(self, ideal: int) -> list[int]:
        """The numbers of the tensors that pass the end of an ideal."""
        found = self._crossing.get(ideal)
        if found is None:
            found = self._crossing[ideal] = [
                number
                for number, tensor in enumerate(self.problem.tensors)
                if ideal and (tensor.producer is None or ideal >> tensor.producer & 1) and self.readers[number] & ~ideal
            ]
        return found

    def change(self, ideal: int, node: int) -> float:
        """By how much the seconds of crossing change where a node joins, which makes it `ideal`."""
        seconds, left = self.seconds, ~ideal
        found = sum([seconds[number] for number in self.made[node]])
        for number in self.read[node]:
            if not self.readers[number] & left:
                found -= seconds[number]
        return found

    def whole(self, ideal: int) -> bool:
        """Whether what shares weights is inside or outside, all of it."""
        return all(ideal & group in (0, group) for group in self.together)


def waists(problem: Problem) -> list[int]:
    """The nodes that come before or after every other."""
    count = len(problem.nodes)
    above, below = [0] * count, [0] * count
    for v, before in enumerate(problem.before):
        for u in before:
            above[v] |= above[u] | 1 << u
    for v in reversed(range(count)):
        for u in problem.before[v]:
            below[u] |= below[v] | 1 << v
    return [v for v in range(count) if above[v].bit_count() + below[v].bit_count() == count - 1]


def along(problem: Problem, link: Link, orders: Sequence[Sequence[int]]) -> Family:
    """The ideals that several orders of the nodes run through."""
    ends = Boundaries(problem, link)
    found: dict[int, tuple[float, ...]] = {}
    start = sum(ends.seconds[number] for number in ends.inputs)
    for order in orders:
        ideal, values = 0, (start, *(0.0 for _ in problem.times))
        for node in order:
            ideal |= 1 << node
            values = (
                values[0] + ends.change(ideal, node),
                *(done + times.both(node) for done, times in zip(values[1:], problem.times, strict=True)),
            )
            found.setdefault(ideal, values)
    return _filtered(problem, ends, found)


def family_of(ends: Boundaries, ideals: Iterable[int]) -> Family:
    """These ideals, and those of no node and of all."""
    problem = ends.problem
    each = [[times.both(v) for v in range(len(problem.nodes))] for times in problem.times]
    touched = [{*ends.made[v], *ends.read[v]} for v in range(len(problem.nodes))]
    crossing, done = set(ends.inputs), [0.0] * len(each)
    found, before = dict[int, tuple[float, ...]](), 0
    for ideal in [*sorted({*ideals} - {0, ends.all}), ends.all]:  # those next to one another differ little
        changed = list(_bits(ideal ^ before))
        for number in {number for v in changed for number in touched[v]}:
            producer = problem.tensors[number].producer
            made = producer is None or ideal >> producer & 1
            (crossing.add if made and ends.readers[number] & ~ideal else crossing.discard)(number)
        for v in changed:
            joins = ideal >> v & 1
            done = [spent + own[v] if joins else spent - own[v] for spent, own in zip(done, each, strict=True)]
        found[ideal], before = (sum(ends.seconds[number] for number in crossing), *done), ideal
    return _filtered(problem, ends, found)


def _bits(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _filtered(problem: Problem, ends: Boundaries, found: dict[int, tuple[float, ...]]) -> Family:
    whole = found.pop(ends.all)
    chosen = {ideal: values for ideal, values in found.items() if ends.whole(ideal)} if ends.together else found
    rows = [(0, (0.0,) * len(whole)), *chosen.items(), (ends.all, (0.0, *whole[1:]))]
    return Family(
        [ideal for ideal, _ in rows],
        [[values[1 + kind] for _, values in rows] for kind in range(len(problem.times))],
        [values[0] for _, values in rows],
        [(ideal & ends.waists).bit_count() for ideal, _ in rows],
    )


def all_ideals(problem: Problem, link: Link, most: int) -> Family | None:
    """Every ideal, found by adding one node after the other; None where there are more than `most`, or where so many
    nodes may be added to each that it takes as long as if there were."""
    if not countable(problem, most, most * READY):
        return None
    ends = Boundaries(problem, link)
    before, after = ends.before, ends.after
    each = [tuple(times.both(v) for times in problem.times) for v in range(len(problem.nodes))]
    start = (sum(ends.seconds[number] for number in ends.inputs), *(0.0 for _ in problem.times))
    level = {0: (start, tuple(v for v, needed in enumerate(before) if not needed))}
    found: dict[int, tuple[float, ...]] = {}
    one = len(problem.times) == 1
    while level:
        larger: dict[int, tuple[tuple[float, ...], tuple[int, ...]]] = {}
        for ideal, (values, ready) in level.items():
            for v in ready:
                joined = ideal | 1 << v
                if joined in larger:
                    continue
                crossing = values[0] + ends.change(joined, v)
                if one:
                    grown: tuple[float, ...] = (crossing, values[1] + each[v][0])
                else:
                    grown = (crossing, *(done + own for done, own in zip(values[1:], each[v], strict=True)))
                more = [w for w in ready if w != v]
                more += [w for w in after[v] if not before[w] & ~joined]
                larger[joined] = (grown, tuple(more))
                found[joined] = grown
        level = larger
    return _filtered(problem, ends, found)
