"""What the view of a network says, against the compiled network and networkx."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import pytest
import torch
from torch.fx.passes.shape_prop import ShapeProp

from archdsl.net_view import NetView
from archdsl.network import Network, load
from compiler.fx.lower import KEY

Build = Callable[..., Network]

BRANCHED = """
block tower(x: [N, D]) { x -> linear(16) -> relu }
network Net(left: [N, 8], right: [N, 8]) {
    encoder = module tower()
    a = left -> encoder
    b = right -> encoder
    output both = concat(a, b) -> linear(2)
    output aside = a -> linear(3) @train
}
"""


@pytest.fixture
def net(network_of: Build) -> NetView:
    return NetView(network_of(BRANCHED).graph)


def test_the_layers_of_a_phase_are_those_before_its_outputs(net: NetView) -> None:
    for training in (False, True):
        ends = [o["node"] for o in net.header["outputs"] if training or o["phase"] == "both"]
        assert net.live(training) == set(ends).union(*(nx.ancestors(net.graph, end) for end in ends))


def test_readers_are_the_edges_of_operands(net: NetView) -> None:
    assert {(source, key) for source, readers in net.readers.items() for key in readers} == set(net.graph.edges())
    assert [source for source, _ in net.operands("concat")] == ["tower.relu", "tower.relu#2"]


def test_a_later_use_computes_with_the_weights_of_the_first(net: NetView) -> None:
    assert net.layers["tower.linear#2"]["weights"] == ()
    assert net.weights("tower.linear#2") == net.weights("tower.linear") != ()


@pytest.mark.parametrize("name", ["lenet5", "googlenet", "unet"])
def test_counted_shapes_are_those_that_torch_computes(name: str) -> None:
    network = load(name)
    net = NetView(network.graph)
    model = network.compile(devices="meta").eval()
    given = [torch.empty(net.counted(net.layers[key]["shape"]), device="meta") for key in net.header["inputs"]]  # type: ignore[arg-type]
    ShapeProp(model).propagate(*given)
    made = {node.meta[KEY]: node.meta["tensor_meta"].shape for node in model.graph.nodes if "archdsl" in node.meta}
    assert made
    assert all(net.counted(net.layers[key]["shape"]) == tuple(shape) for key, shape in made.items())


def test_sizes_are_counted_at_the_least_batch_or_at_values_that_are_given(network_of: Build) -> None:
    graph = network_of("network Net(x: [2 * N, H, 8]) { x -> linear(4) }").graph
    assert str(NetView(graph).counted_inputs("linear")) == "[(2, H, 8)]"
    assert NetView(graph, {"N": 3, "H": 5}).counted_inputs("linear") == [(6, 5, 8)]
