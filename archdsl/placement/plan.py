"""The plan of a placement: which layers each stage has, what that costs, and what else could be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archdsl.graph import Graph, content_hash, header
from archdsl.placement.bounds import Planner, Solution
from archdsl.placement.devices import Cluster, Device, PlacementError
from archdsl.placement.holding import Holding
from archdsl.placement.parallel import Way, both, pipeline_step, run_of, stage_costs, together
from archdsl.placement.problem import Problem, problem_of
from archdsl.placement.schedule import SCHEDULES
from archdsl.sheet.units import size


@dataclass(frozen=True, slots=True)
class Conditions:
    """How the network is trained: `batch` is that of a step, which is cut into micro-batches of equal size."""

    batch: int = 32
    micro_batches: int = 16
    schedule: str = "1f1b"
    optimizer: str = "sgd"
    dtype: str = "fp32"


@dataclass(frozen=True, slots=True)
class Received:
    """A tensor that a stage receives from the one before, whichever made it."""

    layer: str
    output: int
    bytes: int
    source: int  # the stage that sends it

    def to_dict(self) -> dict[str, Any]:
        return {"layer": self.layer, "output": self.output, "bytes": self.bytes, "from": self.source}


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: times are of one micro-batch, bytes of a micro-batch for what is received, else of the whole step."""

    device: str
    layers: tuple[str, ...]
    forward: float
    backward: float
    weight_bytes: int
    peak_bytes: int
    receives: tuple[Received, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "device": self.device,
            "layers": list(self.layers),
            "forward_s": self.forward,
            "backward_s": self.backward,
            "weight_bytes": self.weight_bytes,
            "peak_bytes": self.peak_bytes,
            "receives": [received.to_dict() for received in self.receives],
        }


@dataclass(frozen=True, slots=True)
class PlacementPlan:
    """A pipeline, and what else the devices could do with the same batch.

    bottleneck: seconds of a micro-batch on the slowest stage, with what it receives and sends; no split has less than
    `bound`. step: predicted seconds of a training step. bubble: the share of the devices' time in which they wait.
    """

    network: str
    variant: str | None
    hash: str
    conditions: Conditions
    cluster: Cluster
    problem: Problem
    stages: tuple[Stage, ...]
    bottleneck: float
    bound: float
    step: float
    bubble: float
    instead: tuple[Way, ...]

    @property
    def gap(self) -> float:
        return 1 - self.bound / self.bottleneck if self.bottleneck else 0.0

    @property
    def pipeline(self) -> Way:
        count = len(self.stages)
        how = f"pipeline of {count} stages" if count > 1 else f"one device ({self.stages[0].device}) in micro-batches"
        return Way(how, self.step, stages=count)

    @property
    def ways(self) -> list[Way]:
        """All ways, the quickest first."""
        return sorted((self.pipeline, *self.instead), key=lambda way: way.step)

    @property
    def best(self) -> Way:
        """The quickest way of those that fit into memory."""
        return next(way for way in self.ways if way.fits)

    def to_dict(self) -> dict[str, Any]:
        """Plain data with stable keys."""
        conditions = self.conditions
        return {
            "archdsl": 1,
            "network": self.network,
            "variant": self.variant,
            "hash": self.hash,
            "batch": conditions.batch,
            "micro_batches": conditions.micro_batches,
            "schedule": conditions.schedule,
            "optimizer": conditions.optimizer,
            "dtype": conditions.dtype,
            "devices": [{"name": d.name, "profile": d.profile.name, "memory": d.memory} for d in self.cluster.devices],
            "best": self.best.how,
            "stages": [stage.to_dict() for stage in self.stages],
            "bottleneck_s": self.bottleneck,
            "bound_s": self.bound,
            "step_s": self.step,
            "bubble": self.bubble,
            "instead": [way.to_dict() for way in self.instead],
            "problem": self._problem(),
        }

    def _problem(self) -> dict[str, Any]:
        problem, link = self.problem, self.cluster.link
        names = problem.nodes
        return {
            "nodes": [
                {
                    "layer": name,
                    "forward_s": problem.times[0].forward[v],
                    "backward_s": problem.times[0].backward[v],
                    "profiles": {
                        profile.name: {"forward_s": times.forward[v], "backward_s": times.backward[v]}
                        for profile, times in zip(self.cluster.profiles, problem.times, strict=True)
                    },
                }
                for v, name in enumerate(names)
            ],
            "tensors": [
                {
                    "layer": tensor.layer,
                    "output": tensor.output,
                    "bytes": tensor.bytes,
                    "gradient_bytes": tensor.gradient,
                    "readers": [names[v] for v in tensor.readers],
                }
                for tensor in problem.tensors
            ],
            "link": {"bytes_per_s": link.bandwidth, "latency_s": link.latency},
        }


