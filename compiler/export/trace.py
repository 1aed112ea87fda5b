"""A compiled network as `torch.export` sees it: with the sizes dynamic that its spec leaves open."""

from __future__ import annotations

import copy
import itertools
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch.export import Dim as OpenSize
from torch.export import ExportedProgram

from archdsl.diagnostics import Diagnostic
from archdsl.dims import Dim, Shape, classes_in, symbols, value
from archdsl.errors import SpecError
from archdsl.graph import Graph, header, layer, layers
from archdsl.residues import Residues
from compiler.fx.model import CompiledNetwork
from compiler.program import Feed, Routine
from compiler.sizes import unfit

MOST: Final = 4096  # of a size that is looked for
BATCH: Final = 2  # of the inputs that are traced: 1 would be taken for a constant
NOISE: Final = ("torch.export", "torch.onnx", "torch._export", "torch.fx")


def traced(model: CompiledNetwork, graph: Graph, routine: Routine) -> ExportedProgram:
    """The exported program of a model, in the phase that it is in. What the routine of the graph leaves open is open.

    torch takes a size of 1 for a constant, so that open sizes begin where none is 1 on the way. Raises `SpecError`
    where no sizes fit, or torch cannot keep one open.
    """
    values = sizes(routine)
    between = {size for _, node in layers(graph) for shape in node["outputs"] for size in shape[1:]}
    shapes_there = [layer(graph, name)["outputs"][0] for name in header(graph)["inputs"]]
    classes = {name: found for shape in shapes_there for size in shape for name, found in classes_in(size).items()}
    open_sizes = {
        symbol: _open_symbol(symbol, _least(routine, between, symbol, values), classes.get(symbol)) for symbol in values
    }
    shapes = {feed.name: _dynamic(feed.shape, open_sizes) for feed in routine.feeds}
    inputs = tuple(sample(feed, values) for feed in routine.feeds)
    try:
        with quiet():
            program = torch.export.export(with_a_tuple(model), inputs, dynamic_shapes=shapes, strict=False)
    except (torch._dynamo.exc.UserError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:400]
        message = f"torch.export cannot keep the sizes of `{routine.name}` open: {reason}"
        raise SpecError([Diagnostic("not-exportable", message, help="give the sizes: --at, --input")]) from None
    _forget_places(program)
    return program


def with_a_tuple(model: CompiledNetwork) -> CompiledNetwork:
    """The model over the same weights, with several outputs as a plain tuple: a named one would need its class to be
    there where the program is loaded."""
    copied = copy.copy(model)
    (result,) = copied.graph.find_nodes(op="output")
    if isinstance(result.args[0], tuple):
        result.args = (tuple(result.args[0]),)
        copied.recompile()
    return copied


def sizes(routine: Routine) -> dict[str, int]:
    """A value for each open size, with which the inputs fit: not the least, where sizes could become 1 on the way.

    Raises `SpecError` where none is found.
    """
    names = {name: None for feed in routine.feeds for size in feed.shape for name in sorted(symbols(size))}
    batch = _batch(routine)
    fitting = (v for v in range(1, MOST) if _fits(routine, _all(names, batch, v)))
    least = next(fitting, None)
    if least is None:
        message = f"no sizes were found that `{routine.name}` takes"
        raise SpecError([Diagnostic("not-exportable", message, help="give the sizes: --at, --input")])
    roomy = itertools.chain((v for v in fitting if v >= 3 * least and v > 3), [least])
    return _all(names, batch, next(roomy))


def sample(feed: Feed, values: Mapping[str, int]) -> torch.Tensor:
    """An input of these sizes."""
    shape = [value(size, values) for size in feed.shape]
    kind = getattr(torch, feed.dtype)
    return torch.randn(shape, dtype=kind) if kind.is_floating_point else torch.zeros(shape, dtype=kind)


def _all(names: Mapping[str, None], batch: frozenset[str], size: int) -> dict[str, int]:
    return {name: BATCH if name in batch else size for name in names}


def _batch(routine: Routine) -> frozenset[str]:
    """The symbols that are whole first dimensions and nothing else."""
    first = {feed.shape[0] for feed in routine.feeds if feed.shape}
    rest = {name for feed in routine.feeds for size in feed.shape[1:] for name in symbols(size)}
    found = {name for size in first for name in symbols(size) if size == Dim({(name,): 1})}
    return frozenset(found - rest)


def _fits(routine: Routine, values: Mapping[str, int]) -> bool:
    given = [[value(size, values) for size in feed.shape] for feed in routine.feeds]
    return unfit(routine.feeds, routine.readings, routine.needs, given) is None


def _least(routine: Routine, between: Iterable[int | Dim], symbol: str, values: Mapping[str, int]) -> int:
    """The least value of a symbol that fits, where the others have these, and with which no size on the way is 1; its
    own value among these, where one is 1 whatever it is."""
    if symbol in _batch(routine):
        return 1
    on_the_way = [size for size in between if isinstance(size, Dim) and symbol in symbols(size)]
    fitting = (
        v
        for v in range(1, MOST)
        if _fits(routine, known := {**values, symbol: v}) and all(value(size, known) > 1 for size in on_the_way)
    )
    return next(fitting, values[symbol])


def _open_symbol(symbol: str, least: int, classes: Residues | None) -> Any:
    """What torch is to keep open for a symbol; of one that needs multiples of 16, the sixteenth part."""
    if classes is None or classes.step == 1:
        return OpenSize(symbol, min=least)
    part = classes.step * OpenSize(f"{symbol}_{classes.step}", min=-(-(least - classes.start) // classes.step))
    return part + classes.start if classes.start else part


def _dynamic(shape: Shape, open_sizes: Mapping[str, Any]) -> dict[int, Any]:
    """What of an input's shape is open: symbols, and what torch can say of them, `a * H + b`."""
    return {i: _open(size, open_sizes) for i, size in enumerate(shape) if isinstance(size, Dim)}


def _open(size: Dim, open_sizes: Mapping[str, Any]) -> Any:
    names = symbols(size)
    if len(names) != 1:
        return OpenSize.AUTO
    (name,) = names
    factor = dict(size.terms).get((name,), 0)
    rest = size - Dim({(name,): factor}) if factor else size
    if factor < 1 or not isinstance(rest, int):
        return OpenSize.AUTO
    found = open_sizes[name] if factor == 1 else factor * open_sizes[name]
    return found + rest if rest else found


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
