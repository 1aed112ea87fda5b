"""Wide residual sums without scaling."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.diagnostics import Label
from archdsl.lint._rule import Found, Net, rule
from archdsl.ops.conv import Conv
from archdsl.ops.merge import Add, Mul
from archdsl.ops.regularization import Dropout, DropPath
from archdsl.ops.reshape import Identity

FILTERS = 1000  # beyond so many, training was found to become unstable


@rule("unscaled-residual")
def check(net: Net) -> Iterator[Found]:
    made_by = _origins(net)
    for key, node in net.layers.items():
        if not isinstance(node["operator"], Add) or len(net.operands(key)) != 2 or len(node["shape"]) < 3:
            continue
        channels = node["shape"][1]
        if not isinstance(channels, int) or channels <= FILTERS:
            continue
        origins = [made_by[producer] for producer, _ in net.operands(key)]
        bare = [origin for origin in origins if isinstance(net.operator(origin), Conv)]
        if len(bare) == 1:  # two convolutions are branches of equal rank, no update of what is there
            message = (
                f"a residual of {channels} filters is added as the convolution leaves it, neither scaled nor normalised"
            )
            labels = (Label(net.layers[bare[0]]["span"], "the residual"),)
            help = "scale it down before the sum, `0.1 * residual + x`, or end it in `batch_norm`"
            yield Found(key, message, help, labels)


def _origins(net: Net) -> dict[str, str]:
    """For each layer the one that made its values, seen through what leaves their size as it is."""
    found: dict[str, str] = {}
    for key, node in net.layers.items():
        operator = node["operator"]
        same = isinstance(operator, (Identity, Dropout, DropPath))
        same |= isinstance(operator, Mul) and operator.scalar is not None and abs(operator.scalar) >= 1
        found[key] = found[net.operands(key)[0][0]] if same else key
    return found
