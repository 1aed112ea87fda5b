"""What autograd keeps from the forward pass for the backward pass."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from archdsl.dims import Size, product, total
from archdsl.graph import Graph
from archdsl.measure.run.execution import Execution, ExecutionStep, Runs, Setting, Storage
from archdsl.net_view import NetView
from archdsl.ops.dtypes import FLOATING, WIDTHS


@dataclass(frozen=True, slots=True)
class Saved:
    """What one step keeps: storages of tensors, and bytes that have no other use."""

    storages: tuple[tuple[Storage, Size], ...] = ()
    extra: Size = 0


def saved(run: Execution) -> dict[str, Saved]:
    """What each step keeps in which a gradient goes back, as if nothing was recomputed."""
    owned = {run.storages[t] for step in run.steps if step.node["operator"].owns_storage for t in step.makes}
    return {
        step.name: _saved(run, step, owned)
        for step in run.steps
        if not run.held.isdisjoint(step.makes) and not step.node["operator"].owns_storage
    }


def _saved(run: Execution, step: ExecutionStep, weights: set[Storage]) -> Saved:
    operator = step.node["operator"]
    kept = operator.keeps(run.uses[step.name])
    tensors = [step.reads[i] for i in kept.inputs] + list(step.makes[:1] if kept.output else ())
    tensors += [step.makes[i] for i in kept.further]
    output = step.makes[0]
    element, elements = run.elements[output], product(run.shapes[output])
    extra: Size = kept.values * element + kept.float32 * WIDTHS[FLOATING] + kept.flags
    if "mask" in operator.saves:
        extra = extra + elements * (1 if run.setting.hardware == "cuda" else element)
    if "index" in operator.saves:
        extra = extra + elements * WIDTHS["int64"]
    if run.lowered(step):  # copies in low precision of what is read, and of the weights
        low = run.setting.precision.activation
        extra = extra + lowered_weights(run, step)
        for tensor in [t for t in tensors if t in step.reads and run.types[t] == FLOATING and run.elements[t] > low]:
            tensors.remove(tensor)
            extra = extra + product(run.shapes[tensor]) * low
    storages = {run.storage(tensor, step.device): run.sizes[tensor] for tensor in tensors}
    return Saved(tuple((s, size) for s, size in storages.items() if s not in weights), extra)


def lowered_weights(run: Execution, step: ExecutionStep) -> int:
    """Bytes of the copies of a layer's weights that autocast makes."""
    if not run.lowered(step):
        return 0
    return sum(math.prod(w.shape) for w in step.node["weights"]) * run.setting.precision.activation


def index_bytes(run: Execution, step: ExecutionStep) -> Size:
    """Bytes of the indices that a layer finds with its output, wanted or not."""
    return product(run.shapes[step.makes[0]]) * WIDTHS["int64"] if "index" in step.node["operator"].saves else 0


def entering(run: Execution, region: list[ExecutionStep]) -> dict[Storage, Size]:
    """What a recomputed region reads from outside it, which is kept whether its layers need it or not."""
    made = {tensor for step in region for tensor in step.makes}
    read = [(t, step.device) for step in region for t in step.reads if t not in made]
    return {run.storage(t, device): run.sizes[t] for t, device in read}


def keeps_anything(run: Execution, step: ExecutionStep) -> bool:
    """Whether autograd keeps anything of a step: tensors, values, or weights for the gradients of what it read."""
    operator, use = step.node["operator"], run.uses[step.name]
    if step.makes[0] not in run.wanted or operator.owns_storage:
        return False
    kept = operator.keeps(use)
    weighs = bool(operator.weights(*use.shapes)) and any(use.wanted)
    return bool(kept.inputs) or kept.values != 0 or weighs or keeps_what_it_makes(run, step)


def keeps_what_it_makes(run: Execution, step: ExecutionStep) -> bool:
    """Whether autograd keeps of a step what is known only once it has run: its output, statistics, a mask."""
    operator = step.node["operator"]
    kept = operator.keeps(run.uses[step.name])
    return (
        kept.output
        or bool(kept.further)
        or kept.float32 != 0
        or kept.flags != 0
        or not {"mask", "index"}.isdisjoint(operator.saves)
    )


def regions(run: Execution) -> dict[str, list[ExecutionStep]]:
    """The steps of each recomputed region."""
    found: dict[str, list[ExecutionStep]] = {}
    for step in run.steps:
        if step.node["checkpoint"] is not None:
            found.setdefault(step.node["checkpoint"], []).append(step)
    return found


def with_regions(run: Execution, each: Mapping[str, Saved]) -> dict[str, Saved]:
    """What steps keep in the forward pass: a recomputed region no more than what enters it, held by its first step; and
    not that where autograd would keep nothing of it."""
    owned = {run.storages[t] for step in run.steps if step.node["operator"].owns_storage for t in step.makes}
    found = dict(each)
    for steps in regions(run).values():
        kept_at_all = any(step.name in each and keeps_anything(run, step) for step in steps)
        for step in steps:
            found.pop(step.name, None)
        if not kept_at_all:
            continue
        kept = tuple((s, size) for s, size in entering(run, steps).items() if s not in owned)
        found[steps[0].name] = Saved(kept)
    return found


def kept_for_backward(graph: Graph, setting: Setting) -> Size:
    """Bytes that autograd keeps from the forward pass of training, the loss not counted: each storage once, masks and
    indices added, weights not counted."""
    return sum(kept_by_device(graph, Runs(NetView(graph), setting).training).values(), 0)


def kept_by_device(graph: Graph, run: Execution) -> dict[str | None, Size]:
    """The same in an execution of the graph, for each device."""
    devices = {step.name: step.device for step in run.steps if step.name in graph}
    kept = {n: own for n, own in with_regions(run, saved(run)).items() if n in devices}
    found: dict[str | None, list[Size]] = {}
    for name, own in kept.items():
        found.setdefault(devices[name], []).append(own.extra)
    for storage in {storage for own in kept.values() for storage, _ in own.storages}:
        found.setdefault(storage[2], []).append(run.sizes[storage[:2]])
    return {device: total(sizes) for device, sizes in found.items()}
