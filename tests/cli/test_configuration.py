"""Defaults of a project: `[tool.archdsl]` in pyproject.toml."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Said

SPEC = "network Net(image: [N, 3, 8, 8]) {\n    image -> conv(4, 3) -> dropout(0.5) -> batch_norm -> flatten\n}\n"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    Path("net.arch").write_text(SPEC, encoding="utf-8")
    return tmp_path


def configure(project: Path, text: str) -> None:
    (project / "pyproject.toml").write_text(text, encoding="utf-8")


def test_rules_of_lint_are_switched_off_for_a_project(project: Path, command_line: Callable[..., Said]) -> None:
    assert "dropout-before-norm" in command_line("lint", "net.arch").out
    configure(project, "[tool.archdsl.lint]\noff = ['dropout-before-norm', 'bias-before-norm']\n")
    assert "dropout-before-norm" not in command_line("lint", "net.arch").out


def test_the_command_line_comes_before_the_command_and_that_before_the_project(
    project: Path, command_line: Callable[..., Said]
) -> None:
    configure(project, "[tool.archdsl]\nformat = 'csv'\n[tool.archdsl.report]\nformat = 'markdown'\n")
    assert command_line("report", "net.arch", "--format", "html").out.startswith("<")
    assert command_line("report", "net.arch").out.lstrip("#").lstrip().startswith(("Net", "|"))
    assert "," in command_line("zoo").out.splitlines()[0]


def test_limits_hold_for_every_command(project: Path, command_line: Callable[..., Said]) -> None:
    configure(project, "[tool.archdsl]\nmax-layers = 2\n")
    assert "too-many-layers" in command_line("check", "net.arch").err
    assert command_line("check", "net.arch", "--max-layers", "100").status == 0


def test_the_nearest_file_with_a_section_counts(project: Path, command_line: Callable[..., Said]) -> None:
    configure(project, "[tool.archdsl]\nmax-layers = 2\n")
    (project / "deep" / "pyproject.toml").write_text("[tool.other]\n", encoding="utf-8")
    assert command_line("check", "net.arch").status == 1
    (project / "deep" / "pyproject.toml").write_text("[tool.archdsl]\nmax-layers = 50\n", encoding="utf-8")
    assert command_line("check", "net.arch").status == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[tool.archdsl]\nthem = 'dark'\n", "did you mean `theme`"),
        ("[tool.archdsl.lint]\nof = ['dead-layer']\n", "did you mean `off`"),
        ("[tool.archdsl.lnt]\noff = []\n", "did you mean `lint`"),
        ("[tool.archdsl]\noutput = 'x.svg'\n", "has no key `output`"),
        ("[tool.archdsl.check]\nfix = true\n", "has no key `fix`"),
        ("[tool.archdsl]\noperators = ['evil.py']\n", "has no key `operators`"),
        ("[tool.archdsl.lint]\noff = ['no-such-rule']\n", "no such rule `no-such-rule`"),
        ("[tool.archdsl]\nmax-layers = 'many'\n", "not a valid integer"),
        ("[tool.archdsl\n", "cannot be read"),
    ],
)
def test_what_is_wrong_in_the_section_is_said(
    text: str, says: str, project: Path, command_line: Callable[..., Said]
) -> None:
    configure(project, text)
    said = command_line("check" if ".check" in text else "lint", "net.arch")
    assert said.status == 2
    assert says in said.err


def test_a_word_in_another_section_is_none_of_ours(project: Path, command_line: Callable[..., Said]) -> None:
    configure(project, "# [tool.archdsl]\n[project]\nname = 'x'\n")
    assert command_line("check", "net.arch").status == 0
