"""What a shell is offered, asked as click's own scripts ask."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from archdsl.cli import cli


def offered(line: str) -> list[str]:
    """The words that complete the last one of a command line, or the kind of file."""
    *words, begun = line.split(" ")
    found = BashComplete(cli, {}, "archdsl", "_ARCHDSL_COMPLETE").get_completions(words, begun)
    return [item.value if item.type == "plain" else f"<{item.type}>" for item in found]


def test_commands_are_offered() -> None:
    assert offered("re") == ["report"]


@pytest.mark.parametrize("command", ["report", "draw", "check", "lint", "diff resnet18", "compile", "place", "sweep"])
def test_networks_that_ship_are_offered_for_a_spec_and_files_too(command: str) -> None:
    found = offered(f"{command} resnet1")
    assert {"resnet18", "resnet101", "resnet152", "<file>"} <= set(found)
    assert "vgg16" not in found


def test_what_a_file_holds_is_offered_behind_its_colon(tmp_path: Path) -> None:
    spec = tmp_path / "net.arch"
    spec.write_text("network Net(x: [N, 3]) { x -> linear(2) }\nvariant other = Net()\n", encoding="utf-8")
    assert offered(f"report {spec}:") == [f"{spec}:Net", f"{spec}:other"]
    assert offered(f"report {spec}:o") == [f"{spec}:other"]
    spec.write_text("network {", encoding="utf-8")
    assert offered(f"report {spec}:") == []


def test_settings_of_the_network_are_offered() -> None:
    assert "classes=" in offered("draw resnet18 --set c")


def test_codes_and_operators_are_offered_to_explain() -> None:
    assert "shape-mismatch" in offered("explain shape-")
    assert {"conv", "conv_transpose"} <= set(offered("explain conv"))
