"""OpenVINO on the CPU: needs the extra `openvino`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor

from compiler.engines.task import EngineCall, Task
from compiler.export.trace import quiet

HINTS: Final = {"fp32": "f32", "bf16": "bf16"}


@contextmanager
def _warnings_of_the_root_logger_off() -> Iterator[None]:
    """It warns there of operators that its table of decompositions lacks, whether they are used or not."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.disable(before)


def build(task: Task) -> EngineCall:
    import openvino
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.fx_decoder import TorchFXPythonDecoder

    # `openvino.convert_model` does the same, and reports to its makers that it did.
    with quiet(), _warnings_of_the_root_logger_off():
        frontend = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchFXPythonDecoder.from_exported_program(task.exported())  # is asked until all is converted
        model = frontend.convert(frontend.load(decoder))
    settings = {
        "INFERENCE_PRECISION_HINT": HINTS[task.precision],
        "INFERENCE_NUM_THREADS": task.threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled: Any = openvino.compile_model(model, "CPU", settings)
    request = compiled.create_infer_request()

    def run(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        made = request.infer([x.numpy() for x in inputs], share_inputs=True)
        return tuple(torch.from_numpy(made[i]) for i in range(len(made)))

    return run
