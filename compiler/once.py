"""What one run of a compiled network gives: shapes only."""

from __future__ import annotations

from typing import NamedTuple

import torch

from archdsl.dims import numbers
from archdsl.graph import Graph, header, layer
from compiler.fx.model import CompiledNetwork


class Outcome(NamedTuple):
    """The shapes of a network's outputs, and of its parameters and buffers, by name."""

    outputs: dict[str, tuple[int, ...]]
    weights: dict[str, tuple[int, ...]]


def run_once(model: CompiledNetwork, graph: Graph) -> Outcome:
    """Run a network once, on inputs of zeros."""
    head = header(graph)
    given = []
    for name in head["inputs"]:
        node = layer(graph, name)
        given.append(torch.zeros(numbers(node["shape"]) or (), dtype=getattr(torch, node["dtype"])))
    made = model.eval()(*given)
    several = made if isinstance(made, (tuple, list)) else made.values() if isinstance(made, dict) else (made,)
    names = [output["name"] for output in head["outputs"]]
    return Outcome(
        {name: tuple(tensor.shape) for name, tensor in zip(names, several, strict=True)},
        {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()},
    )
