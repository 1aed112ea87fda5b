"""Dropout whose changed variance reaches a batch norm."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.diagnostics import Label
from archdsl.lint._rule import Found, Net, rule
from archdsl.ops.norm import BatchNorm
from archdsl.ops.regularization import Dropout


@rule("dropout-before-norm")
def check(net: Net) -> Iterator[Found]:
    # For each layer, the dropout that its output still bears, and whether a layer with weights has come since.
    borne: dict[str, tuple[str, bool]] = {}
    for key, node in net.layers.items():
        operator = node["operator"]
        if isinstance(operator, Dropout) and operator.p > 0:
            borne[key] = (key, False)
            continue
        if len(net.operands(key)) != 1 or net.operands(key)[0][0] not in borne:
            continue
        dropout, weighted = borne[net.operands(key)[0][0]]
        if isinstance(operator, BatchNorm):
            if operator.track_running_stats:
                message = (
                    "dropout before `batch_norm`: in inference, without it, the variance is not the one that was learnt"
                )
                labels = (Label(net.layers[dropout]["span"], "changes the variance in training only"),)
                yield Found(key, message, "move the dropout behind the last `batch_norm`", labels)
        elif operator.group != "normalization" and not (weighted and _has_weights(net, key)):
            borne[key] = (dropout, weighted or _has_weights(net, key))


def _has_weights(net: Net, key: str) -> bool:
    return bool(net.layers[net.layers[key]["path"]]["weights"])
