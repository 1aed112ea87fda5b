"""Parameters, buffers and multiply-adds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from archdsl.dims import Shape, Size, product, substitute
from archdsl.graph import Graph, Layer, layer, layers, operands
from archdsl.measure.run.precision import BYTES


def params(node: Layer) -> int:
    """Elements of the layer's own parameters, as `sum(p.numel() for p in module.parameters())`."""
    return sum(math.prod(w.shape) for w in node["weights"] if w.role != "buffer")


def buffers(node: Layer) -> int:
    """Elements of the layer's own buffers."""
    return sum(math.prod(w.shape) for w in node["weights"] if w.role == "buffer")


def param_bytes(node: Layer) -> int:
    return sum(math.prod(w.shape) * BYTES[w.dtype] for w in node["weights"] if w.role != "buffer")


def macs(graph: Graph, node: Layer, reads: Sequence[tuple[str, int]], values: Mapping[str, int]) -> Size:
    """Multiply-adds of convolution, linear, matmul and attention, with values put in for symbols: half of what
    `torch.utils.flop_counter` counts. `reads` are the layer's operands. A step that cannot be has none."""
    if "fault" in node:
        return 0
    inputs = [fixed(layer(graph, producer)["outputs"][output], values) for producer, output in reads]
    return node["operator"].macs(inputs, fixed(node["shape"], values))


def macs_at(graph: Graph, key: str, values: Mapping[str, int]) -> Size:
    """The same for the layer with this key."""
    return macs(graph, layer(graph, key), operands(graph, key), values)


def fixed(shape: Shape, values: Mapping[str, int]) -> Shape:
    """A shape with values put in for symbols."""
    return tuple(size if isinstance(size, int) else substitute(size, values) for size in shape)


def tensor_bytes(graph: Graph, values: Mapping[str, int]) -> dict[tuple[str, int], Size]:
    """The bytes of every tensor, by its layer and which of the layer's outputs it is."""
    return {
        (key, i): product(fixed(shape, values)) * BYTES[node["dtype"]]
        for key, node in layers(graph)
        for i, shape in enumerate(node["outputs"])
    }
