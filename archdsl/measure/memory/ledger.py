"""Bytes of tensors alive while a network runs: the forward pass, and the peak in inference.

A tensor lives from the layer that makes it to its last use; a view shares the storage of what it looks at. Inputs and
outputs live throughout, since the caller holds them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from archdsl.dims import Dim, Size
from archdsl.measure.run.execution import Execution, ExecutionStep, Storage, Tensor
from archdsl.measure.run.saved import Saved, index_bytes, lowered_weights
from archdsl.symbolic import at_least

MAX_ALIVE: Final = 256  # terms of the bytes alive at once; more are not compared


@dataclass(frozen=True, slots=True)
class Peak:
    """The most bytes alive at once, and where: at which layer, in which phase. None where symbols leave it open."""

    bytes: Size | None
    layer: str = ""
    phase: str = ""


@dataclass
class Ledger:
    """The storages alive on each device while steps run, and the peak so far."""

    alive: dict[str | None, Size] = field(default_factory=dict)
    peaks: dict[str | None, Peak] = field(default_factory=dict)
    sizes: dict[Storage, Size] = field(default_factory=dict)
    holders: Counter[Storage] = field(default_factory=Counter)

    def hold(self, storage: Storage, size: Size) -> None:
        """One more holder of a storage, which is made for the first."""
        if not self.holders[storage]:
            self.sizes[storage] = size
            self.add(storage[2], size)
        self.holders[storage] += 1

    def drop(self, storage: Storage) -> None:
        """One holder less; the storage ends with the last."""
        self.holders[storage] -= 1
        if not self.holders[storage]:
            self.add(storage[2], self.sizes.pop(storage) * -1)
            del self.holders[storage]

    def add(self, device: str | None, size: Size) -> None:
        """Bytes that have no storage of their own; negative where they are freed."""
        self.alive[device] = self.alive.get(device, 0) + size

    def mark(self, step: str, device: str | None, phase: str, scratch: Size = 0) -> None:
        """Note a moment: what is alive now, with what a step allocates for a while, may be the peak."""
        now = self.alive.get(device, 0) + scratch
        peak = self.peaks.get(device, Peak(0))
        if peak.bytes is None:
            return
        larger = at_least(now, peak.bytes)
        if larger is None or (isinstance(now, Dim) and now.weight > MAX_ALIVE):
            self.peaks[device] = Peak(None)
        elif larger and now != peak.bytes:
            self.peaks[device] = Peak(now, step, phase)


def last_uses(run: Execution, steps: Sequence[ExecutionStep]) -> dict[str, list[tuple[Tensor, Storage]]]:
    """By step, the tensors that it is the last to use, each with its storage there. A tensor that no step reads ends
    with the step that makes it; one that a recomputed region reads lives as long as the region."""
    last: dict[tuple[Tensor, Storage], str] = {}
    ends = {step.node["checkpoint"]: step.name for step in steps}
    made = {tensor: step.node["checkpoint"] for step in steps for tensor in step.makes}
    for step in steps:
        for tensor in step.makes:
            last[tensor, run.storages[tensor]] = step.name
        region = step.node["checkpoint"]
        for tensor in step.reads:
            inside = region is None or made.get(tensor) == region
            end = step.name if inside else ends[region]
            last[tensor, run.storages[tensor]] = end
            last[tensor, run.storage(tensor, step.device)] = end
    found: dict[str, list[tuple[Tensor, Storage]]] = {}
    for use, name in last.items():
        found.setdefault(name, []).append(use)
    return found


def forward(
    run: Execution,
    ledger: Ledger,
    steps: Sequence[ExecutionStep],
    phase: str,
    saved: Mapping[str, Saved],
    kept: Collection[Tensor],
) -> None:
    """Run steps: make their outputs, keep what they save for backward, free what is used for the last time.

    `kept` are tensors that others hold beyond these steps.
    """
    uses, copies = last_uses(run, steps), _Copies(run, ledger, steps)
    for tensor in run.inputs:
        copies.send(tensor)
    for step in steps:
        operator = step.node["operator"]
        copies.receive(step)
        if not operator.owns_storage:
            for tensor in step.makes:
                ledger.hold(run.storages[tensor], run.sizes[tensor])
        own = saved.get(step.name)
        extra: Size = 0
        if own is not None:
            for storage, size in own.storages:
                ledger.hold(storage, size)
            ledger.add(step.device, own.extra)
            extra = own.extra
        elif not run.training:
            ledger.add(step.device, lowered_weights(run, step))  # cached until autocast ends
        ledger.mark(step.name, step.device, phase, _scratch(run, step, extra))
        if step.node["checkpoint"] is None:
            for tensor in step.makes:
                for device in copies.send(tensor):
                    ledger.mark(step.name, device, phase)
        for tensor, storage in uses.get(step.name, ()):
            if tensor in kept and storage == run.storages[tensor]:
                continue
            if storage in ledger.holders:
                ledger.drop(storage)


class _Copies:
    """Copies of tensors on other devices, which are there as soon as the tensors are: those that a recomputed region
    makes as soon as they are read, since it is over before others see them."""

    def __init__(self, run: Execution, ledger: Ledger, steps: Sequence[ExecutionStep]) -> None:
        self.run, self.ledger = run, ledger
        self.arrived: set[tuple[Tensor, Storage]] = set()
        self.readers: dict[Tensor, list[str | None]] = {}
        for step in steps:
            for tensor in step.reads:
                self.readers.setdefault(tensor, []).append(step.device)

    def send(self, tensor: Tensor) -> list[str | None]:
        """Copy a tensor to where it is read; the devices on which it has arrived."""
        return [device for device in self.readers.get(tensor, ()) if self._arrives(tensor, device)]

    def receive(self, step: ExecutionStep) -> None:
        for tensor in step.reads:
            self._arrives(tensor, step.device)

    def _arrives(self, tensor: Tensor, device: str | None) -> bool:
        copy = self.run.storage(tensor, device)
        if copy == self.run.storages[tensor] or (tensor, copy) in self.arrived:
            return False
        self.arrived.add((tensor, copy))
        self.ledger.hold(copy, self.run.sizes[tensor])
        return True


def _scratch(run: Execution, step: ExecutionStep, saved: Size) -> Size:
    """What a layer allocates for a while in forward, without what it keeps for backward in any case."""
    operator = step.node["operator"]
    if operator.aliases(run.training):
        return 0
    use = run.uses[step.name]
    values = sum(operator.copies(use), operator.scratch(use.shapes, use.output)) * run.elements[step.makes[0]]
    values = values + index_bytes(run, step)
    rest = values - saved
    return rest if at_least(rest, 0) else 0


def inference(run: Execution, ledger: Ledger | None = None) -> Ledger:
    """What is alive in inference, weights not counted; in a ledger of the caller's, if one is given."""
    ledger = ledger or Ledger()
    forward(run, ledger, run.steps, "inference", {}, {*run.inputs, *run.outputs})
    return ledger


def inference_peak(run: Execution) -> Size | None:
    """The most bytes of tensors alive at once in inference, on all devices; None where symbols leave it open."""
    return inference(run).peaks[None].bytes
