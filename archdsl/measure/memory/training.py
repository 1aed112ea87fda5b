"""The memory of a training step: weights, gradients, the optimizer's states, and activations as they come and go.

A step is the forward pass and the loss, the backward pass, and the optimizer's update. Gradients of weights are None
before it, as `optimizer.zero_grad()` leaves them. In backward layers run in reverse; each makes the gradients of what
it read, which end as soon as they are consumed, and then frees what it kept.
"""

from __future__ import annotations

import math
from itertools import count

from archdsl.dims import Size
from archdsl.graph import Layer
from archdsl.measure.memory.ledger import Ledger, forward
from archdsl.measure.run.execution import Execution, ExecutionStep, Setting, Storage, Tensor
from archdsl.measure.run.optimizer import Optimizer
from archdsl.measure.run.saved import Saved, regions, saved, with_regions
from archdsl.ops.dtypes import FLOATING, WIDTHS
from archdsl.ops.source import LayerWeight


def training(run: Execution, optimizer: Optimizer, ledger: Ledger | None = None) -> Ledger:
    """What is alive in a training step, weights and all that belongs to them included; in a ledger of the caller's,
    if one is given."""
    return _Training(run, optimizer, ledger or Ledger()).run()


def weight_bytes(node: Layer, setting: Setting) -> int:
    """Bytes of a layer's own weights and buffers."""
    wide = {FLOATING: setting.precision.weight}
    return sum(math.prod(w.shape) * wide.get(w.dtype, WIDTHS[w.dtype]) for w in node["weights"])


def at_rest(run: Execution) -> dict[str | None, int]:
    """By device, the bytes of the weights and buffers that a phase needs."""
    found: dict[str | None, int] = {}
    for step in run.steps:
        found[step.device] = found.get(step.device, 0) + weight_bytes(step.node, run.setting)
    return found


def trainable(node: Layer) -> int:
    """Elements of a layer's own weights that are trained."""
    return 0 if node["frozen"] else sum(math.prod(w.shape) for w in node["weights"] if w.role != "buffer")


