"""Small problems for the planner, and a solver of its own that looks at every assignment."""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import permutations, product
from math import inf
from types import MappingProxyType

from archdsl.measure.time.gpus import GPUS
from archdsl.placement.devices import Cluster, Device, Link
from archdsl.placement.problem import Problem, Times, Travelling
from archdsl.placement.schedule import SCHEDULES

PROFILES = (GPUS["a100"], GPUS["t4"], GPUS["v100"], GPUS["l4"])


def some_problem(seed: int) -> tuple[Problem, Cluster, int]:
    """A random graph of layers, devices for it, and a number of micro-batches."""
    draw = random.Random(seed)
    count, kinds = draw.randint(1, 6), draw.randint(1, 3)
    before = [frozenset(draw.sample(range(v), draw.randint(0, min(v, 2)))) for v in range(count)]
    read = {u for own in before for u in own}
    before.append(frozenset(v for v in range(count) if v not in read))  # the loss
    size = count + 1
    times = tuple(
        Times(
            tuple(float(draw.randint(0, 20)) for _ in range(size)),
            tuple(float(draw.randint(0, 40)) for _ in range(size)),
        )
        for _ in range(kinds)
    )
    tensors = [
        Travelling(str(u), 0, u, tuple(v for v in range(size) if u in before[v]), draw.randint(1, 99), gradient, kept)
        for u in range(count)
        for gradient, kept in [(draw.choice([0, 50]), draw.random() < 0.5)]
    ]
    tensors.append(Travelling("x", 0, None, tuple(v for v in range(count) if not before[v]), draw.randint(1, 50), 0))
    together: tuple[frozenset[int], ...] = ()
    if count > 2 and draw.random() < 0.3:
        together = (frozenset(draw.sample(range(count), 2)),)
    problem = Problem(
        tuple(map(str, range(size))),
        tuple(before),
        times,
        tuple(draw.randint(0, 400) for _ in range(size)),
        tuple(draw.randint(0, 100) for _ in range(size)),
        (0,) * size,
        tuple(tensors),
        together,
    )
    limited = draw.random() < 0.6
    devices = [Device(f"d{i}", PROFILES[i % kinds], None) for i in range(max(draw.randint(1, 4), kinds))]
    if limited:
        devices = [Device(d.name, d.profile, draw.choice([600, 1200, 2500])) for d in devices]
    return problem, Cluster(tuple(devices), Link(draw.choice([1.0, 10.0, 100.0]), 0.5)), draw.randint(1, 5)


def brute_force(
    problem: Problem, cluster: Cluster, schedule: str, micro: int, pins: Mapping[int, str] = MappingProxyType({})
) -> float:
    """The least bottleneck of all assignments of nodes to stages and of stages to devices; inf where none fits.

    pins: the names of the devices that some nodes are on.
    """
    best, size = inf, len(problem.nodes)
    for stages in range(1, len(cluster.devices) + 1):
        for at in product(range(stages), repeat=size):
            if set(at) != set(range(stages)) or any(at[u] > at[v] for v in range(size) for u in problem.before[v]):
                continue
            if any(len({at[v] for v in group}) > 1 for group in problem.together):
                continue
            for devices in permutations(cluster.devices, stages):
                if all(devices[at[v]].name == name for v, name in pins.items()):
                    best = min(best, _bottleneck(problem, cluster, at, devices, schedule, micro))
    return best


def _bottleneck(
    problem: Problem, cluster: Cluster, at: tuple[int, ...], devices: tuple[Device, ...], schedule: str, micro: int
) -> float:
    stages = len(devices)
    loads, bytes = [0.0] * stages, [0] * stages
    for v, s in enumerate(at):
        row = cluster.profiles.index(devices[s].profile)
        loads[s] += problem.times[row].forward[v] + problem.times[row].backward[v]
        bytes[s] += problem.at_rest[v] + _flight(schedule, stages - s, cluster, micro) * problem.kept[v]
    for tensor in problem.tensors:
        first = 0 if tensor.producer is None else at[tensor.producer]
        for s in range(first, max(at[v] for v in tensor.readers)):  # passed on from s to s + 1
            seconds = (tensor.bytes + tensor.gradient) / cluster.link.bandwidth
            seconds += cluster.link.latency * (2 if tensor.gradient else 1)
            loads[s] += seconds
            loads[s + 1] += seconds
            bytes[s + 1] += micro * tensor.bytes
            bytes[s] += micro * tensor.gradient
            bytes[s] += 0 if tensor.kept else _flight(schedule, stages - s, cluster, micro) * tensor.bytes
        if tensor.producer is None:
            bytes[0] += micro * tensor.bytes
        if len(problem.nodes) - 1 in tensor.readers:
            bytes[-1] += micro * tensor.bytes
    if any(d.memory is not None and held > d.memory for d, held in zip(devices, bytes, strict=True)):
        return inf
    return max(loads)


def _flight(schedule: str, position: int, cluster: Cluster, micro: int) -> int:
    return SCHEDULES[schedule].in_flight(position, len(cluster.devices), micro)
