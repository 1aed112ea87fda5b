"""Marks, sharing and losses together: what is computed does not depend on how it is marked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from archdsl.errors import SpecError
from archdsl.graph import header
from archdsl.network import Network

Build = Callable[..., Network]

BLOCKS = """
block pair(x) {
    a = x -> conv(8, 1)
    b = a -> conv(8, 1)
    [a, b]
}
block own(x) {
    p = parameter([8, 1, 1], init = ones)
    unused = parameter([3])
    p * x -> conv(8, 1)
}
block twice(x) { x + x }
"""

REGIONS = [
    "y = x -> relu\n(y + x) {mark}",
    "a, b = chunk(x, 2) {mark}\nconcat(b, a)",
    "x -> s: {{ conv(8, 1) -> relu -> add(x) }} {mark}",
    "x -> twice {mark}",
    "x + (x -> own {mark})",
    "w = w: parameter([8, 1, 1], init = ones) {mark}\nx * w",
    "e = module conv(8, 1)\nx -> s: {{ e -> relu -> e }} {mark} -> e",
    "e = module pair\np, q = e(x) {mark}\nr, s = e(p) {mark}\nr + s + q",
    "e = module pair {mark}\np, q = e(x)\np + q",
    "x -> s: {{ repeat 2 {{ conv(8, 1) -> relu }} {mark} }}",
    "x -> if true {{ conv(8, 1) -> relu }} {mark} -> conv(4, 1)",
    "(x -> conv(8, 1) -> dropout(0.5) -> conv(8, 1)) {mark} -> relu",
    "a, b = pair(x) {mark}\na - b",
    "x -> s: {{ conv(8, 1) -> batch_norm -> relu }} {mark}",
    "x -> s: {{ batch_norm -> t: {{ conv(8, 1) -> batch_norm -> dropout(0.5) }} {mark} -> relu }} {mark}",
    "e = module batch_norm\nx -> e -> s: {{ conv(8, 1) -> e -> e }} {mark} -> e",
    "x -> s: {{ instance_norm(track_running_stats = true) -> conv(8, 1) -> batch_norm(affine = false) }} {mark}",
]


def network(body: str) -> str:
    return f"{BLOCKS}network Net(x: [N, 8, 4, 4]) {{\n{body}\n}}"


@pytest.mark.parametrize("body", REGIONS)
def test_recomputation_changes_no_output_no_gradient_no_buffer_and_no_name(network_of: Build, body: str) -> None:
    plain, marked = (network_of(network(body.format(mark=mark))) for mark in ("", "@checkpoint"))
    models = []
    for net in (plain, marked):
        torch.manual_seed(0)
        models.append(net.compile())
    first, second = models
    assert list(first.state_dict()) == list(second.state_dict())
    assert marked.report().params == sum(p.numel() for p in second.parameters()) == plain.report().params
    x = torch.randn(2, 8, 4, 4)
    outputs = []
    for model in models:
        torch.manual_seed(1)
        outputs.append(model(x))
        if outputs[-1].requires_grad:
            outputs[-1].square().sum().backward()
    assert torch.equal(*outputs)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert (a.grad is None) == (b.grad is None)
        if a.grad is not None and b.grad is not None:
            torch.testing.assert_close(a.grad, b.grad)
    for own, other in zip(first.buffers(), second.buffers(), strict=True):
        assert torch.equal(own, other)
    assert torch.equal(first.eval()(x), second.eval()(x))


def test_a_recomputed_batch_counts_once_under_torch_compile(network_of: Build) -> None:
    model = network_of(network("x -> s: { conv(8, 1) -> norm: batch_norm -> relu } @checkpoint")).compile()
    torch.compile(model, backend="aot_eager")(torch.randn(2, 8, 4, 4)).sum().backward()
    assert model.get_buffer("s.norm.num_batches_tracked") == 1


def test_a_marked_group_without_a_label_is_one_region(network_of: Build) -> None:
    net = network_of(network("x -> s: { repeat 2 { conv(8, 1) -> relu } @checkpoint -> tanh }"))
    regions = [net.graph.nodes[f"s.{i}"]["checkpoint"] for i in range(5)]
    assert len(set(regions[:4])) == 1
    assert regions[4] is None
    # The region keeps what enters it; tanh keeps its own output.
    assert net.report().activation_bytes_training == 2 * 4 * 8 * 4 * 4


def test_a_shared_layer_runs_where_its_weights_are(network_of: Build) -> None:
    code = "network Net(x: [N, 8]) { device g0, g1\n e = module linear(8)\n"
    code += "a = x -> e @g1\n b = (x -> relu @g0) -> e\n a + b }"
    graph = network_of(code).graph
    assert graph.nodes["linear"]["device"] == graph.nodes["linear#2"]["device"] == "g1"


def test_a_shared_layer_cannot_be_on_two_devices(network_of: Build) -> None:
    code = "network Net(x: [N, 8]) { device g0, g1\n e = module linear(8)\n (x -> e @g0) + (x -> e @g1) }"
    with pytest.raises(SpecError, match="another device mark in its first use"):
        network_of(code)


def test_a_shared_layer_is_frozen_for_all_uses_or_none(network_of: Build) -> None:
    frozen = "network Net(x: [N, 8]) { e = module linear(8) @frozen\n x -> e -> e }"
    assert not any(p.requires_grad for p in network_of(frozen).compile().parameters())
    with pytest.raises(SpecError, match="another @frozen mark"):
        network_of("network Net(x: [N, 8]) { e = module linear(8)\n x -> e -> e @frozen }")


@pytest.mark.parametrize(
    "body",
    [
        "x -> a.b: relu -> a: conv(8, 1)",
        "x -> a: conv(8, 1) -> a.b: relu",
        "x -> a: conv(8, 1) -> a.weight: relu",
        "p = a: parameter([1])\nx * p -> a.b: conv(8, 1)",
    ],
)
def test_nothing_lies_below_the_path_of_a_layer(network_of: Build, body: str) -> None:
    with pytest.raises(SpecError, match="`a` is a layer"):
        network_of(network(body))


@pytest.mark.parametrize("body", ["y = x -> relu\nz = y @frozen\nz -> tanh", "k = here: 1 + 2\nx -> conv(k, 1)"])
def test_marks_and_labels_on_values_are_refused(network_of: Build, body: str) -> None:
    with pytest.raises(SpecError, match="this is a value"):
        network_of(network(body))


# --- losses

OUTPUTS = "output a = x -> flatten -> fa: linear(4)\noutput b = x -> flatten -> fb: linear(4) {mark}\n"


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("cross_entropy(a) + 0.3 * cross_entropy(b)", lambda a, b, t: nn.functional.cross_entropy(a, t)),
        ("cross_entropy(a) - 0.1 * cross_entropy(b)", lambda a, b, t: nn.functional.cross_entropy(a, t)),
        ("add(cross_entropy(b), 0.5 * cross_entropy(a))", lambda a, b, t: 0.5 * nn.functional.cross_entropy(a, t)),
        ("0.2 * cross_entropy(b) + cross_entropy(a) * 2", lambda a, b, t: 2 * nn.functional.cross_entropy(a, t)),
        ("cross_entropy(a) + mean(b * b, [0, 1])", lambda a, b, t: nn.functional.cross_entropy(a, t)),
    ],
)
def test_the_loss_of_inference_leaves_out_what_is_absent(
    network_of: Build, loss: str, expected: Callable[..., torch.Tensor]
) -> None:
    model = network_of(network(OUTPUTS.format(mark="@train") + f"loss {loss}")).compile()
    x, target = torch.randn(3, 8, 4, 4), torch.tensor([0, 1, 3])
    a, b = model(x)
    assert model.loss((a, b), target).requires_grad
    assert torch.equal(model.loss(a, target), expected(a, b, target))


def test_the_loss_of_inference_computes_nothing_twice(network_of: Build) -> None:
    loss = "loss cross_entropy(a) + 0.5 * mean(a * a, [0, 1]) + cross_entropy(b)"
    code = network(OUTPUTS.format(mark="@train") + loss)
    graph = header(network_of(code).graph)["inference_loss"]
    assert graph is not None
    assert [key for key in graph if key not in ("a", "target")] == ["cross_entropy", "mul", "mean", "mul_2", "add"]


def test_a_loss_may_use_layers_without_weights_and_lists(network_of: Build) -> None:
    code = network(
        OUTPUTS.format(mark="") + "w = [0.5, 2]\nloss w[1] * mse_loss(a -> relu) + w[0] * mean(b * b, [0, 1])"
    )
    model = network_of(code).compile()
    a, b = torch.randn(3, 4), torch.randn(3, 4)
    target = torch.randn(3, 4)
    expected = 2 * nn.functional.mse_loss(a.relu(), target) + 0.5 * (b * b).mean()
    torch.testing.assert_close(model.loss((a, b), target), expected)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("output target = x -> flatten -> linear(4)\nloss cross_entropy(target)", "cannot be called `target`"),
        (OUTPUTS.format(mark="") + "loss mse_loss(a -> linear(3))", "no weights of its own"),
        (OUTPUTS.format(mark="") + "loss cross_entropy(a, target)", "takes its target itself"),
        (OUTPUTS.format(mark="") + "loss mean(a, [0])", "a single number computed from what the network returns"),
    ],
)
def test_losses_that_are_none(network_of: Build, body: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        network_of(network(body))


def test_without_a_term_left_inference_has_no_loss(network_of: Build) -> None:
    code = network(OUTPUTS.format(mark="@train") + "loss cross_entropy(b)")
    net = network_of(code)
    assert header(net.graph)["inference_loss"] is None
    with pytest.raises(ValueError, match="in inference"):
        net.compile().eval().loss(torch.randn(2, 4), torch.tensor([0, 1]))


# --- counts


def test_layers_that_no_output_needs_cost_parameters_but_no_macs(network_of: Build) -> None:
    report = network_of("network Net(x: [N, 8]) { dead = x -> linear(100)\n x -> linear(2) }").report()
    assert (report.params, report.macs) == (918, 16)


# --- choices


@pytest.mark.parametrize("init", ["ones", "xavier_unifrom", 3])
def test_what_init_is_given_is_an_initialiser(network_of: Build, init: object) -> None:
    code = "network Net(x: [N, 4], init = zeros) {\n init init\n x -> linear(2)\n}"
    if init == "ones":
        assert network_of(code, settings={"init": init}).compile().get_parameter("linear.weight").eq(1).all()
        return
    with pytest.raises(SpecError, match="must be an initialiser"):
        network_of(code, settings={"init": init})


def test_sizes_of_all_inputs_are_taken_before_symbols_are_left(network_of: Build) -> None:
    code = "network Net(x: [N, 8], y: [2 * N, 8]) { concat(x, y, dim = 0) }"
    report = network_of(code, inputs={"y": (6, 8), "x": (3, 8)}).report()
    assert report.outputs[0][1] == (9, 8)
    with pytest.raises(SpecError, match=r"is `2 \* N`, 6, not 5"):
        network_of(code, inputs={"y": (5, 8), "x": (3, 8)})


def test_symbolic_sizes_that_grow_without_end_are_refused(network_of: Build) -> None:
    code = "block d(x) { concat(x, x -> max_pool([3, 1], stride = [2, 1]), dim = 2) }\n"
    code += "network Net(x: [N, 8, H, 8]) { x -> repeat 40 { d } }"
    with pytest.raises(SpecError, match="more than 256 terms"):
        network_of(code)
