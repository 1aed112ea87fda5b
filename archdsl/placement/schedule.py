"""Schedules of a pipeline by name: which device does what, in which order, as lists of actions.

A pipeline has stages 0, 1, … in a row, each with one owner among its devices 0, 1, …; the batch of a step is cut into
micro-batches 0, 1, … For each device a schedule makes one list (`ActionRow`), which it works off from first to last; an
action runs as soon as those before it are done and what it needs has come:

    lists = lists_of("1f1b", owners=[0, 1, 2, 3], micro_batches=8)   # the schedule, the owner of each stage
    [str(entry) for entry in lists[3]]                                # ['3F0', '3B0', '3F1', '3B1', …]

Entries are `PipelineAction(stage, kind, micro_batch)`, of kind F (forward), B (backward as a whole), or its parts I
(gradients of inputs) and W (gradients of weights); and, in dualpipev alone, `OverlappedPair(forward, backward)`. Each
stage does each micro-batch once forward, and back once as B, or as I and then W. `str` writes an entry as torch's
`_Action` does. `single(list)` takes pairs apart, `forward_only(lists)` is what evaluates.

How stages are owned is part of a schedule: `SCHEDULES[name].owners(devices, each)` says who has them, with `each`
stages on a device, `least` of them or more; `refusal(devices, each, micro_batches)` says why there is no such schedule.
Any other owners have the schedule `LIST`. The lists rest on these numbers alone, and not on how long anything takes:
every process that knows the plan has the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from archdsl.placement.actions import ActionRow
from archdsl.placement.list_schedule import by_list
from archdsl.placement.rounds import (
    breadth_first,
    gpipe,
    interleaved,
    one_forward_one_backward,
    round_of,
    zero_bubble,
)
from archdsl.placement.vshape import dualpipev, zbv

LIST: Final = "list"  # the schedule of stages with any owners
LATENCY: Final = "latency"  # that of one batch, in which nothing is repeated


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a pipeline runs.

    lists: the list of each device, from how many devices, stages on each and micro-batches there are. least, most: of
    the stages that a device can have. splits: whether gradients of weights are computed apart from those of inputs.
    down_and_up: whether the second stages of devices follow one another upwards. in_flight: with one stage on each
    device, of how many micro-batches a stage holds what backward needs, by its position from the end (the last is 1),
    the number of devices, and that of micro-batches.
    """

    lists: Callable[[int, int, int], tuple[ActionRow, ...]]
    summary: str
    least: int = 1
    most: int | None = 1
    splits: bool = False
    down_and_up: bool = False
    whole_rounds: bool = False  # of micro-batches, where devices have several stages
    no_fewer_than_stages: bool = False  # micro-batches
    in_flight: Callable[[int, int, int], int] = lambda position, devices, micro: micro

    def owners(self, devices: int, each: int) -> tuple[int, ...]:
        """The device of each stage."""
        down = range(devices)
        return (*down, *reversed(down)) if self.down_and_up else (*down,) * each

    def refusal(self, devices: int, each: int, micro_batches: int) -> str | None:
        """Why there is no such schedule, and what would do; None where there is."""
        if each < self.least or (self.most is not None and each > self.most):
            takes = f"{self.least}" if self.most == self.least else f"{self.least} or more"
            return f"takes {takes} stages on a device, not {each}"
        if self.whole_rounds and each > 1 and round_of(devices, micro_batches) is None:
            near = [n for n in range(1, micro_batches + devices) if round_of(devices, n) is not None]
            would = min(near, key=lambda n: (abs(n - micro_batches), n))
            return f"needs whole rounds of micro-batches for {devices} devices; {would} would do, not {micro_batches}"
        if self.no_fewer_than_stages and micro_batches < each * devices:
            return f"needs as many micro-batches as stages, {each * devices}, not {micro_batches}"
        return None


SCHEDULES: Final[Mapping[str, Schedule]] = MappingProxyType(
    {
        "gpipe": Schedule(gpipe, "all forward, then all backward"),
        "1f1b": Schedule(
            one_forward_one_backward,
            "one forward, one backward, with the least memory",
            in_flight=lambda position, devices, micro: min(position, micro),
        ),
        "zero-bubble": Schedule(
            zero_bubble,
            "ZB-H1: gradients of weights where a device would wait",
            most=None,
            splits=True,
            whole_rounds=True,
            in_flight=lambda position, devices, micro: min(devices, micro),
        ),
        "breadth-first": Schedule(breadth_first, "gpipe with several stages on each device", least=2, most=None),
        "interleaved": Schedule(
            interleaved, "1f1b with several stages on each device", least=2, most=None, whole_rounds=True
        ),
        "zbv": Schedule(
            zbv, "ZB-V: no bubble with two stages on each device", least=2, most=2, splits=True, down_and_up=True
        ),
        "dualpipev": Schedule(
            dualpipev,
            "forward beside backward with two stages on each device",
            least=2,
            most=2,
            splits=True,
            down_and_up=True,
            no_fewer_than_stages=True,
        ),
    }
)


def suits(schedule: str, owners: Sequence[int], micro_batches: int) -> bool:
    """Whether a schedule has stages with these owners; devices may stand in any order."""
    return _mismatch(schedule, owners, micro_batches) is None


def lists_of(schedule: str, owners: Sequence[int], micro_batches: int) -> tuple[ActionRow, ...]:
    """The list of each device, 0 and up, for stages with these owners; devices may stand in any order.

    Raises `ValueError` where the schedule has other owners, or refuses.
    """
    if schedule == LIST:
        return by_list(owners, micro_batches)
    mismatch = _mismatch(schedule, owners, micro_batches)
    if mismatch is not None:
        raise ValueError(f"{schedule} {mismatch}")
    order = list(dict.fromkeys(owners))
    lists = SCHEDULES[schedule].lists(len(order), len(owners) // len(order), micro_batches)
    by_device = dict(zip(order, lists, strict=True))
    return tuple(by_device.get(device, ()) for device in range(max(order) + 1))


def _mismatch(schedule: str, owners: Sequence[int], micro_batches: int) -> str | None:
    found, order = SCHEDULES[schedule], list(dict.fromkeys(owners))
    each = len(owners) // len(order)
    refusal = found.refusal(len(order), each, micro_batches)
    if refusal is not None:
        return refusal
    if [order[device] for device in found.owners(len(order), each)] != list(owners):
        return f"has no stages with the owners {', '.join(map(str, owners))}"
    return None
