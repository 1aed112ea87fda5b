"""What can be said of every picture: its letters are on the page, none covers another or is struck out, and all can be
read. Besides networks of the zoo, those of `drawn` are looked at, each of which has what the zoo has not."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import NamedTuple, get_args
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

import archdsl
import viz
from archdsl.pipeline import load_graph
from archdsl.sheet.units import magnitude
from archdsl.shipped import zoo
from viz import lettering, palette, theme
from viz.graph.columns import letters
from viz.look import Depth, ViewName

SVG = "{http://www.w3.org/2000/svg}"
PAGE = (6.5 * 72, 9 * 72)  # what is left between the margins of a sheet of letter paper
READABLE = 6.0  # points
FAINT = 5.2  # of the smallest letters of a graph, which has more to say
SLACK = 1.5  # points by which letters, which do not fill their boxes, may seem to overlap

# One network of each file of the zoo, and those that differ from it in form.
FIRST = {file: variant for variant, file in reversed(zoo().items())}
NETWORKS = [*sorted(FIRST.values()), "alexnet_grouped", "inception_resnet_v2_paper", "resnet152", "unet_padded"]
# What cannot be read yet, by the test that fails: spec or network, and view.
NOT_YET: dict[str, set[tuple[str, ViewName]]] = {}
DRAWN = sorted((Path(__file__).resolve().parent / "drawn").glob("*.arch"))
FLAT: tuple[ViewName, ...] = ("stages", "volumes")  # the views that are no graphs


class Line(NamedTuple):
    """A line of text in a frame that is turned as the text is."""

    said: str
    angle: float
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Line) -> bool:
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return self.angle == other.angle and across > SLACK and down > SLACK

    def holds(self, x: float, y: float) -> bool:
        """Whether a point of the page is among its letters."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        x, y = x * cos + y * sin, y * cos - x * sin
        return self.left < x < self.right and self.top < y < self.bottom

    def corners(self) -> Iterator[tuple[float, float]]:
        """Where it is on the page."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        for x in (self.left, self.right):
            for y in (self.top, self.bottom):
                yield x * cos - y * sin, x * sin + y * cos


def lines(part: Element, x: float = 0.0, y: float = 0.0) -> Iterator[Line]:
    for child in part:
        moved = re.search(r"translate\(([-\d.]+)[ ,]([-\d.]+)\)", child.get("transform", ""))
        place = (x + float(moved[1]), y + float(moved[2])) if moved else (x, y)
        yield from lines(child, *place)
        if child.tag == f"{SVG}text" and (child.text or "").strip():
            yield line(child, *place)


def line(text: Element, x: float, y: float) -> Line:
    turned = re.search(r"rotate\(([-\d.]+)", text.get("transform", ""))
    angle = math.radians(float(turned[1])) if turned else 0.0
    x, y = x + float(text.get("x", "0")), y + float(text.get("y", "0"))
    x, y = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    size, said = float(text.get("font-size", "12")), text.text or ""
    width = lettering.width(said, size)
    left = x - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[text.get("text-anchor", "start")]
    return Line(said, angle, left, y - size * 0.7, left + width, y + size * 0.15)


def shapes(part: Element, x: float = 0.0, y: float = 0.0) -> Iterator[tuple[Element, float, float]]:
    """The elements of a drawing, each with where its origin is on the page."""
    for child in part:
        moved = re.search(r"translate\(([-\d.]+)[ ,]([-\d.]+)\)", child.get("transform", ""))
        place = (x + float(moved[1]), y + float(moved[2])) if moved else (x, y)
        yield child, *place
        yield from shapes(child, *place)


def pairs(numbers: str) -> list[tuple[float, float]]:
    found = [float(number) for number in re.findall(r"-?[\d.]+", numbers)]
    return list(zip(found[::2], found[1::2], strict=True))


def curves(page: Element) -> Iterator[tuple[float, float]]:
    """Points on the curves of a drawing, which skips are."""
    for shape, x, y in shapes(page):
        if "C" in shape.get("d", ""):
            a, b, c, d = pairs(shape.get("d", ""))
            for t in (step / 40 for step in range(1, 40)):
                weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
                across, down = (sum(w * p[i] for w, p in zip(weights, (a, b, c, d), strict=True)) for i in (0, 1))
                yield x + across, y + down


def corners(page: Element) -> Iterator[tuple[float, float]]:
    """The corners of solids, boxes and lines."""
    for shape, x, y in shapes(page):
        if shape.tag == f"{SVG}rect" and not shape.get("width", "").endswith("%"):
            left, top, width, height = (float(shape.get(key, "0")) for key in ("x", "y", "width", "height"))
            yield from ((x + left, y + top), (x + left + width, y + top + height))
        found = shape.get("points", "") or (shape.get("d", "") if "C" not in shape.get("d", "") else "")
        yield from ((x + across, y + down) for across, down in pairs(found))


@cache
def picture(spec: str | Path, view: ViewName) -> Element:
    try:
        graph = archdsl.load(spec).graph
    except archdsl.SpecError as error:
        assert error.graph is not None
        graph = error.graph
    return ElementTree.fromstring(viz.render(graph, "svg", view=view))


def size(page: Element) -> tuple[float, float]:
    _, _, width, height = (float(n) for n in page.attrib["viewBox"].split())
    return width, height


@pytest.fixture(autouse=True)
def not_yet(request: pytest.FixtureRequest) -> None:
    """Marks the tests of `NOT_YET`, which must fail until the picture is mended."""
    given = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    shown = given.get("spec", given.get("name")), given.get("view", "graph")
    if shown in NOT_YET.get(request.function.__name__, set()):
        request.applymarker(pytest.mark.xfail(reason="a picture that is hard to read", strict=True))


def pictures(*views: ViewName) -> pytest.MarkDecorator:
    """Runs a test on each picture of the zoo in these views, and on those of `drawn` where it is no graph."""
    shipped = [pytest.param(name, view, id=f"{name}-{view}") for name in NETWORKS for view in views]
    flat = [view for view in views if view in FLAT]
    drawn = [pytest.param(file, view, id=f"{file.stem}.arch-{view}") for file in DRAWN for view in flat]
    return pytest.mark.parametrize(("spec", "view"), [*shipped, *drawn])


@pictures(*get_args(ViewName))
def test_texts_are_on_the_page(spec: str | Path, view: ViewName) -> None:
    page = picture(spec, view)
    width, height = size(page)
    outside = [
        text.said
        for text in lines(page)
        if any(not (-1 <= x <= width + 1 and -1 <= y <= height + 1) for x, y in text.corners())
    ]
    assert outside == []


@pictures(*get_args(ViewName))
def test_no_text_covers_another(spec: str | Path, view: ViewName) -> None:
    found = list(lines(picture(spec, view)))
    assert [(a.said, b.said) for a, b in combinations(found, 2) if a.overlaps(b)] == []


@pictures(*FLAT)
def test_no_skip_strikes_a_text_out(spec: str | Path, view: ViewName) -> None:
    page = picture(spec, view)
    points = list(curves(page))
    assert [text.said for text in lines(page) if any(text.holds(*point) for point in points)] == []


@pictures("volumes")
def test_no_line_strikes_a_name_out(spec: str | Path, view: ViewName) -> None:
    page = picture(spec, view)
    points = list(straight(page))
    assert [text.said for text in lines(page) if any(text.holds(*point) for point in points)] == []


def straight(page: Element) -> Iterator[tuple[float, float]]:
    """Points on the straight lines of a drawing between solids."""
    for shape, x, y in shapes(page):
        if "L" in shape.get("d", "") and shape.get("stroke") in (theme.EDGE, theme.CROSSING):
            for a, b in pairwise(pairs(shape.get("d", ""))):
                yield from ((x + across, y + down) for across, down in between(a, b))


@pictures(*FLAT)
def test_a_shape_is_never_that_of_the_batch_alone(spec: str | Path, view: ViewName) -> None:
    assert not {"N", "[N]"} & {text.said for text in lines(picture(spec, view))}


@pictures(*FLAT)
def test_shapes_are_on_the_page(spec: str | Path, view: ViewName) -> None:
    page = picture(spec, view)
    width, height = size(page)
    assert all(-1 <= x <= width + 1 and -1 <= y <= height + 1 for x, y in corners(page))


@pictures("stages")
def test_a_table_can_be_read_on_a_page(spec: str | Path, view: ViewName) -> None:
    width, height = size(picture(spec, view))
    assert theme.SMALL * min(1.0, PAGE[0] / width, PAGE[1] / height) >= READABLE


def edges(page: Element, kind: str) -> Iterator[list[tuple[float, float]]]:
    """Points along the lines of the edges of a graph, as they stand on the page."""

    def visit(part: Element, x: float, y: float) -> Iterator[list[tuple[float, float]]]:
        for child in part:
            moved = re.search(r"translate\(([-\d.]+)[ ,]([-\d.]+)\)", child.get("transform", ""))
            place = (x + float(moved[1]), y + float(moved[2])) if moved else (x, y)
            if child.get("class") == kind:
                yield from ([(a + place[0], b + place[1]) for a, b in along(p)] for p in child.iter(f"{SVG}path"))
            else:
                yield from visit(child, *place)

    yield from visit(page, 0.0, 0.0)


def along(path: Element) -> Iterator[tuple[float, float]]:
    numbers = [float(n) for n in re.findall(r"-?[\d.]+", path.get("d", ""))]
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    for i in range(0, len(points) - 3, 3):
        for step in range(13):
            t, u = step / 12, 1 - step / 12
            weights = (u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t)
            x, y = (sum(w * p[k] for w, p in zip(weights, points[i : i + 4], strict=True)) for k in (0, 1))
            yield x, y


def titles(page: Element) -> Iterator[Line]:
    """The titles of frames."""

    def visit(part: Element, x: float, y: float) -> Iterator[Line]:
        for child in part:
            moved = re.search(r"translate\(([-\d.]+)[ ,]([-\d.]+)\)", child.get("transform", ""))
            place = (x + float(moved[1]), y + float(moved[2])) if moved else (x, y)
            yield from lines(child, *place) if child.get("class") == "title" else visit(child, *place)

    yield from visit(page, 0.0, 0.0)


@pytest.mark.parametrize("name", NETWORKS)
def test_no_edge_strikes_a_title_out(name: str) -> None:
    page = picture(name, "graph")
    points = [point for curve in edges(page, "edge") for point in curve]
    struck = [t.said for t in titles(page) for x, y in points if t.left < x < t.right and t.top < y < t.bottom]
    assert struck == []


@pytest.mark.parametrize("name", NETWORKS)
def test_no_edge_crosses_a_label(name: str) -> None:
    page = picture(name, "graph")
    points = [point for curve in edges(page, "edge") for a, b in pairwise(curve) for point in between(a, b)]
    shapes = [text for text in lines(page) if text.said.startswith("[") and not text.angle]
    assert [text.said for text in shapes if any(text.holds(*point) for point in points)] == []


def between(a: tuple[float, float], b: tuple[float, float]) -> Iterator[tuple[float, float]]:
    """Points on a line, no farther apart than a letter is wide."""
    steps = 1 + int(math.dist(a, b) / 3)
    return ((a[0] + (b[0] - a[0]) * i / steps, a[1] + (b[1] - a[1]) * i / steps) for i in range(steps))


@pytest.mark.parametrize("depth", ["fit", 1])
@pytest.mark.parametrize("name", NETWORKS)
def test_data_never_flows_upwards(name: str, depth: Depth) -> None:
    fits = depth == "fit"
    page = picture(name, "graph") if fits else ElementTree.fromstring(viz.render(load_graph(name), "svg", depth=depth))
    assert [curve for curve in edges(page, "edge") if curve[-1][1] < curve[0][1]] == []


@pytest.mark.parametrize("name", NETWORKS)
def test_a_graph_can_be_read_on_a_page(name: str) -> None:
    assert letters(*size(picture(name, "graph"))) >= FAINT


RAW = re.compile(r"\w\([^)]|\bfalse\b|\btrue\b|^0 … |(dropout|drop_path) 0$|^repeat.* ×|\(× \d")


@pictures(*get_args(ViewName))
def test_labels_have_words_for_arguments(spec: str | Path, view: ViewName) -> None:
    said = [text.said for text in lines(picture(spec, view))]
    assert [text for text in said[1:] if RAW.search(text)] == []


@pictures(*get_args(ViewName))
def test_the_title_says_the_totals(spec: str | Path, view: ViewName) -> None:
    head = {text.said for text in list(lines(picture(spec, view)))[:3]}
    try:
        report = archdsl.load(spec).report()
    except archdsl.SpecError:
        return
    said = " ".join(head)
    if report.params:
        assert f"{magnitude(report.params)} params" in said
    if isinstance(report.macs, int) and report.macs:
        assert f"{magnitude(report.macs)} MACs" in said
    for side in (report.inputs, [output for output in report.outputs if output[2] == "both"]):
        assert len(side) > 2 or all(str(shape[-1]) in said for _, shape, *_ in side)


def luminance(grey: str) -> float:
    value = int(grey[1:3], 16) / 255
    return value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4


@pictures(*get_args(ViewName))
def test_kinds_that_stand_in_one_picture_differ_in_print_and_closed_blocks_are_the_darkest(
    spec: str | Path, view: ViewName
) -> None:
    page = picture(spec, view)
    legend = [
        said.text or "" for part in page.iter() if part.get("class") == "legend" for said in part.iter() if said.text
    ]
    kinds = [kind for kind in theme.WEIGHT if kind in legend or (kind == "block" and "block, not opened" in legend)]
    shades = {kind: luminance(colour.fill) for kind, colour in palette.greys(kinds).items()}
    assert all((max(a, b) + 0.05) / (min(a, b) + 0.05) >= 1.14 for a, b in combinations(shades.values(), 2))
    assert "block" not in shades or shades["block"] == min(shades.values())
