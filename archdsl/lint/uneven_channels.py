"""Channel counts that tensor cores cannot take as they are."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.lint._rule import Found, Net, rule
from archdsl.ops.conv import Conv
from archdsl.ops.linear import Linear

EVEN = 8  # half-precision values in 16 bytes


@rule("uneven-channels")
def check(net: Net) -> Iterator[Found]:
    for key, node in net.layers.items():
        operator = node["operator"]
        if isinstance(operator, Linear):
            width, what = operator.out_features, "features"
        elif isinstance(operator, Conv) and operator.groups == 1:
            width, what = operator.out_channels, "channels"
        else:
            continue
        if width % EVEN and not _ends(net, key):
            down, up = width // EVEN * EVEN, (width // EVEN + 1) * EVEN
            nearest = f"{down} or {up}" if down else f"{up}"
            message = f"{width} {what} are no multiple of {EVEN}, as tensor cores want them in half precision"
            yield Found(key, message, f"{nearest} would be; rounding up costs no time, and often saves some")


def _ends(net: Net, key: str) -> bool:
    """Whether a layer makes an output, whose width is the task's: nothing with weights comes after it."""
    while True:
        if key in net.outputs:
            return True
        reader = net.only_reader(key)
        if reader is None or net.layers[reader]["weights"]:
            return False
        key = reader
