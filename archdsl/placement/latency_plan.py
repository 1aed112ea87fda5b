"""The plan of a placement for latency: one batch through the network in inference, on several devices at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archdsl.graph import Graph, content_hash, header, layer
from archdsl.placement.devices import Cluster, PlacementError
from archdsl.placement.latency import ListSchedule, least_seconds, soonest
from archdsl.placement.marks import runs
from archdsl.placement.parallel import Way
from archdsl.placement.plan import PlacementPlan, PlannedStage, Received, TrainingConditions
from archdsl.placement.problem import Problem
from archdsl.placement.schedule import LATENCY
from archdsl.sheet.units import size


def place_for_latency(
    graph: Graph, cluster: Cluster, conditions: TrainingConditions, problem: Problem
) -> PlacementPlan:
    """The plan of a problem of inference. A stage is a run of layers of one device. Raises `PlacementError` where no
    schedule that is tried fits into memory."""
    names = [device.name for device in cluster.devices]
    nodes = [layer(graph, key) for key in problem.nodes[:-1]]
    pins = {v: names.index(str(node["device"])) for v, node in enumerate(nodes) if node["pinned"]}
    named = replace(cluster, named=frozenset(names[number] for number in pins.values()))
    found = soonest(problem, named, pins)
    if found is None:
        raise PlacementError(_too_large(problem, cluster))
    stages = _stages(problem, cluster, found)
    used = len({stage.device for stage in stages})
    marked = len(pins) == problem.layers
    return PlacementPlan(
        network=header(graph)["network"],
        variant=header(graph)["variant"],
        hash=content_hash(graph),
        conditions=conditions,
        cluster=cluster,
        problem=problem,
        stages=stages,
        bottleneck=found.seconds,
        bound=found.seconds if marked else min(least_seconds(problem, cluster), found.seconds),
        step=found.seconds,
        bubble=1 - found.busy / (found.seconds * used) if found.seconds else 0.0,
        instead=tuple(_alone(problem, cluster, stages)),
        schedule=LATENCY,
        lists=(),
        costs=(),
        marked=marked,
        pinned=0 if marked else len(pins),
        moments=tuple(zip(found.start, found.end, strict=True)),
    )


def _stages(problem: Problem, cluster: Cluster, found: ListSchedule) -> tuple[PlannedStage, ...]:
    order = [(device, [v for v in nodes if v < problem.layers]) for device, nodes in runs(problem, found.owners)]
    stage_of = {v: s for s, (_, nodes) in enumerate(order) for v in nodes}
    there: set[tuple[int, int]] = set()  # tensors on devices
    stages = []
    for s, (number, nodes) in enumerate(order):
        receives, made = [], 0
        for which, tensor in enumerate(problem.tensors):
            own = tensor.producer is not None and stage_of[tensor.producer] == s
            made += tensor.bytes if own else 0
            read = any(stage_of.get(v) == s for v in tensor.readers)
            if tensor.producer is None or found.owners[tensor.producer] == number or not read:
                continue
            if (which, number) not in there:
                there.add((which, number))
                receives.append(Received(tensor.layer, tensor.output, tensor.bytes, stage_of[tensor.producer]))
        device, resting = cluster.devices[number], sum(problem.at_rest[v] for v in nodes)
        inputs = sum(t.bytes for t in problem.tensors if t.producer is None and any(v in nodes for v in t.readers))
        stages.append(
            PlannedStage(
                device.name,
                tuple(problem.nodes[v] for v in nodes),
                sum(problem.times[cluster.row(device)].forward[v] for v in nodes),
                0.0,
                resting,
                resting + made + inputs + sum(received.bytes for received in receives),
                resting,
                tuple(receives),
            )
        )
    return tuple(stages)


def _alone(problem: Problem, cluster: Cluster, stages: Sequence[PlannedStage]) -> list[Way]:
    """One device of each kind, unless the plan is that."""
    used = {stage.device for stage in stages}
    ways = []
    for kind in cluster.kinds:
        if used <= {device.name for device in kind} and len(used) == 1:
            continue
        seconds = sum(problem.times[cluster.row(kind[0])].forward)
        needed = sum(problem.at_rest) + sum(tensor.bytes for tensor in problem.tensors)
        ways.append(Way(f"one device ({kind[0].name})", seconds, max(needed - (kind[0].memory or needed), 0)))
    return ways


def _too_large(problem: Problem, cluster: Cluster) -> str:
    needed = sum(problem.at_rest) + sum(tensor.bytes for tensor in problem.tensors)
    has = sum(device.memory or 0 for device in cluster.devices)
    return (
        f"no placement that was tried fits into memory: the network takes {size(needed)}, and the devices have "
        f"{size(has)}; more or larger devices, or a smaller batch, would help"
    )
