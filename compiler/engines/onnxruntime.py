"""onnxruntime on the CPU, in fp32: needs the extra `onnxruntime`."""

from __future__ import annotations

import contextlib
import io

import torch
from torch import Tensor

from compiler.engines.task import EngineCall, Task, Unable
from compiler.export.trace import COLOURS, quiet, reason_of


def build(task: Task) -> EngineCall:
    import onnxruntime

    if task.precision != "fp32":
        raise Unable("it has no convolution in bf16 on a CPU")
    program = task.exported()
    with quiet(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            exported = torch.onnx.export(program, dynamo=True, verbose=False)
        except torch.onnx.errors.OnnxExporterError as error:
            raise Unable(f"torch cannot export the network to ONNX: {_first_cause(error)}") from None
    assert exported is not None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = task.threads, 3
    options.add_session_config_entry("session.force_spinning_stop", "1")  # after a call, at the cost of who comes next
    model = exported.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]

    def run(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        made = session.run(None, {name: x.numpy() for name, x in zip(names, inputs, strict=True)})
        return tuple(map(torch.from_numpy, made))

    return run


def _first_cause(error: BaseException) -> str:
    """Why the exporter failed: what it says itself is advice about its own parts."""
    while error.__cause__ is not None:
        error = error.__cause__
    return reason_of(COLOURS.sub("", str(error)))
