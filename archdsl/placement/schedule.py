"""Schedules of a pipeline: which device does what, in which order, as lists of actions.

Stage s of p is on device s, except where stages are interleaved. Each list is what its device does from first to last;
an action runs as soon as those before it are done and what it needs has come.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

# Forward; backward as a whole, or its parts: the gradients of inputs, and those of weights.
ActionKind: TypeAlias = Literal["F", "B", "I", "W"]


class PipelineAction(NamedTuple):
    """What a stage does with a micro-batch; `str` writes it as torch does: `0F3`."""

    stage: int
    kind: ActionKind
    micro_batch: int

    def __str__(self) -> str:
        return f"{self.stage}{self.kind}{self.micro_batch}"


ActionRow: TypeAlias = tuple[PipelineAction, ...]


def gpipe(stages: int, micro_batches: int) -> tuple[ActionRow, ...]:
    """All forward, then all backward in the same order: Huang et al., "GPipe", 2019, arXiv:1811.06965, section 2.2."""
    each = range(micro_batches)
    return tuple(
        (*(PipelineAction(s, "F", m) for m in each), *(PipelineAction(s, "B", m) for m in each)) for s in range(stages)
    )


def one_forward_one_backward(stages: int, micro_batches: int) -> tuple[ActionRow, ...]:
    """As many forward as it takes for the first gradient to come, then one backward for one forward: Narayanan et al.,
    "PipeDream", 2019, section 3.2, with the flush of arXiv:2006.09503."""
    rows = []
    for s in range(stages):
        warm = min(micro_batches, stages - s)
        row = [PipelineAction(s, "F", m) for m in range(warm)]
        for m in range(micro_batches):
            row.append(PipelineAction(s, "B", m))
            if warm + m < micro_batches:
                row.append(PipelineAction(s, "F", warm + m))
        rows.append(tuple(row))
    return tuple(rows)


def zero_bubble(stages: int, micro_batches: int) -> tuple[ActionRow, ...]:
    """1F1B with the gradients of weights put off to where a device would wait: ZB-H1 of Qi et al., "Zero Bubble
    Pipeline Parallelism", 2023, arXiv:2401.10241, section 2.2. Stage s puts off those of s micro-batches, so that each
    holds what belongs to as many as there are stages."""
    rows = []
    for s in range(stages):
        warm = min(micro_batches, stages - s)
        row = [PipelineAction(s, "F", m) for m in range(warm)]
        for m in range(micro_batches):
            row.append(PipelineAction(s, "I", m))
            if m >= s:
                row.append(PipelineAction(s, "W", m - s))
            if warm + m < micro_batches:
                row.append(PipelineAction(s, "F", warm + m))
        row += [PipelineAction(s, "W", m) for m in range(max(micro_batches - s, 0), micro_batches)]
        rows.append(tuple(row))
    return tuple(rows)


def interleaved(devices: int, each: int, micro_batches: int) -> tuple[ActionRow, ...]:
    """Several stages on each device, s on device s modulo `devices`: Narayanan et al., "Efficient Large-Scale Language
    Model Training on GPU Clusters", 2021, arXiv:2104.04473, section 2.2.

    Raises `ValueError` where the micro-batches do not fill rounds of as many as there are devices.
    """
    if micro_batches % devices:
        raise ValueError(f"{micro_batches} micro-batches are no multiple of {devices} devices")
    rows = []
    for device in range(devices):
        forward = [
            PipelineAction(device + part * devices, "F", first + m)
            for first in range(0, micro_batches, devices)
            for part in range(each)
            for m in range(devices)
        ]
        backward = [
            PipelineAction(device + part * devices, "B", first + m)
            for first in range(0, micro_batches, devices)
            for part in reversed(range(each))
            for m in range(devices)
        ]
        warm = min((each - 1) * devices + 2 * (devices - 1 - device), len(forward))
        row = forward[:warm]
        for one, other in zip(forward[warm:], backward, strict=False):
            row += (one, other)
        rows.append((*row, *backward[len(forward) - warm :]))
    return tuple(rows)


def by_list(owners: Sequence[int], micro_batches: int) -> tuple[ActionRow, ...]:
    """Stages in a row with any owners, all of one unit of time: each device does what is ready, gradients before
    forward and early micro-batches before late ones.

    `owners` are the devices of the stages, 0 and up. At most as many micro-batches are under way as there are stages.
    """
    last = len(owners) - 1
    rows: list[list[PipelineAction]] = [[] for _ in range(max(owners) + 1)]
    forward, backward = [0] * (last + 1), [0] * (last + 1)  # how many micro-batches each stage has done

    def ready() -> list[PipelineAction]:
        found = []
        for s in range(last + 1):
            m = backward[s]
            if m < (forward[s] if s == last else backward[s + 1]):
                found.append(PipelineAction(s, "B", m))
            m = forward[s]
            if m < (min(backward[0] + last + 1, micro_batches) if s == 0 else forward[s - 1]):
                found.append(PipelineAction(s, "F", m))
        return found

    while backward[0] < micro_batches:
        chosen: dict[int, PipelineAction] = {}
        for action in sorted(ready(), key=lambda a: (a.kind != "B", a.micro_batch, -a.stage)):
            chosen.setdefault(owners[action.stage], action)
        for device, action in chosen.items():
            rows[device].append(action)
            (forward if action.kind == "F" else backward)[action.stage] += 1
    return tuple(map(tuple, rows))


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule with one stage a device.

    in_flight: of how many micro-batches a stage holds what backward needs, by its position from the end (the last
    is 1), the number of devices, and that of micro-batches.
    """

    rows: Callable[[int, int], tuple[ActionRow, ...]]
    in_flight: Callable[[int, int, int], int]
    summary: str


SCHEDULES: Final[Mapping[str, Schedule]] = MappingProxyType(
    {
        "gpipe": Schedule(gpipe, lambda position, devices, micro: micro, "all forward, then all backward"),
        "1f1b": Schedule(
            one_forward_one_backward,
            lambda position, devices, micro: min(position, micro),
            "one forward, one backward, with the least memory",
        ),
        "zero-bubble": Schedule(
            zero_bubble,
            lambda position, devices, micro: min(devices, micro),
            "ZB-H1: gradients of weights where a device would wait",
        ),
    }
)
