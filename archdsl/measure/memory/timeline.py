"""The memory of a network over time: the bytes alive at every moment of inference and of a training step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from archdsl.dims import Size
from archdsl.graph import Graph
from archdsl.measure.memory.ledger import Ledger, Peak, inference
from archdsl.measure.memory.memory_report import ALL, memory_report
from archdsl.measure.memory.training import at_rest, training
from archdsl.measure.run.execution import Hardware, Runs, Setting
from archdsl.measure.run.optimizer import OPTIMIZERS
from archdsl.measure.run.precision import PRECISIONS
from archdsl.net_view import NetView


class Moment(NamedTuple):
    """A layer at work. `layer` is empty in the optimizer's step, which is of no layer."""

    layer: str
    phase: str
    bytes: Size


@dataclass(frozen=True, slots=True)
class Course:
    """The bytes alive on a device from the first layer to the last. `rest` is there throughout: weights, states of the
    optimizer. `peak` is what the memory's report says, and the most of all moments."""

    moments: tuple[Moment, ...]
    rest: int
    peak: Peak


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happens on one device."""

    inference: Course
    training: Course


@dataclass
class _Recorder(Ledger):
    """A ledger that remembers every moment, with the bytes alive on each device."""

    moments: list[tuple[str, str, Mapping[str | None, Size]]] = field(default_factory=list)

    def mark(self, step: str, device: str | None, phase: str, scratch: Size = 0) -> None:
        super().mark(step, device, phase, scratch)
        self.moments.append((step, phase, {**self.alive, device: self.alive.get(device, 0) + scratch}))

    def course(self, device: str | None, rest: int, peak: Peak, besides: int = 0) -> Course:
        """What happens on a device; `besides` is alive there and not in the ledger."""
        moments = (Moment(step, phase, alive.get(device, 0) + besides) for step, phase, alive in self.moments)
        return Course(tuple(moments), rest, peak)


def timelines(
    graph: Graph, *, optimizer: str = "sgd", dtype: str = "fp32", hardware: Hardware = "cuda"
) -> dict[str, Timeline]:
    """The timeline of each device of a memory report, by its name there."""
    report = memory_report(graph, optimizer=optimizer, dtype=dtype, hardware=hardware)
    net = NetView(graph)
    found = {}
    for by_device in {name != ALL for name in report.devices}:
        runs = Runs(net, Setting(PRECISIONS[dtype], hardware, by_device))
        inferred, trained = _Recorder(), _Recorder()
        inference(runs.inference, inferred)
        training(runs.training, OPTIMIZERS[optimizer], trained)
        weights = at_rest(runs.inference)
        for name, memory in report.devices.items():
            if (name != ALL) == by_device:
                device = name if by_device else None
                own = weights.get(device, 0)
                found[name] = Timeline(
                    inferred.course(device, own, memory.inference_peak, besides=own),
                    trained.course(device, memory.weights + memory.optimizer, memory.training_peak),
                )
    return {name: found[name] for name in report.devices}
