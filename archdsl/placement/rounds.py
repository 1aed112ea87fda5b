"""Schedules in which stage s is on device s modulo the number of devices, so that micro-batches go round.

Each function takes the number of devices, of stages on each, and of micro-batches.
"""

from __future__ import annotations

from itertools import islice

from archdsl.placement.actions import ActionKind, ActionRow, PipelineAction


def gpipe(devices: int, each: int, micro_batches: int) -> tuple[ActionRow, ...]:
    """All forward, then all backward in the same order: Huang et al., "GPipe", 2019, arXiv:1811.06965, section 2.2."""
    micro = range(micro_batches)
    return tuple(
        (
            *(PipelineAction(s, "F", m) for s in _own(device, devices, each) for m in micro),
            *(PipelineAction(s, "B", m) for s in reversed(_own(device, devices, each)) for m in micro),
        )
        for device in range(devices)
    )


def breadth_first(devices: int, each: int, micro_batches: int) -> tuple[ActionRow, ...]:
    """All micro-batches through one stage after the other, and back, the last micro-batch first: Lamy-Poirier,
    "Breadth-First Pipeline Parallelism", 2022, arXiv:2211.05953, section 4.1."""
    micro = range(micro_batches)
    return tuple(
        (
            *(PipelineAction(s, "F", m) for s in _own(device, devices, each) for m in micro),
            *(PipelineAction(s, "B", m) for s in reversed(_own(device, devices, each)) for m in reversed(micro)),
        )
        for device in range(devices)
    )


def one_forward_one_backward(devices: int, each: int, micro_batches: int) -> tuple[ActionRow, ...]:
    """As many forward as it takes for the first gradient to come, then one backward for one forward: Narayanan et al.,
    "PipeDream", 2019, section 3.2, with the flush of arXiv:2006.09503."""
    return tuple(_one_for_one(device, devices, each, micro_batches, 1, None) for device in range(devices))


def interleaved(devices: int, each: int, micro_batches: int) -> tuple[ActionRow, ...]:
    """1F1B with several stages on each device: Narayanan et al., "Efficient Large-Scale Language Model Training on GPU
    Clusters", 2021, arXiv:2104.04473, section 2.2.

    Raises `ValueError` where the micro-batches cannot be cut into rounds.
    """
    return tuple(_one_for_one(device, devices, each, micro_batches, 2, None) for device in range(devices))


def zero_bubble(devices: int, each: int, micro_batches: int) -> tuple[ActionRow, ...]:
    """1F1B with the gradients of weights put off to where a device would wait: ZB-H1 of Qi et al., "Zero Bubble
    Pipeline Parallelism", 2023, arXiv:2401.10241, section 2.2.

    Device d puts off those of d micro-batches, so that each holds what belongs to as many as there are devices. Raises
    `ValueError` where the micro-batches cannot be cut into rounds for several stages on each.
    """
    return tuple(_one_for_one(device, devices, each, micro_batches, 1, device) for device in range(devices))


def round_of(devices: int, micro_batches: int) -> int | None:
    """How many micro-batches go through one stage of a device before those of its next: about as many as there are
    devices. None where they do not fill whole rounds."""
    rounds = max(1, micro_batches // devices)
    return micro_batches // rounds if micro_batches % rounds == 0 else None


def _own(device: int, devices: int, each: int) -> range:
    return range(device, devices * each, devices)


def _one_for_one(device: int, devices: int, each: int, micro_batches: int, lead: int, late: int | None) -> ActionRow:
    """The list of a device: forward alone, then one forward and one backward, then backward alone.

    lead: by how many micro-batches more a device begins than the one after it. late: of how many the gradients of
    weights are put off; None: they are computed with those of inputs.
    """
    size = micro_batches if each == 1 else round_of(devices, micro_batches)
    if size is None:
        raise ValueError(f"{micro_batches} micro-batches are no whole rounds of {devices} devices")
    own = _own(device, devices, each)
    rounds = range(0, micro_batches, size)
    forward = [PipelineAction(s, "F", first + m) for first in rounds for s in own for m in range(size)]
    kind: ActionKind = "B" if late is None else "I"
    backward = [PipelineAction(s, kind, first + m) for first in rounds for s in reversed(own) for m in range(size)]
    weights = iter([PipelineAction(a.stage, "W", a.micro_batch) for a in backward] if late is not None else ())
    warm = min((each - 1) * size + lead * (devices - 1 - device), len(forward))
    row, ahead = forward[:warm], iter(forward[warm:])
    for number, action in enumerate(backward):
        row += [*islice(ahead, 1), action]
        if late is not None and number >= late:
            row += islice(weights, 1)
    return (*row, *weights)
