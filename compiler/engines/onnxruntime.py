"""onnxruntime on the CPU, in fp32: needs the extra `onnxruntime`."""

from __future__ import annotations

import contextlib
import io

import torch
from torch import Tensor

from compiler.engines.task import EngineCall, Task, Unable
from compiler.export.trace import quiet


def build(task: Task) -> EngineCall:
    import onnxruntime

    if task.precision != "fp32":
        raise Unable("it has no convolution in bf16 on a CPU")
    program = task.exported()
    with quiet(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        exported = torch.onnx.export(program, dynamo=True, verbose=False)
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
