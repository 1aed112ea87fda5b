"""Feature maps as solids."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import isclose, sqrt
from pathlib import Path
from xml.etree import ElementTree

import pytest

import archdsl
import viz
from archdsl.graph import Graph
from viz import volumes
from viz.volumes import Solid, Volumes

GOLDEN = Path(__file__).resolve().parent / "golden"
SVG = "{http://www.w3.org/2000/svg}"

PLAIN = """
network Net(x: [N, 4, 64, 64]) {
    x -> repeat 2 { conv(16, 3, padding = 1) -> relu } -> max_pool(2) -> conv(36, 5) -> flatten -> linear(100)
}
"""
SKIP = """
network Net(x: [N, 4, 64, 64]) {
    a = x -> one: conv(16, 3, padding = 1)
    b = a -> two: max_pool(2) -> three: conv(32, 3, padding = 1) -> four: conv_transpose(16, 2, stride = 2)
    concat(a, b) -> relu -> five: conv(2, 1)
}
"""
TOWERS = """
network Net(x: [N, 4, 64, 64]) {
    device upper, lower
    a = x -> a: conv(16, 3) @upper
    b = x -> b: conv(16, 3) @lower
    c = concat(a, b) -> c: conv(16, 3) @upper
    d = concat(a, b) -> d: conv(16, 3) @lower
    concat(c, d) -> global_avg_pool
}
"""


@pytest.fixture
def solids(graph_of: Callable[..., Graph]) -> Callable[[str], Volumes]:
    return lambda code: volumes.build(graph_of(code))


def named(found: Volumes) -> dict[str, Solid]:
    return {solid.stage.label: solid for solid in found.solids}


def test_sides_follow_the_square_roots(solids: Callable[[str], Volumes]) -> None:
    image, convs, pool, conv, dense = solids(PLAIN).solids
    assert image.height == image.depth == volumes.TALLEST
    assert isclose(pool.height, volumes.TALLEST / sqrt(2))
    assert isclose(conv.thickness / convs.thickness, sqrt(36 / 16))
    assert dense.height == volumes.THICKNESS * 10


def test_equal_layers_in_a_row_are_slabs(solids: Callable[[str], Volumes]) -> None:
    assert [solid.slabs for solid in solids(PLAIN).solids] == [1, 2, 1, 1, 1]


def test_layers_that_pass_maps_on_are_no_solids(solids: Callable[[str], Volumes]) -> None:
    assert list(named(solids(SKIP))) == ["x", "one", "two", "three", "four", "five"]


def test_what_is_read_through_them_is_linked(solids: Callable[[str], Volumes]) -> None:
    found = solids(SKIP)
    paths = [solid.stage.path for solid in found.solids]
    ends = [(paths[link.source], paths[link.target]) for link in found.links]
    assert ("one", "five") in ends
    assert ("four", "five") in ends


def test_solids_do_not_overlap(solids: Callable[[str], Volumes]) -> None:
    for a, b in pairwise(solids(PLAIN).solids):
        assert a.x + a.width + a.recess[0] < b.x
    upper, lower = (named(solids(TOWERS))[name] for name in "ab")
    assert upper.y + upper.height / 2 < lower.top


def test_windows_are_marked_as_large_as_they_are(solids: Callable[[str], Volumes]) -> None:
    image, convs, pool, conv, dense = solids(PLAIN).solids
    assert volumes.patch(image, convs.stage.kernel) == (3 / 64, 3 / 64)
    assert volumes.patch(pool, conv.stage.kernel) == (5 / 32, 5 / 32)
    assert volumes.patch(conv, dense.stage.kernel) is None


def test_skips_are_arcs_above_what_they_pass(graph_of: Callable[..., Graph]) -> None:
    drawing = ElementTree.fromstring(viz.render(graph_of(SKIP), "svg", view="volumes"))
    curves = [path.get("d", "") for path in drawing.iter(f"{SVG}path") if "C" in path.get("d", "")]
    assert len(curves) == 1
    top = min(solid.top for solid in volumes.build(graph_of(SKIP)).solids)
    points = [float(pair.split(",")[1]) for pair in curves[0].replace("M", " ").replace("C", " ").split()]
    assert (points[0] + 3 * points[1] + 3 * points[2] + points[3]) / 8 < top


def test_lines_between_devices_stand_out(graph_of: Callable[..., Graph]) -> None:
    drawing = viz.render(graph_of(TOWERS), "svg", view="volumes").decode()
    assert "between devices" in drawing


def test_networks_without_maps_are_drawn(graph_of: Callable[..., Graph]) -> None:
    for code in ("network N(x: [M, 3]) { x -> relu }", "network N(x: [M, 3, H, W]) { x -> conv(8, 3) }"):
        assert viz.render(graph_of(code), "svg", view="volumes").startswith(b"<?xml")


@pytest.mark.parametrize("name", ["densenet121", "inception_v4", "resnet18", "siamese", "vit_b_16"])
def test_networks_of_the_zoo_have_a_picture(name: str) -> None:
    found = volumes.build(archdsl.load(name).graph)
    assert len(found.solids) > 3
    assert all(a.x + a.width + a.recess[0] < b.x for a, b in pairwise(found.solids) if a.column < b.column)


@pytest.mark.parametrize("name", ["skip", "towers"])
def test_the_picture_is_the_expected(
    name: str, golden: Callable[[Path, str], None], graph_of: Callable[..., Graph]
) -> None:
    code = {"skip": SKIP, "towers": TOWERS}[name]
    golden(GOLDEN / f"volumes_{name}.svg", viz.render(graph_of(code), "svg", view="volumes").decode())
