"""A schedule for stages with any owners, such as those of networks whose spec places them on devices by turns."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.placement.actions import ActionRow, PipelineAction


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
