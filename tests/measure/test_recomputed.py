"""What backward computes again of `@checkpoint` regions: `torch.utils.flop_counter` counts the same."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from archdsl.graph import header
from archdsl.measure.network.counts import total
from archdsl.measure.time.gpus import GPUS
from archdsl.measure.time.roofline import predict
from archdsl.network import Network

Build = Callable[..., Network]


def counted_by_torch(net: Network) -> int:
    """FLOPs of a step of training, with what is computed again."""
    model = net.compile(devices="meta").train()
    given = [torch.empty(net.graph.nodes[key]["shape"], device="meta") for key in header(net.graph)["inputs"]]
    with FlopCounterMode(display=False) as counter:
        model(*given).sum().backward()
    return int(counter.get_total_flops())


def counted(net: Network) -> int:
    found = total(net.graph).macs_step
    assert isinstance(found, int)
    return 2 * found


BODIES = [
    "x -> linear(8) -> { linear(8) } @checkpoint",
    "x -> linear(8) -> { linear(8) -> relu } @checkpoint",
    "x -> linear(8) -> { linear(8) -> relu -> linear(4) } @checkpoint",
    "x -> linear(8) -> { linear(8) -> gelu } @checkpoint",
    "x -> linear(8) -> { linear(8) -> layer_norm } @checkpoint",
    "x -> linear(8) -> { linear(8) -> layer_norm -> linear(8) -> dropout(0.5) } @checkpoint",
    "x -> linear(8) -> { linear(8) -> relu -> flatten(1) } @checkpoint",
    "x -> linear(8) -> { relu -> linear(8) @frozen } @checkpoint",
    "x -> { linear(8) @frozen -> linear(8) } @checkpoint",
    "y = x -> linear(8)\n y + (y -> { linear(8) -> linear(8) } @checkpoint)",
    "y = x -> linear(8)\n y -> { linear(8) -> gelu -> linear(8) } @checkpoint -> { linear(8) -> tanh } @checkpoint",
    "y = x -> linear(8)\n y -> { linear(8) -> permute([0, 2, 1]) -> conv1d(4, 3) } @checkpoint",
    "y = x -> linear(8)\n y -> { linear(16) -> softmax(2) -> linear(8) -> add(y) } @checkpoint",
]


@pytest.mark.parametrize("body", BODIES)
def test_the_last_product_of_a_region_is_not_computed_again(network_of: Build, body: str) -> None:
    if "conv1d" in body:
        body = body.replace("conv1d", "conv")
    net = network_of(f"network Net(x: [3, 6, 8]) {{ {body} }}")
    assert counted(net) == counted_by_torch(net)


@pytest.mark.parametrize(
    "attention",
    [
        "multihead_attention(y, y, y, 2)",
        "multihead_attention(y, y, y, 2) -> linear(8)",
        "multihead_attention(y, y, y, 2) -> layer_norm",
        "scaled_dot_product_attention(y, y, y)",
        "scaled_dot_product_attention(y, y, y) -> linear(4)",
        "matmul(y, y -> permute([0, 2, 1]))",
    ],
)
def test_attention_is_computed_again_up_to_the_last_tensor_that_is_kept(network_of: Build, attention: str) -> None:
    code = f"""
    block attend(y: [N, T, D]) {{ {attention} }}
    network Net(x: [3, 6, 8]) {{ x -> linear(8) -> attend @checkpoint }}
    """
    net = network_of(code)
    assert counted(net) == counted_by_torch(net)


def test_a_repeat_of_recomputed_products_costs_no_product_more(network_of: Build) -> None:
    net = network_of("network Net(x: [137, 256]) { x -> repeat 8 { linear(256) @checkpoint } }")
    assert counted(net) == counted_by_torch(net) == 413_007_872


def generated(seed: int) -> str:
    """A chain of products and other layers with recomputed regions."""
    chance = random.Random(seed)
    steps = ["linear(8)", "relu", "gelu", "layer_norm", "tanh", "linear(8) @frozen", "sigmoid", "dropout(0.1)"]

    def chain() -> str:
        return " -> ".join(chance.choices(steps, k=chance.randint(1, 4)))

    parts = [f"{{ {chain()} }} @checkpoint" if chance.random() < 0.6 else chain() for _ in range(5)]
    return f"network Net(x: [3, 8]) {{ x -> linear(8) -> {' -> '.join(parts)} }}"


@pytest.mark.parametrize("seed", range(40))
def test_generated_chains_cost_what_torch_counts(network_of: Build, seed: int) -> None:
    net = network_of(generated(seed))
    assert counted(net) == counted_by_torch(net)


def test_backward_goes_where_the_loss_depends_on(network_of: Build) -> None:
    code = """
    network Net(x: [6, 4]) {
        y = x -> linear(4)
        output scored = y -> linear(5)
        output other = y -> { linear(6) -> relu -> linear(7) } @checkpoint
        loss mse_loss(scored)
    }
    """
    net = network_of(code)
    model = net.compile(devices="meta").train()
    with FlopCounterMode(display=False) as counter:
        outputs = model(torch.empty(6, 4, device="meta"))
        model.loss(outputs, torch.empty(6, 5, device="meta")).backward()
    assert counted(net) == counter.get_total_flops()


def test_what_only_lends_its_size_has_no_backward(network_of: Build) -> None:
    body = "y = x -> { linear(6) -> relu -> linear(6) } @checkpoint\n expand(x -> slice(0, 1) -> prelu, y, [1])"
    net = network_of(f"network Net(x: [4, 6]) {{ {body} }}")
    assert counted(net) == counted_by_torch(net)


@pytest.mark.parametrize("seed", range(10))
def test_times_count_the_same_work(network_of: Build, seed: int) -> None:
    net = network_of(generated(seed))
    step = predict(net.graph, GPUS["a100"])
    flops = sum(work.flops for works in (step.forward, step.backward) for work in works.values())
    assert flops == counted(net)
