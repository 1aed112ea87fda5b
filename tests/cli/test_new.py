"""`archdsl new`: a spec to begin with is right, formatted, and nobody's file is lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from archdsl.cli.new import templates
from tests.conftest import Said


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("template", templates())
def test_a_template_is_right_formatted_and_without_warnings(template: str, command_line: Callable[..., Said]) -> None:
    assert command_line("new", "mynet", "--template", template).status == 0
    text = Path("mynet.arch").read_text(encoding="utf-8")
    assert "network Mynet(" in text
    assert "mynet.arch" in text
    assert not {"Template", "FILE"} & set(re.findall(r"\w+", text))
    assert command_line("check", "--strict", "mynet.arch").status == 0
    assert command_line("fmt", "--check", "mynet.arch").status == 0


def test_a_template_is_written_in_yaml_too(command_line: Callable[..., Said]) -> None:
    assert command_line("new", "mynet", "--yaml").out == "wrote mynet.yaml: archdsl report mynet.yaml\n"
    assert command_line("check", "mynet.yaml").status == 0
    assert "mynet.yaml" in Path("mynet.yaml").read_text(encoding="utf-8")


def test_a_file_that_is_there_stays_as_it_is(command_line: Callable[..., Said]) -> None:
    Path("mynet.arch").write_text("mine", encoding="utf-8")
    said = command_line("new", "mynet")
    assert (said.status, Path("mynet.arch").read_text(encoding="utf-8")) == (2, "mine")
    assert "there already" in said.err


@pytest.mark.parametrize("name", ["../x", "a.arch", "1st", "", "a b", "x" * 200])
def test_what_is_no_name_is_refused(name: str, command_line: Callable[..., Said]) -> None:
    said = command_line("new", name)
    assert said.status == 2
    assert list(Path().iterdir()) == []
