"""Two linear layers that factorise one of low rank."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.lint._rule import Found, Net, rule
from archdsl.lint.linear_pair import between, labels, pairs


@rule("narrow-linear-pair")
def check(net: Net) -> Iterator[Found]:
    for pair in pairs(net):
        if pair.narrow:
            message = (
                f"{between(net, pair)} between this and the `{net.layers[pair.first]['op']}` before it: both together"
            )
            message += f" are one linear map of rank {pair.between} at most"
            help = "good if a factorisation or a linear bottleneck is meant; otherwise an activation is missing"
            yield Found(pair.second, message, help, labels(net, pair))
