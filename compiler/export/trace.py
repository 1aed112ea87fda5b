"""A compiled network as `torch.export` sees it: with the sizes dynamic that its spec leaves open."""

from __future__ import annotations

import copy
import logging
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch.export import ExportedProgram

from archdsl.diagnostics import Diagnostic
from archdsl.dims import Dim, value
from archdsl.errors import SpecError
from archdsl.graph import Graph, layer
from compiler.export.open_sizes import OpenSize, dynamic, fits, open_sizes
from compiler.fx.lower import KEY
from compiler.fx.model import CompiledNetwork
from compiler.program import Feed, Routine

NOISE: Final = ("torch.export", "torch.onnx", "torch._export", "torch.fx", "onnxscript")
TRIED: Final = 64  # values of each open size that what was exported has to take
RUNNING: Final = re.compile(r"While executing %(\w+)")
SIZES: Final = "give the sizes: --at, --input"  # that need not stay open
COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")


def traced(model: CompiledNetwork, graph: Graph, routine: Routine) -> ExportedProgram:
    """The exported program of a model, in the phase that it is in. What the routine of the graph leaves open is open.

    Where the inputs have to meet what torch cannot say as a range (`H % 16 <= 3`), the program asserts it. Raises
    `SpecError` where no sizes fit, or torch cannot keep one open.
    """
    found = open_sizes(graph, routine)
    samples = {name: size.sample for name, size in found.items()}
    shapes = {feed.name: dynamic(feed.shape, found) for feed in routine.feeds}
    inputs = tuple(sample(feed, samples) for feed in routine.feeds)
    alone = with_a_tuple(model)
    try:
        with quiet():
            try:
                program = torch.export.export(alone, inputs, dynamic_shapes=shapes, strict=False)
            except torch._dynamo.exc.UserError:
                program = torch.export.export(
                    alone, inputs, dynamic_shapes=shapes, strict=False, prefer_deferred_runtime_asserts_over_guards=True
                )
    except (torch._dynamo.exc.UserError, RuntimeError, ValueError) as error:
        text = COLOURS.sub("", str(error))
        running = RUNNING.search(text)
        reason = reason_of(text.partition("While executing")[0])
        named = running[1] if running is not None else None
        raise not_exportable(graph, key_of(model, named), f"torch.export cannot follow {{}}: {reason}", SIZES) from None
    _refuse_narrower(program, graph, routine, found)
    _forget_places(program)
    return program


def not_exportable(graph: Graph, key: str | None, message: str, help: str | None = None) -> SpecError:
    """A fault of a layer, or of the whole network; `{}` in the message stands for it."""
    if key is None or key not in graph:
        return SpecError([Diagnostic("not-exportable", message.replace("{}", "the network"), help=help)])
    node = layer(graph, key)
    said = message.replace("{}", f"the layer `{key}`")
    return SpecError([Diagnostic("not-exportable", said, node["span"], chain=node["blocks"], help=help)])


def key_of(model: CompiledNetwork, step: str | None) -> str | None:
    """The layer of a step of a model's graph."""
    return next((node.meta.get(KEY) for node in model.graph.nodes if node.name == step), None)


def step_of(program: ExportedProgram, model: CompiledNetwork, step: str | None) -> str | None:
    """The layer of a step of a program that was exported from a model."""
    for node in program.graph.nodes:
        if node.name == step and node.meta.get("from_node"):
            (*_, first) = node.meta["from_node"]
            while first.from_node:
                first = first.from_node[-1]
            return key_of(model, first.name)
    return None


def reason_of(text: str) -> str:
    """What torch says first, in a line."""
    said = text.partition("For more information")[0] + text.partition('TORCH_LOGS="+dynamic".')[2]
    return " ".join(said.split())[:300].rstrip(" .:-")


def with_a_tuple(model: CompiledNetwork) -> CompiledNetwork:
    """The model over the same weights, with several outputs as a plain tuple: a named one would need its class to be
    there where the program is loaded."""
    copied = copy.copy(model)
    (result,) = copied.graph.find_nodes(op="output")
    if isinstance(result.args[0], tuple):
        result.args = (tuple(result.args[0]),)
        copied.recompile()
    return copied


def sample(feed: Feed, values: Mapping[str, int]) -> torch.Tensor:
    """An input of these sizes: random numbers, indices that are 0, masks of which every third place is set."""
    shape = [value(size, values) for size in feed.shape]
    kind = getattr(torch, feed.dtype)
    if kind == torch.bool:
        return torch.arange(math.prod(shape)).remainder(3).eq(0).reshape(shape)
    return torch.randn(shape, dtype=kind) if kind.is_floating_point else torch.zeros(shape, dtype=kind)


def _refuse_narrower(program: ExportedProgram, graph: Graph, routine: Routine, found: Mapping[str, OpenSize]) -> None:
    """Raise `SpecError` where a program asserts of its sizes what the network does not need: tracing took one of two
    ways that torch has for a step, and the program would do for the one alone."""
    asserted = [
        node.args[0].meta["val"].node.expr
        for node in program.graph.find_nodes(op="call_function", target=torch.ops.aten._assert_scalar.default)
        if isinstance(node.args[0], torch.fx.Node)
    ]
    if not asserted:
        return
    samples = {name: size.sample for name, size in found.items()}
    for size in found.values():
        for tried in size.values(TRIED):
            values = {**samples, size.symbol: tried}
            if fits(routine, values) and not all(_holds(one, program, routine, values) for one in asserted):
                message = (
                    f"torch.export cannot keep `{size.symbol}` open: {{}} takes {tried}, what is exported would not"
                )
                raise not_exportable(graph, None, message, SIZES)


def _holds(asserted: Any, program: ExportedProgram, routine: Routine, values: Mapping[str, int]) -> bool:
    """Whether what a program asserts is so for inputs of these sizes."""
    known: dict[Any, int] = {}
    given = dict(zip(program.graph_signature.user_inputs, routine.feeds, strict=True))
    for node in program.graph.find_nodes(op="placeholder"):
        for i, size in enumerate(given[node.name].shape if node.name in given else ()):
            if isinstance(size, Dim):  # here `16*s40 + 12`
                (own,) = node.meta["val"].shape[i].node.expr.free_symbols or (None,)
                whole = node.meta["val"].shape[i].node.expr
                known[own] = (value(size, values) - whole.subs(own, 0)) // whole.coeff(own)
    return bool(asserted.subs(known))


def _forget_places(program: ExportedProgram) -> None:
    """Take out where on this machine the code of each step stands."""
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)


@contextmanager
def quiet() -> Iterator[None]:
    """Without what torch's exporters say of themselves."""
    before = {name: logging.getLogger(name).level for name in NOISE}
    for name in NOISE:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
