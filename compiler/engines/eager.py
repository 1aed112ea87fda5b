"""Torch as it is, in the layout of images that is faster: channels first, or channels last."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor

from compiler.bench.interleaved import interleaved, quick
from compiler.engines.task import EngineCall, Task, flat

ROUNDS: Final = 4  # of each layout


def build(task: Task) -> EngineCall:
    module: Any = task.module()

    def run(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return flat(module(*inputs))

    if not any(given.dim() == 4 for given in task.inputs):
        return run
    turned: Any = copy.deepcopy(module).to(memory_format=torch.channels_last)

    def run_turned(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return flat(turned(*(x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x for x in inputs)))

    layouts = {"channels first": run, "channels last": run_turned}
    times = interleaved({name: partial(call, task.inputs) for name, call in layouts.items()}, ROUNDS, pause=0)
    return layouts[min(layouts, key=lambda name: quick(times[name]))]
