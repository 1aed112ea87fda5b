"""Every table that a command prints is as wide as the terminal, and whole where it is piped."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from archdsl.sheet import formats
from archdsl.sheet.formats import render, render_all
from archdsl.sheet.sheet import Column, Line, Sheet
from tests.conftest import Said

Run = Callable[..., Said]

TABLES = [
    "report resnet50",
    "report googlenet --depth 2",
    "report alexnet --all",
    "report inception_v4 --stages",
    "report vit_b_16 --fields",
    "report googlenet --by stage",
    "report resnet50 --by operator",
    "report resnet50 --explain-counts",
    "report alexnet --memory",
    "report resnet50 --time h100",
    "report resnet18 resnet34 resnet50 resnet101 resnet152 vgg16 googlenet",
    "zoo",
    "zoo --table",
    "sweep resnet18 vgg11 --over image=1x3x224x224,1x3x299x299 --pareto params,macs",
    "diff resnet50 resnet50_paper",
    "diff alexnet_one_column alexnet_torchvision",
    "fit resnet18 --memory 8GiB",
    "bench lenet5 --rounds 4 --profile h100",
    "lint --list",
    "explain",
]


@pytest.mark.parametrize("command", TABLES)
def test_no_line_is_longer_than_the_terminal(command: str, command_line: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[Sheet] = []

    def recorded(sheets: Sequence[Sheet], form: str, width: int | None = None) -> str:
        printed.extend(sheets)
        return render_all(sheets, form, width)

    monkeypatch.setattr(formats, "render_all", recorded)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    said = command_line(*command.split())
    assert (said.status, said.out) == (0, render_all(printed, "text", 80))
    for width in (60, 80, 100, 120):
        assert [line for line in render_all(printed, "text", width).splitlines() if len(line) > width] == []
    assert "left out to fit" not in render_all(printed, "text")


@pytest.mark.parametrize("command", ["report lenet5 --by operator", "diff resnet18 resnet34", "lint --list"])
def test_what_is_piped_is_whole(command_line: Run, command: str) -> None:
    piped = command_line(*command.split()).out
    assert piped == command_line(*command.split(), *([] if "--list" in command else ["--width", "1000"])).out


def test_the_zoo_says_once_where_networks_come_from(command_line: Run) -> None:
    lines = command_line("zoo").out.splitlines()
    assert len([line for line in lines if line.startswith("VGG")]) == 1
    assert len([line for line in lines if line.startswith("  vgg")]) > 4


@pytest.mark.parametrize("command", ["zoo", "fit lenet5 --memory 1GiB", "report resnet18 resnet34"])
def test_tables_have_the_same_formats(command_line: Run, command: str) -> None:
    rows = list(csv.reader(io.StringIO(command_line(*command.split(), "--format", "csv").out)))
    assert len({len(row) for row in rows}) == 1
    assert json.loads(command_line(*command.split(), "--json").out)["archdsl"] == 1
    assert command_line(*command.split(), "--format", "markdown").out.startswith("| ")
    assert command_line(*command.split(), "--format", "html").out.startswith("<!DOCTYPE html>")


def test_networks_of_one_name_are_told_apart(command_line: Run, tmp_path: Path) -> None:
    for name, width in (("a", 4), ("b", 5)):
        text = f"network Net(x: [N, 8]) {{ x -> linear({width}) }}\nvariant n = Net()\n"
        (tmp_path / f"{name}.arch").write_text(text, encoding="utf-8")
    a, b = (f"{tmp_path / name}.arch:n" for name in "ab")
    assert command_line("report", a, b).out.splitlines()[0].split() == ["a.arch:n", "b.arch:n"]
    assert command_line("diff", a, b).out.splitlines()[0] == "a.arch:n → b.arch:n"
    assert json.loads(command_line("diff", a, b, "--json").out)["b"]["name"] == "b.arch:n"


# --- how texts are fitted

WORDS = "a text of some words that goes on and on until it is longer than any line of the table may be"


def sheet(*columns: Column, lines: tuple[Line, ...], **more: object) -> Sheet:
    return Sheet("title", columns, lines, **more)  # type: ignore[arg-type]


def test_texts_that_may_wrap_go_on_in_their_column() -> None:
    shown = render(sheet(Column("name"), Column("says", wrap=True), lines=(Line(("one", WORDS)),)), "text", 40)
    head, _, first, second, *_ = shown.splitlines()
    assert head.index("says") == first.index("a text") == len(second) - len(second.lstrip())
    assert WORDS in " ".join(shown.split())


def test_columns_that_fit_nowhere_stand_in_a_table_below() -> None:
    columns = (Column("name"), *(Column(f"network{i}", "count") for i in range(8)))
    shown = render(sheet(*columns, lines=(Line(("layers", *range(8))),)), "text", 40)
    tables = shown.split("\n\n")
    assert len(tables) > 1
    assert all(table.startswith("name") for table in tables)
    headings = [word for table in tables for word in table.splitlines()[0].split()[1:]]
    assert headings == [f"network{i}" for i in range(8)]


def test_a_group_stands_once_above_its_lines() -> None:
    lines = (Line(("p", "a", 1)), Line(("p", "b", 2)), Line(("q", "c", 3)))
    shown = render(sheet(Column("paper", group=True), Column("name"), Column("n", "count"), lines=lines), "text")
    assert [line.split() for line in shown.splitlines()[2:]] == [["p"], ["a", "1"], ["b", "2"], ["q"], ["c", "3"]]


def test_a_listing_has_so_many_lines_of_a_group_at_most() -> None:
    columns = (Column("group", group=True), Column("layers"), Column("what"))
    found = sheet(*columns, lines=tuple(Line(("changed", f"l{i}", "x")) for i in range(5)), listing=True, most=3)
    assert render(found, "text").splitlines() == [
        "title", "", "changed", "  l0: x", "  l1: x", "  l2: x", "  … and 2 more; --json has all",
    ]  # fmt: skip
    assert len(render(found, "csv").splitlines()) == 6


def test_tables_that_belong_together_stand_below_one_another() -> None:
    one = sheet(Column("a"), lines=(Line(("x",)),))
    assert render_all([one, one], "text") == f"{render(one, 'text')}\n{render(one, 'text')}"
