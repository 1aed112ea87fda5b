"""Predicted times: the roofline, worked out by hand on a device with round figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import archdsl
from archdsl.errors import SpecError
from archdsl.graph import Graph
from archdsl.measure.run.optimizer import OPTIMIZERS
from archdsl.measure.time.device_profile import ANY, Curve, DeviceProfile, Pass, ProfileError, from_dict, level
from archdsl.measure.time.gpus import GPUS
from archdsl.measure.time.roofline import Timing, predict, together
from archdsl.network import Network
from archdsl.profiles import find_profile
from tests.zoo.published import all_with

Build = Callable[..., Graph]

RATES = Pass({"fp32": {ANY: level(1e9)}, "bf16": {ANY: level(4e9)}}, {ANY: level(1e8)})
ROUND = DeviceProfile(
    name="round", title="a round device", hardware="cuda", source="made up", reading=level(1e8), writing=level(1e8),
    weights=level(1e8), launch=1e-6, forward=RATES, backward=RATES,
)  # fmt: skip
LINEAR = "network Net(x: [4, 100]) { x -> y: linear(200, bias = false) }"


def times(graph: Graph, profile: DeviceProfile = ROUND, **options: Any) -> Timing:
    return predict(graph, profile, **options)


def test_a_layer_takes_its_launch_and_the_longer_of_arithmetic_and_memory(graph_of: Build) -> None:
    work = times(graph_of(LINEAR)).inference["y"]
    bytes = 4 * (4 * 100 + 4 * 200 + 100 * 200)
    assert (work.flops, work.bytes) == (2 * 4 * 100 * 200, bytes)
    assert work.seconds == pytest.approx(1e-6 + bytes / 1e8)
    assert work.bound == "memory"
    assert work.intensity == pytest.approx(work.flops / bytes)


def test_with_fast_memory_arithmetic_binds(graph_of: Build) -> None:
    fast = replace(ROUND, reading=level(1e12), writing=level(1e12), weights=level(1e12))
    work = times(graph_of(LINEAR), fast).inference["y"]
    assert work.bound == "arithmetic"
    assert work.seconds == pytest.approx(1e-6 + work.flops / 1e9)


def test_a_small_layer_is_bound_by_its_launch(graph_of: Build) -> None:
    work = times(graph_of("network Net(x: [1, 2]) { x -> y: relu }")).inference["y"]
    assert work.bound == "launch"
    assert work.seconds == pytest.approx(1e-6 + 16 / 1e8)


def test_a_view_takes_no_time_and_moves_no_byte(graph_of: Build) -> None:
    code = "network Net(x: [4, 10, 10]) { x -> flatten -> identity -> dropout(0.5) -> relu }"
    timing = times(graph_of(code))
    assert [work.seconds for name, work in timing.inference.items() if name != "relu"] == [0, 0, 0]


def test_an_embedding_reads_the_rows_it_gives(graph_of: Build) -> None:
    code = "network Net(x: [2, 3]) { x -> y: embedding(100000, 8) }"
    assert times(graph_of(code)).inference["y"].bytes == 2 * 3 * 8 + 2 * (4 * 2 * 3 * 8)


def test_shared_weights_are_read_at_each_use_and_updated_once(graph_of: Build) -> None:
    code = "network Net(a: [4, 10], b: [4, 10]) { f = module linear(10, bias = false)\n(a -> f) + (b -> f) }"
    timing = times(graph_of(code))
    first, second = (work for name, work in timing.inference.items() if name != "add")
    assert first.bytes == second.bytes == 4 * (4 * 10 + 4 * 10 + 10 * 10)
    assert timing.update.bytes == 4 * 100 * OPTIMIZERS["sgd"].passes


def test_backward_makes_a_gradient_for_each_input_that_wants_one_and_for_the_weights(graph_of: Build) -> None:
    code = "network Net(x: [4, 10]) { x -> a: linear(20, bias = false) -> b: linear(30, bias = false) }"
    backward = times(graph_of(code)).backward
    assert backward["a"].flops == 2 * 4 * 10 * 20  # none for the input of the network
    assert backward["b"].flops == 2 * (2 * 4 * 20 * 30)
    # Reads the gradient of its output, its input, its weights; makes the gradient of its input and of its weights.
    assert backward["b"].bytes == 4 * (4 * 30 + 4 * 20 + 20 * 30 + 4 * 20 + 20 * 30)


def test_gradients_that_meet_at_a_fork_are_added(graph_of: Build) -> None:
    one, two = "x -> a: linear(20, bias = false)", "b: linear(20, bias = false)"
    chain = graph_of(f"network Net(x: [4, 20]) {{ {one} -> {two} }}")
    fork = graph_of(f"network Net(x: [4, 20]) {{ y = {one}\n(y -> {two}) + y }}")
    # The last to read y in the spec is the first in backward; the other adds its gradient: two are read, one is made.
    assert times(fork).backward["b"].bytes == times(chain).backward["b"].bytes + 3 * (4 * 4 * 20)


def test_frozen_layers_have_no_gradients_of_weights_and_no_update(graph_of: Build) -> None:
    code = "network Net(x: [4, 10]) { x -> a: linear(20) @frozen -> b: linear(30, bias = false) }"
    timing = times(graph_of(code))
    assert "a" not in timing.backward
    assert timing.update.bytes == 4 * 20 * 30 * OPTIMIZERS["sgd"].passes


def test_a_checkpoint_computes_again_in_backward(graph_of: Build) -> None:
    code = "network Net(x: [4, 10]) {{ x -> part: {{ a: linear(20) -> relu }} {} -> b: linear(30) }}"
    plain, marked = (times(graph_of(code.format(mark))) for mark in ("", "@checkpoint"))
    assert marked.backward["part.a"].flops == plain.backward["part.a"].flops + plain.forward["part.a"].flops
    assert marked.backward["b"] == plain.backward["b"]


def test_the_loss_is_timed_apart(graph_of: Build) -> None:
    code = "network Net(x: [4, 10]) { x -> y: linear(20)\nloss cross_entropy(output) }"
    timing = times(graph_of(code))
    assert timing.loss.seconds > 0
    assert set(timing.inference) == set(timing.forward) == {"y"}
    step = [*timing.forward.values(), *timing.backward.values(), timing.loss, timing.update]
    assert timing.step_total.seconds == pytest.approx(sum(work.seconds for work in step))


def test_half_the_bytes_and_faster_arithmetic_in_bf16(graph_of: Build) -> None:
    full, half = (times(graph_of(LINEAR), dtype=dtype).inference["y"] for dtype in ("fp32", "bf16"))
    assert half.bytes * 2 == full.bytes
    fast = replace(ROUND, reading=level(1e12), writing=level(1e12), weights=level(1e12))
    full, half = (times(graph_of(LINEAR), fast, dtype=dtype).inference["y"] for dtype in ("fp32", "mixed"))
    assert (half.seconds - 1e-6) * 4 == pytest.approx(full.seconds - 1e-6)


def test_several_works_are_bound_by_what_binds_longest(graph_of: Build) -> None:
    code = "network Net(x: [1, 1000]) { x -> linear(1000) -> relu -> relu -> linear(2) }"
    found = times(graph_of(code)).inference
    assert together(found.values()).bound == max(found.values(), key=lambda work: work.seconds).bound == "memory"


def test_open_sizes_are_refused_with_their_name(graph_of: Build) -> None:
    with pytest.raises(SpecError, match="a time needs numbers, but a size here is H"):
        times(graph_of("network Net(x: [N, 3, H, 8]) { x -> relu }"))


def test_an_open_batch_counts_as_one(graph_of: Build) -> None:
    one, open_ = (times(graph_of(f"network Net(x: [{n}, 8]) {{ x -> relu }}")) for n in ("1", "N"))
    assert one.inference == open_.inference


def test_sizes_that_follow_from_an_open_batch_are_known(graph_of: Build) -> None:
    found = times(graph_of("network Net(x: [N, 8]) { concat(x, x, dim = 0) -> y: linear(4, bias = false) }"))
    assert found.inference["y"].flops == 2 * 2 * 8 * 4


def test_a_profile_without_rates_for_a_dtype_is_refused(graph_of: Build) -> None:
    with pytest.raises(ProfileError, match="`t4` has no rates for bf16; it has those of fp32"):
        times(graph_of(LINEAR), GPUS["t4"], dtype="bf16")


def test_cudnn_rounds_float32_to_tf32_and_products_do_not(graph_of: Build) -> None:
    code = "network Net(x: [64, 256, 56, 56]) { x -> y: conv(256, 3, padding = 1) -> flatten -> z: linear(8) }"
    found = times(graph_of(code), GPUS["a100"]).inference["y"]
    assert found.bound == "arithmetic"
    assert found.flops / found.seconds == pytest.approx(156e12, rel=0.05)
    code = "network Net(x: [4096, 4096]) { x -> y: linear(4096) }"
    found = times(graph_of(code), GPUS["a100"]).inference["y"]
    assert found.flops / found.seconds == pytest.approx(19.5e12, rel=0.05)


@pytest.mark.parametrize("name", all_with(pytest.mark.heavy))
def test_every_network_of_the_zoo_has_a_time(name: str) -> None:
    net = archdsl.load(name)
    timing, report = net.timing("h100"), net.report()
    assert timing.inference_total.flops == report.flops
    assert 0 < timing.inference_total.seconds < timing.step_total.seconds
    assert set(timing.inference) <= {row.path for row in report.nodes}


def test_a_larger_batch_takes_longer_and_no_longer_than_that_many_single_ones() -> None:
    one, eight = (archdsl.load("resnet50", inputs={"image": (n, 3, 224, 224)}).timing("a100") for n in (1, 8))
    assert one.inference_total.seconds < eight.inference_total.seconds < 8 * one.inference_total.seconds


# --- device profiles -------------------------------------------------------------------------------------------


def test_a_curve_is_straight_on_logarithmic_scales_and_level_beyond() -> None:
    curve = Curve(((10.0, 1.0), (1000.0, 100.0)))
    assert [curve.at(size) for size in (1, 10, 100, 1000, 10**6)] == pytest.approx([1, 1, 10, 100, 100])


@pytest.mark.parametrize("name", GPUS)
def test_a_profile_is_read_again_as_it_was_written(name: str, tmp_path: Path) -> None:
    file = tmp_path / "gpu.json"
    file.write_text(json.dumps(GPUS[name].to_dict()))
    assert find_profile(str(file)).to_dict() == GPUS[name].to_dict()


@pytest.mark.parametrize("name", GPUS)
def test_every_profile_says_where_its_figures_come_from(name: str) -> None:
    assert "NVIDIA" in GPUS[name].source
    assert GPUS[name].peaks


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"archdsl_profile": 2}, "it is no profile that this archdsl can read"),
        ({"name": ""}, "`name` is no line of text"),
        ({"title": "a\nb"}, "`title` is no line of text"),
        ({"hardware": "tpu"}, "`hardware` is neither `cuda` nor `cpu`"),
        ({"launch": -1}, "`launch` holds -1, which is no positive number"),
        ({"launch": True}, "`launch` holds True"),
        ({"memory": "80 GB"}, "`memory` is no number of bytes"),
        ({"reading": []}, "`reading` is no list of"),
        ({"reading": [[1, 0]]}, "`reading` holds 0, which is no positive number"),
        ({"writing": [[2, 1], [1, 1]]}, "the sizes of `writing` do not grow"),
        ({"forward": None}, "`forward.arithmetic` is missing"),
        ({"backward": {"arithmetic": {"fp32": {}}}}, "`backward.arithmetic` has no rate for all operators"),
    ],
)
def test_a_profile_that_cannot_be_used_says_why(change: dict[str, object], message: str) -> None:
    with pytest.raises(ProfileError) as error:
        from_dict(ROUND.to_dict() | change)
    assert message in str(error.value)


def test_a_profile_is_found_by_name_or_in_a_file(tmp_path: Path) -> None:
    assert find_profile("h100") is GPUS["h100"]
    with pytest.raises(ProfileError, match="did you mean `a10"):
        find_profile("a1O0")
    with pytest.raises(ProfileError, match=r"`archdsl calibrate -o .*none.json` writes a profile"):
        find_profile(str(tmp_path / "none.json"))
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(ProfileError, match="is no JSON"):
        find_profile(str(tmp_path / "deep.json"))


def test_times_are_in_the_python_interface(network_of: Callable[..., Network]) -> None:
    net = network_of(LINEAR)
    assert net.timing(ROUND).to_dict()["layers"]["y"]["inference"]["bound"] == "memory"
    assert net.timing("h100", dtype="mixed", optimizer="adamw").optimizer == "adamw"
