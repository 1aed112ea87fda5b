"""Two linear layers with nothing between them that is not linear."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from archdsl.diagnostics import Label
from archdsl.dims import product
from archdsl.lint._rule import Found, Net, rule
from archdsl.ops import spatial
from archdsl.ops.conv import Conv
from archdsl.ops.linear import Linear
from archdsl.ops.norm import BatchNorm
from archdsl.ops.regularization import Dropout
from archdsl.ops.reshape import Flatten, Identity

# Linear in inference; what rearranges more than `flatten` lets a second layer mix other dimensions than the first.
LINEAR = (BatchNorm, Dropout, Flatten, Identity)


class LinearPair(NamedTuple):
    """Two linear layers one after the other, and how many values go in, between them and out at each position."""

    first: str
    second: str
    before: int
    between: int
    after: int

    @property
    def narrow(self) -> bool:
        """Whether no more fits between them than goes in, and less than comes out: a factorisation, which may be meant.

        A linear bottleneck may keep the width of what goes in and only be followed by an expansion.
        """
        return self.between <= self.before and self.between < self.after


def pairs(net: Net) -> Iterator[LinearPair]:
    """The pairs of dense convolutions or linear layers, without those whose structure says that they are meant."""
    for key, node in net.layers.items():
        second = node["operator"]
        if not isinstance(second, (Conv, Linear)):
            continue
        before = net.before(key, LINEAR)
        if before is None:
            continue
        first = net.operator(before)
        if isinstance(first, Linear) and isinstance(second, Linear):
            sizes = [net.input_shapes(before)[0][-1], net.layers[before]["shape"][-1], second.out_features]
        elif isinstance(first, Conv) and isinstance(second, Conv):
            if first.groups > 1 or second.groups > 1 or _separable(first, second, len(node["shape"]) - 2):
                continue
            sizes = [net.input_shapes(before)[0][1], first.out_channels, second.out_channels]
        elif isinstance(first, Conv) and isinstance(second, Linear) and len(net.input_shapes(key)[0]) == 2:
            sizes = [product(net.input_shapes(before)[0][1:]), product(net.layers[before]["shape"][1:])]
            sizes.append(second.out_features)
        else:
            continue
        known = [size for size in sizes if isinstance(size, int)]
        if len(known) == 3:
            yield LinearPair(before, key, *known)


def _separable(first: Conv, second: Conv, rank: int) -> bool:
    """Whether each convolution looks along dimensions of its own: 1 × n, then n × 1."""
    kernels = [spatial(operator, "kernel_size", rank) for operator in (first, second)]
    return all(max(kernel) > 1 for kernel in kernels) and all(1 in sizes for sizes in zip(*kernels, strict=True))


def between(net: Net, pair: LinearPair) -> str:
    """What stands between the two layers, in words."""
    ops: list[str] = []
    key = net.operands(pair.second)[0][0]
    while key != pair.first:
        ops.append(f"`{net.layers[key]['op']}`")
        key = net.operands(key)[0][0]
    return f"only {' and '.join(reversed(ops))}" if ops else "nothing"


def labels(net: Net, pair: LinearPair) -> tuple[Label, ...]:
    first, second = net.layers[pair.first]["span"], net.layers[pair.second]["span"]
    return (Label(first, "the first layer"),) if first != second else ()


@rule("linear-pair")
def check(net: Net) -> Iterator[Found]:
    for pair in pairs(net):
        if not pair.narrow:
            name = net.layers[pair.first]["op"]
            message = f"`{name}` before this `{net.layers[pair.second]['op']}`, with {between(net, pair)} between them"
            message += ": in inference both together are one linear map"
            yield Found(pair.second, message, "put an activation between them, or leave one out", labels(net, pair))
