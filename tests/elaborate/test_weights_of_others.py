"""Layers that are lent weights, against torch: what they compute, own, cost and keep, and where they may be."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F  # noqa: N812
from torch.utils.flop_counter import FlopCounterMode

from archdsl.dims import numbers
from archdsl.errors import SpecError
from archdsl.graph import Graph, content_hash, header, layer, operands
from archdsl.measure.run.execution import Setting
from archdsl.measure.run.saved import kept_for_backward
from archdsl.measure.time.gpus import GPUS
from archdsl.network import Network
from archdsl.pipeline import convert_source
from archdsl.placement.problem import problem_of
from archdsl.source import Source
from benchmarks.allocations import measure
from benchmarks.memory import predict
from tests.measure.layouts import measured

Build = Callable[..., Network]
TIED = """
network Net(ids: [2, 7] int64) {
    wte = wte: module embedding(50, 16)
    h = ids -> wte -> ln: layer_norm -> body: linear(16) -> relu
    h -> head: linear(weight = wte.weight, bias = false)
}
"""


@pytest.fixture
def tied(network_of: Build) -> Network:
    return network_of(TIED)


def test_a_weight_that_is_lent_is_counted_once(tied: Network) -> None:
    model = tied.compile()
    report = tied.report()
    assert report.params == sum(p.numel() for p in model.parameters()) == 50 * 16 + 2 * 16 + 16 * 17
    assert list(model.state_dict()) == ["wte.weight", "ln.weight", "ln.bias", "body.weight", "body.bias"]


def test_there_is_an_edge_for_each_use(graph_of: Callable[..., Graph]) -> None:
    graph = graph_of(TIED)
    assert operands(graph, "head") == [("relu", 0), ("wte.weight", 0)]
    assert (layer(graph, "wte.weight")["shape"], layer(graph, "wte.weight")["weights"]) == ((50, 16), ())


def test_it_computes_what_torch_computes(tied: Network) -> None:
    model = tied.compile(seed=0)
    w = dict(model.named_parameters())
    ids = torch.arange(14).reshape(2, 7)
    h = F.layer_norm(F.embedding(ids, w["wte.weight"]), (16,), w["ln.weight"], w["ln.bias"])
    wanted = F.linear(F.linear(h, w["body.weight"], w["body.bias"]).relu(), w["wte.weight"])
    found = model(ids)
    assert torch.equal(found, wanted)
    gradients = torch.autograd.grad(wanted.square().sum(), list(w.values()))
    assert all(map(torch.equal, torch.autograd.grad(found.square().sum(), list(w.values())), gradients))


def test_figures_are_those_of_torch(tied: Network) -> None:
    with FlopCounterMode(display=False) as counter:
        tied.compile("meta")(torch.zeros(2, 7, dtype=torch.int64, device="meta"))
    assert counter.get_total_flops() == tied.report().flops
    assert kept_for_backward(tied.graph, Setting(hardware="cpu")) == measured(tied).kept
    (inference, kept, step), _ = predict(tied, "cpu")
    found = measure(tied)
    assert (inference, kept) == (found.inference_peak, found.kept)
    assert step == pytest.approx(found.training_peak, abs=16)


@pytest.mark.parametrize("keys", [("wte.weight",), ("head.weight",), ("wte.weight", "head.weight")])
def test_a_checkpoint_may_hold_the_alias(tied: Network, keys: tuple[str, ...]) -> None:
    model, other = tied.compile(seed=0), tied.compile(seed=1)
    state = dict(other.state_dict())
    shared = state.pop("wte.weight")
    model.load_state_dict(state | dict.fromkeys(keys, shared))
    assert torch.equal(model.get_parameter("wte.weight"), shared)


def test_an_alias_of_other_values_is_refused(tied: Network) -> None:
    model = tied.compile()
    state = model.state_dict()
    with pytest.raises(RuntimeError, match=r"`head\.weight` differs from `wte\.weight`"):
        model.load_state_dict({**state, "head.weight": state["wte.weight"] + 1})


def test_copies_of_a_model_load_aliases_too(tied: Network) -> None:
    model = copy.deepcopy(tied.compile())
    model.load_state_dict({**model.state_dict(), "head.weight": model.get_parameter("wte.weight").clone()})


LENT: dict[str, tuple[str, str, Callable[..., torch.Tensor]]] = {
    "linear": ("x: [3, 4, 8], w: [5, 8], b: [5]", "linear(weight = w, bias = b)", lambda x, w, b: F.linear(x, w, b)),
    "conv": (
        "x: [2, 4, 6, 6], w: [6, 2, 3, 3], b: [6]",
        "conv(weight = w, bias = b, stride = 2, padding = 1, groups = 2)",
        lambda x, w, b: F.conv2d(x, w, b, 2, 1, 1, 2),
    ),
    "conv with a border": (
        "x: [2, 4, 6, 6], w: [5, 4, 3, 3]",
        "conv(weight = w, bias = false, padding = 1, padding_mode = reflect)",
        lambda x, w: F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), w),
    ),
    "conv_transpose": (
        "x: [2, 4, 6], w: [4, 5, 3], b: [5]",
        "conv_transpose(weight = w, bias = b, stride = 2, output_padding = 1)",
        lambda x, w, b: F.conv_transpose1d(x, w, b, 2, 0, 1),
    ),
    "layer_norm": (
        "x: [2, 4, 6], w: [4, 6], b: [4, 6]",
        "layer_norm(weight = w, bias = b)",
        lambda x, w, b: F.layer_norm(x, (4, 6), w, b),
    ),
    "layer_norm without a bias": (
        "x: [2, 4, 6], w: [6]",
        "layer_norm(weight = w, bias = false)",
        lambda x, w: F.layer_norm(x, (6,), w),
    ),
    "rms_norm": (
        "x: [2, 4, 6], w: [4, 6]",
        "rms_norm(weight = w, eps = 0.001)",
        lambda x, w: F.rms_norm(x, (4, 6), w, 0.001),
    ),
    "group_norm without a bias": (
        "x: [2, 4, 6], w: [4]",
        "group_norm(2, weight = w, bias = false)",
        lambda x, w: F.group_norm(x, 2, w),
    ),
    "instance_norm without a bias": (
        "x: [2, 4, 6], w: [4]",
        "instance_norm(weight = w, bias = false)",
        lambda x, w: F.instance_norm(x, weight=w),
    ),
    "batch_norm without a bias": (
        "x: [2, 4, 6], w: [4]",
        "batch_norm(weight = w, bias = false)",
        lambda x, w: F.batch_norm(x, None, None, w, None, training=True),
    ),
    "group_norm": (
        "x: [2, 4, 6], w: [4], b: [4]",
        "group_norm(2, weight = w, bias = b)",
        lambda x, w, b: F.group_norm(x, 2, w, b),
    ),
    "instance_norm": (
        "x: [2, 4, 6], w: [4], b: [4]",
        "instance_norm(weight = w, bias = b)",
        lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
    ),
    "batch_norm": (
        "x: [2, 4, 6], w: [4], b: [4]",
        "batch_norm(weight = w, bias = b)",
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
    ),
}


@pytest.mark.parametrize("name", LENT)
def test_any_tensor_can_be_a_weight(network_of: Build, name: str) -> None:
    declared, step, reference = LENT[name]
    net = network_of(f"network Net({declared}) {{ x -> {step} }}")
    generator = torch.Generator().manual_seed(0)
    head = header(net.graph)["inputs"]
    given = [torch.randn(numbers(layer(net.graph, key)["shape"]) or (), generator=generator) for key in head]
    model = net.compile()
    assert list(model.parameters()) == []
    assert torch.equal(model(*given), reference(*given))


def test_sizes_of_a_weight_may_be_open(network_of: Build) -> None:
    net = network_of("network Net(x: [N, 4, H, W], z: [K, 4, A, B]) { x -> conv(weight = z, bias = false) }")
    assert str(layer(net.graph, "conv")["shape"]) == "(N, K, H - A + 1, W - B + 1)"
    x, z = torch.randn(1, 4, 9, 9), torch.randn(3, 4, 2, 5)
    assert torch.equal(net.compile()(x, z), F.conv2d(x, z))


def test_a_bias_of_its_own_stays_beside_a_lent_weight(network_of: Build) -> None:
    net = network_of("network Net(x: [2, 4]) { f = f: module linear(4)\n x -> f -> g: linear(weight = f.weight) }")
    model = net.compile()
    assert list(model.state_dict()) == ["f.weight", "f.bias", "g.bias"]
    x = torch.randn(2, 4)
    f, b = model.get_submodule("f"), model.get_parameter("g.bias")
    assert torch.equal(model(x), F.linear(f(x), model.get_parameter("f.weight"), b))


KEPT = {
    "a parameter": "w = parameter([5, 8])\n x -> linear(weight = w)",
    "a view": "w = parameter([8, 5]) -> permute([1, 0])\n x -> relu -> linear(weight = w)",
    "computed": "w = parameter([5, 8]) -> tanh\n x -> linear(4) -> linear(8) -> linear(weight = w, bias = false)",
    "fixed": "x -> linear(8) -> linear(weight = v, bias = false)",
    "fixed, of an input": "x -> linear(weight = v)",
    "conv": "w = parameter([5, 3, 2]) -> tanh\n x -> unsqueeze(1) -> conv(3, 1) -> conv(weight = w)",
    "layer_norm": "w = parameter([8]) -> tanh\n x -> linear(8) -> layer_norm(weight = w, bias = w)",
    "batch_norm": "w = parameter([8]) -> tanh\n x -> linear(8) -> batch_norm(weight = w, bias = w)",
    "rms_norm": "w = parameter([8]) -> tanh\n x -> linear(8) -> rms_norm(weight = w)",
    "rms_norm of what is fixed": "w = parameter([8]) -> tanh\n x -> rms_norm(weight = w)",
    "rms_norm by what is fixed": "w = x -> sum(0)\n x -> linear(8) -> rms_norm(weight = w)",
    "batch_norm without a bias": "w = parameter([8]) -> tanh\n x -> linear(8) -> batch_norm(weight = w, bias = false)",
    "embedding": "w = parameter([5, 3]) -> tanh\n x -> to(int64) -> embedding(weight = w)",
}


@pytest.mark.parametrize("body", KEPT.values(), ids=KEPT)
def test_autograd_keeps_of_lent_weights_what_is_said(network_of: Build, body: str) -> None:
    net = network_of(f"network Net(x: [3, 8], v: [5, 8]) {{ {body} }}")
    assert kept_for_backward(net.graph, Setting(hardware="cpu")) == measured(net).kept


def test_a_padding_index_has_no_gradient_in_a_table_that_is_lent(network_of: Build) -> None:
    model = network_of(
        "network Net(ids: [2, 3] int64, w: [5, 4]) { embedding(ids, weight = w, padding_idx = 1) }"
    ).compile()
    w = torch.randn(5, 4, requires_grad=True)
    model(torch.tensor([[0, 1, 1], [2, 1, 4]]), w).sum().backward()
    assert w.grad is not None
    assert w.grad.sum(1).tolist() == [4, 0, 4, 0, 4]


REGION = """
network Net(ids: [2, 7] int64) {{
    wte = wte: module embedding(50, 16)
    ids -> wte -> {{ linear(16) -> relu -> linear(weight = wte.weight, bias = false) -> tanh }} {}
}}
"""


def test_a_lent_weight_enters_a_recomputed_region(network_of: Build) -> None:
    ids = torch.arange(14).reshape(2, 7)
    found = []
    for mark in ("@checkpoint", ""):
        net = network_of(REGION.format(mark))
        assert kept_for_backward(net.graph, Setting(hardware="cpu")) == measured(net).kept
        model = net.compile(seed=0)
        model(ids).square().sum().backward()
        found.append([p.grad for p in model.parameters()])
    assert all(map(torch.equal, *found))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("f = module linear(4)\n x -> linear(weight = f.weight)", "has no `weight` yet"),
        ("f = module relu\n y = x -> f\n y -> linear(weight = f.weight)", "has no `weight` that others could use"),
        ("f = module linear(4)\n y = x -> f\n y -> linear(weight = f.wight)", "has no `wight`"),
        (
            "f = module two\n y = x -> f\n y -> linear(weight = f.weight)",
            "is a block, which has no `weight`",
        ),
        ("f = module linear(4, bias = false)\n y = x -> f\n y -> linear(4, bias = f.bias)", "has no bias"),
        ("f = module linear(5)\n y = x -> f\n y -> linear(weight = f.weight)", "must be [5, 5]"),
        ("x -> linear(weight = x -> unsqueeze(1))", "has two dimensions, found [N, 1, 4]"),
        ("x -> linear(weight = 3)", "`weight` of `linear` is a tensor, found 3"),
        ("w = parameter([4, 4])\n x -> linear(weight = w, init = zeros)", "has nothing to start"),
        ("w = parameter([4])\n x -> batch_norm(affine = false, weight = w)", "has no weight as it is written here"),
        ("w = parameter([4])\n x -> relu(weight = w)", "`relu` has no parameter `weight`"),
        ("w = parameter([4, 4]) -> to(int64)\n x -> linear(weight = w)", "`linear` needs floating-point numbers"),
    ],
)
def test_a_weight_that_cannot_be_is_refused(graph_of: Callable[..., Graph], body: str, says: str) -> None:
    with pytest.raises(SpecError) as caught:
        graph_of(f"block two(x) {{ x -> linear(4) }}\nnetwork Net(x: [N, 4]) {{\n {body}\n}}")
    assert says in caught.value.diagnostics[0].message


DEVICES = """
network Net(x: [N, 4]) {{
    device gpu0, gpu1
    f = module linear(4) @gpu0
    {}
    x -> f -> linear(4) @gpu1 -> linear(weight = {}) {}
}}
"""


def test_all_uses_of_a_weight_are_on_one_device(graph_of: Callable[..., Graph]) -> None:
    fine = graph_of(DEVICES.format("", "f.weight", "@gpu0"))
    assert layer(fine, "f.weight" if "f.weight" in fine else "linear.weight")["device"] == "gpu0"
    for lines, weight in (("", "f.weight"), ("w = parameter([4, 4]) @gpu0", "w")):
        with pytest.raises(SpecError) as caught:
            graph_of(DEVICES.format(lines, weight, "@gpu1"))
        (found,) = caught.value.diagnostics
        assert (found.code, found.help) == (
            "shared-mismatch",
            "mark both alike, `@gpu0`, or give the layer a weight of its own",
        )


def test_the_weight_of_a_layer_that_is_lent_one_is_that(network_of: Build) -> None:
    net = network_of(
        "network Net(x: [2, 4]) {\n w = parameter([4, 4])\n f = module linear(weight = w, bias = false)\n"
        " y = x -> f -> f\n y -> linear(weight = f.weight, bias = false)\n}"
    )
    assert operands(net.graph, "linear_2")[1] == ("parameter", 0)
    assert list(net.compile().state_dict()) == ["parameter"]


def test_a_diff_tells_a_tied_head_from_one_of_its_own(network_of: Build) -> None:
    own = network_of(TIED.replace("weight = wte.weight", "50"))
    text = str(own.diff(network_of(TIED)))
    assert "wte.weight" in text


def test_both_forms_have_weights_of_others(graph_of: Callable[..., Graph]) -> None:
    converted = convert_source(Source("net.arch", TIED), "yaml")
    back = convert_source(Source("net.yaml", converted), "text")
    assert content_hash(graph_of(back)) == content_hash(graph_of(TIED))


@pytest.mark.parametrize("view", ["graph", "stages", "volumes"])
def test_a_weight_of_others_is_drawn(tied: Network, view: str, tmp_path: Path) -> None:
    tied.draw(tmp_path / "net.svg", view=view)
    assert "[50, 16]" in (tmp_path / "net.svg").read_text() or view != "graph"


def test_layers_that_share_weights_are_placed_together(network_of: Build) -> None:
    net = network_of(TIED)
    profile = GPUS["h100"]
    problem = problem_of(net.graph, {}, [profile], "fp32", "sgd")
    (together,) = problem.together
    assert {problem.nodes[i] for i in together} == {"wte", "wte.weight", "head"}
