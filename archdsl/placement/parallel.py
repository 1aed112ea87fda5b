"""Ways to train on several devices, each with the time of a step: the pipeline is one of them, and often not the best.

Every way computes the same batch and ends with the optimizer's step. Replicas exchange gradients in a ring when the
backward pass is done: 2 (n − 1) / n of their bytes over each link (Patarasuk and Yuan, "Bandwidth Optimal All-reduce
Algorithms for Clusters of Workstations", 2009). What torch overlaps of that with the backward pass is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from archdsl.placement.bounds import Planner
from archdsl.placement.devices import Cluster, Link
from archdsl.placement.holding import Holding
from archdsl.placement.ideals import Boundaries
from archdsl.placement.pipelined import pipelined, refused
from archdsl.placement.problem import Problem, Times
from archdsl.placement.stages import PlacedStage


@dataclass(frozen=True, slots=True)
class Way:
    """A way to train: seconds of a step, and by how many bytes the memory is too small; 0 where it is not."""

    how: str
    step: float
    missing: int = 0
    stages: int = 1
    replicas: int = 1

    @property
    def fits(self) -> bool:
        return not self.missing

    def to_dict(self) -> dict[str, object]:
        return {"how": self.how, "step_s": self.step, "fits": self.fits}


def all_reduce(link: Link, bytes: int, replicas: int) -> float:
    """Seconds in which replicas add up gradients of so many bytes."""
    steps = 2 * (replicas - 1)
    return link.seconds(bytes * steps / replicas, steps) if replicas > 1 and bytes else 0.0


def closing_seconds(problem: Problem, link: Link, parts: Sequence[PlacedStage], replicas: int = 1) -> float:
    """What ends a step: the exchange of the replicas of each device's weights, and their update, of the slowest."""
    whole = sum(problem.parameters)
    spent: dict[str, float] = {}
    for part in parts:
        own = sum(problem.parameters[v] for v in part.nodes(problem))
        update = problem.times[part.row].update * own / whole if whole else 0.0
        spent[part.device.name] = spent.get(part.device.name, 0.0) + all_reduce(link, own, replicas) + update
    return max(spent.values())


def together(cluster: Cluster, at_once: Callable[[int], Problem], batch: int) -> list[Way]:
    """One device of each kind; and all with a share of the batch each, where it can be shared out."""
    ways = []
    whole = at_once(batch)
    for kind in cluster.kinds:
        device = kind[0]
        ways.append(
            Way(
                f"one device ({device.name})",
                _alone(whole.times[cluster.row(device)]),
                _missing(whole, cluster, device.memory),
            )
        )
    count = len(cluster.devices)
    if count > 1 and batch % count == 0:
        share = at_once(batch // count)
        step = max(_alone(times) for times in share.times) + all_reduce(cluster.link, sum(share.parameters), count)
        missing = max(_missing(share, cluster, kind[0].memory) for kind in cluster.kinds)
        ways.append(Way(f"data parallel on {count} devices", step, missing, replicas=count))
    return ways


def both(planner: Planner, each: int, micro_batches: int) -> list[Way]:
    """Replicas of a pipeline over a part of the devices each, which share the micro-batches."""
    count = len(planner.cluster.devices)
    if not planner.cluster.alike:
        return []
    found = []
    for replicas in range(2, count):
        own = micro_batches // replicas
        if count % replicas or micro_batches % replicas or refused(planner, count // replicas, each, own):
            continue
        piped = pipelined(planner, [count // replicas], each, own)
        if piped is not None and len(piped.parts) > 1:
            step = piped.run.seconds + closing_seconds(planner.problem, planner.cluster.link, piped.parts, replicas)
            how = f"{replicas} replicas of a pipeline of {len(piped.parts)} stages"
            found.append(Way(how, step, stages=len(piped.parts), replicas=replicas))
    return found


def _alone(times: Times) -> float:
    return sum(times.forward) + sum(times.backward) + times.update


def _missing(problem: Problem, cluster: Cluster, memory: int | None) -> int:
    if memory is None:
        return 0
    ends = Boundaries(problem, cluster.link)
    return max(Holding(problem, ends).stage(0, ends.all, 1, 1) - memory, 0)
