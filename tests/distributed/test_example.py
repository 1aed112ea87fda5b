"""The script of `examples/distributed/`, as a user runs it: trained, stopped, and gone on with."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl.placement.reading import read_plan
from tests.distributed.group import ROOT
from tests.distributed.test_launch import run

SCRIPT = ROOT / "examples" / "distributed" / "train.py"


def placed() -> str:
    """The command that its first lines say, without where it writes to."""
    line = next(line for line in SCRIPT.read_text(encoding="utf-8").splitlines() if "archdsl place" in line)
    return line.strip().removeprefix("archdsl ").removesuffix(" -o plan.json")


@pytest.mark.heavy
def test_it_learns_and_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    assert run("archdsl", *placed().split(), "-o", str(plan)).returncode == 0
    found = read_plan(plan)
    assert (found.batch, len(found.devices)) == (32, 2)
    command = ("archdsl", "launch", str(plan), str(SCRIPT))
    first = run(*command, "1", str(tmp_path / "saved"))
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("step 45: loss ")
    then = run(*command, "3", str(tmp_path / "saved"))
    assert then.returncode == 0, then.stderr
    begun, *steps = then.stdout.splitlines()
    assert begun == "going on after step 45"
    assert [line.partition(":")[0] for line in steps] == ["step 90", "step 135"]
    accuracy = float(steps[-1].partition(", ")[2].partition("%")[0])
    assert accuracy > 85
