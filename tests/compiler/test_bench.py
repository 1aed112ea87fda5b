"""Measuring layers, and this machine. Nothing here asserts how long anything takes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._pytree import tree_leaves

import archdsl
from archdsl.graph import live
from archdsl.measure.time.device_profile import from_dict
from archdsl.network import Network
from archdsl.rewrite.recompute import keeping_all
from compiler.bench import calibration, stopwatch
from compiler.bench.interleaved import quick
from compiler.bench.stopwatch import Stopwatch, measure
from tests.conftest import Said

CLOCK = Stopwatch(torch.device("cpu"))
SHARED = """
network Net(a: [2, 8], b: [2, 8]) {
    f = module linear(4)
    (a -> f) + (b -> f) -> chunk(2, dim = 1) -> concat
    loss mse_loss(output)
}
"""


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """A calibration of few and small samples."""
    monkeypatch.setattr(calibration, "BUDGET", 0.0)
    monkeypatch.setattr(calibration, "MIN_ROUNDS", 1)
    monkeypatch.setattr(calibration, "ELEMENTS", (2**8, 2**12))
    monkeypatch.setattr(calibration, "FEATURES", (8, 32))
    small = calibration._sample
    monkeypatch.setattr(calibration, "PRODUCTS", (small("conv", (1, 4, 8, 8), out_channels=4, kernel_size=3),))
    monkeypatch.setattr(calibration, "OTHERS", (small("max_pool", (1, 4, 8, 8), kernel_size=2),))


@pytest.mark.parametrize("name", ["lenet5", "cifar_resnet20", "shared"])
def test_every_layer_that_runs_is_timed(name: str, network_of: Callable[..., Network]) -> None:
    net = network_of(SHARED) if name == "shared" else archdsl.load(name)
    found = measure(net.compile(), net.graph, rounds=1)
    layers = {row.path for row in net.report().nodes}
    assert set(found.inference) == live(net.graph, training=False) & layers
    assert set(found.forward) == live(net.graph, training=True) & layers
    assert set(found.backward) <= set(found.forward)
    seconds = [*found.inference.values(), *found.backward.values(), found.update, found.step_total]
    assert all(time > 0 for time in seconds)


@pytest.mark.parametrize("name", ["cifar_resnet20", "googlenet"])
def test_a_step_cut_into_layers_gives_the_gradients_of_the_whole(name: str) -> None:
    inputs = {"image": (2, 3, 96, 96)} if name == "googlenet" else {"image": (2, 3, 32, 32)}
    net = archdsl.load(name, inputs=inputs)
    model = net.compile().train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0  # so that both runs are the same
    (given,) = stopwatch._inputs(net.graph, torch.Generator().manual_seed(0), torch.device("cpu"))
    sum(end.sum() for end in tree_leaves(model(given))).backward()
    whole = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad()
    run = stopwatch._Cut(model, CLOCK, defaultdict(float))
    for end in tree_leaves(run.run(given)):
        end.grad = torch.ones_like(end)
    run.backward(defaultdict(float))
    for path, weight in model.named_parameters():
        torch.testing.assert_close(weight.grad, whole[path], rtol=1e-4, atol=1e-4)


def test_a_checkpoint_is_timed_layer_by_layer(network_of: Callable[..., Network]) -> None:
    code = "block two(x) { x -> linear(8) -> relu }\nnetwork Net(x: [2, 8]) { x -> y: two @checkpoint -> z: linear(2) }"
    graph = keeping_all(network_of(code).graph)
    found = measure(Network(graph).compile(), graph, rounds=1)
    assert set(found.forward) == {"y.linear", "y.relu", "z"}


def test_every_addition_of_a_sum_is_timed(network_of: Callable[..., Network]) -> None:
    model = network_of("network Net(a: [2, 8], b: [2, 8]) { add(a, b, a, b) }").compile()
    assert [stopwatch.key_of(node) for node in model.graph.nodes].count("add") == 3


def test_a_network_without_weights_has_no_step(network_of: Callable[..., Network]) -> None:
    net = network_of("network Net(x: [2, 8]) { x -> relu }")
    found = measure(net.compile(), net.graph, rounds=1)
    assert (found.step_total, found.forward, found.update) == (0.0, {}, 0.0)


def test_the_quick_rounds_count() -> None:
    assert quick([9.0, 1.0, 5.0, 2.0, 8.0, 3.0, 7.0, 4.0]) == 3.0


def test_a_calibration_is_a_profile_that_predicts(brief: None) -> None:
    told: list[tuple[int, int]] = []
    profile = calibration.calibrate("cpu", name="here", dtypes=("fp32", "bf16"), progress=lambda *at: told.append(at))
    assert told[-1][0] == told[-1][1] == len(told)
    assert from_dict(profile.to_dict()).to_dict() == profile.to_dict()
    assert profile.precisions() == ["fp32", "bf16"]
    assert archdsl.load("lenet5").timing(profile, dtype="mixed").step_total.seconds > 0


@pytest.mark.parametrize("sample", [*calibration.PRODUCTS, *calibration.OTHERS], ids=str)
def test_every_sample_is_a_layer_that_runs_forward_and_backward(sample: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "BUDGET", 0.0)
    monkeypatch.setattr(calibration, "MIN_ROUNDS", 1)
    shrunk = calibration.Sample(sample.name, tuple((1, *shape[1:]) for shape in sample.inputs), sample.params)
    bench = calibration._Bench(torch.device("cpu"), lambda done, of: None, 0)
    assert bench.forward(shrunk, torch.float32) > 0
    assert bench.backward(shrunk, torch.float32) > 0


def test_bench_prints_predicted_and_measured(tmp_path: Path, brief: None, command_line: Callable[..., Said]) -> None:
    run = command_line("bench", "lenet5", "--rounds", "4")
    assert run.status == 0
    head, *_ = run.out.split("\n")
    assert (
        head.split() == "layer operator time measured off by bound by training step measured step step off by".split()
    )
    assert "measured      " in run.out
    run = command_line("bench", "lenet5", "--rounds", "4", "--json")
    document = json.loads(run.out)
    assert set(document["measured"]["layers"]) == set(document["timing"]["layers"])
    assert document["measured"]["rounds"] == 4


def test_calibrate_writes_a_file_that_report_reads(
    tmp_path: Path, brief: None, command_line: Callable[..., Said]
) -> None:
    file = tmp_path / "here.json"
    run = command_line("calibrate", "-o", str(file))
    assert run.out.startswith(f"wrote {file}: ")
    run = command_line("report", "lenet5", "--time", str(file))
    assert "measured by `archdsl calibrate`" in run.out


def test_what_cannot_be_measured_or_written_is_said_at_once(tmp_path: Path, command_line: Callable[..., Any]) -> None:
    said = command_line("bench", "lenet5", "--device", "meta")
    assert (said.status, "nothing is computed on meta" in said.err) == (2, True)
    said = command_line("calibrate", "-o", str(tmp_path / "none" / "here.json"))
    assert (said.status, "no such file or directory; nothing was changed" in said.err) == (2, True)


def test_equal_blocks_are_not_folded_where_each_was_measured(brief: None, command_line: Callable[..., Said]) -> None:
    run = command_line("bench", "cifar_resnet20", "--rounds", "4", "--depth", "2")
    assert run.status == 0
    assert "× n stands for n equal blocks" not in run.out
    assert run.out.count("basic") == 9
