"""The private names of torch that pipelines need, most for lists of our own: all of them are here.

They fit the versions in `FITS`; a test says so of the version that is installed. Public are `PipelineStage` and the
schedules, whose lists are torch's own; what runs any list is `_PipelineScheduleRuntime`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch.distributed.distributed_c10d import _get_default_store
from torch.distributed.pipelining import PipelineStage
from torch.distributed.pipelining.schedules import (
    _Action,
    _add_reduce_grad,
    _add_send_recv,
    _add_unshard_reshard,
    _ComputationType,
    _PipelineScheduleRuntime,
)

from archdsl.placement.actions import ActionRow, OverlappedPair, PipelineAction, single

FITS: Final = ("2.13",)  # releases of torch with which the tests of many processes have passed

_KINDS: Final = {
    "F": _ComputationType.FORWARD,
    "B": _ComputationType.FULL_BACKWARD,
    "I": _ComputationType.BACKWARD_INPUT,
    "W": _ComputationType.BACKWARD_WEIGHT,
}

Loss = Callable[[Any, torch.Tensor], torch.Tensor]


class ListedSchedule(_PipelineScheduleRuntime):
    """Torch's runtime over lists of ours. Lists without backward evaluate.

    Gradients are added up as they are: a mean over micro-batches is the loss's to take.
    """

    def __init__(
        self, stages: Sequence[PipelineStage], micro_batches: int, lists: Sequence[ActionRow], loss: Loss | None
    ) -> None:
        super().__init__(list(stages), micro_batches, loss_fn=loss, scale_grads=False)  # type: ignore[no-untyped-call]
        owners = {part.stage: process for process, row in enumerate(lists) for part in single(row)}
        self.stage_index_to_group_rank = owners
        for stage in stages:
            stage.stage_index_to_group_rank = owners
        # As `_prepare_schedule_with_comms` does, which takes no lists without backward.
        actions = {process: _add_unshard_reshard([*map(_action, row)]) for process, row in enumerate(lists)}
        if loss is not None:
            reduced = {process: _add_reduce_grad([*row], micro_batches) for process, row in actions.items()}
            actions = {process: [action for action in row if action is not None] for process, row in reduced.items()}
        self.pipeline_order_with_comms = _add_send_recv(actions, owners.__getitem__, len(owners))


def first_to_say(key: str) -> bool:
    """Whether this process is the first of its group to ask so; where the group is gone, it may be."""
    try:
        return int(_get_default_store().add(f"archdsl/{key}", 1)) == 1
    except (ValueError, RuntimeError):
        return True


def _action(entry: PipelineAction | OverlappedPair) -> _Action:
    if isinstance(entry, OverlappedPair):
        parts = (_action(entry.forward), _action(entry.backward))
        return _Action(-1, _ComputationType.OVERLAP_F_B, None, parts)
    return _Action(entry.stage, _KINDS[entry.kind], entry.micro_batch)
