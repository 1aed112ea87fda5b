"""What a graph says of a network: its tensors, multiply-adds and the shapes of its stages."""

from __future__ import annotations

import math

import archdsl
from archdsl.dims import Size, substitute
from archdsl.graph import Graph, layers, operands


def graph_of(variant: str) -> Graph:
    return archdsl.load(variant).graph


def one_image(size: Size) -> int:
    found = substitute(size, {"N": 1}) if not isinstance(size, int) else size
    assert isinstance(found, int)
    return found


def elements(graph: Graph, *roles: str) -> int:
    """How many numbers of these roles a checkpoint holds."""
    saved = (weight for _, node in layers(graph) for weight in node["weights"] if weight.persistent)
    return sum(math.prod(weight.shape) for weight in saved if weight.role in roles)


def multiply_adds(graph: Graph) -> int:
    total: Size = 0
    for key, node in layers(graph):
        inputs = [graph.nodes[producer]["outputs"][output] for producer, output in operands(graph, key)]
        total = total + node["operator"].macs(inputs, node["shape"])
    return one_image(total)


def last_layer(graph: Graph, module: str) -> str:
    """The layer at a path, or the last one below it."""
    return [key for key in graph if key == module or key.startswith(f"{module}.")][-1]


def stage_shape(graph: Graph, at: str | list[str]) -> list[int]:
    """The shape of a stage without the batch; of one in two halves, joined along the channels."""
    places = [at] if isinstance(at, str) else at
    shapes = [list(map(one_image, graph.nodes[last_layer(graph, place)]["shape"])) for place in places]
    assert all(shape[2:] == shapes[0][2:] for shape in shapes)
    return [sum(shape[1] for shape in shapes), *shapes[0][2:]]


def names_and_shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    return {
        ".".join(filter(None, (node["path"], weight.name))): weight.shape
        for _, node in layers(graph)
        for weight in node["weights"]
        if weight.persistent
    }
