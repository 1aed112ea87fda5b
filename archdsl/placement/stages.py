"""Stages on their devices: what each of them takes, and each device for all of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from archdsl.placement.bounds import Planner, Solution
from archdsl.placement.devices import Device, Link
from archdsl.placement.ideals import Boundaries
from archdsl.placement.problem import Problem, Times
from archdsl.placement.simulate import StageCost


@dataclass(frozen=True, slots=True)
class PlacedStage:
    """A stage on its device: the nodes between two ideals. `row` is that of the device's times."""

    device: Device
    row: int
    start: int
    end: int

    def nodes(self, problem: Problem) -> list[int]:
        return [v for v, bit in enumerate(reversed(f"{self.end & ~self.start:b}")) if bit == "1"]


def parts_of(planner: Planner, solution: Solution) -> list[PlacedStage]:
    """The stages of a split, each on one of the devices of its kind."""
    free = [list(kind) for kind in planner.cluster.kinds]
    split = solution.split
    return [
        PlacedStage(free[kind].pop(0), planner.profile[kind], start, end)
        for kind, start, end in zip(split.kinds, split.starts, split.ends, strict=True)
    ]


def stage_costs(ends: Boundaries, link: Link, parts: Sequence[PlacedStage]) -> list[StageCost]:
    """What each stage takes, and what it sends."""
    problem, found = ends.problem, []
    for part in parts:
        times, nodes = problem.times[part.row], part.nodes(problem)
        passing = [problem.tensors[number] for number in ends.crossing(part.end)]
        back = [tensor for tensor in passing if tensor.gradient]
        found.append(
            StageCost(
                forward=sum(times.forward[v] for v in nodes),
                backward=sum(times.backward[v] for v in nodes),
                send=link.seconds(sum(t.bytes for t in passing), len(passing)),
                send_back=link.seconds(sum(t.gradient for t in back), len(back)),
                weights=_weight_seconds(times, nodes, first=part.start == 0),
                kept=sum(problem.kept[v] for v in nodes) + sum(t.bytes for t in passing if not t.kept),
            )
        )
    return found


def device_seconds(parts: Sequence[PlacedStage], costs: Sequence[StageCost]) -> dict[str, float]:
    """What each device takes for a micro-batch, with what it sends and receives."""
    found = dict.fromkeys((part.device.name for part in parts), 0.0)
    for part, cost in zip(parts, costs, strict=True):
        found[part.device.name] += cost.forward + cost.backward
    for (part, after), cost in zip(pairwise(parts), costs[:-1], strict=True):
        if part.device != after.device:
            for device in (part.device, after.device):
                found[device.name] += cost.send + cost.send_back
    return found


def _weight_seconds(times: Times, nodes: Sequence[int], first: bool) -> float:
    """The part of a stage's backward that is for its weights: all of it in the first, which sends nothing back."""
    own = sum(times.backward[v] for v in nodes)
    return own if first else sum(times.weight_seconds(v) for v in nodes)
