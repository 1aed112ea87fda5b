"""What lint says of a network is what torch does with it."""

from __future__ import annotations

import itertools
import re

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import fx

from archdsl.catalogue import CATALOGUE
from archdsl.elaborate import elaborate
from archdsl.graph import Graph
from archdsl.lint import lint
from archdsl.program import parse_string
from compiler import compile_graph
from tests.generate.networks import Generated, generated

SIZES, KERNELS, STRIDES, PADDINGS, DILATIONS = (9, 12), (1, 2, 3), (1, 2, 3), (0, 1), (1, 2)
GRID = [case for case in itertools.product(SIZES, KERNELS, STRIDES, PADDINGS, DILATIONS) if case[3] <= case[1] // 2]


def build(code: str) -> Graph:
    program = parse_string(code)
    return elaborate(program.spec.networks[0], program.definitions)


def wrong(rule: str) -> fx.GraphModule:
    """The catalogue's example of a finding, compiled."""
    torch.manual_seed(0)
    return compile_graph(build(CATALOGUE[rule].wrong))


@pytest.mark.parametrize("operator", ["conv", "avg_pool"])
def test_positions_that_are_never_read_get_no_gradient(operator: str) -> None:
    for size, kernel, stride, padding, dilation in GRID:
        if operator == "conv":
            step = f"conv(1, {kernel}, stride = {stride}, padding = {padding}, dilation = {dilation}, init = ones)"
        elif dilation == 1:
            step = f"avg_pool({kernel}, stride = {stride}, padding = {padding})"
        else:
            continue
        graph = build(f"network Net(x: [2, 1, {size}]) {{ x -> l: {step} }}")
        found = {f.diagnostic.code: f.diagnostic.message for f in lint([graph])}
        image = torch.ones(2, 1, size, requires_grad=True)
        compile_graph(graph)(image).sum().backward()
        assert image.grad is not None
        reached = image.grad[0, 0] != 0
        if "stride-over-kernel" in found:
            assert not reached.all(), step
            continue
        told = re.search(r"the last (\d+)? ?of", found.get("unread-border", ""))
        left = int(told.group(1) or 1) if told else 0
        assert size - 1 - int(reached.nonzero().max()) == left, step
        assert dilation > 1 or reached[: size - left].all(), step  # holes at the border are no stride's fault


def test_a_bias_before_batch_norm_gets_no_gradient() -> None:
    model = wrong("bias-before-norm")
    (model(torch.randn(4, 8, 16, 16)) ** 2).sum().backward()
    gradients = {name: p.grad.abs().max() for name, p in model.named_parameters() if p.grad is not None}
    assert gradients["stem.bias"] < 1e-3 < gradients["stem.weight"]


def test_a_dead_layer_gets_no_gradient() -> None:
    model = wrong("dead-layer")
    model(torch.randn(2, 8, 16, 16)).sum().backward()
    assert {name for name, p in model.named_parameters() if p.grad is None} == {"branch1.weight", "branch1.bias"}


@pytest.mark.parametrize("rule", ["linear-pair", "narrow-linear-pair"])
def test_a_linear_pair_is_one_affine_map(rule: str) -> None:
    model = wrong(rule).eval()
    a, b = torch.randn(2, 3, 64)
    torch.testing.assert_close(model(a) + model(b) - model(a * 0), model(a + b), atol=1e-4, rtol=1e-4)


def test_batch_norm_over_one_value_fails_in_training() -> None:
    with pytest.raises(ValueError, match="more than 1 value"):
        wrong("batch-of-one")(torch.randn(1, 16, 8, 8))


def test_softmax_before_the_loss_flattens_the_gradient() -> None:
    logits = torch.tensor([[9.0, 0.0]], requires_grad=True)  # sure, and wrong
    target = torch.tensor([1])
    (plain,) = torch.autograd.grad(torch.nn.functional.cross_entropy(logits, target), logits)
    (twice,) = torch.autograd.grad(torch.nn.functional.cross_entropy(logits.softmax(1), target), logits)
    assert plain.abs().max() > 0.9
    assert twice.abs().max() < 0.001


# Ways to keep the size, some of which shift what they look at.
BRANCHES = (
    "identity",
    "conv(1, 3, padding = 1, bias = false, init = ones)",
    "pad([0, 0, 0, 2]) -> conv(1, [3, 1], bias = false, init = ones)",
    "pad([0, 0, 4, 0]) -> conv(1, [5, 1], bias = false, init = ones)",
    "pad([0, 0, -1, 1])",
    "avg_pool(2) -> interpolate(scale_factor = 2)",
    "avg_pool(2) -> interpolate(scale_factor = 2, mode = bilinear)",
    "avg_pool(4) -> conv_transpose(1, 4, stride = 4, bias = false, init = ones)",
    "avg_pool(2) -> conv_transpose(1, 4, stride = 2, padding = 1, bias = false, init = ones)",
    "avg_pool(2) -> conv_transpose(1, 3, stride = 2, padding = 1, output_padding = 1, bias = false, init = ones)",
    "conv(1, 3, stride = 2, padding = 1, bias = false, init = ones) -> interpolate(scale_factor = 2)",
)


def centre(branch: str) -> float:
    """The mean of where the outputs in the middle look, less where they are."""
    image = torch.ones(1, 1, 32, 32, requires_grad=True)
    out = compile_graph(build(f"network Net(x: [1, 1, 32, 32]) {{ x -> {branch} }}"))(image)
    out[0, 0, 12:20, 12:20].sum().backward()  # several, since those of an upsampled map take turns
    assert image.grad is not None
    weights = image.grad[0, 0].sum(1)
    return float((weights * torch.arange(32)).sum() / weights.sum()) - 15.5


def test_branches_are_misaligned_where_the_centres_of_their_gradients_are() -> None:
    centres = {branch: centre(branch) for branch in BRANCHES}
    for a, b in itertools.combinations(BRANCHES, 2):
        found = lint([build(f"network Net(x: [1, 1, 32, 32]) {{ (x -> {a}) + (x -> {b}) }}")])
        told = any(f.diagnostic.code == "misaligned-branches" for f in found)
        assert told == (abs(centres[a] - centres[b]) > 0.99), (a, b, centres[a], centres[b])


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(generated())
def test_any_network_can_be_linted(net: Generated) -> None:
    graph = build(net.text)
    findings = [(f.diagnostic, f.layers) for f in lint([graph])]
    assert findings == [(f.diagnostic, f.layers) for f in lint([graph])]
