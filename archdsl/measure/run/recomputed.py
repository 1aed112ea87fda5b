"""What backward computes again of regions that are marked with `@checkpoint`.

torch stops a recomputation as soon as all that autograd had kept is there again (`early_stop` of
`torch.utils.checkpoint`). What follows the last step that keeps anything is not computed, nor is that step where it
keeps no more than what it reads: a convolution or a product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archdsl.dims import Size
from archdsl.measure.run.execution import Execution, ExecutionStep
from archdsl.measure.run.saved import keeps_anything, regions


def recomputed(run: Execution) -> dict[str, bool]:
    """The steps that backward computes again, and whether wholly: the last of each region only up to the last tensor
    that autograd keeps of it."""
    return {name: whole for steps in regions(run).values() for name, whole in again(run, steps).items()}


def again(run: Execution, region: Sequence[ExecutionStep]) -> dict[str, bool]:
    """The same for the steps of one region."""
    keeping = [number for number, step in enumerate(region) if keeps_anything(run, step)]
    if not any(not run.due.isdisjoint(region[number].makes) for number in keeping):  # nothing asks for what was kept
        return {}
    last = region[keeping[-1]]
    return {step.name: True for step in region[: keeping[-1]]} | {last.name: False}


def macs_again(run: Execution, steps: Mapping[str, ExecutionStep], found: Mapping[str, bool]) -> dict[str, Size]:
    """The multiply-adds of steps that are computed again."""
    counted = {}
    for name, whole in found.items():
        step = steps[name]
        operator, inputs = step.node["operator"], [run.shapes[tensor] for tensor in step.reads]
        output = run.shapes[step.makes[0]]
        counted[name] = operator.macs(inputs, output) if whole else operator.macs_before_last_kept(inputs, output)
    return counted
