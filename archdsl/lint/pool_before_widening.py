"""Maps that are shrunk first and widened afterwards."""

from __future__ import annotations

import math
from collections.abc import Iterator

from archdsl.diagnostics import Label
from archdsl.dims import Shape
from archdsl.lint._rule import Found, Net, rule
from archdsl.lint.windows import sliding
from archdsl.ops.conv import Conv

LEAST = 4  # times fewer values after the step: a stride of 2 in both directions
WIDER = 2  # times more channels right after it


@rule("pool-before-widening")
def check(net: Net) -> Iterator[Found]:
    for key, node, _ in sliding(net):
        before, after = net.input_shapes(key)[0], node["shape"]
        if not all(isinstance(size, int) for size in (*before[1:], *after[1:])) or key in net.outputs:
            continue
        values = [_values(before), _values(after)]
        readers = net.readers[key]
        if values[1] * LEAST > values[0] or not readers or values[1] == after[1]:  # to one position: nothing is left
            continue
        if net.only_reader(net.operands(key)[0][0]) is None:  # another branch carries the values on
            continue
        channels, widest = after[1], 0
        assert isinstance(channels, int)
        for reader in readers:
            operator = net.operator(reader)
            if not isinstance(operator, Conv) or operator.out_channels < WIDER * channels:
                break
            widest = max(widest, operator.out_channels)
        else:
            message = f"{values[0]:,} values become {values[1]:,} before {channels} channels are widened to {widest}"
            labels = (Label(net.layers[readers[0]]["span"], f"{widest} channels"),)
            help = "widen first, or let a convolution and a pooling, both with the stride, share the new channels"
            yield Found(key, message, help, labels)


def _values(shape: Shape) -> int:
    """The values of one sample, all sizes being known."""
    return math.prod(size for size in shape[1:] if isinstance(size, int))
