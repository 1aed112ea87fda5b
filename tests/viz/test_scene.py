"""What is in a picture, before any format."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from archdsl.graph import Graph
from viz.graph import scene, stacking
from viz.graph.scene import Box, Group, Scene

RESIDUAL = """
block unit(x: [N, C, H, W], width, stride = 1) {
    main = x -> conv1: conv(width, 3, stride = stride, padding = 1) -> relu -> conv2: conv(width, 3, padding = 1)
    skip = if C != width { x -> downsample: { conv(width, 1, stride = stride, bias = false) -> batch_norm } } else { x }
    main + skip -> relu
}
network Net(image: [N, 3, 32, 32]) {
    image -> layer1: { unit(16) -> unit(32, stride = 2) } -> global_avg_pool -> flatten -> fc: linear(10)
}
"""

TWO_HEADS = """
network Net(image: [N, 3, 32, 32]) {
    body = image -> conv1: conv(8, 3)
    output aux  = body -> aux: { global_avg_pool -> flatten -> linear(10) } @train
    output main = body -> main: { max_pool(2) -> flatten -> linear(10) }
}
"""

TWO_DEVICES = """
network Net(image: [N, 3, 32, 32]) {
    device gpu0, gpu1
    a = image -> left: { conv(8, 3) -> relu } @gpu0
    a -> right: { conv(4, 3) -> relu } @gpu1
}
"""

SHARED = """
block encoder(x) { x -> conv: conv(8, 3) -> relu }
network Net(left: [N, 3, 32, 32], right: [N, 3, 32, 32]) {
    enc = module encoder()
    concat(left -> enc, right -> enc)
}
"""


@pytest.fixture
def scene_of(graph_of: Callable[..., Graph]) -> Callable[..., Scene]:
    return lambda code, **options: scene.build(graph_of(code), **options)


def box(found: Scene, key: str) -> Box:
    return next(b for b in found.boxes() if b.key == key)


def groups(items: tuple[Box | Group, ...]) -> dict[str, Group]:
    found = {}
    for item in items:
        if isinstance(item, Group):
            found[item.path] = item
            found |= groups(item.items)
    return found


def title(scene_of: Callable[..., Scene], step: str, shape: str = "[N, 4, 32, 32]") -> str:
    return box(scene_of(f"network Net(x: {shape}) {{ x -> it: {step} }}"), "it").title


def test_every_layer_has_a_box(graph_of: Callable[..., Graph]) -> None:
    graph = graph_of(RESIDUAL)
    assert [b.key for b in scene.build(graph).boxes()] == [*graph, "output"]


def test_blocks_and_labelled_sequences_nest(scene_of: Callable[..., Scene]) -> None:
    found = scene_of(RESIDUAL)
    tops = [item.path for item in found.items if isinstance(item, Group)]
    assert tops == ["layer1"]
    all_groups = groups(found.items)
    inner = [item.path for item in all_groups["layer1"].items if isinstance(item, Group)]
    assert inner == ["layer1.0", "layer1.1"]
    assert [item.path for item in all_groups["layer1.0"].items if isinstance(item, Group)] == ["layer1.0.downsample"]


def test_groups_say_the_call_of_their_block(scene_of: Callable[..., Scene]) -> None:
    found = groups(scene_of(RESIDUAL).items)
    assert found["layer1.1"].call == "unit 32, stride 2"
    assert found["layer1"].call == ""


def test_a_sequence_of_one_layer_is_no_group(scene_of: Callable[..., Scene]) -> None:
    found = scene_of("network Net(x: [N, 3, 8, 8]) { x -> only: { relu } -> flatten }")
    assert groups(found.items) == {}
    assert box(found, "only.0").name == "only.0"


def test_a_sequence_that_holds_but_another_is_left_out(scene_of: Callable[..., Scene]) -> None:
    found = scene_of("network Net(x: [N, 3, 8, 8]) { x -> outer: { inner: { relu -> relu } } -> flatten }")
    assert list(groups(found.items)) == ["outer.inner"]


def test_names_are_those_within_the_group(scene_of: Callable[..., Scene]) -> None:
    found = scene_of(RESIDUAL)
    assert box(found, "layer1.0.conv1").name == "conv1"
    assert box(found, "layer1.0.relu").name == ""  # its title says it


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("conv(64, 3)", "conv 3×3, 64"),
        ("conv(64, 3, stride = 2, padding = 1, bias = false)", "conv 3×3, 64, /2"),
        ("conv(64, [1, 3], groups = 2)", "conv 1×3, 64, 2 groups"),
        ("conv(8, 3, dilation = 2)", "conv 3×3, 8, dilation 2"),
        ("max_pool(3, stride = 2)", "max_pool 3×3, /2"),
        ("relu", "relu"),
        ("flatten", "flatten"),
        ("linear(10)", "linear 10"),
        ("conv(8, 3, init = normal(0.1))", "conv 3×3, 8"),
        ("interpolate(scale_factor = 2, mode = bilinear)", "interpolate ×2, bilinear"),
        ("softmax(1)", "softmax dim 1"),
    ],
)
def test_titles_say_what_differs_from_the_defaults(scene_of: Callable[..., Scene], step: str, expected: str) -> None:
    assert title(scene_of, step) == expected


def test_kernels_have_the_rank_of_their_input(scene_of: Callable[..., Scene]) -> None:
    assert title(scene_of, "conv(8, 3)", "[N, 4, 32]") == "conv 3, 8"
    assert title(scene_of, "conv(8, 3)", "[N, 4, 9, 9, 9]") == "conv 3×3×3, 8"


def test_joins_have_symbols(scene_of: Callable[..., Scene]) -> None:
    found = scene_of("network Net(x: [N, 3, 8, 8]) { a = x -> relu\n b = a * x\n c = 0.5 * (a + b)\n concat(b, c) }")
    assert {b.title for b in found.boxes() if b.kind == "join"} == {"+", "×", "× 0.5", "concat"}


def test_edges_have_shapes(scene_of: Callable[..., Scene]) -> None:
    found = scene_of(RESIDUAL)
    ids = {b.id: b.key for b in found.boxes()}
    shapes = {(ids[e.source], ids[e.target]): e.shape for e in found.edges}
    assert shapes["image", "layer1.0.conv1"] == "[N, 3, 32, 32]"
    assert shapes["layer1.0.relu_2", "layer1.1.conv1"] == "[N, 16, 32, 32]"
    assert shapes["fc", "output"] == "[N, 10]"


def test_a_shape_is_news_after_a_change_and_at_a_fork_only(scene_of: Callable[..., Scene]) -> None:
    found = scene_of(RESIDUAL)
    ids = {b.id: b.key for b in found.boxes()}
    news = {(ids[e.source], ids[e.target]): e.news for e in found.edges}
    assert news["layer1.0.conv1", "layer1.0.relu"]
    assert not news["layer1.0.relu", "layer1.0.conv2"]
    assert news["layer1.0.relu_2", "layer1.1.conv1"]


def test_what_only_trains_is_marked(scene_of: Callable[..., Scene]) -> None:
    found = scene_of(TWO_HEADS)
    assert {b.key for b in found.boxes() if b.train} == {"aux.0", "aux.1", "aux.2", "aux"}
    assert groups(found.items)["aux"].train
    assert not groups(found.items)["main"].train
    assert sum(e.train for e in found.edges) == 4


def test_inference_leaves_out_what_only_trains(scene_of: Callable[..., Scene]) -> None:
    keys = [b.key for b in scene_of(TWO_HEADS, phase="inference").boxes()]
    assert keys == ["image", "conv1", "main.0", "main.1", "main.2", "main"]


def test_an_unknown_phase_is_refused(scene_of: Callable[..., Scene]) -> None:
    with pytest.raises(ValueError, match="training, inference"):
        scene_of(RESIDUAL, phase="test")


def test_groups_on_one_device_bear_it(scene_of: Callable[..., Scene]) -> None:
    found = groups(scene_of(TWO_DEVICES).items)
    assert (found["left"].device, found["right"].device) == ("gpu0", "gpu1")


def test_edges_between_devices_are_marked(scene_of: Callable[..., Scene]) -> None:
    found = scene_of(TWO_DEVICES)
    ids = {b.id: b.key for b in found.boxes()}
    assert [(ids[e.source], ids[e.target]) for e in found.edges if e.crossing] == [("left.1", "right.0")]


def test_second_uses_are_groups_of_their_own_with_shared_weights(scene_of: Callable[..., Scene]) -> None:
    found = scene_of(SHARED)
    assert list(groups(found.items)) == ["encoder", "encoder #2"]
    assert [b.key for b in found.boxes() if b.shared] == ["encoder.conv#2"]  # relu has no weights


def test_control_characters_and_directional_marks_are_not_shown() -> None:
    from archdsl.outline.wording import clip

    assert clip("a\x00b\u202ec\nd") == "a�b�c d"
    assert clip("x" * 100) == "x" * 43 + "…"


def test_the_scene_is_linear_in_the_layers(
    graph_of: Callable[..., Graph], calls_of: Callable[[Callable[[], object]], int]
) -> None:
    def network(count: int) -> Graph:
        return graph_of(
            "block b(x) { a = x -> c: conv(3, 3, padding = 1) -> relu\n a + x -> r: relu }\n"
            f"network Net(x: [N, 3, 8, 8]) {{ x -> body: repeat {count} {{ b() }} }}"
        )

    small, large = network(250), network(2500)
    assert sum(1 for _ in scene.build(large).boxes()) == 10_002
    assert calls_of(lambda: scene.build(large)) < 12 * calls_of(lambda: scene.build(small))


def test_a_convolution_with_its_norm_and_activation_is_one_stack_without_a_frame(
    graph_of: Callable[..., Graph],
) -> None:
    unit = "block unit(x, width) { x -> conv(width, 3, padding = 1) -> batch_norm -> relu }\n"
    graph = graph_of(
        unit + "network Net(x: [N, 8, 8, 8]) { x -> stem: unit(8) -> unit(6) -> conv(8, 1) -> last: unit(4) }"
    )
    found = scene.build(graph, fold=True)
    assert not groups(found.items)
    assert [[box.key for box in stack] for stack in stacking.stacks(found) if len(stack) > 1] == [
        ["stem.conv", "stem.batch_norm", "stem.relu"],
        ["unit.conv", "unit.batch_norm", "unit.relu"],
        ["last.conv", "last.batch_norm", "last.relu"],
    ]
    assert [box.name for box in found.boxes() if box.title.startswith("conv")] == ["stem", "", "", "last"]
    assert groups(scene.build(graph).items)  # all is shown where that is asked for


@pytest.mark.parametrize("body", ["conv(8, 1) -> conv(8, 1)", "batch_norm -> conv(8, 1)", "relu -> tanh"])
def test_other_blocks_have_their_frames(graph_of: Callable[..., Graph], body: str) -> None:
    code = f"block unit(x) {{ x -> {body} }}\nnetwork Net(x: [N, 8, 8, 8]) {{ x -> stem: unit() -> conv(8, 1) }}"
    assert list(groups(scene.build(graph_of(code), fold=True).items)) == ["stem"]
