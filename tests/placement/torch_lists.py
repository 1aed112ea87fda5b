"""The lists that torch's own schedule classes execute, without processes: what their constructors make, and, of classes
whose list is for pictures alone, what their step calls on a stage that only takes notes."""

from __future__ import annotations

import logging
from typing import Any
from unittest.mock import MagicMock

import torch
from torch.distributed.pipelining import schedules
from torch.distributed.pipelining.stage import _PipelineStageBase


def _stage(index: int, rank: int, ranks: int, each: int) -> Any:
    stage = MagicMock(spec=_PipelineStageBase)
    stage.group_rank, stage.group_size, stage.num_stages, stage.stage_index = rank, ranks, ranks * each, index
    stage.submod = None
    return stage


def listed(name: str, ranks: int, each: int, micro_batches: int) -> list[list[str]]:
    """What the constructor of a class for several stages a rank makes."""
    logging.getLogger(schedules.__name__).setLevel(logging.ERROR)
    made = getattr(schedules, name)([_stage(index, 0, ranks, each) for index in range(each)], micro_batches)
    return [[str(action) for action in row if action is not None] for row in made.pipeline_order.values()]


def executed(name: str, ranks: int, micro_batches: int) -> list[list[str]]:
    """What the step of a class for one stage a rank calls."""
    rows = []
    for rank in range(ranks):
        row: list[str] = []
        stage = _stage(rank, rank, ranks, 1)
        for method in ("get_fwd_recv_ops", "get_fwd_send_ops", "get_bwd_recv_ops", "get_bwd_send_ops"):
            getattr(stage, method).return_value = []
        stage.forward_one_chunk.side_effect = lambda m, *_, row=row, rank=rank, **__: row.append(f"{rank}F{m}")
        stage.backward_one_chunk.side_effect = lambda m, *_, row=row, rank=rank, **__: row.append(f"{rank}B{m}")
        stage.is_last, stage.has_backward = False, True
        made = getattr(schedules, name)(stage, micro_batches)
        made._initialize_stage = lambda *_: None
        made._step_microbatches([(torch.zeros(1),)] * micro_batches, [{}] * micro_batches)
        rows.append(row)
    return rows
