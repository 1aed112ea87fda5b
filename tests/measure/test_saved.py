"""What autograd keeps, to the byte, and how tensors lie in memory, against torch: operators behind every layout."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import torch

from archdsl.dims import value
from archdsl.errors import SpecError
from archdsl.graph import header, layer
from archdsl.measure.run.execution import Setting, execution
from archdsl.measure.run.saved import kept_for_backward
from archdsl.net_view import NetView
from archdsl.network import Network
from tests.measure.layouts import LAYOUTS, SHAPES, Case, case, functions, kept_with_the_outputs, measured, uses

Build = Callable[..., Network]
CPU = Setting(hardware="cpu")


def differs(net: Network) -> str | None:
    """Where the bytes kept or the strides of a tensor differ from torch's."""
    found, run = measured(net), execution(NetView(net.graph), training=True, setting=CPU)
    kept = kept_for_backward(net.graph, CPU)
    if kept != found.kept:
        return f"{kept} bytes instead of {found.kept}"
    for tensor, strides in found.strides.items():
        if tensor in run.strides and layer(net.graph, tensor[0])["checkpoint"] is None:
            said = run.strides[tensor]
            if any(a != b for a, b, size in zip(said, strides, found.shapes[tensor], strict=True) if size != 1):
                return f"{tensor} has the strides {strides} instead of {said}"
    return None


@pytest.mark.parametrize(
    ("rank", "number"), [(rank, number) for rank in LAYOUTS for number in range(len(LAYOUTS[rank]))]
)
def test_operators_keep_behind_a_layout_what_torch_keeps(network_of: Build, rank: int, number: int) -> None:
    wrong, refused, total = {}, 0, 0
    # Each of them behind every second layout, or sixth: chains come upon the others.
    met = [(i, use) for i, use in enumerate(uses(rank)) if (i + number) % 2 == 0]
    met += [(i, use) for i, use in enumerate(functions(rank)) if (i + number) % 6 == 0]
    for i, use in met:
        total += 1
        text = case(LAYOUTS[rank][number], rank, wanted=(i + number) % 3 != 0).used(use)
        try:
            net = network_of(text)
        except SpecError:  # an operator that does not fit this shape
            refused += 1
            continue
        said = differs(net)
        if said is not None:
            wrong[text] = said
    assert wrong == {}
    assert refused < total / 4


@pytest.mark.parametrize("seed", range(24))
def test_chains_of_operators_keep_what_torch_keeps(network_of: Build, seed: int) -> None:
    choose = random.Random(seed)
    for _ in range(10):
        rank = choose.choice(list(SHAPES))
        chain = case(choose.choice(LAYOUTS[rank]), rank, wanted=choose.random() < 0.7)
        net = None
        for _ in range(3):
            grown = _grown(choose, network_of, chain)
            if grown is None:
                break
            chain, net = grown
        if net is not None:
            assert differs(net) is None


def _grown(choose: random.Random, network_of: Build, chain: Case) -> tuple[Case, Network] | None:
    """A chain with one more operator, and its network so far; None where it does not fit."""
    if len(chain.shape) not in SHAPES:
        return None
    # Where no gradient goes back, all before is kept only for as long as the test holds it.
    further = [use for use in functions(len(chain.shape)) if "argmax" not in use and "y > 0" not in use]
    use = choose.choice([*uses(len(chain.shape)), *further])
    try:
        net = network_of(chain.used(use))
    except SpecError:
        return None
    end = header(net.graph)["outputs"][0]
    shape = layer(net.graph, end["node"])["outputs"][end["output"]]
    return chain.then(use, tuple(size for size in shape if isinstance(size, int))), net


@pytest.mark.parametrize(
    "body",
    [
        "x -> linear(8) -> { flatten -> sum([1]) } @checkpoint",
        "x -> linear(8) -> unsqueeze(1) -> interpolate(size = 3) @checkpoint",
        "x -> linear(8) -> { linear(8) @frozen } @checkpoint",  # weights alone are kept, and hold what enters
        "x -> linear(8) -> permute([1, 0]) @checkpoint -> tanh @checkpoint",
        "y = x -> linear(8)\n expand(x -> slice(0, 1) -> prelu, y -> { relu -> linear(8) } @checkpoint, [1])",
        "y = x -> linear(8) -> sigmoid\n expand(x -> slice(0, 1) -> prelu, y, [1])",
    ],
)
def test_what_backward_does_not_come_back_for_is_not_kept(network_of: Build, body: str) -> None:
    net = network_of(f"network Net(x: [2, 8]) {{ {body} }}")
    assert kept_for_backward(net.graph, CPU) == kept_with_the_outputs(net)


@pytest.mark.parametrize("source", ["x: [2, 5, 3]; x", "x: [5, 2, 3]; x -> permute([1, 0, 2])", "x: [2, 1, 3]; x"])
@pytest.mark.parametrize(
    "layer",
    [
        "lstm(4)", "lstm(4, bias = false) @frozen", "lstm(4, 2, bidirectional = true)", "lstm(4, 3, dropout = 0.5)",
        "lstm(4, proj_size = 2)", "lstm(4, 2, proj_size = 2) @frozen", "gru(4)", "gru(4, 2, bidirectional = true)",
        "gru(4, dropout = 0.5) @frozen", "gru(4, 2, dropout = 0.5)", "rnn(4)", "rnn(4, 2, nonlinearity = relu) @frozen",
        "rnn(4, 3, bidirectional = true)",
    ],
)  # fmt: skip
def test_a_recurrent_layer_keeps_what_torchs_own_kernels_keep(network_of: Build, source: str, layer: str) -> None:
    declared, _, steps = source.partition("; ")
    text = f"y = {steps.replace('x', 'a', 1)}\n parts = y -> {layer}\n parts[0]"
    net = network_of(f"network Net({declared}) {{ a = x + (parameter({declared[3:]}))\n {text} }}")
    with torch.backends.mkldnn.flags(enabled=False):
        assert differs(net) is None


