"""Outputs that are no logits any more when a loss takes them for such."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.diagnostics import Label
from archdsl.graph import layer, layers, operands
from archdsl.lint._rule import Found, Net, rule
from archdsl.ops import Operator
from archdsl.ops.activation import LogSoftmax, Sigmoid, Softmax
from archdsl.ops.loss import BinaryCrossEntropyWithLogits, CrossEntropy, NllLoss
from archdsl.ops.reshape import Flatten, Identity, Squeeze

VIEWS = (Flatten, Identity, Squeeze)
DELETE = "delete the `{op}`; where probabilities are wanted, apply it after the network"
# What a loss must not be fed: the activation, why not, and what to do.
WRONG: dict[type[Operator], dict[type[Operator], tuple[str, str]]] = {
    CrossEntropy: {
        Softmax: ("takes logits and has a softmax inside: this one flattens its gradients", DELETE),
        LogSoftmax: ("has a log_softmax inside: this one does nothing", DELETE + ", or use nll_loss"),
        Sigmoid: ("takes logits of any size, which these values between 0 and 1 are not", DELETE),
    },
    BinaryCrossEntropyWithLogits: {
        Sigmoid: ("takes logits and has a sigmoid inside: this one flattens its gradients", DELETE),
        Softmax: ("takes logits and has a sigmoid inside: this one flattens its gradients", DELETE),
    },
    NllLoss: {Softmax: ("takes log-probabilities, which are not logarithms here", "write `log_softmax`")},
}


@rule("softmax-before-loss")
def check(net: Net) -> Iterator[Found]:
    loss = net.header["loss"]
    if loss is None:
        return
    nodes = {output["name"]: output["node"] for output in net.header["outputs"]}
    for key, node in layers(loss):
        wrong = WRONG.get(type(node["operator"]))
        if wrong is None:
            continue
        compared = operands(loss, key)[0][0]
        while isinstance(loss.nodes[compared]["operator"], VIEWS):
            compared = operands(loss, compared)[0][0]
        activation, at = layer(loss, compared), None
        if compared in nodes:  # an output: what made it stands in the network
            at = nodes[compared]
            while isinstance(net.operator(at), VIEWS):
                at = net.operands(at)[0][0]
            activation = net.layers[at]
        found = wrong.get(type(activation["operator"]))
        if found is not None:
            why, help = found
            message = f"`{activation['op']}` before `{node['op']}`, which {why}"
            labels = (Label(node["span"], "the loss"),)
            yield Found(at, message, help.format(op=activation["op"]), labels, span=activation["span"])
