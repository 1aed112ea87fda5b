"""Tensors that depend on no other, against torch: values, sizes known as the network runs, where they are made."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from archdsl.errors import SpecError
from archdsl.graph import Graph, content_hash, header, layer
from archdsl.measure.run.execution import Setting
from archdsl.measure.run.saved import kept_for_backward
from archdsl.network import Network
from archdsl.pipeline import convert_source
from archdsl.source import Source
from benchmarks.allocations import measure
from benchmarks.memory import predict
from tests.measure.layouts import measured

Build = Callable[..., Network]


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("arange(5)", torch.arange(5)),
        ("arange(9, start = 2, step = 3)", torch.arange(2, 9, 3)),
        ("arange(-1, start = 4, step = -2, dtype = float32)", torch.arange(4, -1, -2.0)),
        ("linspace(-1, 1, 7)", torch.linspace(-1, 1, 7)),
        ("eye(2, m = 3)", torch.eye(2, 3)),
        ("zeros([2, 3])", torch.zeros(2, 3)),
        ("ones([2, 2], dtype = bool)", torch.ones(2, 2, dtype=torch.bool)),
        ("full([2], 7)", torch.full((2,), 7)),
        ("full([2], 0.1)", torch.full((2,), 0.1)),
        ("tensor([[1, 2], [3, 4]])", torch.tensor([[1, 2], [3, 4]])),
        ("tensor([0.1, 2])", torch.tensor([0.1, 2])),
        ("tensor([[true, false]])", torch.tensor([[True, False]])),
        ("(arange(3) -> unsqueeze(1)) - arange(3)", torch.arange(3)[:, None] - torch.arange(3)),
    ],
)
@pytest.mark.parametrize("kept", ["{}", "({}) -> buffer"], ids=["made", "kept"])
def test_a_constant_has_the_values_of_torch(
    network_of: Build, kept: str, expression: str, wanted: torch.Tensor
) -> None:
    net = network_of(f"network Net(x: [N, 3]) {{ {kept.format(expression)} }}")
    model = net.compile()
    found = model(torch.zeros(2, 3))
    assert (found.dtype, found.tolist()) == (wanted.dtype, wanted.tolist())
    assert header(net.graph)["outputs"][0]["dtype"] == str(wanted.dtype).removeprefix("torch.")
    assert list(model.state_dict()) == (["buffer"] if "buffer" in kept else [])
    assert net.report().buffers == sum(buffer.numel() for buffer in model.buffers())


POSITIONS = """
network Net(ids: [N, T] int64) {
    x = ids -> embedding(20, 8)
    mask = full([N, T, T], 0.5) - eye(T) + zeros([T, T]) -> mean([0])
    positions = arange(T) -> positions: embedding(64, 8)
    x + positions + matmul(mask, x)
}
"""


def test_open_sizes_are_read_as_the_network_runs(network_of: Build) -> None:
    net = network_of(POSITIONS)
    assert str(layer(net.graph, "arange")["shape"]) == "(T,)"
    model = net.compile()
    w = dict(model.named_parameters())
    for shape in ((2, 5), (3, 9)):
        ids = torch.randint(20, shape, generator=torch.Generator().manual_seed(0))
        length = shape[1]
        x = w["embedding.weight"][ids]
        mask = torch.full((length, length), 0.5) - torch.eye(length)
        torch.testing.assert_close(model(ids), x + w["positions.weight"][:length] + mask @ x)


def test_sizes_are_read_in_what_is_exported(network_of: Build) -> None:
    code = "network Net(ids: [N, T] int64) { (ids -> embedding(20, 8)) + (arange(T) -> embedding(64, 8)) }"
    model = network_of(code).compile().eval()
    sizes = ({0: torch.export.Dim("n", min=1, max=64), 1: torch.export.Dim("t", min=1, max=64)},)
    program = torch.export.export(model, (torch.zeros(2, 5, dtype=torch.int64),), dynamic_shapes=sizes)
    ids = torch.arange(21).reshape(3, 7) % 20
    assert torch.equal(program.module()(ids), model(ids))


CAST = "network Net(x: [N, 4]) { (x -> linear(4)) + linspace(0, 1, 4) + tensor([1, 2, 3, 0.5]) }"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_constants_are_as_precise_as_the_weights(network_of: Build, dtype: torch.dtype) -> None:
    model = network_of(CAST).compile().to(dtype)
    assert model(torch.zeros(2, 4, dtype=dtype)).dtype == dtype


def test_constants_go_where_the_model_goes(network_of: Build) -> None:
    model = network_of(CAST).compile().to("meta")
    assert model(torch.zeros(2, 4, device="meta")).device.type == "meta"


def test_a_parameter_may_start_at_a_value(network_of: Build) -> None:
    net = network_of("network Net(x: [N, 8]) { x * ((arange(8) + 1) / 4 -> scale: parameter) }")
    model = net.compile()
    assert net.report().params == 8
    assert torch.equal(model.get_parameter("scale"), (torch.arange(8) + 1) / 4)
    model(torch.ones(2, 8)).sum().backward()
    assert model.get_parameter("scale").grad is not None


def test_what_only_a_buffer_starts_as_is_not_computed_again(network_of: Build) -> None:
    net = network_of("network Net(x: [N, 4]) { x + (tensor([1, 2, 3, 4]) * 2 -> table: buffer) }")
    model = net.compile()
    assert [node.target for node in model.graph.nodes if node.op == "get_attr"] == ["table"]
    assert [name for name, _ in model.named_buffers()] == ["table"]
    assert torch.equal(model(torch.zeros(1, 4))[0], torch.tensor([2.0, 4, 6, 8]))


@pytest.mark.parametrize(
    "body",
    [
        "(x -> linear(4)) * arange(4)",
        "(x -> linear(4)) * linspace(0, 1, 4)",
        "(x -> linear(4)) * tensor([1, 2, 3, 4])",
        "(x -> linear(4)) * (linspace(0, 1, 4) -> buffer)",
        "x -> { linear(4) -> mul(zeros([3, 4])) -> linear(4) -> tanh } @checkpoint",
        "x -> linear(4) -> linear(weight = eye(4))",
    ],
)
def test_memory_is_that_of_torch(network_of: Build, body: str) -> None:
    net = network_of(f"network Net(x: [3, 4]) {{ {body} }}")
    assert kept_for_backward(net.graph, Setting(hardware="cpu")) == measured(net).kept
    (inference, _, _), _ = predict(net, "cpu")
    assert inference == pytest.approx(measure(net).inference_peak, abs=64)


def test_a_region_reads_constants_and_computes_the_same(network_of: Build) -> None:
    found = []
    for mark in ("@checkpoint", ""):
        body = f"x -> linear(4) -> {{ mul(arange(4) + 1) -> linear(4) -> tanh }} {mark}"
        model = network_of(f"network Net(x: [3, 4]) {{ {body} }}").compile(seed=0)
        model(torch.ones(3, 4)).sum().backward()
        found.append([parameter.grad for parameter in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True) if a is not None and b is not None)


DEVICES = """
network Net(x: [N, 4]) {
    device gpu0, gpu1
    h = x -> linear(4) @gpu0
    positions = arange(4) / 4
    fixed = arange(4) @gpu0
    a = h -> linear(4) @gpu1
    a + positions + fixed
}
"""


def test_a_constant_is_made_where_it_is_read(network_of: Build) -> None:
    net = network_of(DEVICES)
    where = {key: layer(net.graph, key)["device"] for key in ("arange", "div", "arange_2", "add")}
    assert where == {"arange": "gpu1", "div": "gpu1", "arange_2": "gpu0", "add": "gpu1"}
    model = net.compile({"gpu0": "cpu", "gpu1": "meta"})
    moved = [node.meta["transfer"][0] for node in model.graph.nodes if "transfer" in node.meta]
    assert sorted(moved) == ["arange_2", "linear", "x"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("x -> mean([0]) -> buffer", "not-constant"),
        ("(x -> linear(4) -> mean([0])) * 2 -> parameter", "not-constant"),
        ("arange(4) -> parameter", "wrong-dtype"),
        ("zeros([N, 4]) -> buffer", "undecided"),
        ("arange(0)", "empty-output"),
        ("tensor([[1, 2], [3]])", "bad-parameter"),
        ("x -> zeros([2])", "wrong-arity"),
        ("arange(x)", "wrong-arity"),
    ],
)
def test_what_is_no_constant_is_refused(graph_of: Callable[..., Graph], body: str, code: str) -> None:
    with pytest.raises(SpecError) as caught:
        graph_of(f"network Net(x: [N, 4]) {{ {body} }}")
    assert caught.value.diagnostics[0].code == code


def test_zeros_and_ones_are_initialisers_still(graph_of: Callable[..., Graph]) -> None:
    both = [graph_of(f"network Net(x: [N, 4]) {{ x -> linear(4, init = {word}) }}") for word in ("zeros", "zeros()")]
    assert content_hash(both[0]) == content_hash(both[1])


def test_both_forms_have_constants(graph_of: Callable[..., Graph]) -> None:
    code = "network Net(x: [2, 2]) { x + (tensor([[1, 2], [0.5, -1]]) -> table: buffer) -> add(arange(2)) }\n"
    converted = convert_source(Source("net.arch", code), "yaml")
    again = graph_of(convert_source(Source("net.yaml", converted), "text"))
    assert content_hash(again) == content_hash(graph_of(code))
