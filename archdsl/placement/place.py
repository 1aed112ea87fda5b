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
from archdsl.placement.latency_plan import place_for_latency
from archdsl.placement.marks import runs
from archdsl.placement.parallel import Way, both, closing_seconds, together
from archdsl.placement.pipelined import Pipelined, pipelined, refused
from archdsl.placement.plan import PlacementPlan, PlannedStage, Received, TrainingConditions
from archdsl.placement.problem import Problem, inference_problem_of, problem_of
from archdsl.placement.schedule import LIST, lists_of, suits
from archdsl.placement.simulate import simulate
from archdsl.placement.stages import PlacedStage, device_seconds, stage_costs
from archdsl.sheet.units import duration, size


def place(graph: Graph, cluster: Cluster, conditions: TrainingConditions) -> PlacementPlan:
    """Place a network on devices.

    Raises `PlacementError` where the batch cannot be cut, the devices are not those that the spec marks, or the memory
    is too small; `SpecError` where sizes are left open; `ProfileError` where a profile has no rates for the dtype.
    """
    head = header(graph)
    batch, micro_batches = conditions.batch, conditions.micro_batches
    if conditions.objective == "throughput" and batch % micro_batches:
        divisors = [n for n in range(1, batch + 1) if batch % n == 0]
        near = min(divisors, key=lambda n: (abs(n - micro_batches), n))
        raise PlacementError(
            f"a batch of {batch} cannot be cut into {micro_batches} micro-batches of equal size; {near} would do"
        )
    if not head["batch"]:
        raise PlacementError("the batch is a number in the spec or in its inputs; leave it open: [N, …]")

    def values(size: int) -> Mapping[str, int]:
        return {**head["least_batch"], **dict.fromkeys(head["batch"], size)}

    def at_once(size: int) -> Problem:
        return problem_of(graph, values(size), cluster.profiles, conditions.dtype, conditions.optimizer)

    declared = _as_declared(cluster, head["devices"]) if head["devices"] else cluster
    if conditions.objective == "latency":
        problem = inference_problem_of(graph, values(batch), cluster.profiles, conditions.dtype)
        return place_for_latency(graph, declared, conditions, problem)
    if not head["devices"]:
        return _by_search(graph, cluster, conditions, at_once)
    return _completed(graph, declared, conditions, at_once) or _by_marks(graph, declared, conditions, at_once)


