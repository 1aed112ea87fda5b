"""What stands on top of one another in a graph, and what is set in columns."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from archdsl.graph import Graph
from viz.figure import READABLE
from viz.graph import columns, scene, stacking
from viz.graph import layout as graph_layout
from viz.graph.columns import Columns
from viz.graph.layout import ENTER, LEAVE, Section
from viz.look import Direction, Look

LONG = "for i in range(60) { conv(i + 1, 1) }"


@pytest.fixture
def stacks_of(graph_of: Callable[..., Graph]) -> Callable[[str], list[list[str]]]:
    def stacks(body: str) -> list[list[str]]:
        found = scene.build(graph_of(f"network Net(x: [N, 4, 8, 8]) {{ {body} }}"))
        return [[box.key for box in stack] for stack in stacking.stacks(found) if len(stack) > 1]

    return stacks


@pytest.fixture
def page_of(graph_of: Callable[..., Graph]) -> Callable[..., Columns]:
    def page(body: str, direction: Direction = "down") -> Columns:
        found = scene.build(graph_of(f"network Net(x: [N, 4, 8, 8]) {{ {body} }}"))
        stacks = stacking.stacks(found)
        return columns.set_out(Section(found.items, stacks, graph_layout.links(found, stacks)), Look(direction))

    return page


def test_layers_that_keep_the_shape_stand_on_the_one_before(stacks_of: Callable[[str], list[list[str]]]) -> None:
    body = "x -> c: conv(8, 3) -> b: batch_norm -> r: relu -> d: conv(8, 1) -> e: conv(9, 1)"
    assert stacks_of(body) == [["c", "b", "r", "d"]]


@pytest.mark.parametrize(
    "body",
    [
        "x -> p: max_pool(2) -> r: relu",  # pooling stands by itself
        "y = x -> c: conv(8, 1)\n y + (y -> r: relu)",  # read twice
        "x -> c: conv(8, 3) -> d: conv(9, 3)",  # another shape
        "x -> c: conv(8, 1) -> inner: { relu -> conv(9, 1) }",  # a frame between
    ],
)
def test_other_layers_stand_by_themselves(stacks_of: Callable[[str], list[list[str]]], body: str) -> None:
    assert stacks_of(body) == []


def test_a_short_drawing_is_one_column(page_of: Callable[..., Columns]) -> None:
    assert len(page_of("x -> conv(8, 3) -> relu").columns) == 1


def test_a_long_chain_is_set_in_columns_that_fit_on_a_page(page_of: Callable[..., Columns]) -> None:
    page = page_of(f"x -> {LONG}")
    assert len(page.columns) > 1
    assert columns.letters(page.width, page.height) >= READABLE


@pytest.mark.parametrize("direction", ["down", "up", "right", "left"])
def test_columns_hold_every_layer_once_and_hand_one_edge_on(
    page_of: Callable[..., Columns], direction: Direction
) -> None:
    page = page_of(f"x -> {LONG}", direction)
    shown = [stack[0].key for column in page.columns for stack in column.part.stacks]
    assert len(shown) == len(set(shown)) == 62
    for before, after in zip(page.columns, page.columns[1:], strict=False):
        assert [link.target for link in before.part.links].count(LEAVE) == 1
        assert [link.source for link in after.part.links].count(ENTER) == 1


def test_a_drawing_is_not_cut_beside_a_skip(page_of: Callable[..., Columns]) -> None:
    page = page_of(f"y = x -> {LONG} -> conv(4, 1)\n x + y")
    assert len(page.columns) == 1


def test_what_is_read_three_times_is_one_edge(graph_of: Callable[..., Graph]) -> None:
    found = scene.build(graph_of("network Net(x: [N, 4, 8]) { r = x -> relu\n concat(r, r, r) }"))
    links = graph_layout.links(found, stacking.stacks(found))
    assert [link.label(Look()) for link in links if link.count > 1] == ["[N, 4, 8] × 3"]
