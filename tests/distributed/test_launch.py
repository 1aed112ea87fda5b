"""Starting the processes of a plan, watching them, and starting them again."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import archdsl
from archdsl import launch
from archdsl.placement.reading import read_plan
from tests.conftest import Said
from tests.distributed.equality import even_plan
from tests.distributed.group import ROOT
from tests.distributed.training import train_alone, weights_hash

HERE = Path(__file__).parent
SMALL = str(HERE / "small.arch")
SCRIPT = str(HERE / "script.py")
STEPS = 4
LIMIT = 150  # seconds


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return written(tmp_path)


def written(folder: Path, **keys: Any) -> Path:
    """A plan for two processes, with other values for some of its keys."""
    found = even_plan(archdsl.load(SMALL), 2, "1f1b", 1, 8, 4) | keys
    found["spec"] = {"address": SMALL, "settings": {}, "inputs": {}, "symbols": {}}
    (folder / "plan.json").write_text(json.dumps(found))
    return folder / "plan.json"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """A command in a session of its own, of which nothing is left."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    started = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        out, err = started.communicate(timeout=LIMIT)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(command, started.returncode, out, err)


def test_a_process_that_is_killed_is_named_and_all_start_again_and_end_as_if_nothing_was(
    tmp_path: Path, plan: Path
) -> None:
    """At a step drawn from a seed; what is there in the end has the hash of a run that nothing interrupted."""
    at = random.Random(7).randrange(1, STEPS)
    said = run(
        "archdsl", "launch", "--max-restarts=1", str(plan), SCRIPT, str(tmp_path / "saved"), str(STEPS), "kill", "1",
        str(at),
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    weights = weights_hash(train_alone(SMALL, STEPS).state_dict())
    assert said.stdout == f"weights {weights} after {STEPS} steps, restarts 1\n"
    memory = "; the system does so where memory is short"
    assert (
        said.stderr == f"error: rank 1, {read_plan(plan).described(1)}, was ended by SIGKILL after step {at}{memory}\n"
    )


@pytest.mark.heavy
def test_a_process_that_raises_ends_the_run_with_one_message(tmp_path: Path, plan: Path) -> None:
    """The other one loses its connection, and is silent."""
    said = run("archdsl", "launch", str(plan), SCRIPT, str(tmp_path / "saved"), str(STEPS), "raise", "0", "2")
    assert (said.returncode, said.stdout) == (1, "")
    *trace, message = said.stderr.splitlines()
    stage = read_plan(plan).described(0)
    assert re.fullmatch(r"stage 0 \(stem\.conv … [\w.]+, 1\d layers\)", stage)
    assert message == f"error: rank 0, {stage}, failed after step 2: ValueError: the data are at an end"
    assert trace[0].startswith(f'  File "{SCRIPT}", line')


class Losing:
    """A process of a pipeline that says after its third step that it lost another, and is ended."""

    def __init__(self, command: object, pass_fds: tuple[int, int], **options: object) -> None:
        for said in ({"step": 3, "within": True}, {"failed": "Connection closed by peer", "lost": True}):
            os.write(pass_fds[0], f"{json.dumps(said)}\n".encode())

    def wait(self) -> int:
        return 1


def test_a_process_that_lost_another_says_so_where_torchrun_finds_none_dead(
    plan: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(subprocess, "Popen", Losing)
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert launch.main([str(plan), SCRIPT]) == 1
    lost = f"rank 1, {read_plan(plan).described(1)}, lost the connection to another process in step 3"
    assert capsys.readouterr().err == f"error: {lost}: Connection closed by peer\n"
    assert waited == [launch.PATIENCE]  # for torchrun to end it, which a process that is dead has it do


@pytest.mark.heavy
def test_torchrun_starts_the_same(tmp_path: Path, plan: Path) -> None:
    said = run(
        "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "archdsl.launch", str(plan), SCRIPT,
        str(tmp_path / "saved"), "1", "nothing", "0", "0",
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert said.stdout == f"weights {weights_hash(train_alone(SMALL, 1).state_dict())} after 1 steps, restarts 0\n"


@pytest.mark.parametrize(
    ("keys", "processes", "said"),
    [
        ({"hash": "0" * 64}, 2, "the plan was made for another network"),
        ({}, 3, "the plan has stages on 2 devices and there are 3 processes"),
        ({"batch": 9}, 2, "a batch of 9 cannot be cut into 4 micro-batches"),
    ],
)
def test_a_plan_that_does_not_fit_starts_no_process(
    tmp_path: Path, keys: dict[str, Any], processes: int, said: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Every process that torchrun starts finds it; the first says it."""
    monkeypatch.setattr(subprocess, "Popen", lambda *arguments, **options: pytest.fail("a process was started"))
    file = written(tmp_path, **keys)
    for rank in range(processes):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("WORLD_SIZE", str(processes))
        assert launch.main([str(file), SCRIPT]) == 2
        assert capsys.readouterr().err.startswith(f"error: {said}") == (rank == 0)


def test_the_command_refuses_the_same(tmp_path: Path, command_line: Any) -> None:
    file = written(tmp_path, hash="0" * 64)
    found: Said = command_line("launch", str(file), SCRIPT)
    assert (found.status, found.out) == (2, "")
    assert "the plan was made for another network" in found.err


def test_a_script_that_is_not_there_is_refused(plan: Path, command_line: Any) -> None:
    found: Said = command_line("launch", str(plan), "nothing.py")
    assert found.status == 2
    assert "there is no script `nothing.py`" in found.err
