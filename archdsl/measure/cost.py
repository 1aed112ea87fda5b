"""Parameters, buffers and multiply-adds."""

from __future__ import annotations

import math

from archdsl.dims import Size
from archdsl.graph import Graph, Layer, operands

BYTES = {"float32": 4, "int64": 8}


def params(node: Layer) -> int:
    """Elements of the layer's own parameters, as `sum(p.numel() for p in module.parameters())`."""
    return sum(math.prod(w.shape) for w in node["weights"] if w.role != "buffer")


def buffers(node: Layer) -> int:
    """Elements of the layer's own buffers."""
    return sum(math.prod(w.shape) for w in node["weights"] if w.role == "buffer")


def param_bytes(node: Layer) -> int:
    return sum(math.prod(w.shape) * BYTES[w.dtype] for w in node["weights"] if w.role != "buffer")


def macs(graph: Graph, key: str) -> Size:
    """Multiply-adds of convolution, linear, matmul and attention: half of what `torch.utils.flop_counter` counts."""
    node = graph.nodes[key]
    inputs = [graph.nodes[producer]["outputs"][output] for producer, output in operands(graph, key)]
    size: Size = node["operator"].macs(inputs, node["shape"])
    return size
