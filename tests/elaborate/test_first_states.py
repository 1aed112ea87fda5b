"""The states that recurrent layers begin with, given as tensors: values, gradients and figures are torch's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from archdsl.errors import SpecError
from archdsl.graph import Graph, content_hash, layer
from archdsl.network import Network
from archdsl.pipeline import convert_source
from archdsl.source import Source

Build = Callable[..., Network]
GIVEN = {
    "lstm": ("h: [L, N, 4], c: [L, N, 4]", "x, h, c", nn.LSTM),
    "gru": ("h: [L, N, 4]", "x, h", nn.GRU),
    "rnn": ("h: [L, N, 4]", "x, h", nn.RNN),
}


@pytest.mark.parametrize("operator", GIVEN)
@pytest.mark.parametrize(
    ("settings", "kwargs"), [("", {}), (", 2, bidirectional = true", {"num_layers": 2, "bidirectional": True})]
)
def test_it_computes_what_torch_computes(
    network_of: Build, operator: str, settings: str, kwargs: dict[str, Any]
) -> None:
    declared, given, kind = GIVEN[operator]
    runs = 4 if settings else 1
    both = "concat(parts[0] -> flatten, parts[1] -> permute([1, 0, 2]) -> flatten)"
    text = f"parts = {operator}({given}, 4{settings})\n {both}"
    net = network_of(f"network Net(x: [N, 5, 3], {declared.replace('L', str(runs))}) {{ {text} }}")
    model = net.compile(seed=0)
    reference: Any = kind(3, 4, batch_first=True, **kwargs)
    reference.load_state_dict({key.partition(".")[2]: value for key, value in model.state_dict().items()})
    x, *begins = (
        torch.randn(shape, requires_grad=True) for shape in [(2, 5, 3), *[(runs, 2, 4)] * len(given.split(", ")[1:])]
    )
    sequence, last = reference(x, tuple(begins) if operator == "lstm" else begins[0])
    state = last[0] if operator == "lstm" else last
    wanted = torch.cat([sequence.flatten(1), state.permute(1, 0, 2).flatten(1)], 1)
    found = model(x, *begins)
    assert torch.equal(found, wanted)
    gradients = torch.autograd.grad(wanted.square().sum(), [x, *begins])
    assert all(map(torch.equal, torch.autograd.grad(found.square().sum(), [x, *begins]), gradients))


TRANSLATION = """
network Translation(source: [N, S] int64, words: [N, T] int64, width = 6) {
    encoder = encoder: module lstm(width)
    seq, h, c = source -> embed: embedding(20, 5) -> encoder
    more = words -> embed_out: embedding(30, 5)
    decoded = more -> decoder: lstm(width, h = h, c = c)
    decoded[0] -> head: linear(30)
}
"""


def test_a_decoder_begins_where_its_encoder_ends(network_of: Build, graph_of: Callable[..., Graph]) -> None:
    net = network_of(TRANSLATION)
    model = net.compile(seed=0)
    source, words = torch.arange(8).reshape(2, 4), torch.arange(6).reshape(2, 3)
    parts: dict[str, Any] = dict(model.named_modules())
    _, (h, c) = nn.LSTM.forward(parts["encoder"], parts["embed"](source))
    decoded, _ = nn.LSTM.forward(parts["decoder"], parts["embed_out"](words), (h, c))
    assert torch.equal(model(source, words), parts["head"](decoded))
    assert str(layer(net.graph, "encoder")["outputs"][1]) == "(1, N, 6)"
    back = convert_source(Source("net.yaml", convert_source(Source("net.arch", TRANSLATION), "yaml")), "text")
    assert content_hash(graph_of(back)) == content_hash(net.graph)


def test_a_shared_layer_goes_on_where_it_was(network_of: Build) -> None:
    text = "m = m: module gru(4)\n a, h = x -> m\n b, g = m(z, h)\n concat(a, b)"
    net = network_of(f"network Net(x: [2, 3, 5], z: [2, 4, 5]) {{ {text} }}")
    model: Any = net.compile(seed=0)
    x, z = torch.randn(2, 3, 5), torch.randn(2, 4, 5)
    whole, _ = nn.GRU.forward(model.m, torch.cat([x, z], 1))
    torch.testing.assert_close(model(x, z), whole)
    with FlopCounterMode(display=False) as counter:
        net.compile("meta")(x.to("meta"), z.to("meta"))
    assert net.report().flops == counter.get_total_flops()


@pytest.mark.parametrize(
    ("step", "code", "says"),
    [
        ("lstm(x, s, 4)", "wrong-arity", "begins with states `h` and cells `c`, or with neither"),
        ("lstm(x, 4, c = s)", "wrong-arity", "begins with states `h` and cells `c`, or with neither"),
        ("gru(x, s, s, 4)", "wrong-arity", "takes 1 to 2 tensors (input, h), found 3"),
        ("gru(x, s, 5)", "shape-mismatch", "here [1, N, 5], found [1, N, 4]"),
        ("gru(x, s, 4, 2)", "shape-mismatch", "here [2, N, 4], found [1, N, 4]"),
        ("lstm(x, s, s, 8, proj_size = 4)", "shape-mismatch", "`c` of `lstm`"),
    ],
)
def test_states_that_do_not_fit_are_refused(graph_of: Callable[..., Graph], step: str, code: str, says: str) -> None:
    with pytest.raises(SpecError) as caught:
        graph_of(f"network Net(x: [N, 5, 3], s: [1, N, 4]) {{ parts = {step}\n parts[0] }}")
    (found,) = caught.value.diagnostics
    assert (found.code, says in found.message) == (code, True), found.message
