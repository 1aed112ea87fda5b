"""Holds an ONNX file against the network that it is of, by running both."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor, fx
from torch.export import ExportedProgram

from compiler.export.formats import Export
from compiler.export.open_sizes import open_sizes
from compiler.export.trace import not_exportable, sample, step_of

CLOSE: Final = 1e-3  # of the largest value: other orders of summation differ by 1e-6, wrong formulas by 1
TO_PT2: Final = "export to .pt2"
FAILED: Final = re.compile(r"(?:Name:'|Node \()node_(\w+?)(?:__\d+)?['\)]")


def refuse_other_results(rendered: bytes, program: ExportedProgram, what: Export) -> None:
    """Raise `SpecError` where onnxruntime does not make of a file what the network makes of random inputs of small
    sizes; the fault names the layer.

    Only in inference, and where nothing is drawn at random: else nothing can be compared. Raises `ImportError` without
    onnxruntime.
    """
    if what.phase == "training":
        return
    values = {name: size.second for name, size in open_sizes(what.graph, what.routine).items()}
    inputs = [sample(feed, values) for feed in what.routine.feeds]
    wanted = _made(what, inputs)
    may_draw = any(
        torch.Tag.nondeterministic_seeded in getattr(step.target, "tags", ()) for step in program.graph.nodes
    )
    if may_draw and not all(map(_alike, _made(what, inputs), wanted)):
        return
    try:
        found = _run(rendered, what, inputs, [result.name for result in what.routine.results])
    except RuntimeError as error:  # of onnxruntime
        failed = FAILED.search(str(error))
        reason = str(error).partition("Status Message:")[2] or str(error)
        message = f"onnxruntime cannot run {{}} as torch exports it: {' '.join(reason.split())[:200]}"
        at = step_of(program, what.model, failed[1] if failed is not None else None)
        raise not_exportable(what.graph, at, message, TO_PT2) from None
    other = next((i for i, pair in enumerate(zip(found, wanted, strict=True)) if not _alike(*pair)), None)
    if other is not None:
        message = "{} gives other results in ONNX, as torch exports it"
        at = step_of(program, what.model, _first_wrong(rendered, program, what, inputs))
        raise not_exportable(what.graph, at or what.routine.results[other].ref.layer, message, TO_PT2)


def _made(what: Export, inputs: Sequence[Tensor]) -> list[Tensor]:
    with torch.no_grad():
        made = what.model(*inputs)
    return [made] if isinstance(made, Tensor) else list(made)


def _run(rendered: bytes, what: Export, inputs: Sequence[Tensor], names: Sequence[str]) -> list[Tensor]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what it cannot do, it raises
    try:
        session = onnxruntime.InferenceSession(rendered, options, providers=["CPUExecutionProvider"])
        read = {given.name for given in session.get_inputs()}
        given = {feed.name: x.numpy() for feed, x in zip(what.routine.feeds, inputs, strict=True) if feed.name in read}
        return [torch.from_numpy(value) for value in session.run(names, given)]
    except Exception as error:  # its classes are those of C++, without a name to import
        raise RuntimeError(str(error)) from None


def _alike(found: Tensor, wanted: Tensor) -> bool:
    """Whether two are the same but for rounding. Which of two equal values is first is not told, nor what is made of
    nothing: a row of attention that is masked whole is 0 for torch, and no number for onnxruntime."""
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        return False
    numbers = found.isfinite() & wanted.isfinite()
    if not wanted.is_floating_point() or not numbers.any():
        return True
    found, wanted = found[numbers], wanted[numbers]
    return bool((found - wanted).abs().max() <= CLOSE * wanted.abs().max() + 1e-6)


class _Recorder(fx.Interpreter):
    """Runs a program and keeps what each step makes."""

    def __init__(self, program: fx.GraphModule) -> None:
        super().__init__(program)
        self.made: dict[str, Tensor] = {}

    def run_node(self, n: fx.Node) -> Any:
        made = super().run_node(n)
        if n.op == "call_function" and isinstance(made, Tensor):
            self.made[n.name] = made
        return made


def _first_wrong(rendered: bytes, program: ExportedProgram, what: Export, inputs: Sequence[Tensor]) -> str | None:
    """The first step whose result onnxruntime has otherwise: values in the file are called as the steps are."""
    import onnx

    recorder = _Recorder(program.module())
    with torch.no_grad():
        recorder.run(*inputs)
    steps: Mapping[str, Tensor] = recorder.made
    model = onnx.load_from_string(rendered)
    there = {name for node in model.graph.node for name in node.output}
    names = [name for name in steps if name in there]
    if not names:
        return None
    kept = {value.name for value in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in kept)
    found = zip(names, _run(model.SerializeToString(), what, inputs, names), strict=True)
    return next((name for name, value in found if not _alike(value, steps[name])), None)