def place(graph: Graph, cluster: Cluster, conditions: Conditions) -> PlacementPlan:
    """Place a network on devices.

    Raises `PlacementError` where the batch cannot be cut, the network places its layers itself, or no split has the
    memory; `SpecError` where sizes are left open; `ProfileError` where a profile has no rates for the dtype.
    """
    head = header(graph)
    if head["devices"]:
        raise PlacementError(
            f"the network places its layers itself, on {', '.join(head['devices'])}; without the marks it can be placed"
        )
    batch, micro_batches = conditions.batch, conditions.micro_batches
    if batch % micro_batches:
        divisors = [n for n in range(1, batch + 1) if batch % n == 0]
        near = min(divisors, key=lambda n: (abs(n - micro_batches), n))
        raise PlacementError(
            f"a batch of {batch} cannot be cut into {micro_batches} micro-batches of equal size; {near} would do"
        )
    if not head["batch"]:
        raise PlacementError("the batch is a number in the spec or in its inputs; leave it open: [N, …]")

    def at_once(size: int) -> Problem:
        values: Mapping[str, int] = {**head["least_batch"], **dict.fromkeys(head["batch"], size)}
        return problem_of(graph, values, cluster.profiles, conditions.dtype, conditions.optimizer)

    planner = Planner(at_once(batch // micro_batches), cluster, conditions.schedule)
    counts = [len(kind) for kind in cluster.kinds]
    solution = planner.solve(counts, micro_batches)
    if solution is None:
        raise _too_large(planner, counts, micro_batches)
    ways = (*together(cluster, at_once, batch), *both(planner, micro_batches))
    run = run_of(planner, solution, micro_batches)
    return PlacementPlan(
        head["network"],
        head["variant"],
        content_hash(graph),
        conditions,
        cluster,
        planner.problem,
        _stages(planner, solution, micro_batches),
        solution.split.bottleneck,
        solution.bound,
        pipeline_step(planner, solution, micro_batches),
        run.bubble,
        ways,
    )


def _stages(planner: Planner, solution: Solution, micro_batches: int) -> tuple[Stage, ...]:
    problem, split = planner.problem, solution.split
    holding = Holding(problem, planner.ends, micro_batches)
    flight, count = SCHEDULES[planner.schedule].in_flight, len(split.ends)
    free: list[list[Device]] = [list(kind) for kind in planner.cluster.kinds]
    found = []
    costs = stage_costs(planner, solution)
    for number, (start, end, kind, cost) in enumerate(zip(split.starts, split.ends, split.kinds, costs, strict=True)):
        received = [problem.tensors[n] for n in planner.ends.crossing(start)]
        under_way = flight(count - number, len(planner.cluster.devices), micro_batches)
        found.append(
            Stage(
                free[kind].pop(0).name,
                tuple(problem.nodes[v] for v in range(problem.layers) if (end & ~start) >> v & 1),
                cost.forward,
                cost.backward,
                holding.weights(start, end),
                holding.stage(start, end, under_way),
                tuple(Received(t.layer, t.output, t.bytes, number - 1) for t in received),
            )
        )
    return tuple(found)


def _too_large(planner: Planner, counts: list[int], micro_batches: int) -> PlacementError:
    missing = planner.missing(counts, micro_batches)
    ways = "more or larger devices, smaller or more micro-batches, `@checkpoint` in the spec"
    help = f"{ways}{'' if planner.schedule == '1f1b' else ', or the schedule 1f1b'} would help"
    return PlacementError(f"no split into stages fits into memory: each device would need {size(missing)} more; {help}")
