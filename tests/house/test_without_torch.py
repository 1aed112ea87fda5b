"""A plain install has no torch: what needs none works, and what does says what to install."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Runs commands in a process in which the libraries of the extras cannot be imported.
PLAIN = """
import contextlib, io, json, sys

sys.path.insert(0, {root!r})
from archdsl.extras import EXTRAS


class LeftOut:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {{*EXTRAS, "numpy"}}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, LeftOut())
from archdsl.cli import main

results = []
for arguments in json.loads(sys.stdin.read()):
    sys.argv = ["archdsl", *arguments]
    out, err, status = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO(), None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as stop:
            status = stop.code
    out.flush()
    results.append([status, out.buffer.getvalue().decode(), err.getvalue()])
sys.__stdout__.write(json.dumps(results))
"""

WORKS = [
    ["check", "specs/resnet.arch"],
    ["lint", "lenet5"],
    ["report", "lenet5", "--memory"],
    ["report", "lenet5", "--time", "a100"],
    ["draw", "lenet5", "-o", "{folder}/lenet5.svg"],
    ["draw", "lenet5", "-o", "{folder}/lenet5.html"],
    ["diff", "resnet18", "resnet34"],
    ["fit", "lenet5", "--memory", "1GiB"],
    ["place", "lenet5", "--devices", "2", "--profile", "a100", "--link", "25GB/s"],
    ["sweep", "lenet5", "--over", "classes=10,20"],
    ["convert", "lenet5", "--to", "yaml"],
    ["explain", "shape-mismatch"],
    ["schema"],
    ["zoo"],
]
NEEDS = {
    "archdsl[torch]": [
        ["compile", "lenet5"],
        ["bench", "lenet5"],
        ["calibrate", "-o", "{folder}/here.json"],
        ["run", "lenet5"],
    ],
    "archdsl[plot]": [["report", "lenet5", "--plot", "{folder}/lenet5.svg"]],
    "archdsl[pdf]": [["draw", "lenet5", "-o", "{folder}/lenet5.pdf"]],
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Status, output and errors of each command, by its words."""
    folder = str(tmp_path_factory.mktemp("plain"))
    commands = [*WORKS, *(command for needing in NEEDS.values() for command in needing)]
    filled = [[word.format(folder=folder) for word in command] for command in commands]
    done = subprocess.run(
        [sys.executable, "-c", PLAIN.format(root=str(ROOT))],
        input=json.dumps(filled), capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(zip(map(" ".join, commands), json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("command", WORKS, ids=" ".join)
def test_it_works_in_a_plain_install(command: list[str], said: dict[str, Any]) -> None:
    status, _, err = said[" ".join(command)]
    assert status == 0, err


@pytest.mark.parametrize(
    ("extra", "command"), [(extra, command) for extra, needing in NEEDS.items() for command in needing],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)  # fmt: skip
def test_it_says_which_extra_to_install(extra: str, command: list[str], said: dict[str, Any]) -> None:
    status, out, err = said[" ".join(command)]
    assert (status, out) == (2, "")
    assert err.endswith(f"pip install '{extra}'\n")
