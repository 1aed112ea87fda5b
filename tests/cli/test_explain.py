"""`archdsl explain`, and the line after diagnostics that points to it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from archdsl.catalogue import CATALOGUE
from archdsl.cli.terminal import colour
from archdsl.ops import OPERATORS
from archdsl.presentation.operator import shown
from archdsl.render.explanation import as_text
from tests.conftest import Said

ROOT = Path(__file__).resolve().parents[2]


def test_a_code_is_explained_as_in_the_catalogue(command_line: Callable[..., Said]) -> None:
    done = command_line("explain", "shape-mismatch")
    assert (done.status, done.out) == (0, as_text("shape-mismatch"))


def test_without_a_code_all_are_listed_with_level_and_summary(command_line: Callable[..., Said]) -> None:
    lines = [line.split(None, 2) for line in command_line("explain").out.splitlines() if line.startswith("  ")]
    assert lines == [[code, entry.level, entry.summary] for code, entry in CATALOGUE.items()]


@pytest.mark.parametrize("arguments", [(), ("undecided",)])
def test_json_has_all_parts_of_the_page(arguments: tuple[str, ...], command_line: Callable[..., Said]) -> None:
    pages = {page["code"]: page for page in json.loads(command_line("explain", *arguments, "--json").out)["codes"]}
    assert list(pages) == list(arguments or CATALOGUE)
    assert pages["undecided"] == {
        "code": "undecided",
        "level": "error",
        "exit_status": 1,
        "summary": CATALOGUE["undecided"].summary,
        "explanation": CATALOGUE["undecided"].paragraphs,
        "wrong": CATALOGUE["undecided"].wrong,
        "right": CATALOGUE["undecided"].right,
        "source": None,
    }


@pytest.mark.parametrize(
    ("code", "says"), [("shape-mismach", "did you mean `shape-mismatch`"), ("xyz", "`archdsl explain` lists all")]
)
def test_an_unknown_code_is_a_wrong_command(code: str, says: str, command_line: Callable[..., Said]) -> None:
    done = command_line("explain", code)
    assert (done.status, done.out) == (2, "")
    assert says in done.err


def test_an_operator_is_explained_as_its_reference_says(command_line: Callable[..., Said]) -> None:
    text = " ".join(command_line("explain", "max_pool").out.split())
    page = shown(OPERATORS["max_pool"])
    assert page.summary in text
    assert all(f"{p.name} {p.takes}" in text and p.doc in text for p in page.parameters)
    [plain] = json.loads(command_line("explain", "max_pool", "--json").out)["operators"]
    assert plain["parameters"][0] == asdict(page.parameters[0])


# --- the last line


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("x -> frobnicate", "1 error; `archdsl explain unknown-operator` says more"),
        (
            "y = x -> linear(n)\ny -> frobnicate",
            "2 errors, 1 of them with a fix (`archdsl check --fix`); `archdsl explain unknown-name` says more",
        ),
    ],
)
def test_errors_are_counted_and_the_first_is_pointed_to(
    body: str, line: str, tmp_path: Path, command_line: Callable[..., Any]
) -> None:
    (tmp_path / "net.arch").write_text(f"network Net(x: [N, 4]) {{\n{body}\n}}", encoding="utf-8")
    assert command_line("report", str(tmp_path / "net.arch")).err.endswith(f"\n\n{line}\n")


# --- colour


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)
def test_colour_on_a_terminal(environment: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        assert colour(terminal) is expected
    os.close(ours)


@pytest.mark.parametrize(("forced", "expected"), [("", False), ("1", True)])
def test_colour_in_a_file(forced: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", forced)
    with (tmp_path / "file").open("w") as file:
        assert colour(file) is expected


def test_diagnostics_are_red_on_a_terminal_and_plain_beside_it(tmp_path: Path) -> None:
    (tmp_path / "net.arch").write_text("network Net(x: [N, 4]) { x -> rleu }", encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    environment |= {"PYTHONPATH": str(ROOT), "TERM": "xterm"}
    command = [sys.executable, "-m", "archdsl", "check", "net.arch"]
    ours, theirs = pty.openpty()
    subprocess.run(command, cwd=tmp_path, env=environment, stderr=theirs, check=False, timeout=60)
    os.close(theirs)
    shown = os.read(ours, 4096)
    os.close(ours)
    assert shown.startswith(b"\x1b[1;31merror[unknown-operator]\x1b[0m")
    piped = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False, timeout=60)
    assert piped.stderr.startswith(b"error[unknown-operator]: ")
