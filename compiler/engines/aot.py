"""AOTInductor: the same compiler ahead of time, so that a call runs no Python. It needs a C++ compiler."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch

from compiler.engines.task import EngineCall, Task, flat
from compiler.export.trace import quiet


def build(task: Task) -> EngineCall:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.pt2"
        package(task, path)
        return loaded(path)


def package(task: Task, path: Path) -> None:
    """Compile a task into a file."""
    import torch._inductor as inductor
    import torch._inductor.config as config

    program = task.exported(task.module())
    with quiet(), config.patch(freezing=True), torch.no_grad():
        inductor.aoti_compile_and_package(program, package_path=str(path))


def loaded(path: Path) -> EngineCall:
    """What a file runs that `package` has written. Its code is run: it must be one's own."""
    import torch._inductor as inductor

    run: Any = inductor.aoti_load_package(str(path))
    return lambda inputs: flat(run(*inputs))
