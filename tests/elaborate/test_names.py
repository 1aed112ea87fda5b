"""Names that a spec gives reach Python only where they are harmless."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st
from torch import fx, nn

from archdsl.elaborate import elaborate
from archdsl.errors import SpecError
from archdsl.graph import header
from archdsl.names import RESERVED, fault, label_fault
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


@pytest.mark.parametrize(
    "name", ["", "a.b", "ﬁ", "a'b", "class", "forward", "__class__", "x" * 129, 'a"b', "a\n", "a\\", "a#2", " a"]
)
def test_harmful_labels_are_refused_wherever_they_stand(name: str) -> None:
    assert label_fault(name, inner=False) is not None
    assert label_fault(name, inner=True) is not None


def test_reserved_names_are_sorted_out_of_use() -> None:
    assert {"forward", "training", "graph", "code", "loss", "_modules"} <= RESERVED


def labelled(label: str) -> Network | None:
    """The network in which a layer has this label, unless that is refused."""
    try:
        program = parse_string(f"network Net(x: [N, 4]) {{ x -> {label}: linear(2)\n}}")
        return Network(elaborate(program.spec.networks[0], program.definitions))
    except SpecError:
        return None


def check_names(net: Network) -> None:
    assert all(label_fault(part, inner=i > 0) is None for key in net.graph for i, part in enumerate(key.split(".")))
    output = header(net.graph)["outputs"][0]
    assert net.compile()(torch.zeros(1, 4)).shape == (1, *output["shape"][1:])


@settings(max_examples=150)
@given(st.text(min_size=1, max_size=12))
@example("relu}#")  # which ends the network before the label does
def test_any_text_for_a_label_is_refused_or_gives_harmless_names(label: str) -> None:
    net = labelled(label)
    if net is not None:
        check_names(net)


@settings(max_examples=60)
@given(st.from_regex(r"[A-Za-z0-9_]{1,6}(\.[A-Za-z0-9_]{1,6})?", fullmatch=True))
def test_a_label_of_letters_and_digits_is_refused_or_names_its_layer(label: str) -> None:
    net = labelled(label)
    if net is None:
        reject()
    check_names(net)
    assert list(net.graph) == ["x", label]


@pytest.mark.parametrize("use", ["x -> half", "f = module half\n    x -> f"])
def test_a_block_may_have_a_name_that_no_layer_may_have(network_of: Callable[..., Network], use: str) -> None:
    net = network_of(f"block half(x) {{ x -> conv(2, 1) }}\nnetwork Net(x: [N, 4, 8, 8]) {{\n    {use}\n}}")
    assert list(net.graph) == ["x", "half_1.conv"]
    assert net.compile()(torch.zeros(1, 4, 8, 8)).shape == (1, 2, 8, 8)
