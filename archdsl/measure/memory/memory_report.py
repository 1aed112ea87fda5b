"""Where the memory of a network goes, part by part and device by device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from archdsl.dims import Size
from archdsl.graph import Graph, plain
from archdsl.measure.memory.ledger import Peak, inference
from archdsl.measure.memory.training import at_rest, trainable, training, weight_bytes
from archdsl.measure.run.execution import Execution, Hardware, Runs, Setting
from archdsl.measure.run.optimizer import OPTIMIZERS
from archdsl.measure.run.precision import PRECISIONS
from archdsl.measure.run.saved import kept_by_device
from archdsl.net_view import NetView
from archdsl.symbolic import where_decided

ALL = "all"


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes on one device. `weights` holds buffers too; both peaks hold the weights."""

    weights: int
    gradients: int
    optimizer: int
    kept_for_backward: Size | None  # None, like the bytes of a peak, where symbols leave it open
    training_peak: Peak
    inference_peak: Peak

    def to_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in (f.name for f in fields(self)):
            value = getattr(self, name)
            if isinstance(value, Peak):
                found[name] = {"bytes": plain(value.bytes), "layer": value.layer or None, "phase": value.phase or None}
            else:
                found[name] = plain(value)
        return found


@dataclass(frozen=True, slots=True)
class MemoryReport:
    """The memory of each device; `ALL` is that of a single device which does everything."""

    dtype: str
    optimizer: str
    hardware: Hardware
    devices: Mapping[str, Memory]

    def to_dict(self) -> dict[str, Any]:
        return {
            "dtype": self.dtype,
            "optimizer": self.optimizer,
            "hardware": self.hardware,
            "devices": {name: memory.to_dict() for name, memory in self.devices.items()},
        }


def memory_report(
    graph: Graph, *, optimizer: str = "sgd", dtype: str = "fp32", hardware: Hardware = "cuda"
) -> MemoryReport:
    """The memory of a network for the batch given.

    Raises `KeyError` for an optimizer or a dtype that is not in `OPTIMIZERS` or `PRECISIONS`.
    """
    net, setting = NetView(graph), Setting(PRECISIONS[dtype], hardware)
    devices = {ALL: memories(Runs(net, setting), optimizer)[None]}
    if net.header["devices"]:
        apart = memories(Runs(net, replace(setting, by_device=True)), optimizer)
        devices = {name: apart[name] for name in net.header["devices"] if name in apart} | devices
    return MemoryReport(dtype, optimizer, hardware, devices)


def memories(runs: Runs, optimizer: str) -> dict[str | None, Memory]:
    """The memory of each device; None is the only one where the setting keeps none apart."""
    kept = where_decided(lambda: kept_by_device(runs.net.graph, runs.training))
    trained = where_decided(lambda: training(runs.training, OPTIMIZERS[optimizer]).peaks)
    inferred = where_decided(lambda: inference(runs.inference).peaks)
    inferring = at_rest(runs.inference)
    found = {}
    for device, (weights, gradients, states) in _at_rest(runs.training, OPTIMIZERS[optimizer].states).items():
        peak, own = Peak(None) if inferred is None else inferred.get(device, Peak(0)), inferring.get(device, 0)
        inference_peak = Peak(None if peak.bytes is None else peak.bytes + own, peak.layer, peak.phase)
        training_peak = Peak(None) if trained is None else trained[device]
        kept_here = None if kept is None else kept.get(device, 0)
        found[device] = Memory(weights, gradients, states, kept_here, training_peak, inference_peak)
    return found


def _at_rest(run: Execution, states: int) -> dict[str | None, tuple[int, int, int]]:
    """By device, the bytes of weights with buffers, of gradients, and of the optimizer's states."""
    found: dict[str | None, tuple[int, int, int]] = {}
    for step in run.steps:
        weights, gradients, kept = found.get(step.device, (0, 0, 0))
        own = trainable(step.node) * run.setting.precision.weight
        found[step.device] = (weights + weight_bytes(step.node, run.setting), gradients + own, kept + own * states)
    return found
