"""Parameters, buffers and multiply-adds."""

from __future__ import annotations

import math
from collections.abc import Iterable

from archdsl.dims import Size
from archdsl.graph import Layer
from archdsl.net_view import NetView, Operand
from archdsl.ops.dtypes import WIDTHS


def params(node: Layer) -> int:
    """Elements of the layer's own parameters, as `sum(p.numel() for p in module.parameters())`."""
    return sum(math.prod(w.shape) for w in node["weights"] if w.role != "buffer")


def buffers(node: Layer) -> int:
    """Elements of the layer's own buffers."""
    return sum(math.prod(w.shape) for w in node["weights"] if w.role == "buffer")


def param_bytes(node: Layer) -> int:
    return sum(math.prod(w.shape) * WIDTHS[w.dtype] for w in node["weights"] if w.role != "buffer")


def weight_bytes(node: Layer) -> int:
    """Those of its parameters and buffers."""
    return sum(math.prod(w.shape) * WIDTHS[w.dtype] for w in node["weights"])


def macs(net: NetView, key: str) -> Size:
    """Multiply-adds of a layer, by convolution, linear, matmul and attention: half of what `torch.utils.flop_counter`
    counts. A step that cannot be has none."""
    node = net.layers[key]
    if "fault" in node:
        return 0
    return node["operator"].macs(net.counted_inputs(key), net.counted(node["shape"]))


def idle(net: NetView, keys: Iterable[str]) -> bool:
    """Whether layers have no parameters and no multiply-adds, as those that work out tables, masks and indices."""
    return all(not params(net.layers[key]) and macs(net, key) == 0 for key in keys)


def tensor_bytes(net: NetView, tensor: Operand) -> Size:
    """The bytes of a tensor, in the type that the network gives it."""
    node = net.layers[tensor[0]]
    return net.elements(net.counted(node["outputs"][tensor[1]])) * WIDTHS[node["dtypes"][tensor[1]]]
