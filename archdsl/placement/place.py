"""A network placed on devices: by search, or as its spec says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from archdsl.graph import Graph, content_hash, header, layer
from archdsl.placement.actions import in_flight
from archdsl.placement.bounds import Planner
from archdsl.placement.devices import Cluster, PlacementError
from archdsl.placement.holding import Holding
from archdsl.placement.ideals import Boundaries
from archdsl.placement.marks import runs
from archdsl.placement.parallel import (
    PlacedStage,
    both,
    closing_seconds,
    parts_of,
    stage_costs,
    together,
)
from archdsl.placement.plan import PlacementPlan, PlannedStage, Received, TrainingConditions
from archdsl.placement.problem import Problem, problem_of
from archdsl.placement.schedule import LIST, SCHEDULES, lists_of
from archdsl.placement.simulate import simulate
from archdsl.sheet.units import size


def place(graph: Graph, cluster: Cluster, conditions: TrainingConditions) -> PlacementPlan:
    """Place a network on devices.

    Raises `PlacementError` where the batch cannot be cut, the devices are not those that the spec marks, or the memory
    is too small; `SpecError` where sizes are left open; `ProfileError` where a profile has no rates for the dtype.
    """
    head = header(graph)
    batch, micro_batches = conditions.batch, conditions.micro_batches
    if batch % micro_batches:
        divisors = [n for n in range(1, batch + 1) if batch % n == 0]
        near = min(divisors, key=lambda n: (abs(n - micro_batches), n))
        raise PlacementError(
            f"a batch of {batch} cannot be cut into {micro_batches} micro-batches of equal size; {near} would do"
        )
    refusal = SCHEDULES[conditions.schedule].refusal(len(cluster.devices), 1, micro_batches)
    if refusal is not None:
        raise PlacementError(f"{conditions.schedule} {refusal}")
    if not head["batch"]:
        raise PlacementError("the batch is a number in the spec or in its inputs; leave it open: [N, …]")

    def at_once(size: int) -> Problem:
        values: Mapping[str, int] = {**head["least_batch"], **dict.fromkeys(head["batch"], size)}
        return problem_of(graph, values, cluster.profiles, conditions.dtype, conditions.optimizer)

    if head["devices"]:
        return _by_marks(graph, _as_declared(cluster, head["devices"]), conditions, at_once)
    return _by_search(graph, cluster, conditions, at_once)


def _by_search(
    graph: Graph, cluster: Cluster, conditions: TrainingConditions, at_once: Callable[[int], Problem]
) -> PlacementPlan:
    micro_batches = conditions.micro_batches
    planner = Planner(at_once(conditions.batch // micro_batches), cluster, conditions.schedule)
    counts = [len(kind) for kind in cluster.kinds]
    solution = planner.solve(counts, micro_batches)
    if solution is None:
        raise _too_large(planner, counts, micro_batches)
    parts, schedule = parts_of(planner, solution), SCHEDULES[conditions.schedule]
    run = simulate(schedule.lists(len(parts), 1, micro_batches), stage_costs(planner.ends, cluster.link, parts))
    flights = [schedule.in_flight(len(parts) - s, len(cluster.devices), micro_batches) for s in range(len(parts))]
    return PlacementPlan(
        network=header(graph)["network"],
        variant=header(graph)["variant"],
        hash=content_hash(graph),
        conditions=conditions,
        cluster=cluster,
        problem=planner.problem,
        stages=_stages(planner.ends, cluster, parts, micro_batches, flights),
        bottleneck=solution.split.bottleneck,
        bound=solution.bound,
        step=run.seconds + closing_seconds(planner.problem, cluster.link, parts),
        bubble=run.bubble,
        instead=(*together(cluster, at_once, conditions.batch), *both(planner, micro_batches)),
        schedule=conditions.schedule,
    )


def _by_marks(
    graph: Graph, cluster: Cluster, conditions: TrainingConditions, at_once: Callable[[int], Problem]
) -> PlacementPlan:
    """As the spec says: a stage for each run of layers of one device, several of a device where runs alternate."""
    micro_batches = conditions.micro_batches
    problem = at_once(conditions.batch // micro_batches)
    names = [device.name for device in cluster.devices]
    owners = [names.index(str(layer(graph, key)["device"])) for key in problem.nodes[:-1]]
    ends, parts, start = Boundaries(problem, cluster.link), list[PlacedStage](), 0
    for number, nodes in runs(problem, owners):
        device = cluster.devices[number]
        row = [id(profile) for profile in cluster.profiles].index(id(device.profile))
        parts.append(PlacedStage(device, row, start, start | sum(1 << v for v in nodes)))
        start = parts[-1].end
    owner = [names.index(part.device.name) for part in parts]
    alternate = len(set(owner)) < len(owner)
    used = LIST if alternate else conditions.schedule
    rows = lists_of(used, owner, micro_batches)
    costs = stage_costs(ends, cluster.link, parts)
    run = simulate(rows, costs)
    flights = in_flight(rows)
    stages = _stages(ends, cluster, parts, micro_batches, flights)
    _hold(cluster, stages)
    loads = dict.fromkeys(names, 0.0)
    for s, (part, cost) in enumerate(zip(parts, costs, strict=True)):
        loads[part.device.name] += cost.forward + cost.backward
        if s + 1 < len(parts) and owner[s] != owner[s + 1]:
            for number in (owner[s], owner[s + 1]):
                loads[names[number]] += cost.send + cost.send_back
    slowest = max(loads.values())
    return PlacementPlan(
        network=header(graph)["network"],
        variant=header(graph)["variant"],
        hash=content_hash(graph),
        conditions=conditions,
        cluster=cluster,
        problem=problem,
        stages=stages,
        bottleneck=slowest,
        bound=slowest,
        step=run.seconds + closing_seconds(problem, cluster.link, parts),
        bubble=run.bubble,
        instead=tuple(together(cluster, at_once, conditions.batch)),
        schedule=used,
        marked=True,
    )


def _as_declared(cluster: Cluster, declared: Sequence[str]) -> Cluster:
    """The devices under the names that the spec gives them, where they have none of their own."""
    names = {device.name for device in cluster.devices}
    if names == set(declared):
        return cluster
    if len(names) == len(declared) and cluster.alike:
        renamed = tuple(replace(d, name=name) for d, name in zip(cluster.devices, declared, strict=True))
        return Cluster(renamed, cluster.link)
    raise PlacementError(
        f"the spec places its layers on {', '.join(declared)}, and these devices are {', '.join(sorted(names))}"
    )


def _hold(cluster: Cluster, stages: Sequence[PlannedStage]) -> None:
    """Raises `PlacementError` where a device has not the memory for its stages."""
    for device in cluster.devices:
        needed = sum(stage.peak_bytes for stage in stages if stage.device == device.name)
        if device.memory is not None and needed > device.memory:
            raise PlacementError(
                f"what the spec places on {device.name} needs {size(needed)}, {size(needed - device.memory)} more than "
                "it has; smaller micro-batches, or other marks in the spec, would help"
            )


def _stages(
    ends: Boundaries, cluster: Cluster, parts: Sequence[PlacedStage], micro_batches: int, flights: Sequence[int]
) -> tuple[PlannedStage, ...]:
    problem = ends.problem
    holding = Holding(problem, ends)
    costs = stage_costs(ends, cluster.link, parts)
    return tuple(
        PlannedStage(
            part.device.name,
            tuple(problem.nodes[v] for v in part.nodes(problem) if v < problem.layers),
            cost.forward,
            cost.backward,
            holding.weights(part.start, part.end),
            holding.stage(part.start, part.end, flight, micro_batches),
            tuple(
                Received(tensor.layer, tensor.output, tensor.bytes, s - 1)
                for tensor in (problem.tensors[number] for number in ends.crossing(part.start))
            ),
        )
        for s, (part, cost, flight) in enumerate(zip(parts, costs, flights, strict=True))
    )


def _too_large(planner: Planner, counts: Sequence[int], micro_batches: int) -> PlacementError:
    missing = planner.missing(counts, micro_batches)
    ways = "more or larger devices, smaller or more micro-batches, `@checkpoint` in the spec"
    help = f"{ways}{'' if planner.schedule == '1f1b' else ', or the schedule 1f1b'} would help"
    return PlacementError(f"no split into stages fits into memory: each device would need {size(missing)} more; {help}")
