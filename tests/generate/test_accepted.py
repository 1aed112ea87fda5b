"""What `check` accepts, every command accepts: with sizes that are open and that are not, in every view and format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.conftest import Said
from tests.generate.accepted import COMMANDS, NETWORKS, Accepted, arguments
from tests.generate.networks import Generated, generated

MAY_COMPLAIN = {"lint", "fmt"}  # with status 1, of what is right


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, net in NETWORKS.items():
        Path(f"{name}.arch").write_text(f"network Net({net.text}\n", encoding="utf-8")


def refused(name: str, net: Accepted, run: Callable[..., Said]) -> dict[str, str]:
    """The commands that do not do what they are asked, with what they say."""
    found = {}
    for command in COMMANDS:
        line = arguments(command, name, net)
        said = run(*line)
        if said.status > (line[0] in MAY_COMPLAIN):
            found[" ".join(line)] = (said.err or said.out)[-300:]
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_every_command_takes_it(name: str, command_line: Callable[..., Said]) -> None:
    assert refused(name, NETWORKS[name], command_line) == {}


@settings(
    max_examples=5, derandomize=True, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(generated())
def test_every_command_takes_a_generated_network(command_line: Callable[..., Said], net: Generated) -> None:
    Path("generated.arch").write_text(net.text, encoding="utf-8")
    _, _, height, width = net.shapes["x"]
    shape = "x=" + "x".join(map(str, net.shapes["x"]))
    sizes = Accepted(net.text, f"H={height},W={width}" if net.symbolic else "", (shape,) if net.symbolic else ())
    assert refused("generated", sizes, command_line) == {}
