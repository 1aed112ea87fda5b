"""One batch as soon as possible: layers on several devices at once, where branches let them.

No schedule of a network is best in reasonable time for certain, so several are tried and the shortest is taken: all on
one device; the list schedule of Topcuoglu, Hariri and Wu, "Performance-Effective and Low-Complexity Task Scheduling for
Heterogeneous Computing", 2002 (HEFT); a dynamic programme over the waists, layers that come before or after all
others, with the list schedule between them; and, where memory is short, the layers in turn on each device until it is
full. What none can beat is told by `least_seconds`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, product
from math import inf

from archdsl.placement.contraction import with_their_readers
from archdsl.placement.devices import Cluster
from archdsl.placement.ideals import waists
from archdsl.placement.problem import Problem


@dataclass(frozen=True)
class ListSchedule:
    """Layers on devices in time. owners: the number of the device of each, the loss left out; start and end: in
    seconds from the first."""

    owners: tuple[int, ...]
    start: tuple[float, ...]
    end: tuple[float, ...]

    @property
    def seconds(self) -> float:
        return max(self.end, default=0.0)

    @property
    def busy(self) -> float:
        return sum(end - start for start, end in zip(self.start, self.end, strict=True))


@dataclass
class _State:
    """How far a schedule has come. A tensor goes to a device once, and over a link one at a time."""

    owner: dict[int, int] = field(default_factory=dict)
    start: dict[int, float] = field(default_factory=dict)
    end: dict[int, float] = field(default_factory=dict)
    free: dict[int, float] = field(default_factory=dict)
    links: dict[tuple[int, int], float] = field(default_factory=dict)
    arrived: dict[tuple[int, int], float] = field(default_factory=dict)  # a tensor on a device


class LatencyPlanner:
    """Schedules of one problem. pins: the devices, by number, of the nodes that a spec marks."""

    def __init__(self, problem: Problem, cluster: Cluster, pins: Mapping[int, int]) -> None:
        self.problem, self.cluster, self.pins = problem, cluster, pins
        self.devices = range(len(cluster.devices))
        kinds = {device.name: number for number, kind in enumerate(cluster.kinds) for device in kind}
        self.kind = [kinds[device.name] for device in cluster.devices]
        self.seconds = [problem.times[cluster.row(device)].forward for device in cluster.devices]
        self.sent = [cluster.link.seconds(tensor.bytes) for tensor in problem.tensors]
        self.read: list[list[int]] = [[] for _ in problem.nodes]
        for number, tensor in enumerate(problem.tensors):
            for v in tensor.readers:
                self.read[v].append(number)
        self.group = {v: min(group) for group in problem.together for v in group}
        self.ranks = self._ranks()

    def best(self) -> ListSchedule | None:
        """The shortest schedule of those that fit into the devices; None where none of those tried does."""
        tried = [*(self._on(device) for device in self.devices), self._listed(), self._over_waists(), self._filled()]
        return min((found for found in tried if found is not None and self.fits(found)), key=_seconds, default=None)

    def fits(self, found: ListSchedule) -> bool:
        return all(
            device.memory is None or held <= device.memory
            for device, held in zip(self.cluster.devices, self.held(found.owners), strict=True)
        )

    def held(self, owners: Sequence[int]) -> list[int]:
        """Bytes of each device: its weights, and all that it makes or receives, as if nothing were freed."""
        held = [0] * len(self.devices)
        for v, owner in enumerate(owners):
            held[owner] += self.problem.at_rest[v]
        for tensor in self.problem.tensors:
            places = {owners[v] for v in tensor.readers if v < self.problem.layers}
            for owner in places if tensor.producer is None else {*places, owners[tensor.producer]}:
                held[owner] += tensor.bytes
        return held

    # --- schedules

    def _on(self, device: int) -> ListSchedule | None:
        """All on one device, but for what is marked."""
        return self._run({v: self.pins.get(v, device) for v in range(self.problem.layers)})

    def _filled(self) -> ListSchedule | None:
        """The layers in turn, on a device until it is full, then on the one with most room."""
        owners, at = dict[int, int](), 0
        room = [inf if device.memory is None else device.memory for device in self.cluster.devices]
        for v in range(self.problem.layers):
            made = sum(t.bytes for t in self.problem.tensors if t.producer == v)
            need = self.problem.at_rest[v] + made + sum(self.problem.tensors[number].bytes for number in self.read[v])
            forced = self._forced(v, owners)
            if forced is None and need > room[at]:
                at = max(self.devices, key=room.__getitem__)
            owners[v] = at if forced is None else forced
            room[owners[v]] -= need
        return self._run(owners)

    def _run(self, owners: Mapping[int, int]) -> ListSchedule | None:
        """The schedule with each layer on its device, the most urgent first."""
        if any(owners[v] != owners[first] for v, first in self.group.items()):
            return None
        state = _State()
        for v in self._by_urgency(range(self.problem.layers)):
            self._put(state, v, owners[v])
        return self._timeline(state)

    def _listed(self) -> ListSchedule:
        """The most urgent layer first, where it ends soonest."""
        state = _State()
        self._list(state, range(self.problem.layers), self.devices, None)
        return self._timeline(state)

    def _over_waists(self) -> ListSchedule:
        """From waist to waist as soon as possible: on one device, or on all, ending where the last one did or on
        another device. All devices are free when a waist is done, so that of those of a kind one stands for all."""
        cuts = [v for v in waists(self.problem) if v < self.problem.layers]
        states = [_State()]
        for low, high in pairwise((-1, *cuts, self.problem.layers)):
            nodes = range(low + 1, min(high + 1, self.problem.layers))
            if not nodes:
                continue
            ends: dict[int, _State] = {}  # by the kind of the last node's device
            for before in states:
                for device, among in product(self._next(before, low), (None, self.devices)):
                    state = _copied(before)
                    self._list(state, nodes, among or [device], device)
                    kind = self.kind[state.owner[nodes[-1]]]
                    if kind not in ends or _done(state) < _done(ends[kind]):
                        ends[kind] = state
            states = list(ends.values())
        return self._timeline(min(states, key=_done))

    def _next(self, state: _State, waist: int) -> list[int]:
        """The device of a waist, and the first other of each kind."""
        at = state.owner.get(waist)
        others = {self.kind[device]: device for device in reversed(self.devices) if device != at}
        return [*others.values()] if at is None else [at, *others.values()]

    def _list(self, state: _State, nodes: range, among: Sequence[int], last: int | None) -> None:
        """Add nodes to a schedule, each where it ends soonest; the last on a device that is given, where it is free."""
        for v in self._by_urgency(nodes):
            forced = self._forced(v, state.owner)
            if forced is not None:
                self._put(state, v, forced)
            elif last is not None and v == nodes[-1]:
                self._put(state, v, last)
            else:
                self._put(state, v, min(among, key=lambda device: (self._ready(state, v, device)[1], device)))

    def _forced(self, v: int, owners: Mapping[int, int]) -> int | None:
        """The device of a node that is marked, or shares weights with one that has a device."""
        if v in self.pins:
            return self.pins[v]
        if v not in self.group:
            return None
        alike = [u for u, first in self.group.items() if first == self.group[v]]
        marked = [self.pins[u] for u in alike if u in self.pins]
        return next((owners[u] for u in alike if u in owners), marked[0] if marked else None)

    def _put(self, state: _State, v: int, device: int) -> None:
        for number in self.read[v]:
            producer = self.problem.tensors[number].producer
            if producer is None or state.owner[producer] == device or (number, device) in state.arrived:
                continue
            link = (state.owner[producer], device)
            begin = max(state.end[producer], state.links.get(link, 0.0))
            state.arrived[number, device] = state.links[link] = begin + self.sent[number]
        start, end = self._ready(state, v, device)
        state.owner[v], state.start[v], state.end[v], state.free[device] = device, start, end, end

    def _ready(self, state: _State, v: int, device: int) -> tuple[float, float]:
        """When a node starts on a device, and ends."""
        start, busy = state.free.get(device, 0.0), dict[tuple[int, int], float]()
        for number in self.read[v]:
            producer = self.problem.tensors[number].producer
            if producer is None:
                continue
            moment = state.end[producer]
            if state.owner[producer] != device:
                known = state.arrived.get((number, device))
                link = (state.owner[producer], device)
                if known is None:
                    known = max(moment, busy.get(link, state.links.get(link, 0.0))) + self.sent[number]
                    busy[link] = known
                moment = known
            start = max(start, moment)
        return start, start + self.seconds[device][v]

    def _ranks(self) -> list[float]:
        """Of each node, the seconds from its start to the end of all, with every other transfer on the way."""
        problem, share = self.problem, 1 - 1 / len(self.devices)
        ranks = [0.0] * len(problem.nodes)
        by_producer: list[list[int]] = [[] for _ in problem.nodes]
        for number, tensor in enumerate(problem.tensors):
            if tensor.producer is not None:
                by_producer[tensor.producer].append(number)
        for v in reversed(range(problem.layers)):
            own = sum(seconds[v] for seconds in self.seconds) / len(self.devices)
            after = (
                self.sent[number] * share + ranks[reader]
                for number in by_producer[v]
                for reader in problem.tensors[number].readers
                if reader < problem.layers
            )
            ranks[v] = own + max(after, default=0.0)
        return ranks

    def _by_urgency(self, nodes: range) -> list[int]:
        """An order in which each node follows what it reads: ranks fall along every edge, or stay where nothing takes
        time."""
        return sorted(nodes, key=lambda v: (-self.ranks[v], v))

    def _timeline(self, state: _State) -> ListSchedule:
        layers = range(self.problem.layers)
        return ListSchedule(
            tuple(state.owner[v] for v in layers),
            tuple(state.start[v] for v in layers),
            tuple(state.end[v] for v in layers),
        )


def soonest(problem: Problem, cluster: Cluster, pins: Mapping[int, int]) -> ListSchedule | None:
    """The shortest schedule that is found; None where none that is tried fits into the devices.

    pins: the devices, by number, of the nodes that a spec marks. Weights that take no time are where they are read.
    """
    groups = [frozenset(v for v in pins if pins[v] == device) for device in set(pins.values())]
    smaller = with_their_readers(replace(problem, together=(*problem.together, *groups)))
    number = {v: i for i, own in enumerate(smaller.merged) for v in range(len(problem.nodes)) if own >> v & 1}
    merged = replace(smaller.problem, together=smaller.problem.together[: len(problem.together)])
    found = LatencyPlanner(merged, cluster, {number[v]: device for v, device in pins.items()}).best()
    if found is None:
        return None
    each = [number[v] for v in range(problem.layers)]
    return ListSchedule(
        tuple(found.owners[i] for i in each), tuple(found.start[i] for i in each), tuple(found.end[i] for i in each)
    )


def least_seconds(problem: Problem, cluster: Cluster) -> float:
    """What no schedule can beat: between waists one after the other, the longest path, and all work shared out evenly,
    whichever is longer; each layer on the device where it takes least, and nothing on the way."""
    least = [min(times.forward[v] for times in problem.times) for v in range(problem.layers)]
    path = [0.0] * problem.layers
    total, work, longest, since = 0.0, 0.0, 0.0, 0  # of what comes after the last waist
    cuts = {v for v in waists(problem) if v < problem.layers}
    for v in range(problem.layers):
        path[v] = least[v] + max((path[u] for u in problem.before[v] if u >= since), default=0.0)
        work, longest = work + least[v], max(longest, path[v])
        if v in cuts:
            total += max(longest, work / len(cluster.devices))
            work, longest, since = 0.0, 0.0, v + 1
    return total + max(longest, work / len(cluster.devices))


def _seconds(found: ListSchedule) -> float:
    return found.seconds


def _done(state: _State) -> float:
    return max(state.end.values(), default=0.0)


def _copied(state: _State) -> _State:
    return _State(
        dict(state.owner), dict(state.start), dict(state.end), dict(state.free), dict(state.links), dict(state.arrived)
    )
