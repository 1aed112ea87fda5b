"""Several processes compute what one computes: losses, gradients, running statistics and outputs, to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.distributed.group import run_group

COMPARE = "tests.distributed.equality:compare"
HERE = Path(__file__).parent
ONE_STAGE = [("gpipe", 1), ("1f1b", 1), ("zero-bubble", 1)]
TWO_STAGES = [("interleaved", 2), ("zero-bubble", 2), ("breadth-first", 2), ("zbv", 2), ("dualpipev", 2)]
IMAGE = {"image": (None, 3, 32, 32)}
PAIR = {"first": (None, 1, 76, 76), "second": (None, 1, 76, 76)}


def differences(
    folder: Path, spec: str, processes: int, schedules: list[tuple[str, int]], batch: int, **choices: Any
) -> dict[str, list[str]]:
    arguments = {"settings": {}, "shapes": {}, "micro_batches": batch // 2} | choices
    found: dict[str, list[str]] = run_group(
        COMPARE, processes, folder, spec=spec, schedules=schedules, batch=batch, **arguments
    )[0]
    assert len(found) == len(schedules)
    return {schedule: names for schedule, names in found.items() if names}


def test_in_every_schedule_on_four_processes(tmp_path: Path) -> None:
    """Skips over stages, a head of training, a region cut in two, frozen layers in front: `small.arch`."""
    assert differences(tmp_path, f"{HERE}/small.arch", 4, [*ONE_STAGE, *TWO_STAGES], 16) == {}


def test_where_the_micro_batches_are_no_power_of_two(tmp_path: Path) -> None:
    """Then a sum divided by their number is not the sum of quotients."""
    assert differences(tmp_path, f"{HERE}/small.arch", 2, [("1f1b", 1), ("zero-bubble", 1)], 6) == {}


def test_where_no_gradient_comes_back_to_the_front(tmp_path: Path) -> None:
    """Torch's split backward would lose the gradients of weights there, without a word."""
    schedules = [("1f1b", 1), ("zero-bubble", 1), ("zbv", 2), ("dualpipev", 2)]
    assert differences(tmp_path, f"{HERE}/frozen.arch", 2, schedules, 8) == {}


def test_the_towers_of_alexnet_where_its_spec_places_them(tmp_path: Path) -> None:
    shapes = {"image": (None, 3, 67, 67)}
    assert differences(tmp_path, "alexnet", 2, [("list", 1)], 4, settings={"classes": 10}, shapes=shapes) == {}


ALL = [*ONE_STAGE, *TWO_STAGES]


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("spec", "settings", "shapes"),
    [
        ("resnet18", {"classes": 10}, IMAGE),
        ("googlenet_torchvision", {"classes": 10}, {"image": (None, 3, 64, 64)}),
        ("unet_padded", {}, IMAGE),
        ("vit_tiny_16", {"classes": 10}, IMAGE),
        ("siamese", {}, PAIR),
    ],
)
@pytest.mark.parametrize("processes", [2, 4])
def test_networks_of_the_zoo_in_every_schedule(
    tmp_path: Path, spec: str, settings: dict[str, Any], shapes: dict[str, Any], processes: int
) -> None:
    """Where shared weights keep layers together (siamese), four layers are left: too few for eight stages."""
    schedules = ONE_STAGE if (spec, processes) == ("siamese", 4) else ALL
    batch = 8 if processes == 2 else 16
    assert differences(tmp_path, spec, processes, schedules, batch, settings=settings, shapes=shapes) == {}
