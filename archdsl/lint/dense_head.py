"""Dense layers over flattened maps that hold most of a network's parameters."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.dims import product
from archdsl.lint._rule import Found, Net, rule
from archdsl.measure.network import cost
from archdsl.ops.linear import Linear
from archdsl.ops.regularization import Dropout
from archdsl.ops.reshape import Flatten, Identity


@rule("dense-head")
def check(net: Net) -> Iterator[Found]:
    total = sum(cost.params(node) for _, node in net.layers.items())
    flat: set[str] = set()  # layers whose output is maps laid out in a row
    held = 0
    first: str | None = None
    for key, node in net.layers.items():
        operator = node["operator"]
        reads = [producer for producer, _ in net.operands(key)]
        if isinstance(operator, Flatten):
            shape = net.input_shapes(key)[0]
            if len(shape) > 2 and len(node["shape"]) == 2 and product(shape[2:]) != 1:
                flat.add(key)
        elif flat.intersection(reads):
            if isinstance(operator, Linear):
                held += cost.params(node)
                first = first or key
            if isinstance(operator, (Linear, Dropout, Identity)) or operator.group in ("activation", "merge"):
                flat.add(key)
    if first is not None and 2 * held > total:
        share = 100 * held // total
        message = f"dense layers over flattened maps hold {held:,} of {total:,} parameters, {share} %"
        help = "take the mean of each map first: `global_avg_pool -> flatten -> linear(…)`"
        yield Found(first, message, help)
