"""The figures of AlexNet on two cards, as the documentation tells them, are the tool's."""

from __future__ import annotations

import re

import pytest

import archdsl
from archdsl.sheet.units import size
from tests.distributed.group import ROOT

MIB = 2**20


@pytest.fixture(scope="module")
def story() -> str:
    text = (ROOT / "docs" / "distributed.md").read_text(encoding="utf-8")
    return re.sub(r"\s+", " ", text.partition("## The story of 2012")[2])


def test_what_fits_on_one_card(story: str) -> None:
    shape = {"image": (128, 3, 227, 227)}
    needs = archdsl.load("alexnet_grouped", inputs=shape).memory(optimizer="momentum").to_dict()["devices"]["all"]
    assert f"a step needs {size(needs['training_peak']['bytes'])}" in story
    fits = {"image": (196, 3, 227, 227)}
    most = archdsl.load("alexnet_grouped", inputs=fits).memory(optimizer="momentum").to_dict()["devices"]["all"]
    assert most["training_peak"]["bytes"] <= 3 * 2**30 < most["training_peak"]["bytes"] * 197 / 196 + 2**24
    assert "the largest batch in 3 GiB is 196" in story


def test_what_the_split_costs(story: str) -> None:
    plan = archdsl.load("alexnet").place(
        2, "v100", link="8GB/s", memory="3GiB", batch=128, micro_batches=1, schedule="gpipe", optimizer="momentum"
    )
    needs = dict.fromkeys(("gpu0", "gpu1"), 0)
    for stage in plan.stages:
        needs[stage.device] += stage.peak_bytes
    assert f"gpu0 needs {size(needs['gpu0'])} and gpu1 {size(needs['gpu1'])}" in story
    crossing = [(r.layer, r.bytes) for stage in plan.stages for r in stage.receives if r.layer != "image"]
    behind_the_second = sum(bytes for name, bytes in crossing if name.endswith("pool2"))
    assert f"{sum(bytes for _, bytes in crossing) / MIB:.1f} MiB forward in a step" in story
    assert f"Most of it, {behind_the_second / MIB:.1f} MiB" in story
    assert {bytes / MIB for name, bytes in crossing if not name.endswith("pool2")} == {1, 2.25}
    seconds = 2 * sum(bytes for _, bytes in crossing) / 8e9
    assert f"this takes {1000 * seconds:.0f} ms" in story
    weights = archdsl.load("alexnet").report().to_dict()["totals"]["params"]
    assert f"all {weights / 1e6:.0f} million parameters, {4 * weights / MIB:.1f} MiB" in story
