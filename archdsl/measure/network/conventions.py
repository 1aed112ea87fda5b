"""How well-known tools count the operations of a network: each a list of terms, which add up to its figure.

The rules were found by measuring on every network that ships with archdsl (fvcore 0.1.5, thop 0.1.1, ptflops 0.7.5
with its default back end, torchinfo 1.8.0; modules in evaluation mode, torch 2.13), which they reproduce to the digit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from archdsl.dims import Shape, Size, product
from archdsl.graph import Graph, Layer
from archdsl.measure.network import cost
from archdsl.net_view import NetView


class CountedCall(NamedTuple):
    """A layer as it is run: with the shapes of what it reads and makes. `owner` is the layer whose weights it uses."""

    node: Layer
    owner: Layer
    inputs: list[Shape]
    output: Shape

    @property
    def macs(self) -> Size:
        return self.node["operator"].macs(self.inputs, self.output)

    @property
    def parameters(self) -> int:
        return cost.params(self.owner)

    @property
    def is_affine(self) -> bool:
        return self.parameters > 0

    @property
    def has_bias(self) -> bool:
        return any(weight.role == "bias" for weight in self.owner["weights"])


Rule = Callable[[CountedCall], Size]


class Term(NamedTuple):
    """What a tool adds for the layers of some operators."""

    title: str
    operators: frozenset[str]
    rule: Rule


class Convention(NamedTuple):
    """A way to count. `unit` is what the tool calls it."""

    tool: str
    unit: str
    terms: tuple[Term, ...]
    remark: str = ""


def _term(title: str, operators: str, rule: Rule) -> Term:
    return Term(title, frozenset(operators.split()), rule)


def _per(where: Callable[[CountedCall], Shape], affine: int, plain: int) -> Rule:
    return lambda call: product(where(call)) * (affine if call.is_affine else plain)


def _input(call: CountedCall) -> Shape:
    return call.inputs[0]


def _output(call: CountedCall) -> Shape:
    return call.output


def _planes(rule: Rule) -> Rule:
    """A rule that holds for two spatial dimensions only."""
    return lambda call: rule(call) if len(call.output) == 4 else 0


def _once(where: Callable[[CountedCall], Shape], times: int = 1) -> Rule:
    return lambda call: product(where(call)) * times


def _biases(call: CountedCall) -> Size:
    return product(call.output) if call.has_bias else 0


def _positions(call: CountedCall) -> Size:
    """The positions of the output of a convolution."""
    return product((call.output[0], *call.output[2:]))


def _as_if_convolved(call: CountedCall) -> Size:
    """A transposed convolution taken for a plain one: every position of the output sees the whole kernel."""
    (channels, out, *kernel) = call.owner["weights"][0].shape
    groups = call.output[1] // out
    return product(call.output) * (channels // groups) * math.prod(kernel)


def _response_norm_of_ptflops(call: CountedCall) -> Size:
    batch, channels, *sizes = call.output
    window: int = call.node["params"]["size"]
    return 3 * product(call.output) + product((batch, channels + window - 1, *sizes))


def _odd_heads(call: CountedCall) -> Size:
    """What attention multiplies beside its scores, where torch has no fast path for it."""
    query, key, _ = call.inputs
    odd: bool = call.node["params"]["num_heads"] % 2 == 1
    return call.macs - 2 * product(query) * key[1] if odd else 0


def _attention_of_ptflops(call: CountedCall) -> Size:
    query, key, value = call.inputs
    heads: int = call.node["params"]["num_heads"]
    biases = (product(query) + product(key) + product(value)) if call.has_bias else 0
    softmax = product(query[:-1]) * key[1] * heads
    return call.macs + 2 * product(query) + biases + softmax  # scaling and the last bias: whether there is one or not


MULTIPLY: Final = "conv conv_transpose linear matmul"
ADAPTIVE: Final = "adaptive_avg_pool global_avg_pool"
TORCH: Final = _term("multiply-adds", f"{MULTIPLY} scaled_dot_product_attention multihead_attention", lambda c: c.macs)
PLAIN: Final = _term("multiply-adds", MULTIPLY, lambda call: call.macs)
CONVENTIONS: Final = (
    Convention("archdsl", "MACs", (TORCH,)),
    Convention(
        "torch.utils.flop_counter",
        "FLOPs",
        (_term("multiply-adds, each two operations", " ".join(TORCH.operators), lambda call: call.macs * 2),),
        "on the meta device; on a CPU attention may be one operator that it does not count",
    ),
    Convention(
        "fvcore",
        "FLOPs, in fact MACs",
        (
            PLAIN,
            _term("2 for each value of a batch norm (1 without a scale)", "batch_norm", _per(_input, 2, 1)),
            _term("5 for each value of other norms (4 without)", "layer_norm group_norm instance_norm",
                  _per(_input, 5, 4)),
            _term("1 for each value that adaptive pooling reads", ADAPTIVE, _planes(_once(_input))),
            _term("projections of attention with an odd number of heads", "multihead_attention", _odd_heads),
        ),
        "other attention is one operator (torch's fast path), which it does not know",
    ),
    Convention(
        "torchinfo",
        "mult-adds",
        (
            _term("weights and biases of convolutions, at every position of the output", "conv conv_transpose",
                  lambda call: call.parameters * _positions(call)),
            _term("all other weights and biases, once for each sample",
                  "linear batch_norm layer_norm group_norm instance_norm prelu embedding",
                  lambda call: call.parameters * call.output[0]),
        ),
        "attention has modules in it, which are taken to count for it but are never called",
    ),
    Convention(
        "thop",
        "MACs",
        (
            _term("multiply-adds", "conv linear", lambda call: call.macs),
            _term("transposed convolutions as if plain", "conv_transpose", _as_if_convolved),
            _term("4 for each value of a norm (2 without a scale)", "batch_norm layer_norm instance_norm",
                  _per(_input, 4, 2)),
            _term("1 for each value of average pooling", "avg_pool", _once(_output)),
            _term("1 for each value that adaptive pooling reads, and 1 for each it makes", ADAPTIVE,
                  lambda call: product(call.inputs[0]) + product(call.output)),
        ),
        "counts what is written as modules only",
    ),
    Convention(
        "ptflops",
        "MACs",
        (
            PLAIN,
            _term("biases", "conv conv_transpose linear", _biases),
            _term("2 for each value of a norm (1 without a scale)", "batch_norm instance_norm group_norm",
                  _per(_input, 2, 1)),
            _term("1 for each value of other norms", "layer_norm", _once(_input)),
            _term("2 for each value of activations", "relu relu6 leaky_relu prelu elu gelu", _once(_output, 2)),
            _term("2 for each value that pooling reads",
                  f"max_pool avg_pool adaptive_max_pool {ADAPTIVE}", _once(_input, 2)),
            _term("3 for each value of a local response norm, and what its window reads", "local_response_norm",
                  _response_norm_of_ptflops),
            _term("attention with its biases, scaling and softmax", "multihead_attention", _attention_of_ptflops),
        ),
        "activations and pooling count twice where they are modules: as such, and as the functions that these call",
    ),
)  # fmt: skip


class FigureTerm(NamedTuple):
    """What one term adds to the figure of a tool."""

    title: str
    value: Size


def figure(graph: Graph, convention: Convention) -> list[FigureTerm]:
    """The terms of a tool's figure for a network in inference that are not 0; their sum is the figure."""
    found: dict[str, Size] = {}
    for call in calls(graph):
        for term in convention.terms:
            if call.node["op"] in term.operators:
                found[term.title] = found.get(term.title, 0) + term.rule(call)
    return [FigureTerm(term.title, found[term.title]) for term in convention.terms if found.get(term.title, 0) != 0]


def calls(graph: Graph) -> Iterator[CountedCall]:
    """The layers that inference runs."""
    net = NetView(graph)
    needed = net.live(training=False)
    for key, node in net.layers.items():
        if key in needed and node["op"] != "input":
            yield CountedCall(node, net.layers[node["path"]], net.counted_inputs(key), net.counted(node["shape"]))
