"""Several stages on each device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any

import networkx as nx
import pytest

import archdsl
from archdsl.network import Network
from archdsl.placement.actions import in_flight
from archdsl.placement.bounds import Planner
from archdsl.placement.devices import PlacementError
from archdsl.placement.orders import orders
from archdsl.placement.schedule import SCHEDULES, lists_of
from archdsl.placement.simulate import simulate
from archdsl.placement.virtual_stages import LayerOrder
from archdsl.presentation.placement import PrintedPlan, answer
from tests.conftest import Said
from tests.placement.problems import some_problem

SEVERAL = [name for name, schedule in SCHEDULES.items() if schedule.least > 1]


def plan_of(name: str, schedule: str, devices: int = 4, **more: Any) -> PrintedPlan:
    return archdsl.load(name).place(devices, "a100", link="300GB/s", schedule=schedule, **more)


@pytest.mark.parametrize("schedule", SEVERAL)
def test_devices_own_the_stages_that_the_schedule_demands(schedule: str) -> None:
    plan = plan_of("resnet18", schedule)
    stage = {layer: s for s, found in enumerate(plan.stages) for layer in found.layers}
    graph = archdsl.load("resnet18").graph
    assert [found.device for found in plan.stages] == [f"gpu{d}" for d in SCHEDULES[schedule].owners(4, 2)]
    assert set(stage) == {key for key, node in graph.nodes(data=True) if node["op"] != "input"}
    assert all(stage[u] <= stage[v] for u, v in nx.DiGraph(graph).edges if u in stage)
    assert all(found.layers for found in plan.stages)
    assert plan.schedule == schedule


def test_a_document_says_all_that_the_lists_rest_on() -> None:
    plan = plan_of("resnet18", "zbv")
    found = plan.to_dict()
    assert found["owners"] == [0, 1, 2, 3, 3, 2, 1, 0]
    assert lists_of(found["schedule"], found["owners"], found["micro_batches"]) == plan.lists
    assert found["step_s"] >= simulate(plan.lists, plan.costs).seconds


@pytest.mark.parametrize("each", [2, 3])
def test_stages_on_each_device_are_as_many_as_is_asked(each: int) -> None:
    assert len(plan_of("resnet18", "interleaved", stages_per_device=each).stages) == 4 * each


def test_the_way_is_called_by_its_stages_and_devices() -> None:
    assert "pipeline of 8 stages on 4 devices" in answer(plan_of("resnet18", "interleaved"))


@pytest.mark.parametrize("schedule", SEVERAL)
@pytest.mark.parametrize("seed", range(30))
def test_the_largest_stage_is_the_least_of_all_cuts_of_an_order(seed: int, schedule: str) -> None:
    problem, cluster, _ = some_problem(seed)
    cluster = replace(cluster, devices=tuple(replace(device, memory=None) for device in cluster.devices[:2]))
    problem = replace(problem, times=problem.times[: len(cluster.profiles)])
    planner, each, devices = Planner(problem, cluster, schedule), 2, len(cluster.devices)
    owners = SCHEDULES[schedule].owners(devices, each)
    flights = in_flight(SCHEDULES[schedule].lists(devices, each, 4))

    def largest(ends: tuple[int, ...]) -> float:
        loads = []
        for s, (start, end) in enumerate(pairwise((0, *ends))):
            row = [id(p) for p in cluster.profiles].index(id(cluster.devices[owners[s]].profile))
            load = sum(problem.times[row].both(v) for v in range(len(problem.nodes)) if (end & ~start) >> v & 1)
            for ideal, other in ((start, s - 1), (end, s + 1)):
                if 0 <= other < len(owners) and owners[other] != owners[s]:
                    load += sum(planner.ends.seconds[number] for number in planner.ends.crossing(ideal))
            loads.append(load)
        return max(loads)

    best = []
    for order in orders(problem):
        ideals = [sum(1 << v for v in order[:n]) for n in range(1, problem.layers)]
        free = [ideal for ideal in ideals if planner.ends.whole(ideal)]
        best.append(min((largest((*c, planner.ends.all)) for c in combinations(free, len(owners) - 1)), default=None))
    found = [LayerOrder(planner, order, cluster.devices, owners, flights, 4) for order in orders(problem)]
    cuts = [each.best() for each in found]
    ends = [own and tuple(each.ideals[end] for end in own) for each, own in zip(found, cuts, strict=True)]
    assert [own and largest(own) for own in ends] == pytest.approx(best)


def test_no_device_holds_more_than_it_has() -> None:
    free = plan_of("vgg16", "interleaved", 2)
    plan = plan_of("vgg16", "interleaved", 2, memory="1200MiB")
    held = [sum(s.peak_bytes for s in plan.stages if s.device == device) for device in plan.used]
    assert max(held) <= 1200 << 20 < max(sum(s.peak_bytes for s in free.stages if s.device == d) for d in free.used)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"memory": "100MiB"}, "no split into stages that was tried fits into memory"),
        ({"stages_per_device": 1}, "interleaved takes 2 or more stages on a device, not 1"),
        (
            {"stages_per_device": 30},
            "interleaved has 120 stages with 30 on each device, and the network only 69 layers",
        ),
        ({"micro_batches": 9, "batch": 9}, "needs whole rounds of micro-batches for 4 devices; 8 would do, not 9"),
    ],
)
def test_what_cannot_be_is_told_with_a_way_out(more: dict[str, Any], said: str) -> None:
    with pytest.raises(PlacementError, match=said):
        plan_of("resnet18", "interleaved", **more)


def test_marks_that_go_round_have_the_schedule_that_is_asked_for(network_of: Callable[..., Network]) -> None:
    code = """network Net(x: [N, 8]) {
        device a, b
        x -> linear(8) @a -> linear(8) @b -> linear(8) @a -> linear(8) @b
    }"""
    for asked, used in (("interleaved", "interleaved"), ("1f1b", "list"), ("zbv", "list")):
        assert network_of(code).place(2, "a100", link="1GB/s", schedule=asked).schedule == used


def test_command_takes_stages_on_each_device(command_line: Callable[..., Said]) -> None:
    options = "--devices 2 --profile a100 --link 300GB/s --schedule interleaved --stages-per-device 3"
    said = command_line("place", "lenet5", *options.split())
    assert said.status == 0
    assert "6 stages on 2 devices" in said.out
