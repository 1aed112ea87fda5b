"""Schedules drawn in time: bars are read from the drawing and compared with the simulation."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import archdsl
from archdsl.placement.schedule import SCHEDULES
from archdsl.placement.simulate import simulate
from archdsl.presentation.placement import PrintedPlan
from archdsl.sheet.units import size
from tests.conftest import Said
from viz.plots.gantt import Chart

Run = Callable[..., Said]
SVG = "{http://www.w3.org/2000/svg}"


def plan_of(schedule: str = "1f1b", name: str = "resnet18", devices: int = 3, **more: Any) -> PrintedPlan:
    conditions = {"batch": 24, "micro_batches": 6, "link": "300GB/s", "schedule": schedule, **more}
    return archdsl.load(name).place(devices, "a100", **conditions)


def ends(group: ElementTree.Element) -> tuple[float, float, float, float]:
    """Left, right, top and bottom of a part."""
    path = group.find(f"{SVG}path")
    assert path is not None
    numbers = [float(value) for value in re.findall(r"-?[\d.]+", path.get("d", ""))]
    return min(numbers[::2]), max(numbers[::2]), min(numbers[1::2]), max(numbers[1::2])


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_bars_are_where_actions_are_in_time(schedule: str) -> None:
    plan = plan_of(schedule)
    parts = {g.get("id"): g for g in ElementTree.fromstring(plan.draw().render("svg")).iter(f"{SVG}g")}
    lanes = parts["axes_1"].find(f"{SVG}g")  # what is behind everything in it
    assert lanes is not None
    left, right, _, _ = ends(lanes)
    tops: dict[int, set[float]] = {}
    for span in simulate(plan.lists, plan.costs).spans:
        if span.start < span.end:
            start, end, top, _ = ends(parts[str(span.action)])
            assert (start - left) / (right - left) * plan.step == pytest.approx(span.start, abs=plan.step * 1e-5)
            assert (end - left) / (right - left) * plan.step == pytest.approx(span.end, abs=plan.step * 1e-5)
            tops.setdefault(span.device, set()).add(top)
    assert all(len(own) == 1 for own in tops.values())
    assert [min(tops[device]) for device in range(3)] == sorted(min(own) for own in tops.values())


def test_shares_of_idle_time_are_those_of_the_simulation() -> None:
    plan = plan_of()
    lanes = Chart(plan, simulate(plan.lists, plan.costs)).lanes
    assert sum(lane.idle for lane in lanes) / len(lanes) == pytest.approx(plan.bubble)
    shown = [text.get_text() for text in plan.draw().figure.axes[0].texts]
    assert [f"{lane.idle:.0%} idle" for lane in lanes] == [text for text in shown if "idle" in text]


@pytest.mark.parametrize("schedule", ["gpipe", "1f1b"])
def test_memory_rises_to_what_the_plan_says_and_comes_back(schedule: str) -> None:
    plan = plan_of(schedule)
    for stage, curve in zip(plan.stages, Chart(plan, simulate(plan.lists, plan.costs)).memory(), strict=True):
        assert max(held for _, held in curve) == stage.peak_bytes
        assert curve[0][0] == 0
        assert curve[-1][1] == stage.resting_bytes


def test_a_device_with_several_stages_holds_no_more_than_the_plan_says() -> None:
    plan = plan_of("interleaved")
    for device, curve in enumerate(Chart(plan, simulate(plan.lists, plan.costs)).memory()):
        own = [stage for stage, owner in zip(plan.stages, plan.owners, strict=True) if owner == device]
        assert max(held for _, held in curve) <= sum(stage.peak_bytes for stage in own)


def test_what_may_be_computed_side_by_side_has_an_outline() -> None:
    legend = plan_of("dualpipev").draw().figure.axes[0].get_legend()
    assert legend is not None
    assert "side by side" in [text.get_text() for text in legend.get_texts()]


def test_bars_say_what_they_are_in_a_browser(tmp_path: Path) -> None:
    plan = plan_of()
    plan.draw(tmp_path / "gantt.html")
    page = (tmp_path / "gantt.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert '<g id="1F3"><title>gpu1, stage 1, micro-batch 3: forward, ' in page
    assert page.count("<title>") == 1 + sum(map(len, plan.lists))


@pytest.mark.parametrize(("format", "begins"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_the_same_plan_gives_the_same_bytes(format: str, begins: bytes) -> None:
    plan = plan_of(devices=2, micro_batches=2)
    first, second = (plan.draw(theme="dark").render(format) for _ in range(2))
    assert first == second
    assert first.startswith(begins)


def test_more_bars_than_can_be_seen_are_refused() -> None:
    with pytest.raises(ValueError, match="fewer micro-batches have the same pattern"):
        plan_of(batch=4096, micro_batches=4096).draw()


def test_place_draws_beside_what_it_prints(command_line: Run, tmp_path: Path) -> None:
    file = tmp_path / "gantt.svg"
    options = f"--devices 2 --profile t4 --link 1GB/s --draw {file}"
    said = command_line("place", "lenet5", *options.split())
    assert (said.status, said.out.splitlines()[-1]) == (0, f"wrote {file}")
    assert "lenet5 (LeNet5)" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--draw a.gif", "plots are .html, .pdf, .png, .svg"),
        ("--draw no/a.svg", "cannot write"),
        ("--theme dark", "--theme is of --draw"),
    ],
)
def test_wrong_drawings_have_status_2(command_line: Run, options: str, said: str) -> None:
    found = command_line("place", "lenet5", "--devices", "2", "--profile", "t4", "--link", "1GB/s", *options.split())
    assert found.status == 2
    assert said in " ".join(found.err.split())


def test_one_batch_is_drawn_layer_by_layer() -> None:
    plan = archdsl.load("googlenet").place(2, "a100", link="300GB/s", objective="latency")
    parts = {g.get("id"): g for g in ElementTree.fromstring(plan.draw().render("svg")).iter(f"{SVG}g")}
    lanes = parts["axes_1"].find(f"{SVG}g")
    assert lanes is not None
    left, right, _, _ = ends(lanes)
    tops: dict[str, set[float]] = {}
    for key, (start, end) in zip(plan.problem.nodes, plan.moments, strict=False):
        if start < end:
            begins, stops, top, _ = ends(parts[f"layer-{key}"])
            assert (begins - left) / (right - left) * plan.step == pytest.approx(start, abs=plan.step * 1e-5)
            assert (stops - left) / (right - left) * plan.step == pytest.approx(end, abs=plan.step * 1e-5)
            tops.setdefault(plan.devices[key], set()).add(top)
    assert list(map(len, tops.values())) == [1, 1]
    idle = [1 - float(text.get_text().split("%")[0]) / 100 for text in plan.draw().figure.axes[0].texts]
    assert sum(idle) / 2 == pytest.approx(1 - plan.bubble, abs=0.01)


def test_memory_of_one_batch_ends_at_all_that_a_device_held() -> None:
    plan = archdsl.load("alexnet_one_column").place(2, "v100", link="8GB/s", objective="latency")
    assert plan.used == ("gpu0",)
    weights = sum(plan.problem.at_rest)
    held = weights + sum(tensor.bytes for tensor in plan.problem.tensors)
    legend = plan.draw().figure.axes[1].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [f"gpu0: peak {size(held)}"]
