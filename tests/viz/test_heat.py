"""Figures of one's own as colours: read from a file, added up for whatever stands for several layers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import pytest

import viz
from archdsl.errors import SpecError
from archdsl.graph import Graph
from archdsl.own_figures import read_figures
from tests.conftest import Said
from tests.tools import BROWSER
from tests.viz.chromium import Chromium
from viz import heat_scale
from viz.html import views
from viz.html.document import document
from viz.html.overlay import overlay
from viz.html.pictures import pictures
from viz.look import Look
from viz.recolour import Theme, colour
from viz.theme import contrast

CODE = """
block unit(x) { x -> linear(8) -> relu }
network Net(x: [2, 8]) { x -> stem: linear(8) -> body: { repeat 3 { unit() } } -> head: linear(2) }
"""
FIGURES = """layer,latency (ms)
stem,4
body.0.linear,1
body.1.linear,2
body.2.linear,6
body.0.linear,0.5
*.relu,0.25
"""
INKS = {"#000": "#000000", "#fff": "#ffffff"}
BODY = {"body.0": 1.75, "body.1": 2.25, "body.2": 6.25}  # by hand


@pytest.fixture
def graph(graph_of: Callable[..., Graph]) -> Graph:
    return graph_of(CODE)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write_(text: str = FIGURES, name: str = "figures.csv") -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write_


def test_lines_of_a_layer_add_up_and_a_pattern_is_for_those_that_no_line_names(
    graph: Graph, write: Callable[..., Path]
) -> None:
    assert read_figures(write(f"{FIGURES}body.*,100\n"), graph).values == {
        "stem": 4.0,
        **{f"body.{i}.linear": value for i, value in enumerate((1.5, 2.0, 6.0))},
        **{f"body.{i}.relu": 0.25 for i in range(3)},  # the first pattern that fits
    }


@pytest.mark.parametrize(
    ("head", "rest", "title", "unit"),
    [
        ("layer,value", "", "figures", ""),
        ("layer,latency (ms)", "", "latency", "ms"),
        ("layer,value,unit,title", ",µs,time on a T4", "time on a T4", "µs"),
        ("\ufefflayer, norm ", "", "norm", ""),
    ],
)
def test_a_figure_has_its_title_and_unit_from_the_file(
    graph: Graph, write: Callable[..., Path], head: str, rest: str, title: str, unit: str
) -> None:
    found = read_figures(write(f"{head}\nstem,-1e-3{rest}\n"), graph)
    assert (found.title, found.unit, found.values) == (title, unit, {"stem": -0.001})


@pytest.mark.parametrize(
    ("line", "place", "says"),
    [
        ("stm,1", "figures.csv:3:1", "did you mean `stem`?"),
        ("body.1,1", "figures.csv:3:1", "`body.1` is a block, not a layer"),
        ("stem,much", "figures.csv:3:6", "`much` is not a number"),
        ("stem,inf", "figures.csv:3:6", "`inf` is not a number"),
        ("stem", "figures.csv:3:1", "is not a number"),
        ("toes.*,1", "figures.csv:3:1", "no layer fits `toes.*`"),
    ],
)
def test_a_wrong_line_is_pointed_at_with_a_way_out(
    graph: Graph, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, line: str, place: str, says: str
) -> None:
    path = write(f"layer,value\nhead,1\n{line}\n")
    monkeypatch.chdir(path.parent)
    with pytest.raises(SpecError) as caught:
        read_figures(path, graph)
    assert place in str(caught.value)
    assert says in str(caught.value)
    assert "help" in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n", "name,value\nstem,1\n", "layer\nstem\n", "layer,unit\nstem,ms\n"])
def test_a_file_without_its_columns_is_refused(graph: Graph, write: Callable[..., Path], text: str) -> None:
    with pytest.raises(SpecError, match="does not name the columns"):
        read_figures(write(text), graph)


def test_the_command_colours_by_a_file_and_says_what_is_wrong_with_one(
    write: Callable[..., Path], tmp_path: Path, command_line: Callable[..., Said]
) -> None:
    write(CODE, "net.arch")
    write()
    for file in ("net.html", "net.svg"):
        assert command_line("draw", "net.arch", "-o", file, "--heat", "figures.csv", cwd=tmp_path).status == 0
    write("layer,value\nhaed,1\n")
    done = command_line("draw", "net.arch", "-o", "new.svg", "--heat", "figures.csv")
    assert (done.status, "figures.csv:2:1" in done.err) == (2, True)
    assert not (tmp_path / "new.svg").exists()
    assert "--heat changes nothing" in command_line("draw", "net.arch", "-o", "n.dot", "--heat", "figures.csv").err


def test_groups_and_stages_of_a_page_have_the_sums_of_their_layers(graph: Graph, write: Callable[..., Path]) -> None:
    shown = views.build(graph)
    known = document(shown.scene, Look())
    own = read_figures(write(), graph)
    data, drawn = overlay(known, pictures(shown, known), [own])
    items = {item["path"]: item.get("own0") for item in data.data["items"] if item["kind"] != "output"}
    assert {path: items[path] for path in BODY} == BODY
    assert (items["body"], items["stem"], items["head"], items[""]) == (sum(BODY.values()), 4.0, None, 14.25)
    assert (
        data.data["figures"][-1] | {"key": "own0", "name": "latency", "of": "ms", "signed": False}
        == (data.data["figures"][-1])
    )
    parts = {part["path"]: part.get("own0") for part in drawn["stages"].data["parts"]}
    assert parts == {"x": None, "stem": 4.0, "body": sum(BODY.values()), "head": None}


def test_a_drawing_writes_and_colours_what_each_box_stands_for(graph: Graph, write: Callable[..., Path]) -> None:
    drawing = ElementTree.fromstring(viz.render(graph, "svg", heat=write(), depth=1))
    said = [text.text or "" for text in drawing.iter() if text.tag.endswith("text")]
    assert any("10.25 ms" in text for text in said)  # of the block, which is drawn once
    assert "4 ms" in said
    assert {"latency: 0 ms", "10.25 ms", "no value"} <= set(said)  # the legend
    fills = [shape.get("fill") for shape in drawing.iter() if shape.tag.endswith("rect")]
    assert heat_scale.HEAT[-1] in fills


def test_less_than_nothing_has_colours_of_its_own(graph: Graph, write: Callable[..., Path]) -> None:
    drawing = viz.render(graph, "svg", heat=write("layer,change\nstem,-2\nhead,1\n")).decode()
    assert heat_scale.COOL[-1] in drawing
    assert "change: -2" in drawing


@pytest.mark.parametrize("name", get_args(Theme))
def test_amounts_can_be_read_on_every_shade(name: Theme) -> None:
    for value in (step / 20 for step in range(-20, 21)):
        fill = heat_scale.shade(value, 1.0)
        assert re.fullmatch("#[0-9a-f]{6}", fill)
        assert contrast(INKS[heat_scale.ink(fill, name)], colour(fill, name)) >= 4.5


@BROWSER.needed()
def test_a_page_opens_with_the_heat_map_and_a_folded_block_has_the_sum_of_all_that_it_stands_for(
    graph: Graph, write: Callable[..., Path], tmp_path: Path, browser: Chromium
) -> None:
    (tmp_path / "net.html").write_bytes(viz.render(graph, "html", heat=write()))
    browser.open(tmp_path / "net.html", "stem;open=body")
    legend = "document.getElementById('legend').innerText"
    figures = "[...document.querySelectorAll('.box text.figure')].map(text => text.textContent)"
    assert browser.evaluate(figures) == ["4 ms", f"{sum(BODY.values())} ms"]
    assert "latency" in browser.evaluate(legend)
    assert "no value" in browser.evaluate(legend)
    browser.open(tmp_path / "net.html", "stem;open=body,body.0")
    assert browser.evaluate(figures) == ["4 ms", "9.5 ms", "0.75 ms"]
