"""Large networks are drawn small: equal blocks once, deep ones closed, a part by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import viz
from archdsl.graph import Graph
from viz import fitting
from viz.graph import scene
from viz.graph.scene import Box, Group, Scene

BLOCKS = """
block unit(x: [N, C, H, W], width) {
    main = x -> conv1: conv(width, 3, padding = 1) -> relu -> conv2: conv(width, 3, padding = 1)
    main + x
}
block path(x) { x -> conv(4, 1) -> relu }
"""
CHAIN = BLOCKS + "network Net(x: [N, 8, 16, 16]) { x -> body: repeat 6 { unit(8) } -> flatten -> fc: linear(10) }"


@pytest.fixture
def folded(graph_of: Callable[..., Graph]) -> Callable[..., Scene]:
    return lambda body, **options: scene.build(graph_of(body), **{"fold": True, **options})


def net(body: str) -> str:
    return f"{BLOCKS}\nnetwork Net(x: [N, 8, 16, 16]) {{ {body} }}"


def repeats(found: Scene) -> dict[str, str]:
    return {item.path if isinstance(item, Group) else item.key: item.repeats for item in found.all() if item.repeats}


def wires(found: Scene) -> list[tuple[str, str]]:
    keys = {box.id: box.key for box in found.boxes()}
    return [(keys[edge.source], keys[edge.target]) for edge in found.edges]


def test_equal_blocks_in_a_row_are_drawn_once(folded: Callable[..., Scene]) -> None:
    found = folded(CHAIN)
    assert repeats(found) == {"body.0 … 5": "× 6"}
    assert [box.key for box in found.boxes() if box.kind == "join"] == ["body.0.add"]


def test_what_follows_a_run_is_read_from_the_one_that_is_drawn(folded: Callable[..., Scene]) -> None:
    found = wires(folded(CHAIN))
    assert ("body.0.add", "flatten") in found
    assert not [wire for wire in found if wire[0] == "body.0.add" and wire[1].startswith("body")]


def test_equal_blocks_side_by_side_are_drawn_once(folded: Callable[..., Scene]) -> None:
    found = folded(net("concat([x -> way${i}: path() for i in range(32)])"))
    assert repeats(found) == {"way0 … 31": "× 32 side by side"}
    assert wires(found).count(("way0.relu", "concat")) == 1


@pytest.mark.parametrize(
    "body",
    [
        "x -> a: unit(8) -> relu -> b: unit(8)",  # not one after the other
        "x -> a: unit(8) -> b: unit(8) @frozen",  # not equal
        "y = x -> a: unit(8)\n z = y -> b: unit(8)\n y + z",  # the first is read from elsewhere too
        "output one = x -> a: unit(8)\n output two = one -> b: unit(8)",
        "y = x -> a: path()\n z = x -> b: path()\n y * (y + z)",  # not read by the same
    ],
)
def test_other_blocks_are_not_folded(folded: Callable[..., Scene], body: str) -> None:
    assert repeats(folded(net(body))) == {}


def test_runs_fold_within_runs(folded: Callable[..., Scene]) -> None:
    found = folded(net("x -> body: repeat 3 { { repeat 2 { unit(8) } -> relu } }"))
    assert repeats(found) == {"body.0 … 2": "× 3", "body.0.0 … 1": "× 2"}


def test_runs_end_where_the_wiring_changes(folded: Callable[..., Scene]) -> None:
    code = """
    block step(x, y) { (x -> relu) + (y -> tanh) }
    network Net(x: [N, 8]) {
        a = x -> a: step(x)
        b = a -> b: step(x)
        c = b -> c: step(x)
        d = c -> d: step(c)
        d -> flatten
    }
    """
    assert list(repeats(folded(code))) == ["b … c"]


def test_every_block_is_drawn_without_folding(folded: Callable[..., Scene]) -> None:
    found = folded(CHAIN, fold=False)
    assert repeats(found) == {}
    assert sum(box.kind == "join" for box in found.boxes()) == 6


def test_blocks_below_a_depth_are_one_box_with_their_cost(folded: Callable[..., Scene]) -> None:
    found = folded(CHAIN, depth=2)
    (box,) = (box for box in found.boxes() if box.kind == "block")
    assert (box.title, box.name, box.repeats) == ("unit 8", "", "× 6")
    assert box.cost == "1.17 k params, 295 k MACs each"
    assert [box.kind for box in folded(CHAIN, depth=1).boxes()] == ["input", "block", "layer", "layer", "output"]


def test_tensors_between_closed_blocks_are_drawn_once(folded: Callable[..., Scene]) -> None:
    found = folded(net("x -> a: unit(8) -> relu -> b: unit(8)"), depth=1)
    assert wires(found) == [("x", "a"), ("a", "relu"), ("relu", "b"), ("b", "output")]


def test_fitting_closes_blocks_until_a_page_holds_them(graph_of: Callable[..., Graph]) -> None:
    body = "-> relu -> ".join("unit(8)" for _ in range(90))
    graph = graph_of(net(f"x -> body: {{ {body} }} -> flatten"))
    assert sum(1 for _ in scene.build(graph, fold=True, depth="fit").boxes()) <= fitting.ENOUGH
    small = graph_of(CHAIN)
    assert scene.build(small, fold=True, depth="fit") == scene.build(small, fold=True)


def test_a_group_that_is_a_run_and_no_more_shows_its_number(folded: Callable[..., Scene]) -> None:
    found = folded(net("x -> all: repeat 3 { unit(8) } -> flatten"), depth=1)
    assert [(item.repeats, isinstance(item, Box)) for item in found.all()][1:3] == [("", False), ("× 3", True)]


@pytest.mark.parametrize(("units", "closed"), [(10, True), (3, False)])
def test_a_long_way_is_closed_where_enough_is_left(graph_of: Callable[..., Graph], units: int, closed: bool) -> None:
    long = "block long(x) { x -> repeat 12 { relu } -> tanh }\n"
    graph = graph_of(long + f"network N(x: [M, 8]) {{ x -> {' -> linear(8) -> '.join(['long'] * units)} }}")
    boxes = list(scene.build(graph, fold=True, depth="fit").boxes())
    assert any(box.kind == "block" for box in boxes) == closed


def test_no_depth_is_refused(folded: Callable[..., Scene]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        folded(CHAIN, depth=0)


def test_focus_shows_a_block_and_its_neighbours(folded: Callable[..., Scene]) -> None:
    found = folded(CHAIN, focus="body.2")
    shown = [(box.key, box.kind) for box in found.boxes()]
    assert shown[0] == ("body.1", "block")
    assert shown[-1] == ("body.3", "block")
    assert [key for key, kind in shown[1:-1]] == ["body.2.conv1", "body.2.relu", "body.2.conv2", "body.2.add"]
    assert found.title == "Net: body.2"


def test_focus_shows_a_layer_and_its_neighbours(folded: Callable[..., Scene]) -> None:
    found = folded(CHAIN, focus="body.2.conv2")
    assert [box.key for box in found.boxes()] == ["body.2.relu", "body.2.conv2", "body.2.add"]
    assert wires(found) == [("body.2.relu", "body.2.conv2"), ("body.2.conv2", "body.2.add")]


def test_focus_keeps_edges_between_neighbours(folded: Callable[..., Scene]) -> None:
    lines = ["a = x -> conv(4, 1)", "b = a -> middle: relu", "a + b -> relu"]
    code = "\n".join(["network Net(x: [N, 4, 8, 8]) {", *lines, "}"])
    found = folded(code, focus="middle")
    titles = {box.id: box.title for box in found.boxes()}
    assert ("conv 1×1, 4", "+") in {(titles[edge.source], titles[edge.target]) for edge in found.edges}


def test_depth_counts_from_the_focus(folded: Callable[..., Scene]) -> None:
    assert [box.kind for box in folded(CHAIN, focus="body", depth=1).boxes()][1] == "block"


def test_an_unknown_focus_is_refused_with_the_nearest(folded: Callable[..., Scene]) -> None:
    with pytest.raises(ValueError, match=r"did you mean `body\.2\.conv2`"):
        folded(CHAIN, focus="body.2.conv22")


@pytest.mark.parametrize("options", [{"depth": 1}, {"focus": "body.1"}, {}])
def test_small_drawings_are_drawn(graph_of: Callable[..., Graph], options: Any) -> None:
    assert viz.render(graph_of(CHAIN), "svg", **options).startswith(b"<?xml")


def test_a_stack_stands_for_several(graph_of: Callable[..., Graph]) -> None:
    drawing = viz.render(graph_of(CHAIN), "svg").decode()
    assert drawing.count('rx="7"') == 1 + 3  # the frame of the body, and three for the run
    assert "occurs more than once" in drawing
    assert "unit 8 × 6" in " ".join(drawing.split())


def test_what_is_fed_by_what_it_feeds_is_not_closed(folded: Callable[..., Scene]) -> None:
    found = folded(net("y = x -> a.first: relu\n z = y -> b: path()\n z -> a.second: relu -> flatten"), depth=1)
    assert {box.key for box in found.boxes()} >= {"a.first", "b", "a.second"}


def test_a_frame_around_one_closed_box_is_that_box(folded: Callable[..., Scene]) -> None:
    found = folded(
        "block inner(x) { x -> relu -> conv(4, 1) }\nblock outer(x) { x -> only: inner() }\n"
        "network Net(x: [N, 8, 16, 16]) { x -> it: outer() -> flatten -> linear(2) }",
        depth=2,
    )
    assert [(box.kind, box.key) for box in found.boxes()][1] == ("block", "it")


def test_boxes_know_how_often_they_occur(folded: Callable[..., Scene]) -> None:
    boxes = [item for item in folded(CHAIN, depth=2).items if isinstance(item, Box)]
    assert not any(box.repeats for box in boxes)
