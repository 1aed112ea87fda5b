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
from viz import theme
from viz.volumes import links as volumes_links
from viz.volumes import scale as volumes_scale
from viz.volumes import view as volumes
from viz.volumes.view import Solid, Volumes

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


RESIDUAL = """
network Net(x: [N, 8, 32, 32]) {
    a = x -> one: conv(16, 3, padding = 1)
    b = a + (a -> two: conv(16, 3, padding = 1))
    c = b + (b -> three: conv(16, 3, padding = 1))
    c -> four: conv(16, 3, padding = 1)
}
"""
SHORTCUT = """
network Net(x: [N, 8, 32, 32]) {
    a = x -> first: conv(16, 3, padding = 1) -> second: conv(16, 5, padding = 2)
    b = x -> shortcut: conv(16, 1)
    a + b -> last: conv(16, 3)
}
"""
DEEP = """
network Net(x: [N, 8, 32, 32]) {
    a = x -> one: conv(16, 3, padding = 1)
    output aux = a -> aux: conv(4, 1) @train
    b = a -> two: conv(16, 3, padding = 1)
    output main = SKIP -> three: conv(4, 1)
}
"""


@pytest.fixture
def solids(graph_of: Callable[..., Graph]) -> Callable[[str], Volumes]:
    return lambda code: volumes.build(graph_of(code))


def named(found: Volumes) -> dict[str, Solid]:
    return {solid.stage.label: solid for solid in found.solids}


def test_sides_follow_the_square_roots(solids: Callable[[str], Volumes]) -> None:
    image, convs, pool, conv, dense = solids(PLAIN).solids
    assert image.height == image.depth == volumes_scale.TALLEST
    assert isclose(pool.height, volumes_scale.TALLEST / sqrt(2))
    assert isclose(conv.thickness / convs.thickness, sqrt(36 / 16))
    assert dense.height == volumes_scale.THICKNESS * 10


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


def test_a_sum_is_a_circle_that_passes_one_map_on(solids: Callable[[str], Volumes]) -> None:
    found = solids(RESIDUAL)
    paths = [solid.stage.path for solid in found.solids]
    assert [path for path in paths if path.startswith("add")] == ["add", "add_2"]
    assert sorted(paths[link.source] for link in found.links if paths[link.target] == "four") == ["add_2"]
    assert sorted(paths[link.source] for link in found.links if paths[link.target] == "add_2") == ["add", "three"]


def test_a_shortcut_in_a_free_lane_is_no_arc(solids: Callable[[str], Volumes]) -> None:
    found = solids(SHORTCUT)
    assert volumes_links.peaks(found, [solid.top for solid in found.solids]) == {}
    upper = named(found)["shortcut"]
    assert upper.middle < min(named(found)[name].top for name in ("first", "second"))
    assert named(found)["first"].middle == named(found)["second"].middle


@pytest.mark.parametrize(("skip", "side"), [("b", -1), ("b + a", 1)])
def test_what_only_trains_is_above_unless_skips_pass_there(
    solids: Callable[[str], Volumes], skip: str, side: int
) -> None:
    found = named(solids(DEEP.replace("SKIP", skip)))
    assert (found["aux"].middle - found["two"].middle) * side > 0


def test_arcs_rise_no_higher_than_they_must(solids: Callable[[str], Volumes]) -> None:
    for code in (SKIP, RESIDUAL, DEEP.replace("SKIP", "b + a")):
        found = solids(code)
        tops = [solid.top for solid in found.solids]
        peaks = volumes_links.peaks(found, tops)
        assert peaks
        assert min(peaks.values()) >= min(tops) - len(peaks) * volumes_links.RISE


def test_names_stand_under_solids_where_three_are_side_by_side(solids: Callable[[str], Volumes]) -> None:
    branches = "[x -> b${i}: conv(4, 2 * i + 1, padding = i) for i in range(3)]"
    crowded = solids(f"network N(x: [N, 4, 32, 32]) {{ concat({branches}) -> last: conv(4, 1) }}")
    assert {solid.named for solid in crowded.solids} == {"under"}
    assert {solid.named for solid in solids(SKIP).solids} == {"below"}


def test_the_length_of_a_signal_is_its_height(solids: Callable[[str], Volumes]) -> None:
    wave, conv = solids("network N(x: [N, 1, 16000]) { x -> conv(32, 80, stride = 4) }").solids
    assert (wave.map, conv.map) == ((1, 16000, 0), (32, 3981, 0))
    tokens, _ = solids("network N(x: [N, 128, 64]) { x -> linear(8) }").solids
    assert tokens.map == (64, 128, 0)


def test_very_many_channels_are_no_thicker_than_the_largest_map(solids: Callable[[str], Volumes]) -> None:
    _, wide = solids("network N(x: [N, 3, 8, 8]) { x -> conv(65536, 3) }").solids
    assert isclose(wide.thickness, volumes_scale.TALLEST)


def test_arrows_are_level(graph_of: Callable[..., Graph]) -> None:
    code = "network N(x: [N, 3, 64, 64]) { x -> conv(8, 1) -> conv(8, 1, stride = 4) -> conv(64, 1) }"
    drawing = ElementTree.fromstring(viz.render(graph_of(code), "svg", view="volumes"))
    stroke = theme.EDGE
    arrows = [path.get("d", "") for path in drawing.iter(f"{SVG}path") if path.get("stroke") == stroke]
    assert len(arrows) == 3
    for arrow in arrows:
        (_, start), (_, end) = (point.split(",") for point in arrow.removeprefix("M").split("L"))
        assert start == end


def test_stages_of_one_block_are_called_in_the_same_way() -> None:
    for network in ("resnet50", "resnext50_32x4d"):
        called = {s.name.does.partition(" ×")[0] for s in volumes.build(archdsl.load(network).graph).solids}
        assert [name for name in called if name.startswith(("bottleneck", "layer"))] == ["bottleneck"]


def test_an_opened_network_shows_the_slabs_of_its_blocks() -> None:
    found = volumes.build(archdsl.load("unet").graph)
    assert not any(solid.stage.colour == "block" for solid in found.solids)
    assert [solid.slabs for solid in found.solids if solid.stage.title.startswith("conv 3×3")] == [2] * 9


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
