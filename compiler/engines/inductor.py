"""`torch.compile` with TorchInductor, weights frozen into the code. It needs a C++ compiler."""

from __future__ import annotations

from typing import Any

import torch

from compiler.engines.task import EngineCall, Task, flat
from compiler.export.trace import quiet


def build(task: Task) -> EngineCall:
    import torch._inductor.config as config

    compiled: Any = torch.compile(task.module(), dynamic=False)
    with quiet(), config.patch(freezing=True), torch.no_grad():
        compiled(*task.inputs)
    return lambda inputs: flat(compiled(*inputs))