def _by_search(
    graph: Graph, cluster: Cluster, conditions: TrainingConditions, at_once: Callable[[int], Problem]
) -> PlacementPlan:
    micro_batches, each = conditions.micro_batches, conditions.stages_per_device
    planner = Planner(at_once(conditions.batch // micro_batches), cluster, conditions.schedule)
    refusal = refused(planner, len(cluster.devices), each, micro_batches)
    if refusal is not None:
        raise PlacementError(f"{conditions.schedule} {refusal}")
    counts = [len(kind) for kind in cluster.kinds]
    piped = pipelined(planner, counts, each, micro_batches)
    if piped is None:
        raise _too_large(planner, counts, conditions, together(cluster, at_once, conditions.batch))
    instead = (*together(cluster, at_once, conditions.batch), *both(planner, each, micro_batches))
    return _plan(graph, planner.ends, cluster, conditions, piped, instead)


def _completed(
    graph: Graph, cluster: Cluster, conditions: TrainingConditions, at_once: Callable[[int], Problem]
) -> PlacementPlan | None:
    """The best split in which what the spec marks is where it says; None where it marks everything, or where a device
    would need more than one stage."""
    micro_batches = conditions.micro_batches
    problem = at_once(conditions.batch // micro_batches)
    marked = {v: layer(graph, key) for v, key in enumerate(problem.nodes[:-1])}
    pins = {v: str(node["device"]) for v, node in marked.items() if node["pinned"]}
    if len(pins) == problem.layers or conditions.stages_per_device > 1:
        return None
    planner = Planner(problem, cluster, conditions.schedule, pins)
    counts = [len(kind) for kind in planner.cluster.kinds]
    if refused(planner, len(cluster.devices), 1, micro_batches) is not None or not planner.possible(counts):
        return None
    piped = pipelined(planner, counts, 1, micro_batches)
    if piped is None:
        raise _too_large(planner, counts, conditions, together(cluster, at_once, conditions.batch))
    plan = _plan(graph, planner.ends, cluster, conditions, piped, tuple(together(cluster, at_once, conditions.batch)))
    return replace(plan, pinned=len(pins))


def _by_marks(
    graph: Graph, cluster: Cluster, conditions: TrainingConditions, at_once: Callable[[int], Problem]
) -> PlacementPlan:
    """As the spec says: a stage for each run of layers of one device, several of a device where runs alternate."""
    micro_batches = conditions.micro_batches
    problem = at_once(conditions.batch // micro_batches)
    names = [device.name for device in cluster.devices]
    marked = [names.index(str(layer(graph, key)["device"])) for key in problem.nodes[:-1]]
    ends, parts, start = Boundaries(problem, cluster.link), list[PlacedStage](), 0
    for number, nodes in runs(problem, marked):
        device = cluster.devices[number]
        parts.append(PlacedStage(device, cluster.row(device), start, start | sum(1 << v for v in nodes)))
        start = parts[-1].end
    owners = [names.index(part.device.name) for part in parts]
    used = conditions.schedule if suits(conditions.schedule, owners, micro_batches) else LIST
    lists, costs = lists_of(used, owners, micro_batches), stage_costs(ends, cluster.link, parts)
    slowest = max(device_seconds(parts, costs).values())
    run, flights = simulate(lists, costs), tuple(in_flight(lists))
    piped = Pipelined(tuple(parts), lists, tuple(costs), flights, slowest, slowest, run)
    instead = tuple(together(cluster, at_once, conditions.batch))
    plan = _plan(graph, ends, cluster, conditions, piped, instead)
    _hold(cluster, plan.stages)
    return replace(plan, schedule=used, marked=True)


def _plan(
    graph: Graph,
    ends: Boundaries,
    cluster: Cluster,
    conditions: TrainingConditions,
    piped: Pipelined,
    instead: tuple[Way, ...],
) -> PlacementPlan:
    return PlacementPlan(
        network=header(graph)["network"],
        variant=header(graph)["variant"],
        hash=content_hash(graph),
        conditions=conditions,
        cluster=cluster,
        problem=ends.problem,
        stages=_stages(ends, cluster, piped.parts, conditions.micro_batches, piped.in_flight),
        bottleneck=piped.bottleneck,
        bound=piped.bound,
        step=piped.run.seconds + closing_seconds(ends.problem, cluster.link, piped.parts),
        bubble=piped.run.bubble,
        instead=instead,
        schedule=conditions.schedule,
        lists=piped.lists,
        costs=piped.costs,
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
            holding.stage(part.start, part.end, 0, micro_batches),
            tuple(
                Received(tensor.layer, tensor.output, tensor.bytes, s - 1)
                for tensor in (problem.tensors[number] for number in ends.crossing(part.start))
            ),
        )
        for s, (part, cost, flight) in enumerate(zip(parts, costs, flights, strict=True))
    )


def _too_large(
    planner: Planner, counts: Sequence[int], conditions: TrainingConditions, instead: Sequence[Way]
) -> PlacementError:
    ways = "more or larger devices, smaller or more micro-batches, `@checkpoint` in the spec"
    help = f"{ways}{'' if planner.schedule == '1f1b' else ', or the schedule 1f1b'} would help"
    fit = [f"{way.how}, {duration(way.step)} a step" for way in instead if way.fits]
    help += f"; without a pipeline there is room: {'; '.join(fit)}" if fit else ""
    if conditions.stages_per_device > 1:
        return PlacementError(f"no split into stages that was tried fits into memory: {help}")
    missing = planner.missing(counts, conditions.micro_batches)
    needed = f"each device would need {size(missing)} more; " if missing is not None else ""
    return PlacementError(f"no split into stages fits into memory: {needed}{help}")
