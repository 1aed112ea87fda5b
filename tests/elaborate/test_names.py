"""Names that a spec gives reach Python only where they are harmless."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import fx, nn

from archdsl.elaborate import elaborate
from archdsl.errors import SpecError
from archdsl.names import RESERVED, fault
from archdsl.network import Network
from archdsl.program import parse_string


def test_every_attribute_of_torchs_modules_is_reserved() -> None:
    graph = fx.Graph()
    graph.output(graph.placeholder("x"))
    attributes = set(dir(fx.GraphModule(nn.Module(), graph))) | set(dir(nn.Module()))
    assert {name for name in attributes if fault(name) is None} == set()


@pytest.mark.parametrize("name", ["conv1", "layer1", "0", "12", "_x", "A_b9", "weight", "bias"])
def test_ordinary_names_are_allowed(name: str) -> None:
    assert fault(name) is None


@pytest.mark.parametrize(
    "name", ["", "a.b", "a-b", "ﬁ", "сonv", "1a", "class", "None", "forward", "__class__", "x" * 129, 'a"b', "a\n"]
)
def test_harmful_names_are_refused(name: str) -> None:
    assert fault(name) is not None


def test_reserved_names_are_sorted_out_of_use() -> None:
    assert {"forward", "training", "graph", "code", "loss", "_modules"} <= RESERVED


@settings(max_examples=150)
@given(st.text(min_size=1, max_size=12))
def test_any_label_is_refused_or_names_its_layer(label: str) -> None:
    code = f"network Net(x: [N, 4]) {{ x -> {label}: linear(2) }}"
    try:
        program = parse_string(code)
        graph = elaborate(program.spec.networks[0], program.definitions)
    except SpecError:
        return
    from compiler import compile_graph

    model = compile_graph(graph)
    assert model(torch.zeros(1, 4)).shape == (1, 2)
    assert all(fault(part) is None for key in graph for part in key.split("."))


@pytest.mark.parametrize("use", ["x -> half", "f = module half\n    x -> f"])
def test_a_block_may_have_a_name_that_no_layer_may_have(network_of: Callable[..., Network], use: str) -> None:
    net = network_of(f"block half(x) {{ x -> conv(2, 1) }}\nnetwork Net(x: [N, 4, 8, 8]) {{\n    {use}\n}}")
    assert list(net.graph) == ["x", "half_1.conv"]
    assert net.compile()(torch.zeros(1, 4, 8, 8)).shape == (1, 2, 8, 8)
