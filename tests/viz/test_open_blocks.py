"""Beside a drawing in which blocks are closed stands each form of them once, open."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import archdsl
import viz
from archdsl.graph import Graph, layer
from viz.graph import scene
from viz.graph.scene import Scene

RESIDUAL = """
block residual(x: [N, C, H, W], width, stride = 1) {
    main = x -> conv(width, 3, stride = stride, padding = 1) -> batch_norm -> relu
    skip = if C != width { x -> conv(width, 1, stride = stride) } else { x }
    main + skip
}
block pair(x, width) { x -> residual(width, stride = 2) -> residual(width) }
network Net(x: [N, 4, 32, 32]) {
    x -> conv(8, 3) -> relu -> a: residual(8) -> b: residual(16, stride = 2) -> c: residual(16)
      -> d: residual(32, stride = 2) -> e: pair(64) -> f: pair(128) -> global_avg_pool -> flatten -> linear(10)
}
"""


@pytest.fixture
def shown(graph_of: Callable[..., Graph]) -> Scene:
    return scene.build(graph_of(RESIDUAL), fold=True, depth=1, blocks=True)


def titles(of: Scene) -> list[str]:
    return [box.title for box in of.boxes()]


def test_each_form_of_a_block_stands_beside_once(shown: Scene) -> None:
    """A shortcut with a projection makes another form; numbers do not."""
    assert [(block.letter, block.title.split()[0]) for block in shown.blocks] == [
        ("A", "residual"),
        ("B", "residual"),
        ("C", "pair"),
    ]


def test_what_differs_between_instances_is_said_by_the_names_of_the_block(shown: Scene) -> None:
    projecting = shown.blocks[1]
    assert projecting.varies == "width 16, 32, 64, 128"
    assert "conv 3×3, width, /2" in titles(projecting.scene)
    assert "conv 1×1, width, /2" in titles(projecting.scene)


def test_what_is_equal_in_all_instances_stays_a_number(shown: Scene) -> None:
    assert any(title.startswith("conv 3×3, width") and "stride" not in title for title in titles(shown.blocks[0].scene))


def test_a_closed_block_has_the_letter_and_colour_of_its_form(shown: Scene) -> None:
    closed = {box.key: (box.letter, box.colour) for box in shown.boxes() if box.kind == "block"}
    assert closed == {
        "a": ("A", "block A"),
        "b": ("B", "block B"),
        "c": ("A", "block A"),
        "d": ("B", "block B"),
        "e": ("C", "block C"),
        "f": ("C", "block C"),
    }


def test_a_block_within_an_open_one_refers_to_its_own_form(shown: Scene) -> None:
    inner = [box for box in shown.blocks[2].scene.boxes() if box.kind == "block"]
    assert [box.letter for box in inner] == ["B", "A"]


def test_what_a_block_reads_is_called_as_in_the_block(shown: Scene) -> None:
    assert [box.title for box in shown.blocks[0].scene.boxes() if box.kind == "input"] == ["x"]


def test_a_block_that_is_dropped_leaves_plain_boxes_and_no_gap_in_the_letters(shown: Scene) -> None:
    fewer = shown.with_open({"B", "C"})
    assert [block.letter for block in fewer.blocks] == ["A", "B"]
    assert {box.key: box.letter for box in fewer.boxes() if box.kind == "block"} == dict(
        zip("abcdef", ("", "A", "", "A", "B", "B"), strict=True)
    )


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v2", "cifar_resnet20"])
def test_an_open_block_is_the_graph_s(name: str) -> None:
    """Each open block has the operators of every instance in the network that bears its letter."""
    graph = archdsl.load(name).graph
    found = scene.build(graph, fold=True, depth="fit", blocks="fit")
    for block in found.blocks:
        alone = [box for box in found.boxes() if box.letter == block.letter]
        said = sorted(_operators(graph, block.scene))
        for box in alone:
            assert sorted(layer(graph, key)["op"] for key in box.layers) == said


def _operators(graph: Graph, of: Scene) -> list[str]:
    keys = [key for box in of.boxes() if box.kind != "input" for key in box.layers or (box.key,)]
    return [layer(graph, key)["op"] for key in keys if key in graph]


def test_blocks_stand_beside_by_default_only_where_some_are_closed() -> None:
    assert not scene.build(archdsl.load("lenet5").graph, fold=True, depth="fit", blocks="fit").blocks


@pytest.mark.parametrize(
    ("format", "said"), [("svg", "open-block"), ("dot", "cluster_open_A"), ("mmd", "subgraph openA")]
)
def test_formats_show_them_and_leave_them_out_on_request(
    graph_of: Callable[..., Graph], format: str, said: str
) -> None:
    graph = graph_of(RESIDUAL)
    assert said in viz.render(graph, format, depth=1, blocks=True).decode()
    assert said not in viz.render(graph, format, depth=1, blocks=False).decode()