class _Training:
    """A training step while it runs."""

    def __init__(self, run: Execution, optimizer: Optimizer, ledger: Ledger) -> None:
        self.exec = run
        self.optimizer = optimizer
        self.ledger = ledger
        self.wanted = run.wanted
        self.saved = saved(run)
        self.regions = regions(run)
        self.kept = with_regions(run, self.saved)
        self.recomputed: set[str] = set()
        backwards = [step for step in reversed(run.steps) if step.makes[0] in self.wanted]
        self.closing = {step.node["checkpoint"]: step.name for step in backwards}  # where a region ends in backward
        self.gradients: dict[Tensor, Storage] = {}
        self.trained: set[str] = set()  # paths whose weights have a gradient
        self.arrived: dict[str, Size] = {}  # bytes of gradients that came for single weights, by path
        self.weights = {step.node["path"]: trainable(step.node) for step in run.steps if step.node["weights"]}
        self.devices = {tensor: step.device for step in run.steps for tensor in step.makes}
        self.numbers = count()

    def run(self) -> Ledger:
        run, width = self.exec, self.exec.setting.precision.weight
        for step in run.steps:
            states = trainable(step.node) * self.optimizer.states * width
            self.ledger.add(step.device, weight_bytes(step.node, run.setting) + states)
        forward(run, self.ledger, run.steps, "forward", self.kept, {*run.inputs, *run.outputs, *run.losses})
        for tensor in run.losses:
            if tensor in self.wanted:
                self.gradients[tensor] = self._new(run.sizes[tensor], self.devices[tensor])
        for step in reversed(run.steps):
            self._back(step)
        for device in {step.device for step in run.steps}:
            self.ledger.mark("", device, "update", self._update(device))
        return self.ledger

    def _new(self, size: Size, device: str | None) -> Storage:
        storage = ("", next(self.numbers), device)
        self.ledger.hold(storage, size)
        return storage

    def _update(self, device: str | None) -> int:
        """What the optimizer allocates in its step."""
        sizes = [
            math.prod(w.shape)
            for step in self.exec.steps
            if step.device == device and trainable(step.node)
            for w in step.node["weights"]
            if w.role != "buffer"
        ]
        together = self.exec.setting.hardware == "cuda"
        return self.optimizer.update(sizes, together=together) * self.exec.setting.precision.weight

    def _back(self, step: ExecutionStep) -> None:
        """Take a step's gradient back to what it read, and free what it kept."""
        ledger, region = self.ledger, step.node["checkpoint"]
        arrived = [self.gradients.pop(tensor) for tensor in step.makes if tensor in self.gradients]
        if step.makes[0] not in self.wanted:
            return
        if region is not None and region not in self.recomputed and arrived and self._entered(region):
            self._recompute(region)
        if arrived and step.node["operator"].owns_storage:
            self._own(step, arrived[0])
        elif arrived:
            passed = self._gradients(step, arrived[0])
            summed = self._train(step)
            ledger.mark(step.name, step.device, "backward", self._scratch(step))
            for storage in arrived:
                ledger.drop(storage)
            if summed:
                ledger.mark(step.name, step.device, "backward", summed)
            self._release(step)
            for tensor, storage in passed:
                self._accumulate(step, tensor, storage)
        else:
            self._release(step)

    def _own(self, step: ExecutionStep, arrived: Storage) -> None:
        """The gradient of a tensor that is a weight itself stays, if nothing else uses it."""
        if isinstance(step.node["operator"], LayerWeight):
            self._lend(step, arrived)
        elif self.ledger.holders[arrived] > 1 or self.ledger.sizes[arrived] != self.exec.sizes[step.makes[0]]:
            self._train(step)
            self.ledger.mark(step.name, step.device, "backward")
            self.ledger.drop(arrived)

    def _lend(self, step: ExecutionStep, arrived: Storage) -> None:
        """The gradient of a layer's weight that others used: the layer's own is added to it, whichever comes first."""
        size, path = self.exec.sizes[step.makes[0]], step.node["path"]
        if path in self.trained:
            self.ledger.mark(step.name, step.device, "backward", size)
            self.ledger.drop(arrived)
            return
        self.arrived[path] = self.arrived.get(path, 0) + size
        if self.ledger.holders[arrived] > 1 or self.ledger.sizes[arrived] != size:
            self.ledger.add(step.device, size)
            self.ledger.mark(step.name, step.device, "backward")
            self.ledger.drop(arrived)

    def _release(self, step: ExecutionStep) -> None:
        """Free what a step kept; the last of a recomputed region, what entered it."""
        region = step.node["checkpoint"]
        held = [self.saved.get(step.name)] if region is None or region in self.recomputed else []
        if region is not None and self.closing[region] == step.name:
            held.append(self._entered(region))
        for own in held:
            if own is not None:
                for storage, _ in own.storages:
                    self.ledger.drop(storage)
                self.ledger.add(step.device, own.extra * -1)

    def _entered(self, region: str) -> Saved | None:
        """What is kept for a region; None where autograd keeps nothing of it, so that nothing is computed again."""
        return self.kept.get(self.regions[region][0].name)

    def _recompute(self, region: str) -> None:
        """Run a region again, this time keeping what its layers need."""
        self.recomputed.add(region)
        steps = self.regions[region]
        inside = {tensor for step in steps for tensor in step.makes}
        outside = {tensor for step in steps for tensor in step.reads} - inside
        forward(self.exec, self.ledger, steps, "backward", self.saved, outside)

    def _gradients(self, step: ExecutionStep, arrived: Storage) -> list[tuple[Tensor, Storage]]:
        """The gradients of what a step read, made or shared with that of its output."""
        run, operator = self.exec, step.node["operator"]
        found = []
        for position, tensor in enumerate(step.reads):
            if tensor not in self.wanted or position in operator.undifferentiated:
                continue
            same = run.sizes[tensor] == run.sizes[step.makes[0]]
            if operator.gradient == "part" or (operator.gradient == "same" and same):
                self.ledger.hold(arrived, 0)
                found.append((tensor, arrived))
            else:
                found.append((tensor, self._new(run.sizes[tensor], step.device)))
        return found

    def _train(self, step: ExecutionStep) -> Size:
        """Make the gradients of a step's weights. What is taken for a while where they are added to others: of a
        further use of shared weights its gradient and the sum, of weights that others were lent the sum."""
        path = step.node["path"]
        size = self.weights.get(path, 0) * self.exec.setting.precision.weight
        if path not in self.trained and size:
            self.trained.add(path)
            before = self.arrived.get(path, 0)
            self.ledger.add(step.device, size - before)
            return before * 2
        return size * 2

    def _scratch(self, step: ExecutionStep) -> Size:
        run, output = self.exec, step.makes[0]
        inputs = [run.shapes[tensor] for tensor in step.reads]
        return step.node["operator"].scratch_backward(inputs, run.shapes[output]) * run.elements[output]

    def _accumulate(self, step: ExecutionStep, tensor: Tensor, storage: Storage) -> None:
        """Add a gradient to what has come for its tensor: in place where nothing else uses that."""
        run, ledger, device = self.exec, self.ledger, self.devices[tensor]
        if storage[2] != device:
            moved = self._new(run.sizes[tensor], device)
            ledger.mark(step.name, device, "backward")
            ledger.drop(storage)
            storage = moved
        if tensor not in self.gradients:
            self.gradients[tensor] = storage
            return
        before = self.gradients[tensor]
        if ledger.holders[before] > 1 or ledger.sizes[before] != run.sizes[tensor]:
            self.gradients[tensor] = self._new(run.sizes[tensor], device)
            ledger.mark(step.name, device, "backward")
            ledger.drop(before)
        ledger.drop(storage)
