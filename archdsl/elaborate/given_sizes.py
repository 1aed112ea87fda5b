"""Sizes that were chosen for a network, held against what it needs of them where it leaves them open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from archdsl.definitions import Definitions, capitals
from archdsl.diagnostics import Diagnostic, Note
from archdsl.dims import Dim, in_symbols, show, substitute, symbols
from archdsl.elaborate.choices import Choices
from archdsl.elaborate.inputs import is_free
from archdsl.elaborate.network import elaborate
from archdsl.errors import SpecError
from archdsl.graph import Graph, header, input_shapes, layer
from archdsl.needs import fitting, is_periodic, nearest, needs, unmet
from archdsl.symbolic import solutions
from archdsl.syntax import tree

OPEN: Final = frozenset(range(8))  # dimensions in which sizes may be open


def unmet_needs(
    network: tree.NetworkDefinition,
    definitions: Definitions,
    variant: tree.Variant | None,
    choices: Choices,
    opened: Graph | None = None,
) -> Diagnostic | None:
    """Which needs of a network the sizes do not meet that were chosen for it, and the nearest that do; None where they
    meet all those of remainders (what is too small is told by the layer that it is too small for), or where the network
    takes no other sizes either. `opened` is its graph with these sizes open, if it is there already."""
    inputs = [(param, param.shape.dims) for param in network.params if param.shape is not None]
    shapes = {param.name.id: dims for param, dims in inputs}
    if opened is None:
        if not (choices.inputs or choices.symbols):
            return None
        names = {
            name.id
            for param, dims in inputs
            for i, dim in enumerate(dims)
            if is_free(i, param, OPEN)
            for name in capitals(dim)
        }
        kept = {name: value for name, value in choices.symbols.items() if name not in names}
        try:
            opened = elaborate(
                network, definitions, variant, replace(choices, symbols=kept, free=OPEN, open_batch=True)
            )
        except SpecError:
            return None
    values = _values(opened, shapes, choices)
    broken = unmet(header(opened)["needs"], values)
    narrowed = header(opened)["narrowed"]
    if not any(symbols(need) <= narrowed.keys() and is_periodic(need) for need in broken):
        return None
    return _diagnostic(opened, broken, values, "--input" if choices.inputs else "--at")


def _values(
    graph: Graph, shapes: Mapping[str, tuple[tree.Expr | tree.AnyDims, ...]], choices: Choices
) -> dict[str, int]:
    """The values of open symbols that the chosen sizes say, and the numbers that the spec has in their place."""
    found = dict(choices.symbols)
    for name, dims in shapes.items():
        chosen = choices.inputs.get(name, (None,) * len(dims))
        for dim, size, given in zip(dims, layer(graph, name)["shape"], chosen, strict=False):
            number = dim.value if given is None and isinstance(dim, tree.Literal) else given
            left = substitute(in_symbols(size), found)
            if isinstance(number, int) and isinstance(left, Dim) and len(symbols(left)) == 1:
                solved = solutions(left, number)
                if len(solved) == 1:
                    (symbol,) = symbols(left)
                    found[symbol] = solved[0]
    return found


def _diagnostic(graph: Graph, broken: list[Dim], values: Mapping[str, int], place: str) -> Diagnostic:
    asked = sorted({name for need in broken for name in symbols(need)})
    places = {name: _read_at(graph, name) for name in asked}
    told = " and ".join(f"{name} is {values[name]} (dimension {dim} of `{at}`)" for name, (at, dim) in places.items())
    inputs = dict.fromkeys(f"`{at}`" for at, _ in places.values())
    message = f"input {' and '.join(inputs)}: {told}, but the network needs {' and '.join(needs(broken))}"
    ways: dict[str, str] = {}
    for name, (at, dim) in places.items():
        size = in_symbols(layer(graph, at)["shape"][dim])
        sizes = [substitute(size, {**values, name: found}) for found in nearest(header(graph)["needs"], name, values)]
        if sizes:
            ways[f"of dimension {dim} of `{at}`"] = fitting(sizes)
    alike = len(set(ways.values())) == 1
    help = next(iter(ways.values())) if alike else "; ".join(f"{way} ({where})" for where, way in ways.items())
    return Diagnostic("unmet-need", message, place=place, help=help or None, notes=tuple(_origins(graph, asked)))


def _read_at(graph: Graph, name: str) -> tuple[str, int]:
    """The input and dimension where a symbol is first written, by itself if it is so anywhere."""
    written = [
        (str(size) != name, input, dim)
        for input in header(graph)["inputs"]
        for dim, size in enumerate(layer(graph, input)["shape"])
        if name in symbols(size)
    ]
    _, input, dim = min(written, key=lambda one: one[0])
    return input, dim


def _origins(graph: Graph, asked: list[str]) -> Iterator[Note]:
    """The layers that the needs of symbols come from, each once."""
    narrowed = header(graph)["narrowed"]
    for key in dict.fromkeys(narrowed[name] for name in asked if name in narrowed):
        if key in graph:
            joined = " and ".join(dict.fromkeys(show(shape) for shape in input_shapes(graph, key)))
            yield Note(f"it is `{key}` that needs it, of {joined}", layer(graph, key)["span"])
