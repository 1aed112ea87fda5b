"""Operations of inference and training, against torch, and the figures of other tools, against measured ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchinfo
from torch.utils.flop_counter import FlopCounterMode

import archdsl
from archdsl.dims import numbers
from archdsl.graph import header
from archdsl.measure.network.conventions import CONVENTIONS, figure
from archdsl.measure.network.counts import GROUPS, counts, grouped, total
from archdsl.network import Network
from archdsl.ops import OPERATORS
from benchmarks.allocations import inputs
from tests.conftest import Said

Build = Callable[..., Network]
Run = Callable[..., Said]
MEASURED = json.loads((Path(__file__).parents[1] / "zoo" / "counters.json").read_text(encoding="utf-8"))["networks"]
ALONE = json.loads((Path(__file__).parent / "counters.json").read_text(encoding="utf-8"))["networks"]
BATCH = 2  # norms of one value cannot be trained


def counted_by_torch(net: Network) -> tuple[int, int]:
    """FLOPs of a step of training on the meta device, forward and backward."""
    model = net.compile(devices="meta").train()
    nodes = net.graph.nodes
    images = [
        torch.empty([size if isinstance(size, int) else BATCH for size in nodes[key]["shape"]], device="meta")
        for key in header(net.graph)["inputs"]
    ]
    with FlopCounterMode(display=False) as counter:
        found = model(*images)
        forward = counter.get_total_flops()
        torch.autograd.backward([output.sum() for output in ([found] if isinstance(found, torch.Tensor) else found)])
    return forward, counter.get_total_flops() - forward


def counted(net: Network) -> tuple[int, int]:
    """The same by rules. Counts are for a batch of 1; those of products grow with the batch."""
    found = total(net.graph)
    assert isinstance(found.macs_training, int)
    assert isinstance(found.macs_backward, int)
    return 2 * BATCH * found.macs_training, 2 * BATCH * found.macs_backward


# --- training


@pytest.mark.parametrize(
    "variant", ["lenet5", "alexnet", "vgg11", "googlenet", "resnet18", "vit_tiny_16", "unet", "siamese"]
)
def test_a_step_of_training_costs_what_torch_counts(variant: str) -> None:
    net = archdsl.load(variant)
    assert counted(net) == counted_by_torch(net)


@pytest.mark.parametrize(
    "body",
    [
        "x -> conv(8, 3) -> relu -> conv(8, 3, padding = 1) -> conv_transpose(4, 2, stride = 2)",
        "x -> { conv(8, 3) -> conv(8, 3) } @frozen -> conv(4, 1)",  # nothing before it is trained
        "x -> conv(8, 3) -> conv(8, 3) @frozen -> conv(4, 1)",  # a gradient passes through
        "x -> conv(8, 3) @frozen",
        "a = x -> flatten(2)\n multihead_attention(a, a, a, 4)",  # the input wants no gradient
        "a = x -> flatten(2)\n b = a -> linear(16)\n multihead_attention(b, a, a, 4) @frozen",
        "a = x -> flatten(2) -> linear(16)\n b = x -> flatten(2)\n scaled_dot_product_attention(b, a, b)",
        "a = x -> flatten(2) -> linear(16)\n b = x -> flatten(2)\n scaled_dot_product_attention(b, b, a)",
        "a = x -> flatten(2)\n b = a -> linear(8)\n matmul(a -> permute([0, 2, 1]), b)",
        "f = module conv(3, 3, padding = 1)\n x -> f -> f",
    ],
)
def test_only_gradients_that_something_waits_for_are_counted(network_of: Build, body: str) -> None:
    net = network_of(
        f"network Net(x: [N, 3, 4, 4]) {{ {body} }}".replace("4, 4]", "8, 8]" if "conv" in body else "4, 4]")
    )
    forward, backward = counted(net)
    if not any(count.trainable for count in counts(net.graph).values()):
        assert backward == 0
        return
    assert (forward, backward) == counted_by_torch(net)


def test_torch_counts_the_weight_gradients_of_groups_as_often_as_there_are_groups(network_of: Build) -> None:
    net = network_of("network Net(x: [N, 8, 8, 8]) { x -> conv(8, 3, groups = 4) }")
    forward, backward = counted(net)
    assert counted_by_torch(net) == (forward, 4 * backward)


def test_a_checkpoint_is_computed_again(network_of: Build) -> None:
    code = "network Net(x: [N, 8]) {{ x -> linear(8) -> {{ linear(8) -> relu -> linear(4) }} {} }}"
    plain, again = total(network_of(code.format("")).graph), total(network_of(code.format("@checkpoint")).graph)
    assert (plain.macs_recomputed, again.macs_recomputed) == (0, 8 * 8)  # the last product keeps only what it reads
    assert again.macs_step == plain.macs_step + again.macs_recomputed


def test_inference_does_not_count_what_trains_only() -> None:
    found = total(archdsl.load("googlenet").graph)
    assert found.macs == 1_582_671_872
    assert found.macs_training == 1_591_044_096


# --- other operations


@pytest.mark.parametrize(
    ("step", "operations"),
    [
        ("conv(8, 3, padding = 1)", 8 * 36),  # biases
        ("conv(8, 3, padding = 1, bias = false)", 0),
        ("relu", 4 * 36),
        ("softmax(1)", 3 * 4 * 36),
        ("batch_norm", 2 * 4 * 36),
        ("group_norm(2)", 7 * 4 * 36),
        ("instance_norm", 5 * 4 * 36),
        ("local_response_norm(5)", 9 * 4 * 36),
        ("max_pool(3, stride = 1, padding = 1)", 9 * 4 * 36),
        ("avg_pool(2)", 4 * 36),
        ("global_avg_pool", 4 * 36),
        ("mean([2, 3])", 4 * 36),
        ("interpolate(scale_factor = 2)", 0),
        ("interpolate(scale_factor = 2, mode = bilinear)", 7 * 4 * 144),
        ("flatten", 0),
        ("dropout(0.5)", 0),
    ],
)
def test_an_operator_says_what_it_does_beside_multiply_adds(network_of: Build, step: str, operations: int) -> None:
    net = network_of(f"network Net(x: [N, 4, 6, 6]) {{ x -> {step} }}")
    assert total(net.graph).operations == operations


def test_sums_of_several_tensors_are_counted_pair_by_pair(network_of: Build) -> None:
    net = network_of("network Net(x: [N, 4]) { y = x -> relu\n z = y -> relu\n add(x, y, z) }")
    assert grouped(net.graph, "operator")["add"].operations == 2 * 4


@pytest.mark.parametrize("name", OPERATORS)
def test_no_operator_forgets_its_operations(name: str) -> None:
    """What changes values does something; what only moves them does nothing."""
    moves = {"reshape", "regularization", "parameter", "loss", "input"}
    also = {"concat", "stack", "pixel_shuffle", "pixel_unshuffle", "max_unpool", "pad", "embedding", "matmul"}
    works = {"sort", "fold", "randn", "rand"}  # of those groups: it compares, it adds, they draw
    operator = OPERATORS[name]
    silent = operator.operations is archdsl.ops.Operator.operations
    assert silent == ((operator.group in moves and name not in works) or name in also)


# --- groups


@pytest.mark.parametrize("by", GROUPS)
def test_groups_add_up_to_the_network(by: str) -> None:
    graph = archdsl.load("alexnet").graph
    for field in total(graph)._fields:
        assert sum(getattr(count, field) for count in grouped(graph, by).values()) == getattr(total(graph), field)


def test_devices_have_what_the_report_says_of_them() -> None:
    net = archdsl.load("alexnet")
    by_device, reported = grouped(net.graph, "device"), dict(net.report().devices)
    assert {name: (c.params, c.macs) for name, c in by_device.items() if name in reported} == {
        name: (figures["params"], figures["macs"]) for name, figures in reported.items()
    }


def test_blocks_are_counted_by_their_names() -> None:
    found = grouped(archdsl.load("resnet50").graph, "block")
    assert found["bottleneck"].params == 23_508_032 - 9_536
    assert found["no block"].params == 9_536 + 2_049_000


# --- other tools


@pytest.mark.parametrize("variant", MEASURED)
def test_the_figures_of_other_tools_follow_from_their_rules(variant: str) -> None:
    graph = archdsl.load(variant).graph
    found = {c.tool: sum(line.value for line in figure(graph, c)) for c in CONVENTIONS}
    assert {tool: found[tool] for tool in MEASURED[variant]} == MEASURED[variant]


@pytest.mark.parametrize("text", ALONE)
def test_the_figures_of_other_tools_follow_from_their_rules_for_each_operator(network_of: Build, text: str) -> None:
    graph = network_of(text).graph
    found = {c.tool: sum(line.value for line in figure(graph, c)) for c in CONVENTIONS}
    assert {tool: found[tool] for tool in ALONE[text]} == ALONE[text]


def test_other_tools_are_asked_about_every_operator(network_of: Build) -> None:
    asked = {node["op"] for text in ALONE for _, node in network_of(text).graph.nodes(data=True) if "op" in node}
    assert {name for name, operator in OPERATORS.items() if operator.group != "loss"} <= asked


@pytest.mark.parametrize("text", ALONE)
def test_torchinfo_says_of_an_operator_what_its_rule_gives(network_of: Build, text: str) -> None:
    net = network_of(text)
    said = torchinfo.summary(net.compile("cpu").eval(), input_data=inputs(net, "cpu"), verbose=0)
    assert said.total_mult_adds == ALONE[text]["torchinfo"]


@pytest.mark.parametrize("text", ALONE)
def test_an_operator_costs_what_torch_counts(network_of: Build, text: str) -> None:
    net = network_of(text)
    model = net.compile(devices="meta").eval().requires_grad_(False)
    with FlopCounterMode(display=False) as counter:
        model(*inputs(net, "meta"))
    assert counter.get_total_flops() == 2 * total(net.graph).macs


@pytest.mark.parametrize("variant", ["lenet5", "cifar_resnet20", "vit_tiny_16"])
def test_torchinfo_prints_the_figure_that_its_rule_gives(variant: str) -> None:
    net = archdsl.load(variant)
    ((_, shape),) = net.report().inputs
    said = torchinfo.summary(net.compile().eval(), input_size=numbers((1, *shape[1:])), verbose=0)
    (rule,) = [convention for convention in CONVENTIONS if convention.tool == "torchinfo"]
    assert said.total_mult_adds == sum(line.value for line in figure(net.graph, rule))


def test_a_papers_figure_is_told_with_the_reason_why_it_differs(command_line: Run) -> None:
    said = command_line("report", "resnet50", "--explain-counts").out
    assert "fvcore                                                                   4,111,512,576" in said
    assert "3.8 billion" in said
    assert "the paper has the stride in the first 1 × 1 convolution" in said


def test_counts_as_json_are_numbers(command_line: Run) -> None:
    document = json.loads(command_line("report", "lenet5", "--by", "operator", "--json").out)
    assert document["counts"][0] == {
        "operator": "conv", "layers": 3, "params": 50_692, "trainable": 50_692, "MACs": 405_600, "FLOPs": 811_200,
        "backward": 1_387_200, "step": 2_198_400, "other": 6_424,
    }  # fmt: skip
