"""The plan of a placement: which layers each stage has, what that costs, and what else could be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from archdsl.placement.actions import ActionRow
from archdsl.placement.device_map import folded
from archdsl.placement.devices import Cluster, PlacementError
from archdsl.placement.parallel import Way
from archdsl.placement.problem import Problem
from archdsl.placement.simulate import StageCost
from archdsl.placement.spec_source import SpecSource

OBJECTIVES: Final = ("throughput", "latency")


@dataclass(frozen=True, slots=True)
class TrainingConditions:
    """How the network is trained: `batch` is that of a step, which is cut into micro-batches of equal size.

    stages_per_device: where the split is searched for. objective: steps of training one after the other, or, for
    latency, one batch in inference, at once.
    """

    batch: int = 32
    micro_batches: int = 16
    schedule: str = "1f1b"
    optimizer: str = "sgd"
    dtype: str = "fp32"
    stages_per_device: int = 1
    objective: str = "throughput"


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
class PlannedStage:
    """A stage: times are of one micro-batch, bytes of a micro-batch for what is received, else of the whole step.

    resting_bytes are those of `peak_bytes` that are there throughout: weights, their gradients and states, and buffers.
    """

    device: str
    layers: tuple[str, ...]
    forward: float
    backward: float
    weight_bytes: int
    peak_bytes: int
    resting_bytes: int
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

    bottleneck: seconds of a micro-batch on the slowest device, with what it receives and sends; no split has less than
    `bound`, which is the same where the spec places its layers. step: predicted seconds of a training step. bubble: the
    share of the devices' time in which they wait. For latency `bottleneck` and `step` are the seconds of the batch, and
    no placement has less than `bound`. schedule: what the stages run by; "list" where devices alternate.
    """

    network: str
    variant: str | None
    hash: str
    conditions: TrainingConditions
    cluster: Cluster
    problem: Problem
    stages: tuple[PlannedStage, ...]
    bottleneck: float
    bound: float
    step: float
    bubble: float
    instead: tuple[Way, ...]
    schedule: str
    lists: tuple[ActionRow, ...]  # of the devices that have stages, in the order of `used`
    costs: tuple[StageCost, ...]  # of the stages
    marked: bool = False  # whether the spec says where its layers are
    pinned: int = 0  # where it says so of some only: of how many
    moments: tuple[tuple[float, float], ...] = ()  # for latency, when each layer begins and ends
    source: SpecSource | None = None  # where processes find the network

    @property
    def gap(self) -> float:
        return 1 - self.bound / self.bottleneck if self.bottleneck else 0.0

    @property
    def used(self) -> tuple[str, ...]:
        """The devices that have stages, in the order of their first."""
        return tuple(dict.fromkeys(stage.device for stage in self.stages))

    @property
    def owners(self) -> tuple[int, ...]:
        """Of each stage, the number of its device among `used`: what the lists of the schedule rest on."""
        return tuple(self.used.index(stage.device) for stage in self.stages)

    @property
    def devices(self) -> dict[str, str]:
        """The device of each layer, by its key, in the order of the stages."""
        return {layer: stage.device for stage in self.stages for layer in stage.layers}

    def device_map(self, names: Mapping[str, str | int] | None = None) -> dict[str, str | int]:
        """The plan as the `device_map` of Hugging Face's accelerate: devices of modules by the shortest paths.

        Devices are numbers in the order in which they were given, or what `names` calls them. Raises `PlacementError`
        where a module is used on several devices, or `names` lacks a device.
        """
        called = names if names is not None else {d.name: number for number, d in enumerate(self.cluster.devices)}
        found: dict[str, str | int] = {}
        for key, device in self.devices.items():
            if device not in called:
                raise PlacementError(f"`names` does not say what {device} is called")
            if found.setdefault(key.partition("#")[0], called[device]) != called[device]:
                raise PlacementError(f"`{key}` is used on several devices")
        return folded(found)

    @property
    def pipeline(self) -> Way:
        count = len(self.stages)
        if self.marked:
            return Way("as the spec places it", self.step, stages=count)
        if self.conditions.objective == "latency":
            several = f"split over {len(self.used)} devices"
            return Way(several if len(self.used) > 1 else f"one device ({self.used[0]})", self.step, stages=count)
        each = f" on {len(self.used)} devices" if 1 < len(self.used) < count else ""
        how = (
            f"pipeline of {count} stages{each}"
            if count > 1
            else f"one device ({self.stages[0].device}) in micro-batches"
        )
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
            "spec": None if self.source is None else self.source.to_dict(),
            "batch": conditions.batch,
            "micro_batches": conditions.micro_batches,
            "schedule": self.schedule,
            "objective": conditions.objective,
            "owners": list(self.owners),
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
