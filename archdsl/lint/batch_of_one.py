"""Batch norm over one value for each channel."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.dims import product
from archdsl.lint._rule import Found, Net, rule
from archdsl.ops.norm import BatchNorm


@rule("batch-of-one")
def check(net: Net) -> Iterator[Found]:
    for key, node in net.layers.items():
        shape = node["shape"]
        if isinstance(node["operator"], BatchNorm) and product((shape[0], *shape[2:])) == 1:
            message = "`batch_norm` over one value for each channel: the first training step fails"
            yield Found(key, message, "use a larger batch (a symbol, `[N, …]`), `layer_norm` or `group_norm`")
