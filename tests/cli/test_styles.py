"""Tables are bold and dim where that helps reading: on a terminal, and nowhere else."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

import pytest

from archdsl.cli import cli
from archdsl.cli.terminal import print_sheets
from archdsl.network import load
from archdsl.presentation.layers import ReportView, layers, listing
from archdsl.sheet.sheet import Column, Line, Sheet

STYLE = re.compile("\x1b\\[[0-9;]*m")
BOLD, DIM = (re.compile(f"\x1b\\[{code}m(.*?)\x1b\\[0m") for code in "12")


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What is printed of a table, on a terminal or beside it."""

    def run(sheet: Sheet, *, terminal: bool = True, form: str = "text", width: int = 100) -> str:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
        for name in ("NO_COLOR", "FORCE_COLOR"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("TERM", "xterm")
        print_sheets([sheet], form, width)
        return capsys.readouterr().out

    return run


@pytest.fixture(scope="module")
def report() -> Sheet:
    network = load("resnet18")
    return layers(network.graph, network.report(), ReportView())


def test_headings_blocks_totals_and_the_network_are_bold_rules_and_labels_dim(
    report: Sheet, printed: Callable[..., str]
) -> None:
    said = printed(report)
    bold, dim = BOLD.findall(said), DIM.findall(said)
    assert bold[0].split() == ["layer", "operator", "output", "params", "MACs", "field"]
    assert {"layer1", "layer4", "resnet18 (ResNet): 69 layers"} <= set(bold)
    assert [line.split()[0] for line in bold].count("total") == 1
    assert "conv1" not in bold
    assert {"inputs", "MACs", "receptive field"} <= set(dim)
    assert all(set(line) <= set("─ ") for line in dim[:2])


@pytest.mark.parametrize("width", [60, 100])
def test_styles_change_no_letter(report: Sheet, printed: Callable[..., str], width: int) -> None:
    assert STYLE.sub("", printed(report, width=width)) == printed(report, terminal=False, width=width)


@pytest.mark.parametrize("form", ["text", "csv", "markdown", "html", "json"])
def test_what_is_piped_has_no_styles(printed: Callable[..., str], form: str) -> None:
    assert "\x1b" not in printed(listing(load("lenet5").report()), terminal=form != "text", form=form)


@pytest.mark.parametrize(
    ("arguments", "styled"),
    [
        (["report", "lenet5"], True),
        (["report", "lenet5", "--no-color"], False),
        (["--no-color", "report", "lenet5"], False),
    ],
)
def test_no_color_is_an_option_of_every_command(
    arguments: list[str], styled: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    cli.main(arguments, prog_name="archdsl", standalone_mode=False)
    assert ("\x1b" in capsys.readouterr().out) is styled


@pytest.mark.parametrize("name", ["a\x1b[1mb", "a\ue0001\ue001b\ue002"])
def test_nothing_in_a_table_steers_the_terminal(printed: Callable[..., str], name: str) -> None:
    said = printed(Sheet("t", (Column("layer"),), (Line((name,)),)))
    assert "\x1b" not in BOLD.sub("", DIM.sub("", said))
    assert "b" in said
