"""Outputs that are no logits any more when a loss takes them for such."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from archdsl.diagnostics import Label
from archdsl.graph import Graph, Layer, layer, layers, operands
from archdsl.lint._rule import Found, Net, rule
from archdsl.ops import Operator
from archdsl.ops.activation import Logsigmoid, LogSoftmax, Sigmoid, Softmax, Softmin
from archdsl.ops.loss import (
    BinaryCrossEntropy,
    BinaryCrossEntropyWithLogits,
    CrossEntropy,
    CtcLoss,
    KlDiv,
    NllLoss,
)
from archdsl.ops.reshape import Flatten, Identity, Permute, Squeeze, Unsqueeze

VIEWS = (Flatten, Identity, Permute, Squeeze, Unsqueeze)
Wrong: TypeAlias = Mapping[type[Operator], tuple[str, str]]  # the activation: why not, and what to do
DELETE = "delete the `{op}`; where probabilities are wanted, apply it after the network"
TWICE = "takes logits and has a {} inside: this one flattens its gradients"
SOFTMAX, SIGMOID = (TWICE.format("softmax"), DELETE), (TWICE.format("sigmoid"), DELETE)
NO_LOGARITHMS = "takes log-probabilities, which are not logarithms here"
LOGARITHMS = "takes probabilities, which are logarithms here"
# What values must not be that a loss takes for log-probabilities, or for probabilities.
OF_LOGARITHMS: Wrong = {
    Softmax: (NO_LOGARITHMS, "write `log_softmax`"),
    Softmin: (NO_LOGARITHMS, "write `log_softmax` of what is negated"),
    Sigmoid: (NO_LOGARITHMS, "write `logsigmoid`"),
}
OF_PROBABILITIES: Wrong = {
    LogSoftmax: (LOGARITHMS, "write `softmax`"),
    Logsigmoid: (LOGARITHMS, "write `sigmoid`"),
}
# What losses must not be fed first; a network may make their target too.
WRONG: Mapping[type[Operator], Wrong] = {
    CrossEntropy: {
        Softmax: SOFTMAX,
        Softmin: SOFTMAX,
        LogSoftmax: ("has a log_softmax inside: this one does nothing", DELETE + ", or use nll_loss"),
        Sigmoid: ("takes logits of any size, which these values between 0 and 1 are not", DELETE),
    },
    BinaryCrossEntropyWithLogits: {Sigmoid: SIGMOID, Softmax: SIGMOID, Logsigmoid: SIGMOID},
    BinaryCrossEntropy: OF_PROBABILITIES,
    NllLoss: OF_LOGARITHMS,
    KlDiv: OF_LOGARITHMS,
    CtcLoss: OF_LOGARITHMS,
}


@rule("softmax-before-loss")
def check(net: Net) -> Iterator[Found]:
    loss = net.header["loss"]
    if loss is None:
        return
    for key, node in layers(loss):
        for wrong, (compared, _) in zip(_wrong(node["operator"]), operands(loss, key), strict=False):
            at, activation = _made(net, loss, compared)
            found = wrong.get(type(activation["operator"]))
            if found is not None:
                why, help = found
                message = f"`{activation['op']}` before `{node['op']}`, which {why}"
                labels = (Label(node["span"], "the loss"),)
                yield Found(at, message, help.format(op=activation["op"]), labels, span=activation["span"])


def _wrong(operator: Operator) -> tuple[Wrong, ...]:
    """What the tensors of a loss must not be, one after another."""
    first = next((wrong for kind, wrong in WRONG.items() if isinstance(operator, kind)), None)
    if first is None:
        return ()
    if isinstance(operator, KlDiv):
        return first, OF_LOGARITHMS if operator.log_target else OF_PROBABILITIES
    return first, OF_PROBABILITIES


def _made(net: Net, loss: Graph, compared: str) -> tuple[str | None, Layer]:
    """The layer whose values are compared, whatever was rearranged since, and its key in the network if it is there."""
    while isinstance(loss.nodes[compared]["operator"], VIEWS):
        compared = operands(loss, compared)[0][0]
    nodes = {output["name"]: output["node"] for output in net.header["outputs"]}
    if compared not in nodes:
        return None, layer(loss, compared)
    at = nodes[compared]  # an output: what made it stands in the network
    while isinstance(net.operator(at), VIEWS):
        at = net.operands(at)[0][0]
    return at, net.layers[at]
