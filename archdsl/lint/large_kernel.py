"""Large kernels that smaller ones replace for less."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.lint._rule import Found, Net, rule
from archdsl.ops import spatial
from archdsl.ops.conv import Conv

GRID = range(12, 21)  # where Inception-v3 found n × 1 and 1 × n to work


@rule("large-kernel")
def check(net: Net) -> Iterator[Found]:
    for key, node in net.layers.items():
        operator = node["operator"]
        if not isinstance(operator, Conv) or operator.groups > 1 or len(node["shape"]) != 4:
            continue
        shape = net.input_shapes(key)[0]  # weights that it is lent come behind
        n, width = spatial(operator, "kernel_size", 2)
        if n != width or n < 5 or n % 2 == 0 or not _plain(operator):
            continue
        c_in, c_out = shape[1], operator.out_channels
        if not isinstance(c_in, int) or any(isinstance(size, int) and size <= n for size in shape[2:]):
            continue
        now = n * n * c_in * c_out
        depth = (n - 1) // 2
        options = [(f"{depth} convolutions of 3 × 3", 9 * c_in * c_out + (depth - 1) * 9 * c_out * c_out)]
        if all(isinstance(size, int) and size in GRID for size in shape[2:]):
            options.append((f"1 × {n} and {n} × 1", n * c_in * c_out + n * c_out * c_out))
        what, weights = min(options, key=lambda option: option[1])
        saved = 100 * (now - weights) // now
        if saved >= 10:
            message = (
                f"{what} see as much as this {n} × {n} with {weights:,} weights instead of {now:,}, {saved} % less"
            )
            yield Found(key, message, "each with an activation, they also say more")


def _plain(operator: Conv) -> bool:
    return all(set(spatial(operator, name, 2)) == {1} for name in ("stride", "dilation"))
