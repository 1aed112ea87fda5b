"""ONNX, for onnxruntime and others: needs the extra `onnx`."""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any, Final

import torch
from torch.export import ExportedProgram

from archdsl.diagnostics import Diagnostic
from archdsl.dims import Dim, symbols
from archdsl.errors import SpecError
from archdsl.extras import not_installed
from compiler.export.formats import Export
from compiler.export.onnx_check import TO_PT2, refuse_other_results
from compiler.export.onnx_forms import with_forms
from compiler.export.trace import COLOURS, not_exportable, quiet, reason_of, step_of, traced

LARGEST: Final = 2**31 - 1  # bytes of one message of Protocol Buffers
DECOMPOSING: Final = re.compile(r"OpOverload for aten\.(\w+)")
CONVERTING: Final = re.compile(r"Error when translating node %(\w+)")
SYMBOL: Final = re.compile(r"\b[su]\d+\b")  # as torch calls an open size


def render(what: Export) -> bytes:
    """The network with its weights, in one phase, checked, and run beside the network. Inputs, outputs and weights have
    the spec's names.

    Raises `SpecError` where torch cannot export it, `ImportError` where the extra is not installed.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401 # it is run by it
        import onnxscript  # noqa: F401 # torch's exporter needs it
    except ImportError as error:
        raise not_installed("ONNX", error.name) from None
    routine = what.routine
    program = traced(what.model, what.graph, routine)
    with quiet():
        program = with_forms(program)
    with quiet(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            exported = torch.onnx.export(
                program, dynamo=True, input_names=[feed.name for feed in routine.feeds],
                output_names=[result.name for result in routine.results], verbose=False,
            )  # fmt: skip
        except torch.onnx.errors.OnnxExporterError as error:
            raise _without_form(error, program, what) from None
    assert exported is not None
    model = exported.model_proto
    _tidy(model, what)
    if model.ByteSize() > LARGEST:
        message = f"`{routine.name}` has {model.ByteSize():,} bytes, and an ONNX file holds 2 GiB"
        raise SpecError([Diagnostic("not-exportable", message, help="export to .pt2, or weights to .safetensors")])
    onnx.checker.check_model(model)
    rendered: bytes = model.SerializeToString()
    refuse_other_results(rendered, program, what)
    return rendered


def _without_form(error: BaseException, program: ExportedProgram, what: Export) -> SpecError:
    """What is said of a step that torch knows no form of in ONNX: the layer, and why."""
    node, reason = None, ""
    while True:
        reason = COLOURS.sub("", str(error))
        node = next(iter(CONVERTING.findall(reason)), node)
        if error.__cause__ is None:
            break
        error = error.__cause__
    if node is None:  # it failed before it came to single steps: told only where one alone is of that kind
        kinds = DECOMPOSING.findall(reason)[:1]
        alike = [step.name for step in program.graph.nodes if str(step.target).split(".")[:2] == ["aten", *kinds]]
        node = alike[0] if len(alike) == 1 else None
    message = f"torch has no form in ONNX for {{}}: {reason_of(reason)}"
    return not_exportable(what.graph, step_of(program, what.model, node), message, TO_PT2)


def _tidy(model: Any, what: Export) -> None:
    """Name open sizes as the spec does, leave out where code stands on this machine, and put in the spec."""
    import onnx

    model.producer_name, model.doc_string = "archdsl", ""
    graph = model.graph
    functions = [node for function in model.functions for node in function.node]
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer, *functions):
        del part.metadata_props[:]
        part.doc_string = ""
    for part in (graph, *model.functions):
        del part.metadata_props[:]
        part.doc_string = ""
    _name_sizes(graph, what)
    onnx.helper.set_model_props(model, what.metadata)


def _name_sizes(graph: Any, what: Export) -> None:
    """Give open sizes the names that the spec gives them: `s40` is `N`."""
    whole, parts = {}, {}
    for given, feed in zip(graph.input, what.routine.feeds, strict=True):
        for dim, size in zip(given.type.tensor_type.shape.dim, feed.shape, strict=True):
            found, wanted = SYMBOL.findall(dim.dim_param), symbols(size) if isinstance(size, Dim) else ()
            whole[dim.dim_param] = str(size)  # `16*s40` is `H` where H is a multiple of 16
            if len(found) == len(wanted) == 1 and dim.dim_param.replace(found[0], *wanted) == str(size):
                parts[found[0]] = next(iter(wanted))
    for value in (*graph.input, *graph.output, *graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                inside = SYMBOL.sub(lambda match: parts.get(match[0], match[0]), dim.dim_param)
                dim.dim_param = whole.get(dim.dim_param, inside)
