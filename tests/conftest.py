"""What several tests use."""

from __future__ import annotations

import cProfile
import io
import os
import pstats
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, cast

import pytest
from hypothesis import settings

from archdsl.elaborate import Choices, elaborate
from archdsl.graph import Graph
from archdsl.network import Network
from archdsl.program import parse_string
from tests.tools import left_out

ROOT = Path(__file__).resolve().parent.parent

# Workers share the cores: threads of torch in each of them would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")


# What is generated is the same in every run, so that a test fails for a change and for nothing else; `make fuzz` draws
# anew (--hypothesis-profile=random).
settings.register_profile("derandomised", derandomize=True, database=None, deadline=None)
settings.register_profile("random", derandomize=False, database=None, deadline=None, print_blob=True)
settings.load_profile("derandomised")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the expected texts anew")
    parser.addoption("--order", help="run the tests in another order: `reverse`, or a number that shuffles them")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    order = config.getoption("--order")
    if order == "reverse":
        items.reverse()
    elif order is not None:
        random.Random(int(order)).shuffle(items)


@pytest.hookimpl(hookwrapper=True, tryfirst=True)  # after the last line of pytest's own
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Say what was left out and how to get it. Where all tools are to be there ($ALL_TOOLS), that is a failure."""
    yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(session.config, "workerinput"):
        return
    skipped = [report.longrepr[2] for report in reporter.stats.get("skipped", ()) if isinstance(report.longrepr, tuple)]
    lines, had_to_run = left_out(skipped)
    if lines:
        reporter.write_line(f"left out: {', '.join(lines)}", yellow=True)
    if had_to_run and os.environ.get("ALL_TOOLS"):
        reporter.write_line("failed: $ALL_TOOLS says that nothing may be left out for want of a tool", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compares a text with a file, or writes the file where --update-golden is given."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path} is missing: `make golden` writes it"
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture
def graph_of() -> Callable[..., Graph]:
    """The elaborated graph of a text: of the network or variant named, or of the only network."""

    def build(code: str, name: str | None = None, **choices: object) -> Graph:
        program = parse_string(code)
        network, variant = program.find(name)
        return elaborate(network, program.definitions, variant, Choices(**choices))  # type: ignore[arg-type]

    return build


@pytest.fixture
def network_of(graph_of: Callable[..., Graph]) -> Callable[..., Network]:
    """The network of a text."""
    return lambda code, name=None, **choices: Network(graph_of(code, name, **choices))


class Said(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Runs a command as `archdsl` does, but in this process, which is faster.

    `cwd` is the working directory from then on, `text` what is on standard input.
    """
    from archdsl.cli import main

    def run(*arguments: str, cwd: Path | None = None, text: str | None = None) -> Said:
        monkeypatch.setenv("NO_COLOR", "1")
        if cwd is not None:
            monkeypatch.chdir(cwd)
        if text is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8"))
        monkeypatch.setattr(sys, "argv", ["archdsl", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        assert isinstance(stop.value.code, int)
        return Said(stop.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def calls_of() -> Callable[[Callable[[], object]], int]:
    """How many functions something calls: what it costs, on any machine."""

    def count(run: Callable[[], object]) -> int:
        profile = cProfile.Profile()
        profile.runcall(run)
        return cast(int, pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]

    return count
