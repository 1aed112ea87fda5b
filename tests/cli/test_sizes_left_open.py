"""--at gives sizes that a spec leaves open a value, in every command that has a use for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Said

OPEN = "network Open(x: [N, 3, H, W]) { x -> conv(4, 3) -> relu -> max_pool(2) }"


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "open.arch").write_text(OPEN, encoding="utf-8")
    return "open.arch"


@pytest.mark.parametrize("view", ["graph", "stages", "volumes"])
@pytest.mark.parametrize("suffix", ["svg", "html"])
def test_a_drawing_has_the_sizes(spec: str, suffix: str, view: str, command_line: Callable[..., Said]) -> None:
    assert command_line(*f"draw {spec} -o open.{suffix} --view {view} --at N=2,H=32,W=16".split()).status == 0
    text = Path(f"open.{suffix}").read_text(encoding="utf-8")
    assert "H - 2" not in text
    assert ("[2, 4, 30, 14]" in text) if view == "graph" else ("15 × 7" in text)


def test_a_drawing_without_them_has_symbols(spec: str, command_line: Callable[..., Said]) -> None:
    assert command_line(*f"draw {spec} -o open.svg".split()).status == 0
    assert "[N, 4, H - 2, W - 2]" in Path("open.svg").read_text(encoding="utf-8")


def test_a_compiled_network_is_that_of_the_sizes(spec: str, command_line: Callable[..., Said]) -> None:
    assert command_line(*f"compile {spec} --at N=2,H=32,W=16".split()).status == 0


def test_a_difference_is_that_of_the_sizes(spec: str, command_line: Callable[..., Said]) -> None:
    Path("other.arch").write_text(OPEN.replace("relu", "tanh"), encoding="utf-8")
    assert command_line(*f"diff {spec} other.arch -o both.svg --at H=32,W=16".split()).status == 0
    assert "H - 2" not in Path("both.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["report {}", "compile {}", "draw {} -o open.svg", "diff {} {}"])
@pytest.mark.parametrize(("sizes", "says"), [("L=3", "no input has a size called `L`"), ("H=x", "is not NAME=SIZE")])
def test_a_size_that_cannot_be_is_refused(
    spec: str, command: str, sizes: str, says: str, command_line: Callable[..., Said]
) -> None:
    done = command_line(*f"{command.format(spec, spec)} --at {sizes}".split())
    assert done.status != 0
    assert says in f"{done.out} {done.err}"


@pytest.mark.parametrize("command", ["report {} {}", "sweep {} --over N=1"])
def test_what_the_sizes_leave_open_is_a_question_mark(
    command: str, tmp_path: Path, command_line: Callable[..., Said]
) -> None:
    steps = "x -> conv(8, 3) -> relu -> conv(4, 1) -> conv(16, 3, stride = 2) -> global_avg_pool"
    (tmp_path / "net.arch").write_text(f"network T(x: [N, 3, H, W]) {{ {steps} }}\n")
    assert "?" in command_line(*command.replace("{}", str(tmp_path / "net.arch")).split()).out


def test_it_may_be_given_several_times(spec: str, command_line: Callable[..., Said]) -> None:
    apart = command_line("report", spec, "--at", "H=32", "--at", "W=16")
    assert apart == command_line("report", spec, "--at", "H=32,W=16")
    assert apart.status == 0


def test_a_size_that_is_given_twice_is_refused(spec: str, command_line: Callable[..., Said]) -> None:
    done = command_line(*f"report {spec} --at H=32 --at H=16".split())
    assert done.status == 2
    assert "`H` is given twice" in done.err
