"""Schedules of two stages on each device, the first of them on the way down, the second on the way up: device d of p
has the stages d and 2p − 1 − d, so that the last stage is where the first is.

Each function takes the number of devices, of stages on each, which is two, and of micro-batches.
"""

from __future__ import annotations

from collections import deque

from archdsl.placement.actions import ActionKind, ActionRow, OverlappedPair, PipelineAction


def zbv(devices: int, each: int, micro_batches: int) -> tuple[ActionRow, ...]:
    """ZB-V of Qi et al., "Zero Bubble Pipeline Parallelism", 2023, arXiv:2401.10241, section 6: no device waits between
    its first and its last action, if forward and both parts of backward take as long as one another."""
    del each
    # Lists are made for as many as fill the pipeline; where there are fewer, the others are left out.
    full = max(2 * devices - 1, micro_batches)
    rows = (_zbv(device, devices, full) for device in range(devices))
    return tuple(tuple(action for action in row if action.micro_batch < micro_batches) for row in rows)


def dualpipev(devices: int, each: int, micro_batches: int) -> tuple[ActionRow, ...]:
    """DualPipeV, the half of DualPipe of DeepSeek-AI, "DeepSeek-V3 Technical Report", 2024, arXiv:2412.19437, section
    3.2.1, that needs no second copy of weights: forward of one micro-batch beside backward of another.

    Raises `ValueError` where there are fewer micro-batches than stages.
    """
    del each
    if micro_batches < 2 * devices:
        raise ValueError(f"{micro_batches} micro-batches are fewer than {2 * devices} stages")
    return tuple(_dualpipev(device, devices, micro_batches) for device in range(devices))


class _Row:
    """The list of a device as it grows: each stage takes one micro-batch after the other, for each kind of action."""

    def __init__(self, device: int, devices: int) -> None:
        self.first, self.second = device, 2 * devices - 1 - device
        self.row: list[PipelineAction | OverlappedPair] = []
        self.done: dict[tuple[int, ActionKind], int] = {}
        self.late: deque[PipelineAction] = deque()  # gradients of weights that are put off

    def next(self, stage: int, kind: ActionKind) -> PipelineAction:
        """The next action of a kind; whole backwards and gradients of inputs are counted together."""
        counted: ActionKind = "I" if kind == "B" else kind
        micro_batch = self.done.get((stage, counted), 0)
        self.done[stage, counted] = micro_batch + 1
        return PipelineAction(stage, kind, micro_batch)

    def add(self, stage: int, *kinds: ActionKind) -> None:
        for kind in kinds:
            self.row.append(self.next(stage, kind))

    def overlap(self, forward: int, backward: int) -> None:
        self.row.append(OverlappedPair(self.next(forward, "F"), self.next(backward, "B")))

    def put_off(self, stage: int) -> None:
        """Gradients of inputs now, those of weights later."""
        action = self.next(stage, "I")
        self.row.append(action)
        self.late.append(PipelineAction(stage, "W", action.micro_batch))

    def catch_up(self) -> None:
        if self.late:
            self.row.append(self.late.popleft())


def _zbv(device: int, devices: int, micro_batches: int) -> list[PipelineAction]:
    own = _Row(device, devices)
    first, second, done = own.first, own.second, own.done
    for _ in range(2 * (devices - device) - 1):
        own.add(first, "F")
    for _ in range(device):
        own.add(second, "F")
        own.add(first, "F")
    for _ in range(devices - device):
        own.add(second, "F", "I", "W")
    while done.get((second, "F"), 0) < done[first, "F"] or done[first, "F"] < micro_batches:
        if done[first, "F"] < micro_batches:
            own.add(first, "F")
        own.add(first, "I", "W")
        own.add(second, "F", "I", "W")
    for _ in range(device):
        own.add(first, "I")
        own.add(second, "I")
    for _ in range(devices - device):
        own.add(first, "I", "W")
    for stage in (second, first):
        while done.get((stage, "W"), 0) < done[stage, "I"]:
            own.add(stage, "W")
    return [action for action in own.row if isinstance(action, PipelineAction)]


def _dualpipev(device: int, devices: int, micro_batches: int) -> ActionRow:
    """The eight steps of https://github.com/deepseek-ai/DualPipe."""
    own, behind = _Row(device, devices), devices - device - 1
    first, second = own.first, own.second
    for _ in range(2 * behind):
        own.add(first, "F")
    for _ in range(device + 1):
        own.add(first, "F")
        own.add(second, "F")
    for _ in range(behind):
        own.put_off(second)
        own.catch_up()
        own.add(second, "F")
    for number in range(micro_batches - 2 * devices + device + 1):
        if number == 0 and behind == 0:  # side by side they would let the devices before it wait
            own.add(first, "F")
            own.add(second, "B")
        else:
            own.overlap(first, second)
        own.overlap(second, first)
    for _ in range(behind):
        own.add(second, "B")
        own.overlap(second, first)
    for number in range(2 * (device + 1)):  # backward alone; in the second half the gradients of weights are put off
        stage = first if number % 2 else second
        if number > device:
            own.put_off(stage)
        else:
            own.add(stage, "B")
    for _ in range(behind):
        own.catch_up()
        own.put_off(first)
    for _ in range(device + 1):
        own.catch_up()
    return tuple(own.row)
