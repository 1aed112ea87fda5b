"""One batch in inference over several devices: the schedules that are found, and what none can beat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise, permutations, product
from math import inf
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archdsl
from archdsl.network import Network
from archdsl.pipeline import load_graph
from archdsl.placement.devices import Cluster, PlacementError
from archdsl.placement.latency import ListSchedule, least_seconds, soonest
from archdsl.placement.problem import Problem
from archdsl.presentation.placement import answer
from tests.conftest import Said
from tests.placement.problems import some_problem

Run = Callable[..., Said]
FAST = {"link": "300GB/s", "objective": "latency"}


def problem_of(seed: int) -> tuple[Problem, Cluster]:
    """A small problem of inference, without memory limits."""
    problem, cluster, _ = some_problem(seed)
    tensors = tuple(replace(tensor, gradient=0) for tensor in problem.tensors)
    devices = tuple(replace(device, memory=None) for device in cluster.devices)
    return replace(problem, tensors=tensors, together=()), replace(cluster, devices=devices)


def schedule(problem: Problem, cluster: Cluster, owners: tuple[int, ...], order: tuple[int, ...]) -> float:
    """The end of the last layer where layers start in an order, each as soon as its device and what it reads let it."""
    end, free, links, there = dict[int, float](), dict[int, float](), dict[tuple[int, int], float](), {}
    for v in order:
        start = free.get(owners[v], 0.0)
        for number, tensor in enumerate(problem.tensors):
            u = tensor.producer
            if v not in tensor.readers or u is None:
                continue
            if owners[u] != owners[v] and (number, owners[v]) not in there:
                link = (owners[u], owners[v])
                links[link] = max(end[u], links.get(link, 0.0)) + cluster.link.seconds(tensor.bytes)
                there[number, owners[v]] = links[link]
            start = max(start, end[u] if owners[u] == owners[v] else there[number, owners[v]])
        row = cluster.profiles.index(cluster.devices[owners[v]].profile)
        end[v] = free[owners[v]] = start + problem.times[row].forward[v]
    return max(end.values(), default=0.0)


def brute_force(problem: Problem, cluster: Cluster, pins: dict[int, int]) -> float:
    best, count = inf, problem.layers
    orders = [
        order
        for order in permutations(range(count))
        if all(order.index(u) < order.index(v) for v in range(count) for u in problem.before[v])
    ]
    for owners in product(range(len(cluster.devices)), repeat=count):
        if all(owners[v] == device for v, device in pins.items()):
            best = min(best, *(schedule(problem, cluster, owners, order) for order in orders))
    return best


@settings(max_examples=150)
@given(seed=st.integers(0, 10**9), data=st.data())
def test_schedule_is_between_the_best_of_all_and_one_device(seed: int, data: st.DataObject) -> None:
    problem, cluster = problem_of(seed)
    if problem.layers > 4 or len(cluster.devices) > 3:
        return
    devices = st.integers(0, len(cluster.devices) - 1)
    pins = data.draw(st.dictionaries(st.integers(0, problem.layers - 1), devices, max_size=2))
    found = soonest(problem, cluster, pins)
    assert found is not None
    best = brute_force(problem, cluster, pins)
    assert least_seconds(problem, cluster) <= best + 1e-9
    assert best <= found.seconds + 1e-9
    assert all(found.owners[v] == device for v, device in pins.items())
    if not pins:
        rows = [cluster.profiles.index(device.profile) for device in cluster.devices]
        assert found.seconds <= min(sum(problem.times[row].forward[:-1]) for row in rows) + 1e-9


@settings(max_examples=100)
@given(seed=st.integers(0, 10**9))
def test_schedule_is_one_that_devices_and_links_can_keep(seed: int) -> None:
    problem, cluster = problem_of(seed)
    found = soonest(problem, cluster, {})
    assert found is not None
    order = tuple(sorted(range(problem.layers), key=lambda v: (found.start[v], found.end[v], v)))
    # Layers without work may stand in any order among those of the same moment, and weights with their readers.
    if all(problem.times[0].forward[:-1]):
        assert schedule(problem, cluster, found.owners, order) <= found.seconds + 1e-9
    assert not overlapping(found)


def overlapping(found: ListSchedule) -> list[tuple[int, int]]:
    """Pairs of layers that one device would run at once."""
    spans = sorted(zip(found.owners, found.start, found.end, range(len(found.owners)), strict=True))
    busy = [span for span in spans if span[2] > span[1]]
    return [(a[3], b[3]) for a, b in pairwise(busy) if a[0] == b[0] and b[1] < a[2] - 1e-12]


# --- plans


def test_towers_of_alexnet_run_beside_one_another() -> None:
    plan = archdsl.load("alexnet").place(2, "v100", **FAST)  # type: ignore[arg-type]
    device = {key: node["device"] for key, node in archdsl.load("alexnet").graph.nodes(data=True) if node["pinned"]}
    assert {key: plan.devices[key] for key in device} == device
    assert answer(plan).startswith("split over 2 devices: ")
    assert answer(plan).endswith("µs")
    assert "a sample, against one device (gpu0)" in answer(plan)
    assert plan.bound <= plan.step < next(way.step for way in plan.instead)


def test_chain_has_nothing_to_run_beside_one_another() -> None:
    plan = archdsl.load("vgg11").place(4, "a100", **FAST)  # type: ignore[arg-type]
    assert answer(plan).startswith("one device (gpu0): ")
    assert "against" not in answer(plan)
    assert plan.gap == pytest.approx(0)


def test_step_is_what_inference_takes() -> None:
    plan = archdsl.load("vgg11").place(1, "a100", batch=8, **FAST)  # type: ignore[arg-type]
    alone = archdsl.load("vgg11", inputs={"image": (8, 3, 224, 224)}).timing("a100").inference_total.seconds
    assert plan.step == pytest.approx(alone)


def test_document_has_the_keys_of_every_plan() -> None:
    one, other = (archdsl.load("googlenet").place(2, "a100", link="300GB/s", objective=o) for o in OBJECTIVES)
    assert set(one.to_dict()) == set(other.to_dict())
    assert set(one.to_dict()["stages"][0]) == set(other.to_dict()["stages"][0])
    assert sum(stage.weight_bytes for stage in other.stages) < sum(stage.weight_bytes for stage in one.stages) / 2


OBJECTIVES = ("throughput", "latency")


def test_what_a_stage_receives_was_made_on_another_device() -> None:
    plan = archdsl.load("googlenet").place(2, "a100", **FAST)  # type: ignore[arg-type]
    for s, stage in enumerate(plan.stages):
        for received in stage.receives:
            assert received.layer in plan.stages[received.source].layers
            assert plan.stages[received.source].device != stage.device
            assert received.source < s


def test_memory_spreads_a_network() -> None:
    net = archdsl.load("vgg11")
    plan = net.place(2, "a100", memory="450MiB", **FAST)  # type: ignore[arg-type]
    assert len(plan.used) == 2
    held = {name: sum(s.peak_bytes for s in plan.stages if s.device == name) for name in plan.used}
    assert max(held.values()) <= 450 << 20
    assert "one device (gpu0) would take" in answer(plan)
    with pytest.raises(PlacementError, match="no placement that was tried fits"):
        net.place(2, "a100", memory="100MiB", **FAST)  # type: ignore[arg-type]


def test_marked_copy_of_a_plan_for_latency_is_that_plan(command_line: Run, tmp_path: Path) -> None:
    file = tmp_path / "marked.arch"
    arguments = ("--devices", "2", "--profile", "a100", "--link", "300GB/s", "--objective", "latency")
    command_line("place", "googlenet", *arguments, "-o", str(file))
    plan = archdsl.load("googlenet").place(2, "a100", **FAST)  # type: ignore[arg-type]
    again = Network(load_graph(f"{file}:googlenet")).place(2, "a100", **FAST)  # type: ignore[arg-type]
    assert again.devices == plan.devices
    assert again.marked


@pytest.mark.parametrize("option", [("--micro-batches", "4"), ("--schedule", "gpipe"), ("--optimizer", "adam")])
def test_options_of_steps_are_refused_for_latency(command_line: Run, option: tuple[str, str]) -> None:
    arguments = ("--devices", "2", "--profile", "a100", "--link", "300GB/s", "--objective", "latency")
    said = command_line("place", "lenet5", *arguments, *option)
    assert said.status == 2
    assert f"{option[0]} is of --objective throughput" in said.err
