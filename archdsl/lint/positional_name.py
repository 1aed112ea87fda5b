"""Weights whose names change when a step is inserted before them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from archdsl.lint._rule import Found, Net, rule


@rule("positional-name")
def check(net: Net) -> Iterator[Found]:
    for key, node in net.layers.items():
        saved = [weight.name for weight in node["weights"] if weight.persistent]
        if saved and not node["labelled"] and re.search(r"(?:^|[._])\d+$", node["path"]):
            name = ".".join(filter(None, (node["path"], saved[0])))
            message = f"the weights are called `{name}` after their position, which changes when a step is inserted"
            yield Found(key, message, f"give the step a label: `name: {node['op']}…`")
