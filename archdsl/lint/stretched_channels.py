"""Sums that repeat one channel for all others."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.diagnostics import Label
from archdsl.dims import show
from archdsl.lint._rule import Found, Net, rule
from archdsl.ops.activation import Softmax
from archdsl.ops.merge import Add, Maximum, Sub

EXPLICIT = ("reshape", "reduction", "parameter")  # groups of layers where a size of 1 is written on purpose


@rule("stretched-channels")
def check(net: Net) -> Iterator[Found]:
    explicit = _explicit(net)
    for key, node in net.layers.items():
        if not isinstance(node["operator"], (Add, Sub, Maximum)) or len(net.operands(key)) < 2:
            continue
        shapes = net.input_shapes(key)
        if len({len(shape) for shape in shapes}) > 1 or len(shapes[0]) < 3 or node["shape"][1] == 1:
            continue
        if any(isinstance(net.operator(reader), Softmax) for reader in net.readers[key]):
            continue  # a mask over attention's scores, which is one for all heads
        for (producer, _), shape in zip(net.operands(key), shapes, strict=True):
            if shape[1] == 1 and producer not in explicit:
                message = f"the one channel of {show(shape)} is repeated to meet {node['shape'][1]} channels"
                help = "give both as many channels, or say that it is meant: `expand`, or a `mean` with `keepdim`"
                yield Found(key, message, help, (Label(net.layers[producer]["span"], "one channel"),))
                break


def _explicit(net: Net) -> set[str]:
    """The layers whose size of 1 is written, or comes from such a layer through an activation."""
    found: set[str] = set()
    for key, node in net.layers.items():
        group, reads = node["operator"].group, net.operands(key)
        passes = group in ("activation", "regularization") and len(reads) == 1
        if group in EXPLICIT or (passes and reads[0][0] in found):
            found.add(key)
    return found
