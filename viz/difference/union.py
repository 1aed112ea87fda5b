"""Two networks as one graph: what corresponds is one node, what only one of them has stands beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import networkx as nx

from archdsl.compare.difference import Difference, LayerDiff, Status
from archdsl.dims import Shape
from archdsl.graph import Graph, NetworkOutput, header, layer, layers, operands

Which: TypeAlias = Literal["a", "b"]
PartKind: TypeAlias = Literal["input", "layer", "output"]

SIDES: Final[tuple[Which, Which]] = ("a", "b")


@dataclass(frozen=True, slots=True)
class UnionPart:
    """An input, a layer or an output of two networks; what one of them has not is None."""

    kind: PartKind
    status: Status
    a: str | None  # keys in the two graphs; the name, for an output
    b: str | None
    shape_a: Shape | None
    shape_b: Shape | None
    diff: LayerDiff | None = None  # of a layer

    @property
    def name(self) -> str:
        return self.b if self.b is not None else self.a or ""

    def key(self, side: Which) -> str | None:
        return self.a if side == "a" else self.b

    def shape(self, side: Which) -> Shape:
        found = self.shape_a if side == "a" else self.shape_b
        assert found is not None  # that network has it
        return found


PartWire: TypeAlias = tuple[str, str]  # keys of parts: what makes a tensor, and what reads it


@dataclass(frozen=True, slots=True)
class Union:
    """`parts` stand in the order of the second network, those of the first alone where they would stand in it."""

    difference: Difference
    parts: Mapping[str, UnionPart]
    wires: Mapping[PartWire, frozenset[Which]]  # in which of the networks each is
    graph: Graph  # the layers again, for what works on graphs


def unite(difference: Difference) -> Union:
    """Two compared networks as one."""
    parts = {_key(part): part for part in _parts(difference)}
    wires: dict[PartWire, frozenset[Which]] = {}
    for side in SIDES:
        for wire in _wires(graph_of(difference, side), places(parts, side), parts):
            wires[wire] = wires.get(wire, frozenset()) | {side}
    return Union(difference, parts, wires, _graph(difference, parts))


def graph_of(difference: Difference, side: Which) -> Graph:
    return difference.a.graph if side == "a" else difference.b.graph


def _key(part: UnionPart) -> str:
    """A name of its own: paths of the two networks may be the same, and so may those of a layer and an output."""
    sign = "-" if part.b is None else ""
    return f"{sign}{'=' if part.kind == 'output' else ''}{part.name}"


def _parts(difference: Difference) -> Iterator[UnionPart]:
    a, b = difference.a.graph, difference.b.graph
    inputs_a = {key: layer(a, key)["shape"] for key in header(a)["inputs"]}
    inputs_b = {key: layer(b, key)["shape"] for key in header(b)["inputs"]}
    yield from (_end("input", name, inputs_a.get(name), inputs_b.get(name)) for name in {**inputs_b, **inputs_a})
    for diff in difference.layers:
        path_a, shape_a = (diff.a.path, diff.a.shape) if diff.a is not None else (None, None)
        path_b, shape_b = (diff.b.path, diff.b.shape) if diff.b is not None else (None, None)
        yield UnionPart("layer", diff.status, path_a, path_b, shape_a, shape_b, diff)
    outputs_a, outputs_b = _outputs(a), _outputs(b)
    for name in {**outputs_b, **outputs_a}:
        shapes = [of[name]["shape"] if name in of else None for of in (outputs_a, outputs_b)]
        yield _end("output", name, *shapes)


def _end(kind: PartKind, name: str, a: Shape | None, b: Shape | None) -> UnionPart:
    """An input or output; the shape of an output follows from the layers."""
    status: Status = "added" if a is None else "removed" if b is None else "same"
    if a is not None and b is not None and a != b:
        status = "changed" if kind == "input" else "follows"
    return UnionPart(kind, status, None if a is None else name, None if b is None else name, a, b)


def _outputs(graph: Graph) -> dict[str, NetworkOutput]:
    return {output["name"]: output for output in header(graph)["outputs"]}


def places(parts: Mapping[str, UnionPart], side: Which) -> dict[str, str]:
    """The keys of the parts by those of the inputs and layers of one network."""
    return {own: key for key, part in parts.items() if part.kind != "output" and (own := part.key(side)) is not None}


def _wires(graph: Graph, places: Mapping[str, str], parts: Mapping[str, UnionPart]) -> Iterator[PartWire]:
    for key in graph:
        yield from ((places[source], places[key]) for source, _ in operands(graph, key))
    for name, output in _outputs(graph).items():
        yield places[output["node"]], f"={name}" if f"={name}" in parts else f"-={name}"


def _graph(difference: Difference, parts: Mapping[str, UnionPart]) -> Graph:
    """The layers of both with the wires of both. What is said of a layer includes how it changed, so that parts of the
    graph are equal only where they differ alike. Wires of the first network that would run backwards, since a layer
    was moved, are left out: the graph has no cycle.
    """
    order = {key: number for number, key in enumerate(parts)}
    found: Graph = nx.MultiDiGraph(outputs=[])
    own_places = {side: places(parts, side) for side in SIDES}
    for key, part in parts.items():
        if part.kind == "output":
            continue
        own = {s: layer(graph_of(difference, s), name) for s in SIDES if (name := part.key(s)) is not None}
        said: dict[str, object] = {
            "status": part.status,
            **{side: [node["op"], *node["params"].items()] for side, node in own.items()},
        }
        shown = max(own)  # the second network, if it has the layer
        path = own_places[shown].get(own[shown]["path"], own[shown]["path"])
        found.add_node(key, **{**own[shown], "path": path, "params": said})
    for side in SIDES:
        graph, at = graph_of(difference, side), own_places[side]
        for key, _ in layers(graph):
            for i, (source, output) in enumerate(operands(graph, key)):
                if order[at[source]] < order[at[key]]:
                    shape = layer(graph, source)["outputs"][output]
                    found.add_edge(at[source], at[key], input=i, output=output, shape=shape)
        found.graph["outputs"] += [{**output, "node": at[output["node"]]} for output in header(graph)["outputs"]]
    return found
