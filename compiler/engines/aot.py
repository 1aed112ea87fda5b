"""AOTInductor: the same compiler ahead of time, so that a call runs no Python. It needs a C++ compiler."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch

from compiler.engines.task import EngineCall, Task, flat
from compiler.export.trace import quiet


def build(task: Task) -> EngineCall:
    import torch._inductor as inductor
    import torch._inductor.config as config

    program = task.exported(task.module())
    with quiet(), config.patch(freezing=True), torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        package = inductor.aoti_compile_and_package(program, package_path=str(Path(folder) / "network.pt2"))
        loaded: Any = inductor.aoti_load_package(package)
        loaded(*task.inputs)
    return lambda inputs: flat(loaded(*inputs))
