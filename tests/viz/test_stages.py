"""The table of a paper as a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

import archdsl
import viz
from archdsl.graph import Graph
from archdsl.outline import stages
from archdsl.outline.stage import Stage
from archdsl.outline.stages import Stages, stages_of
from viz.stages import layout as stages_layout

GOLDEN = Path(__file__).resolve().parent / "golden"
SVG = "{http://www.w3.org/2000/svg}"

CONVS = "network Net(x: [N, 3, 32, 32]) {{ x -> features: {{ {body} }} -> flatten -> fc: linear(10) }}"
SKIP = """
block double(x, width) { x -> conv1: conv(width, 3, padding = 1) -> relu -> conv2: conv(width, 3, padding = 1) }
network Net(x: [N, 8, 16, 16]) {
    device near, far
    a = x -> a: double(8) @near
    b = a -> max_pool(2) -> b: double(16) -> up: interpolate(scale_factor = 2)
    output aux = a -> aux: { global_avg_pool -> flatten -> linear(4) } @train
    output main = concat(b, a) -> last: conv(4, 1) @far
}
"""


def texts(drawing: bytes) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(drawing).iter(f"{SVG}text")]


@pytest.fixture
def table(graph_of: Callable[..., Graph]) -> Callable[[str], Stages]:
    return lambda code: stages_of(graph_of(code))


def column(found: Stages) -> list[Stage]:
    return list(found.all())


def test_small_layers_are_of_the_stage_they_follow(table: Callable[[str], Stages]) -> None:
    found = column(table(CONVS.format(body="conv(8, 3) -> batch_norm -> relu -> max_pool(2)")))
    assert [(s.title, s.more) for s in found[1:3]] == [
        ("conv 3×3, 8", "batch_norm · relu"),
        ("max_pool 2×2", "flatten"),
    ]


def test_equal_stages_in_a_row_are_one(table: Callable[[str], Stages]) -> None:
    found = column(table(CONVS.format(body="repeat 4 { conv(8, 3, padding = 1) -> relu } -> max_pool(2)")))
    assert (found[1].label, found[1].title, found[1].count, found[1].params) == (
        "features.0 … 6",
        "conv 3×3, 8",
        4,
        224 + 3 * 584,
    )


def test_a_block_that_is_one_layer_with_small_ones_is_no_box_of_its_own(table: Callable[[str], Stages]) -> None:
    unit = "block unit(x) { x -> conv: conv(3, 3, padding = 1) -> relu }\n"
    found = column(table(unit + CONVS.format(body="repeat 3 { unit() } -> max_pool(2)")))[1]
    assert (found.label, found.title, found.count, found.params) == ("features.0 … 2", "conv 3×3, 3", 3, 3 * 84)


def test_a_group_of_equal_blocks_is_these_with_their_number() -> None:
    found = column(stages_of(archdsl.load("inception_resnet_v1").graph))
    (repeat,) = (s for s in found if s.label == "repeat_2")
    assert (repeat.title, repeat.count) == ("factorised n 7, scale 0.1", 10)


def test_a_block_that_is_repeated_is_opened_nowhere() -> None:
    *_, found = stages.openings(archdsl.load("cifar_resnet20").graph)
    assert [s.title for s in column(found) if s.colour == "block"] == [
        "basic 16", "basic 32, stride 2", "basic 32", "basic 64, stride 2", "basic 64",
    ]  # fmt: skip


def test_a_labelled_sequence_of_one_block_is_a_stage() -> None:
    found = column(stages_of(archdsl.load("cifar_resnet20").graph))
    assert [(s.label, s.title, s.more, s.count) for s in found if s.colour == "block"] == [
        ("layer1", "basic 16", "", 3), ("layer2", "layer2", "3 × basic", 1), ("layer3", "layer3", "3 × basic", 1),
    ]  # fmt: skip


def test_a_block_takes_in_what_follows_it_and_has_no_weights(table: Callable[[str], Stages]) -> None:
    pair = "block pair(x) { x -> conv(8, 3, padding = 1) -> max_pool(2) }\n"
    steps = " -> ".join(["pair()", "dropout", "conv(4, 1)", "max_pool(2)", "conv(8, 1)"] * 2)
    found = column(table(f"{pair}network N(x: [N, 8, 64, 64]) {{ x -> {steps} -> pair() -> batch_norm }}"))
    said = [(s.title, s.more) for s in found if s.title in ("pair", "batch_norm")]
    assert said == [("pair", "dropout"), ("pair", "dropout"), ("pair", ""), ("batch_norm", "")]


def test_a_row_of_blocks_that_are_called_alike_says_how_many(table: Callable[[str], Stages]) -> None:
    found = column(stages_of(archdsl.load("densenet121").graph))
    assert [s.more for s in found if s.title.startswith("denseblock")] == [
        f"{count} × dense_layer growth 32" for count in (6, 12, 24, 16)
    ]


def test_convolutions_that_lose_their_rim_are_counted(table: Callable[[str], Stages]) -> None:
    (convs,) = column(table("network N(x: [N, 3, 64, 64]) { x -> repeat 3 { conv(8, 3) -> relu } }"))[1:]
    assert (convs.count, convs.shape) == (3, "8 × 58 × 58")
    strided = column(table("network N(x: [N, 3, 64, 64]) { x -> repeat 3 { conv(8, 3, stride = 2) -> relu } }"))
    assert [s.count for s in strided] == [1, 1, 1, 1]


def test_weights_that_are_used_again_are_marked(table: Callable[[str], Stages]) -> None:
    code = "network N(a: [N, 4], b: [N, 4]) { f = module linear(3)\n (a -> f) + (b -> f) }"
    assert [s.shared for s in table(code).all() if s.title == "linear 3"] == [False, True]
    assert "shared weights, used again" in texts(viz.render(archdsl.load("siamese").graph, "svg", view="stages"))


def test_tables_that_say_enough_are_opened_no_further(table: Callable[[str], Stages]) -> None:
    block = "block b(x, n) { x -> conv(8, 3, padding = 1) -> max_pool(3, stride = 1, padding = n) }\n"
    steps = " -> ".join(f"b{i}: b({i % 2})" for i in range(stages.ENOUGH))
    assert {s.title for s in column(table(f"{block}network N(x: [N, 8, 64, 64]) {{ x -> {steps} }}"))[1:]} == {
        "b",
        "b n 1",
    }


def test_a_layer_that_gives_several_tensors_says_so(table: Callable[[str], Stages]) -> None:
    found = table("network N(x: [N, 8, 4, 4]) { a, b = chunk(x, 2, dim = 1)\n relu(a) + tanh(b) }")
    assert next(s.shape for s in found.all() if s.path == "chunk") == "2 × (4 × 4 × 4)"


def test_stages_say_what_they_give_and_cost(table: Callable[[str], Stages]) -> None:
    last = column(table(CONVS.format(body="conv(8, 3, padding = 1) -> global_avg_pool")))[-1]
    assert (last.path, last.shape, last.params, last.macs) == ("fc", "10", 90, 80)


def test_stages_that_read_the_same_stand_side_by_side(table: Callable[[str], Stages]) -> None:
    rows = [[stage.path for stage in row] for row in table(SKIP).rows]
    assert ["max_pool", "aux.0"] in rows


def test_skips_are_links_past_rows(table: Callable[[str], Stages]) -> None:
    found = table(SKIP)
    paths = [stage.path for stage in found.all()]
    assert ("a.conv2", "concat") in {(paths[link.source], paths[link.target]) for link in found.links}


def test_blocks_that_read_one_another_are_opened(table: Callable[[str], Stages]) -> None:
    found = table(
        "network Net(x: [N, 8]) { a = x -> one.a: { relu -> tanh }\n b = a -> two.a: { relu -> tanh }\n"
        "b -> one.b: { relu -> tanh } }"
    )
    assert [stage.path for stage in found.all()][1:] == ["one.a", "two.a", "one.b"]


@pytest.mark.parametrize("name", ["alexnet", "densenet121", "googlenet", "inception_v4", "resnet152", "unet"])
def test_networks_of_the_zoo_fit_on_a_page(name: str) -> None:
    network = archdsl.load(name)
    found = stages_of(network.graph)
    assert len(found.rows) <= 26
    assert sum(s.params for s in found.all()) == network.report().params


def test_inference_has_no_stages_that_only_train(graph_of: Callable[..., Graph]) -> None:
    assert "more in training" in texts(viz.render(graph_of(SKIP), "svg", view="stages"))
    assert not any(s.train for s in stages_of(graph_of(SKIP), "inference").all())


def test_the_picture_is_the_expected(golden: Callable[[Path, str], None], graph_of: Callable[..., Graph]) -> None:
    golden(GOLDEN / "stages_skip.svg", viz.render(graph_of(SKIP), "svg", view="stages").decode())


def test_the_picture_escapes_what_a_spec_says(graph_of: Callable[..., Graph]) -> None:
    graph = graph_of(
        'block b(x, said) { x -> linear(4) -> linear(3) }\nnetwork N(x: [M, 3]) { x -> repeat 2 { b("<script>&") } }'
    )
    drawing = viz.render(graph, "svg", view="stages")
    assert b"<script>" not in drawing
    assert any("<script>&" in text for text in texts(drawing))


def test_boxes_of_rows_with_as_many_stand_in_columns() -> None:
    found = stages_of(archdsl.load("siamese").graph)
    boxes = stages_layout.place(found, stages_layout.widths(found), 0.0, 400.0, 0.0)
    pairs = [box for box in boxes if len(found.rows[box.row]) == 2]
    assert len({(box.x, box.width) for box in pairs}) == 2


def test_sizes_that_are_open_are_shown(graph_of: Callable[..., Graph]) -> None:
    graph = graph_of("network Net(x: [N, 3, H, W]) { x -> conv(8, 3, stride = 2) }")
    shown = texts(viz.render(graph, "svg", view="stages"))
    assert "3 × H × W" in shown
    assert any("//" in text for text in shown)


def test_costs_that_depend_on_an_open_size_are_unknown_and_so_is_their_sum(graph_of: Callable[..., Graph]) -> None:
    graph = graph_of("network N(x: [N, 3, H, W]) { x -> conv(8, 3) -> global_avg_pool -> flatten -> linear(10) }")
    shown = texts(viz.render(graph, "svg", view="stages"))
    assert shown.count("?") == 2
    assert "80" in shown
