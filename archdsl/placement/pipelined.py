"""A network as a pipeline over devices, by a schedule: the best split for one stage on each, a good one for several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from archdsl.placement.actions import ActionRow, in_flight
from archdsl.placement.bounds import Planner
from archdsl.placement.orders import orders
from archdsl.placement.schedule import SCHEDULES
from archdsl.placement.simulate import Run, StageCost, simulate
from archdsl.placement.stages import PlacedStage, device_seconds, parts_of, stage_costs
from archdsl.placement.virtual_stages import LayerOrder

# Of moves of single cuts: how many are tried, and of how many actions in all.
MOST_TRIED: Final = 60
MOST_ACTIONS: Final = 60_000


@dataclass(frozen=True)
class Pipelined:
    """Stages on devices, and the step as simulated.

    lists: of each device. in_flight: of how many micro-batches each stage holds what backward needs. bottleneck:
    seconds of a micro-batch on the slowest device, with its transfers; no split has less than `bound`.
    """

    parts: tuple[PlacedStage, ...]
    lists: tuple[ActionRow, ...]
    costs: tuple[StageCost, ...]
    in_flight: tuple[int, ...]
    bottleneck: float
    bound: float
    run: Run


def pipelined(planner: Planner, counts: Sequence[int], each: int, micro_batches: int) -> Pipelined | None:
    """A pipeline over so many devices of each kind; None where none that was found fits into their memory."""
    if each > 1:
        return _several(planner, counts, each, micro_batches)
    solution = planner.solve(counts, micro_batches)
    if solution is None:
        return None
    parts, schedule = parts_of(planner, solution), SCHEDULES[planner.schedule]
    lists = schedule.lists(len(parts), 1, micro_batches)
    flights = (schedule.in_flight(len(parts) - s, sum(counts), micro_batches) for s in range(len(parts)))
    costs = stage_costs(planner.ends, planner.cluster.link, parts)
    split, run = solution.split, simulate(lists, costs)
    return Pipelined(tuple(parts), lists, tuple(costs), tuple(flights), split.bottleneck, solution.bound, run)


def refused(planner: Planner, devices: int, each: int, micro_batches: int) -> str | None:
    """Why there is no such pipeline, and what would do."""
    layers, stages = planner.problem.layers, devices * each
    if each > 1 and stages > layers:
        return f"has {stages} stages with {each} on each device, and the network only {layers} layers"
    return SCHEDULES[planner.schedule].refusal(devices, each, micro_batches)


def _several(planner: Planner, counts: Sequence[int], each: int, micro_batches: int) -> Pipelined | None:
    """Of the cuts of some orders of layers and devices, those whose step takes least; then single cuts are moved for as
    long as it takes less."""
    devices = [device for kind, count in zip(planner.cluster.kinds, counts, strict=True) for device in kind[:count]]
    by_memory = sorted(devices, key=lambda device: -(device.memory or 0))
    schedule = SCHEDULES[planner.schedule]
    owners, lists = schedule.owners(len(devices), each), schedule.lists(len(devices), each, micro_batches)
    flights = in_flight(lists)
    bound = planner.simple_bound(counts)

    def run(layers: LayerOrder, ends: Sequence[int]) -> Pipelined:
        parts = layers.parts(ends)
        costs = stage_costs(planner.ends, planner.cluster.link, parts)
        slowest = max(device_seconds(parts, costs).values())
        return Pipelined(
            parts, lists, tuple(costs), tuple(flights), slowest, min(bound, slowest), simulate(lists, costs)
        )

    found: list[tuple[Pipelined, LayerOrder, list[int]]] = []
    for order, room in product(orders(planner.problem), [devices] if devices == by_memory else [devices, by_memory]):
        layers = LayerOrder(planner, order, room, owners, flights, micro_batches)
        ends = layers.best()
        if ends is not None:
            found.append((run(layers, ends), layers, ends))
    if not found:
        return None
    best, layers, ends = min(found, key=lambda each: each[0].run.seconds)
    left, better = min(MOST_TRIED, MOST_ACTIONS // sum(map(len, lists))), True
    while better:
        better = False
        for tried in layers.moved(ends):
            if left > 0 and not layers.lacking(tried):
                left -= 1
                other = run(layers, tried)
                if other.run.seconds < best.run.seconds * (1 - 1e-9):
                    best, ends, better = other, tried, True
                    break
    return best
