"""How well-known tools count the operations of a network: each a list of terms, which add up to its figure.

The rules are those of fvcore 0.1.5, thop 0.1.1, ptflops 0.7.5 with its default back end and torchinfo 1.8.0, for
modules in evaluation mode and torch 2.13. They reproduce to the digit what these print of every network that ships with
archdsl, and of a small network for each operator and mode (tests/measure/counters.json).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Final, NamedTuple

from archdsl.dims import Shape, Size, numbers, product
from archdsl.graph import Graph, Layer
from archdsl.measure.network import cost
from archdsl.net_view import NetView
from archdsl.ops.lent import Lent
from archdsl.ops.resample import MAX_STEP


class CountedCall(NamedTuple):
    """A layer as it is run: with the shapes of what it reads and makes. `owner` is the layer whose weights it uses, and
    `reads` are the tensors that it reads."""

    node: Layer
    owner: Layer
    inputs: list[Shape]
    output: Shape
    reads: tuple[tuple[str, int], ...]

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


def _projections(call: CountedCall) -> Size:
    """What attention multiplies beside its scores, where torch has no fast path for it: with an odd number of heads,
    without biases, and of several tensors."""
    query, key, _ = call.inputs
    fast = call.node["params"]["num_heads"] % 2 == 0 and call.has_bias and len(set(call.reads)) == 1
    return 0 if fast else call.macs - 2 * product(query) * key[1]


def _tracked(rule: Rule, tracked: bool) -> Rule:
    """A rule for batch norms with running statistics, or for those without; and for all other norms."""
    return lambda call: rule(call) if call.node["params"].get("track_running_stats", tracked) == tracked else 0


def _by_mode(values: Mapping[str, int], where: Callable[[CountedCall], Shape] = _output) -> Rule:
    """So many for each value, by the mode of upsampling."""
    return lambda call: product(where(call)) * values.get(call.node["params"]["mode"], 0)


def _adaptive_pool_of_thop(call: CountedCall) -> Size:
    """One for each value read and made, as floating-point numbers give it, rounded down."""
    read, made = numbers(_input(call)), numbers(call.output)
    if read is None or made is None:
        return product(_input(call)) + product(call.output)
    window = math.prod(size / out for size, out in zip(read[2:], made[2:], strict=True))
    return int((window + 1) * math.prod(made))


def _softmax_of_thop(call: CountedCall) -> Size:
    shape, dim = call.output, call.node["params"]["dim"] % len(call.output)
    return 3 * product(shape) - product((*shape[:dim], *shape[dim + 1 :]))


def _upsampling_of_ptflops(call: CountedCall) -> Size:
    """Once as a module; and as a function, where one factor counts with its fraction, and several without."""
    factor, made = call.node["params"]["scale_factor"], product(call.output)
    if factor is None:
        return 2 * made
    if isinstance(factor, tuple):
        return made + product(_input(call)) * math.prod(map(int, factor))
    ratio: Fraction = Fraction(factor).limit_denominator(MAX_STEP) ** (len(call.output) - 2)
    return made + product(_input(call)) * ratio.numerator // ratio.denominator


def _norm_pool_of_ptflops(call: CountedCall) -> Size:
    return product(_input(call)) + 2 * product(call.output)


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
            _term("multiply-adds", f"{MULTIPLY} einsum", lambda call: call.macs),
            _term("2 for each value of a batch norm (1 without a scale)", "batch_norm",
                  _tracked(_per(_input, 2, 1), True)),
            _term("5 for each value of other norms (4 without)", "layer_norm group_norm instance_norm",
                  _per(_input, 5, 4)),
            _term("5 for each value of batch norms without running statistics (4 without a scale)", "batch_norm",
                  _tracked(_per(_input, 5, 4), False)),
            _term("1 for each value that adaptive pooling reads", ADAPTIVE, _planes(_once(_input))),
            _term("1 for each value that upsampling by area reads", "interpolate",
                  _planes(_by_mode({"area": 1}, _input))),
            _term("1 for each value of nearest upsampling, 4 of bilinear", "interpolate",
                  _planes(_by_mode({"nearest": 1, "bilinear": 4}))),
            _term("1 for each value that a grid samples as the nearest, 4 for bilinear", "grid_sample",
                  _planes(_by_mode({"nearest": 1, "bilinear": 4}))),
            _term("projections of attention with an odd number of heads, without biases, or of several tensors",
                  "multihead_attention", _projections),
        ),
        "other attention is one operator (torch's fast path), which it does not know; adaptive pooling and upsampling"
        " count in two dimensions only",
    ),
    Convention(
        "torchinfo",
        "mult-adds",
        (
            _term("weights and biases of convolutions, at every position of the output", "conv conv_transpose",
                  lambda call: call.parameters * _positions(call)),
            _term("all other weights and biases, once for each sample",
                  "linear batch_norm layer_norm rms_norm group_norm instance_norm prelu embedding",
                  lambda call: call.parameters * call.output[0]),
            _term("weights and biases of recurrent layers, at every step", "lstm gru rnn",
                  lambda call: call.parameters * product(call.output[:2])),
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
                  _adaptive_pool_of_thop),
            _term("1 for each value of a prelu", "prelu", _once(_output)),
            _term("3 for each value of a softmax, less 1 for each sum", "softmax", _softmax_of_thop),
            _term("1 for each value of nearest upsampling, 5 of linear, 11 of bilinear, 259 of bicubic", "interpolate",
                  _by_mode({"nearest": 1, "linear": 5, "bilinear": 11, "bicubic": 259})),
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
            _term("2 for each value of activations", "relu prelu elu gelu", _once(_output, 2)),
            _term("1 for each value of others, and of softmax", "relu6 leaky_relu silu softmax", _once(_output)),
            _term("2 for each value that pooling reads",
                  f"max_pool avg_pool adaptive_max_pool {ADAPTIVE}", _once(_input, 2)),
            _term("1 for each value that pooling by a norm reads, and 2 for each it makes", "lp_pool",
                  _norm_pool_of_ptflops),
            _term("2 for each value of upsampling", "interpolate", _upsampling_of_ptflops),
            _term("1 for each value that upsampling by area reads", "interpolate", _by_mode({"area": 1}, _input)),
            _term("3 for each value of a local response norm, and what its window reads", "local_response_norm",
                  _response_norm_of_ptflops),
            _term("attention with its biases, scaling and softmax", "multihead_attention", _attention_of_ptflops),
        ),
        "modules count twice where they call a function that counts, too: as such, and as the function",
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
            owner, reads, inputs = net.layers[node["path"]], net.operands(key), net.counted_inputs(key)
            if isinstance(node["operator"], Lent):  # tools look at modules, which have the weights that they share
                owner = {**owner, "weights": node["operator"].computes_with(*inputs)}
            yield CountedCall(node, owner, inputs, net.counted(node["shape"]), reads)
