"""Figures for documents: as wide as asked for, no higher than a page, and every letter can be read. Told by the SVG
alone: its size, and the sizes of its letters on paper."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from itertools import combinations
from typing import Any, get_args
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

import archdsl
import viz
from archdsl.graph import Graph
from archdsl.quantities import points
from tests.viz.test_legible import NETWORKS, lines
from viz.look import ViewName

LEAST = 6.0  # points of letters
ROUNDING = 0.02
PAGE = 9 * 72.0
VIEWS: tuple[ViewName, ...] = get_args(ViewName)
FEW: list[tuple[str, ViewName]] = [
    ("resnet18", "graph"),  # with blocks beside
    ("alexnet", "graph"),  # on two devices
    ("bert_tiny", "stages"),  # with long calls
    ("googlenet", "stages"),
    ("vgg_a", "volumes"),  # in rows
    ("yolov8n", "volumes"),  # in rows with letters
    ("unet", "volumes"),  # a U
]

CHAIN = "network Net(x: [N, 4, 8, 8]) { x -> for i in range(300) { conv(i + 1, 1) } }"
BRANCHES = (
    "network Net(x: [N, 4, 8, 8]) { concat([x -> conv(i + 1, 1) -> relu -> conv(i + 2, 3, padding = 1) "
    "for i in range(17)]) }"
)


@cache
def graph(name: str) -> Graph:
    return archdsl.load(name).graph


def figure(of: Graph, view: ViewName, width: str, **options: Any) -> Element:
    return ElementTree.fromstring(viz.render(of, "svg", view=view, width=width, **options))


def unreadable(page: Element, width: str) -> list[str]:
    """What is wrong with a figure."""
    wide, high = (float(page.attrib[side].removesuffix("pt")) for side in ("width", "height"))
    _, _, units, _ = (float(number) for number in page.attrib["viewBox"].split())
    sizes = [float(text.attrib["font-size"]) * wide / units for text in page.iter() if text.tag.endswith("}text")]
    found = [] if abs(wide - (points(width) or 0)) < ROUNDING else [f"{wide} points wide"]
    found += [f"{high} points high"] if high > PAGE + ROUNDING else []
    found += [f"letters of {min(sizes):.2f} points"] if min(sizes) < LEAST - ROUNDING else []
    texts = list(lines(page))
    found += [f"{a.said!r} and {b.said!r} overlap" for a, b in combinations(texts, 2) if a.overlaps(b)]
    found += [f"{a.said!r} is off the page" for a in texts if any(not -1 <= x <= wide + 1 for x, _ in a.corners())]
    return found


@pytest.mark.parametrize(("name", "view"), FEW)
def test_a_figure_for_a_column_can_be_read(name: str, view: ViewName) -> None:
    assert unreadable(figure(graph(name), view, "3.5in"), "3.5in") == []


@pytest.mark.heavy
@pytest.mark.parametrize("width", ["3.5in", "7in"])
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", NETWORKS)
def test_figures_of_the_whole_zoo_can_be_read(name: str, view: ViewName, width: str) -> None:
    assert unreadable(figure(graph(name), view, width), width) == []


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("text", [CHAIN, BRANCHES], ids=["a chain of 300 layers", "17 branches"])
def test_long_and_wide_networks_fit_on_a_page(graph_of: Callable[..., Graph], text: str, view: ViewName) -> None:
    assert unreadable(figure(graph_of(text), view, "7in"), "7in") == []


@pytest.mark.parametrize(("width", "wide"), [("88mm", 249.45), ("8.8cm", 249.45), ("252pt", 252.0), ("4in", 288.0)])
def test_a_width_has_a_unit(width: str, wide: float) -> None:
    page = figure(graph("lenet5"), "stages", width)
    assert page.attrib["width"] == f"{wide:.2f}pt"


@pytest.mark.parametrize("font", ["8.5pt", "10pt"])
def test_letters_are_as_large_as_asked_for_where_there_is_room(font: str) -> None:
    page = figure(graph("lenet5"), "graph", "7in", font=font)
    sizes = [float(text.attrib["font-size"]) for text in page.iter() if text.tag.endswith("}text")]
    assert points(font) in [pytest.approx(size, abs=ROUNDING) for size in sizes]


def test_a_figure_that_cannot_be_read_is_refused_with_what_would_do() -> None:
    with pytest.raises(viz.DrawingError, match=r"too narrow: the smallest letters .* ask for about \d"):
        figure(graph("lenet5"), "stages", "1in")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"width": "3.5"}, "`width` is a length"),
        ({"width": "0in"}, "`width` is a length"),
        ({"width": "3.5in", "font": "4pt"}, "`font` is a size"),
        ({"font": "8pt"}, "`font` goes with `width`"),
    ],
)
def test_what_is_no_size_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        viz.render(graph("lenet5"), "svg", **options)


@pytest.mark.parametrize("format", ["dot", "mmd", "html"])
def test_formats_that_are_laid_out_where_they_are_read_have_no_width(format: str) -> None:
    with pytest.raises(ValueError, match=f"{format} has no width"):
        viz.render(graph("lenet5"), format, width="3.5in")


def test_an_encoder_and_decoder_are_a_u() -> None:
    """Maps of one size stand at one height, the way down at the left and the way up at the right of it."""
    page = figure(graph("unet"), "volumes", "3.5in")
    at = {text.said: text for text in lines(page)}
    for down, up in (("64 × 568 × 568", "64 × 388 × 388"), ("128 × 280 × 280", "128 × 196 × 196")):
        assert at[down].top == pytest.approx(at[up].top, abs=0.1)
        assert at[down].right < at[up].left


def test_small_letters_are_never_too_small() -> None:
    assert unreadable(figure(graph("lenet5"), "graph", "7in", font="6pt"), "7in") == []


def test_tex_is_as_wide() -> None:
    text = viz.render(graph("lenet5"), "tex", view="stages", width="3.5in").decode()
    assert max(float(end) for end in re.findall(r"rectangle \(([\d.]+),", text)) == pytest.approx(252.0, abs=0.5)


def test_pdf_is_as_wide() -> None:
    pytest.importorskip("svglib")
    data = viz.render(graph("lenet5"), "pdf", view="stages", width="3.5in")
    found = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ", data)
    assert found is not None
    assert float(found[1]) == pytest.approx(252.0, abs=0.5)
