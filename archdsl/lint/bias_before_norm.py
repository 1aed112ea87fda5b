"""A bias that batch normalisation takes away again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from archdsl.diagnostics import Fix, Label
from archdsl.lint._rule import Found, Net, rule
from archdsl.ops.conv import Conv, ConvTranspose
from archdsl.ops.linear import Linear
from archdsl.ops.norm import BatchNorm
from archdsl.ops.reshape import Identity
from archdsl.source import Span
from archdsl.syntax.forms import form_of


@rule("bias-before-norm")
def check(net: Net) -> Iterator[Found]:
    uses = Counter(node["path"] for _, node in net.layers.items())
    normed: Counter[str] = Counter()
    for key, node in net.layers.items():
        if not isinstance(node["operator"], BatchNorm):
            continue
        biased = net.before(key, (Identity,))
        if biased is None:
            continue
        operator, rank = net.operator(biased), len(node["shape"])
        # The last dimension of a linear layer's output is the channels of a norm only where there is no other.
        if not (isinstance(operator, (Conv, ConvTranspose)) or (isinstance(operator, Linear) and rank == 2)):
            continue
        path = net.layers[biased]["path"]
        normed[path] += 1
        if operator.bias and normed[path] == uses[path]:  # in all uses, where it is shared
            message = (
                f"the bias of this `{operator.name}` has no effect: `batch_norm` subtracts the mean of each channel"
            )
            labels = (Label(node["span"], "subtracts it again, and has a shift of its own"),)
            span = net.layers[biased]["span"]
            yield Found(path, message, "write `bias = false`", labels, _without_bias(span))


def _without_bias(span: Span) -> Fix | None:
    """The call with `bias = false`, where it says nothing of the bias yet."""
    if form_of(span.source) != "text" or re.search(r"\bbias\b", span.text) or not span.text.endswith(")"):
        return None
    end = span.text[:-1].rstrip()
    comma = "" if end.endswith("(") else " " if end.endswith(",") else ", "
    return Fix(span, f"{end}{comma}bias = false)")
