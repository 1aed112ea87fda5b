"""`archdsl fmt` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl.source import Source
from archdsl.syntax.forms import format_spec
from tests.cli.test_cli import run

UGLY = "network Net( x:[N,4] ) {\n  x->linear(2)   # the head\n}\n"
NEAT = "network Net(x: [N, 4]) {\n    x -> linear(2) # the head\n}\n"


@pytest.fixture
def ugly(tmp_path: Path) -> Path:
    path = tmp_path / "ugly.arch"
    path.write_text(UGLY, encoding="utf-8")
    return path


def test_fmt_writes_the_file(ugly: Path) -> None:
    done = run("fmt", ugly.name, cwd=ugly.parent)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "formatted ugly.arch\n")
    assert ugly.read_text(encoding="utf-8") == NEAT
    again = run("fmt", ugly.name, cwd=ugly.parent)
    assert (again.returncode, again.stderr) == (0, "")


def test_check_names_what_would_change_and_writes_nothing(ugly: Path) -> None:
    done = run("fmt", "--check", ugly.name, cwd=ugly.parent)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "ugly.arch is not formatted\n")
    assert ugly.read_text(encoding="utf-8") == UGLY
    ugly.write_text(NEAT, encoding="utf-8")
    assert run("fmt", "--check", ugly.name, cwd=ugly.parent).returncode == 0


def test_diff_shows_what_would_change(ugly: Path) -> None:
    done = run("fmt", "--diff", ugly.name, cwd=ugly.parent)
    assert done.returncode == 0
    assert {"-  x->linear(2)   # the head", "+    x -> linear(2) # the head"} <= set(done.stdout.splitlines())
    assert ugly.read_text(encoding="utf-8") == UGLY


def test_standard_input_goes_to_standard_output() -> None:
    done = run("fmt", "-", text=UGLY)
    assert (done.returncode, done.stdout) == (0, NEAT)


def test_a_file_that_cannot_be_read_leaves_itself_alone_and_the_others_formatted(ugly: Path) -> None:
    wrong = ugly.with_name("wrong.arch")
    wrong.write_text("network Net(", encoding="utf-8")
    done = run("fmt", wrong.name, ugly.name, cwd=ugly.parent)
    assert done.returncode == 1
    assert "error[syntax]" in done.stderr
    assert wrong.read_text(encoding="utf-8") == "network Net("
    assert ugly.read_text(encoding="utf-8") == NEAT


def test_a_file_that_is_not_there_is_a_wrong_command() -> None:
    assert run("fmt", "nowhere.arch").returncode == 2


def test_a_comment_of_yaml_that_stands_deeper_than_a_definition_stays_at_its_end() -> None:
    text = (
        "archdsl: 1\n\nnetworks:\n  A:\n    inputs: {x: [N, 8]}\n    body:\n      - relu\n      # the last of A\n\n"
        "  # about B\n  B:\n    inputs: {x: [N, 8]}\n    body: [relu]\n    # the last of B\n# of the file\n"
    )
    written = format_spec(Source("net.yaml", text))
    assert "body: [relu]\n    # the last of A\n\n  # about B\n  B:" in written
    assert written.endswith("body: [relu]\n    # the last of B\n# of the file\n")
    assert format_spec(Source("net.yaml", written)) == written
