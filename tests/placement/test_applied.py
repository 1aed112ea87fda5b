"""A plan on pictures, pages and reports: devices by colour, bytes on the edges between them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import archdsl
from archdsl.presentation.placement import PrintedPlan
from archdsl.sheet.units import size
from tests.conftest import Said
from viz import theme

Run = Callable[..., Said]
EACH = 4  # samples of a micro-batch


@pytest.fixture(scope="module")
def planned() -> tuple[archdsl.Network, PrintedPlan]:
    network = archdsl.load("resnet18")
    return network, network.place(2, "a100", link="300GB/s", batch=4 * EACH, micro_batches=4)


def test_a_drawing_colours_by_device_and_says_what_crosses(
    planned: tuple[archdsl.Network, PrintedPlan], tmp_path: Path
) -> None:
    network, plan = planned
    network.placed(plan).draw(tmp_path / "net.svg", depth=None, fold=False)
    drawing = (tmp_path / "net.svg").read_text(encoding="utf-8")
    assert all(theme.DEVICES[number].line in drawing for number in range(2))
    assert theme.DEVICES[2].line not in drawing
    for received in plan.stages[1].receives:
        assert f", {size(received.bytes // EACH)}<" in drawing  # pictures are for a batch of one
    assert theme.CROSSING in drawing


def test_a_page_knows_the_devices_and_says_what_crosses(
    planned: tuple[archdsl.Network, PrintedPlan], tmp_path: Path
) -> None:
    network, plan = planned
    network.placed(plan).draw(tmp_path / "net.html")
    page = (tmp_path / "net.html").read_text(encoding="utf-8")
    assert '"devices":["gpu0","gpu1"]' in page.replace(" ", "")
    for received in plan.stages[1].receives:
        assert f', {size(received.bytes // EACH)}",' in page  # beside the edge, for a batch of one


def test_a_report_says_what_goes_in_and_out_of_each_device(planned: tuple[archdsl.Network, PrintedPlan]) -> None:
    network, plan = planned
    devices = network.placed(plan).report().to_dict()["devices"]
    crossing = sum(received.bytes // EACH for received in plan.stages[1].receives)
    assert devices["gpu1"]["bytes_in"] == devices["gpu0"]["bytes_out"] == crossing


def test_weights_by_device_are_those_of_the_plan(planned: tuple[archdsl.Network, PrintedPlan]) -> None:
    network, plan = planned
    devices = network.placed(plan).memory().to_dict()["devices"]
    for stage in plan.stages:
        assert devices[stage.device]["weights"] + devices[stage.device]["gradients"] == stage.weight_bytes


def test_commands_take_a_plan(command_line: Run, tmp_path: Path) -> None:
    plan, drawing = tmp_path / "plan.json", tmp_path / "net.svg"
    options = "--devices 2 --profile t4 --link 300GB/s --schedule interleaved"
    assert command_line("place", "lenet5", *options.split(), "-o", str(plan)).status == 0
    said = command_line("report", "lenet5", "--plan", str(plan), "--by", "device")
    assert [line.split()[0] for line in said.out.splitlines()[2:4]] == ["gpu0", "gpu1"]
    assert command_line("draw", "lenet5", "--plan", str(plan), "-o", str(drawing)).status == 0
    assert "between devices" in drawing.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("draw lenet5 --plan nowhere.json -o a.svg", "cannot read the plan `nowhere.json`"),
        ("draw lenet5 --plan wrong.json -o a.svg", "is no plan: `archdsl place -o plan.json` writes one"),
        ("report lenet5 resnet18 --plan wrong.json", "a plan is of one network"),
        ("report lenet5 --plan wrong.json", "is no plan"),
    ],
)
def test_what_is_no_plan_is_told(
    command_line: Run, command: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wrong.json").write_text("[" * 100_000, encoding="utf-8")
    found = command_line(*command.split())
    assert found.status == 2
    assert said in " ".join(found.err.split())