STATES = ["", "z = x -> tanh", "z = permute(x, [0, 2, 1]) -> slice(0, 4, dim = -1)", "z = x + (parameter([2, 4, 4]))"]


@pytest.mark.parametrize("state", [0, 1, 2, 3])
@pytest.mark.parametrize("layer", ["lstm(4, 2)", "lstm(4, 2) @frozen", "gru(4, bidirectional = true)", "rnn(4, 2)"])
def test_a_recurrent_layer_keeps_of_its_first_states_what_torch_keeps(
    network_of: Build, state: int, layer: str
) -> None:
    z = STATES[state] or "z = x"
    step = layer.replace("(", "(y, z, z, " if "lstm" in layer else "(y, z, ", 1)
    text = f"y = w + (parameter([4, 3, 2]))\n {z}\n parts = {step}\n parts[0]"
    net = network_of(f"network Net(x: [2, 4, 4], w: [4, 3, 2]) {{ {text} }}")
    with torch.backends.mkldnn.flags(enabled=False):
        assert differs(net) is None


@pytest.mark.parametrize("given", ["c", "h", "x"])
def test_a_frozen_lstm_keeps_what_the_gradient_of_one_input_needs(network_of: Build, given: str) -> None:
    shapes = {"x": "[2, 5, 3]", "h": "[1, 2, 4]", "c": "[1, 2, 4]"}
    body = f"{given}1 = {given} + (parameter({shapes[given]}))\n parts = lstm(x, h, c, 4) @frozen\n parts[0]"
    body = body.replace("lstm(x, h, c", "lstm(" + ", ".join(f"{n}1" if n == given else n for n in "xhc"))
    net = network_of(f"network Net(x: [2, 5, 3], h: [1, 2, 4], c: [1, 2, 4]) {{ {body} }}")
    with torch.backends.mkldnn.flags(enabled=False):
        assert kept_for_backward(net.graph, CPU) == measured(net).kept


@pytest.mark.parametrize(
    "body",
    [
        "y = x -> permute([2, 0, 1])\n y * y -> flatten(1)",
        "x -> permute([2, 1, 0]) -> relu -> permute([2, 1, 0]) -> flatten",
        "x -> permute([0, 2, 1]) -> relu -> reshape([N, -1])",
        "x -> permute([2, 0, 1]) -> unsqueeze(1) -> conv(4, 1) -> relu -> flatten(2)",
    ],
)
def test_tensors_of_open_sizes_lie_as_those_of_numbers(network_of: Build, body: str) -> None:
    def strides(shape: str) -> dict[object, tuple[object, ...]]:
        net = NetView(network_of(f"network Net(x: [{shape}]) {{ {body.replace('N', shape[0])} }}").graph, {})
        found = execution(net, training=False, setting=CPU).strides
        return {tensor: tuple(value(size, {"N": 3, "H": 5}) for size in of) for tensor, of in found.items()}

    assert strides("N, 4, H") == strides("3, 4, 5")


# --- figures that were wrong once


@pytest.mark.parametrize(
    ("declared", "body", "kept"),
    [
        ("x: [2, 6, 8]", "x -> linear(8) -> relu -> permute([0, 2, 1]) -> linear(4)", 1152),
        (
            "x: [2, 6, 8]",
            "y = x -> linear(8) -> relu -> permute([0, 2, 1])\n (y -> linear(4)) + (y -> linear(4)) + (y -> linear(4))",
            1920,
        ),
        (
            "x: [2, 4, 3, 8]",
            "q = x -> linear(8) -> relu -> permute([0, 2, 1, 3])\n matmul(q, q -> permute([0, 1, 3, 2]))",
            3072,
        ),
        ("x: [2, 4, 8]", "y = x -> linear(8) -> relu\n multihead_attention(y, y, y, 2)", 1856),
        ("x: [32, 8, 64, 16]", "matmul(parameter([8, 64, 64]), x -> linear(16))", 6_291_456),
        ("x: [2, 6, 8]", "x -> slice(0, 3) -> linear(3)", 192),
        ("x: [2, 8]", "1 / (x -> linear(8)) -> linear(4)", 192),
        ("x: [2, 8]", "mul(x -> linear(8), x -> linear(8), x -> linear(8))", 320),
        ("x: [1, 1, 4, 4]", "x -> conv(1, 4, padding = same)", 100),
        ("x: [1, 1, 8]", "x -> conv(1, 1, bias = false) -> interpolate(size = 4, mode = area)", 64),
        ("x: [4, 8]", "x -> linear(8) -> drop_path(0.2)", 144),
    ],
)
def test_a_figure_is_the_one_that_torch_has(network_of: Build, declared: str, body: str, kept: int) -> None:
    net = network_of(f"network Net({declared}) {{ {body} }}")
    assert kept_for_backward(net.graph, CPU) == measured(net).kept == kept
