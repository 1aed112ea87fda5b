"""`archdsl diff` names what differs between two networks, however layers are called."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import archdsl
from archdsl.compare.difference import Difference
from archdsl.elaborate import elaborate
from archdsl.graph import layers
from archdsl.network import Network
from archdsl.program import parse_string
from archdsl.shipped import zoo
from tests.conftest import Said
from tests.zoo.published import all_with

Build = Callable[..., Network]
GOLDEN = Path(__file__).parents[1] / "golden"

NET = """
network Net(image: [N, 3, 32, 32]) {
    image -> stem: conv(16, 3, padding = 1) -> relu
        -> stage: { conv(32, 3, stride = 2, padding = 1) -> relu -> conv(32, 3, padding = 1) -> relu }
        -> global_avg_pool -> flatten -> fc: linear(10)
}
"""


@pytest.fixture
def diff(network_of: Build) -> Callable[[str, str], Difference]:
    return lambda a, b: network_of(a).diff(network_of(b))


def found(difference: Difference, status: str) -> list[tuple[str | None, str | None]]:
    return [
        (layer.a.path if layer.a else None, layer.b.path if layer.b else None)
        for layer in difference.layers
        if layer.status == status
    ]


def changes(difference: Difference) -> dict[str, list[tuple[str, object, object]]]:
    return {layer.b.path: [tuple(c) for c in layer.changes] for layer in difference.layers if layer.b and layer.changes}


@pytest.mark.parametrize("variant", all_with(pytest.mark.heavy))
def test_a_network_does_not_differ_from_itself(variant: str) -> None:
    net = archdsl.load(variant)
    difference = net.diff(archdsl.load(variant))
    assert difference.same
    assert difference.to_dict()["layers"] == []


def test_a_changed_parameter_is_named_with_both_values(diff: Callable[[str, str], Difference]) -> None:
    difference = diff(NET, NET.replace("16, 3, padding = 1", "16, 5, padding = 2"))
    assert changes(difference) == {"stem": [("kernel_size", 3, 5), ("padding", 1, 2)]}
    assert not difference.same


def test_what_only_follows_from_a_change_is_told_apart_from_it(diff: Callable[[str, str], Difference]) -> None:
    difference = diff(NET, NET.replace("stem: conv(16", "stem: conv(24"))
    assert changes(difference) == {"stem": [("out_channels", 16, 24)]}
    assert found(difference, "follows") == [("relu", "relu"), ("stage.0", "stage.0")]


def test_a_layer_put_in_between_changes_nothing_else(diff: Callable[[str, str], Difference]) -> None:
    difference = diff(NET, NET.replace("stride = 2, padding = 1) -> relu", "stride = 2, padding = 1) -> gelu -> relu"))
    assert found(difference, "added") == [(None, "stage.1")]
    assert found(difference, "removed") == found(difference, "changed") == found(difference, "follows") == []
    renamed = [(layer.a.path, layer.b.path) for layer in difference.layers if layer.renamed and layer.a and layer.b]
    assert renamed == [("stage.1", "stage.2"), ("stage.2", "stage.3"), ("stage.3", "stage.4")]


def test_a_layer_taken_out_is_removed(diff: Callable[[str, str], Difference]) -> None:
    difference = diff(NET, NET.replace("-> relu\n        -> stage", "-> stage"))
    assert found(difference, "removed") == [("relu", None)]
    assert found(difference, "changed") == found(difference, "added") == []


def test_renamed_layers_are_recognised(diff: Callable[[str, str], Difference]) -> None:
    difference = diff(NET, NET.replace("stem:", "first:").replace("stage:", "body:"))
    assert {layer.status for layer in difference.layers} == {"same"}
    assert "stem → first" in str(difference)
    assert "stage → body (4 layers)" in str(difference)
    assert not difference.same


def test_a_moved_layer_is_recognised(diff: Callable[[str, str], Difference]) -> None:
    a = NET.replace("-> global_avg_pool", "-> norm: batch_norm -> act: gelu -> global_avg_pool")
    b = NET.replace("-> global_avg_pool", "-> act: gelu -> norm: batch_norm -> global_avg_pool")
    difference = diff(a, b)
    assert [layer.b.path for layer in difference.layers if layer.moved and layer.b] in (["act"], ["norm"])
    assert found(difference, "added") == found(difference, "removed") == []


def test_an_operator_in_the_place_of_another_is_a_change(diff: Callable[[str, str], Difference]) -> None:
    difference = diff(NET, NET.replace("-> relu\n", "-> gelu\n"))
    assert changes(difference) == {"gelu": [("operator", "relu", "gelu")]}


def test_a_new_shortcut_is_a_new_addition_that_the_next_layer_reads(diff: Callable[[str, str], Difference]) -> None:
    a = "network N(x: [N, 4, 8, 8]) { h = x -> c: conv(4, 1)\n h -> d: conv(4, 1) -> r: relu }"
    b = "network N(x: [N, 4, 8, 8]) { h = x -> c: conv(4, 1)\n y = h -> d: conv(4, 1)\n h + y -> r: relu }"
    difference = diff(a, b)
    assert found(difference, "added") == [(None, "add")]
    (changed,) = [layer for layer in difference.layers if layer.status == "changed"]
    assert changed.inputs == ("inputs", ("d",), ("add",))


def test_exchanged_operands_are_a_change(diff: Callable[[str, str], Difference]) -> None:
    text = "network N(x: [N, 4, 8, 8]) {{ a = x -> a: conv(4, 1)\n b = x -> b: conv(4, 1)\n {} }}"
    difference = diff(text.format("a - b"), text.format("b - a"))
    assert [layer.inputs for layer in difference.layers if layer.status == "changed"] == [
        ("inputs", ("a", "b"), ("b", "a"))
    ]


TWO = """
network Net(x: [N, 8, 8, 8]) {{
    a, b = x -> chunk(2, dim = 1)
    p = a -> r1: relu
    q = b -> r2: relu
    {outputs}
    loss mse_loss(first)
}}
"""


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            "first = p, second = q",
            "first = q, second = p",
            {"output first": ("r1", "r2"), "output second": ("r2", "r1")},
        ),
        ("first = a, second = q", "first = b, second = q", {"output first": ("chunk[0]", "chunk[1]")}),
        ("first = p, second = q", "first = p, second = p", {"output second": ("r2", "r1")}),
    ],
)
def test_an_output_that_comes_from_elsewhere_is_a_change(
    diff: Callable[[str, str], Difference], before: str, after: str, said: dict[str, tuple[str, str]]
) -> None:
    def net(outputs: str) -> str:
        return TWO.format(outputs="\n    ".join(f"output {output}" for output in outputs.split(", ")))

    difference = diff(net(before), net(after))
    assert {c.what: (c.a, c.b) for c in difference.interface} == said
    assert not difference.same


def test_outputs_in_another_order_are_no_change_of_the_loss(diff: Callable[[str, str], Difference]) -> None:
    a = TWO.format(outputs="output first = p\n    output second = q")
    b = TWO.format(outputs="output second = q\n    output first = p")
    assert [c.what for c in diff(a, b).interface] == ["outputs"]


def test_parts_of_a_tensor_are_told_apart(diff: Callable[[str, str], Difference]) -> None:
    text = "network N(x: [N, 4, 8, 8]) {{ a, b = x -> chunk(2, dim = 1)\n {} -> relu }}"
    assert "relu reads chunk[0] → chunk[1]" in str(diff(text.format("a"), text.format("b")))


def test_weights_that_are_no_longer_shared_are_a_change(diff: Callable[[str, str], Difference]) -> None:
    text = "block enc(x) {{ x -> c: conv(4, 1) -> n: batch_norm }}\nnetwork N(x: [N, 4, 8, 8]) {{ {} }}"
    shared = text.format("f = fa: module enc\n (x -> f) + (x -> relu -> f)")
    own = text.format("(x -> fa: enc) + (x -> relu -> fb: enc)")
    assert changes(diff(shared, own)) == {name: [("weights", "shared", "own")] for name in ("fb.c", "fb.n")}


@pytest.mark.parametrize(
    ("a", "b"),
    [("resnet50", "resnext50_1x64d"), ("vgg16", "vgg_d"), ("resnet50", "resnet50_paper"), ("nin_cifar10", "vgg11")],
)
def test_networks_are_the_same_where_their_hashes_are(a: str, b: str) -> None:
    one, other = archdsl.load(a), archdsl.load(b)
    assert one.diff(other).same == (one.report().hash == other.report().hash)


def test_branches_written_in_another_order_do_not_differ(diff: Callable[[str, str], Difference]) -> None:
    a = "network N(x: [N, 4, 8, 8]) { a = x -> a: conv(4, 1)\n b = x -> b: conv(4, 3, padding = 1)\n a + b }"
    b = "network N(x: [N, 4, 8, 8]) { b = x -> b: conv(4, 3, padding = 1)\n a = x -> a: conv(4, 1)\n a + b }"
    assert diff(a, b).same


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("[N, 3, 32, 32]", "[N, 3, 64, 64]"), "inputs"),
        (("-> global_avg_pool", "loss cross_entropy(output)\n    -> global_avg_pool"), "loss"),
    ],
)
def test_a_change_of_what_the_network_shows_to_the_outside_is_named(
    diff: Callable[[str, str], Difference], change: tuple[str, str], what: str
) -> None:
    b = NET.replace(*change)
    if what == "loss":
        b = NET.rstrip().removesuffix("}") + "    loss cross_entropy(output)\n}\n"
    assert [c.what for c in diff(NET, b).interface] == [what]


def test_marks_are_compared(diff: Callable[[str, str], Difference]) -> None:
    assert changes(diff(NET, NET.replace("linear(10)", "linear(10) @frozen"))) == {"fc": [("frozen", False, True)]}


def test_one_value_and_a_list_of_equal_ones_are_the_same(diff: Callable[[str, str], Difference]) -> None:
    assert diff(NET, NET.replace("16, 3, padding = 1", "16, [3, 3], padding = [1, 1]")).same


def test_a_name_of_the_batch_is_no_difference(diff: Callable[[str, str], Difference]) -> None:
    assert diff(NET, NET.replace("[N, 3", "[B, 3")).same


@pytest.mark.parametrize("variant", ["resnet50", "googlenet", "inception_v3", "unet", "vit_tiny_16", "lenet5_1998"])
def test_every_label_can_be_renamed_and_is_found_again(variant: str) -> None:
    file = zoo()[variant]
    text = re.sub(
        r"(?<![\w.])([a-z]\w*?)(\$\{[^}]*\})?: (?=\w+[ ({]|\{)", r"renamed_\1\2: ", file.read_text(encoding="utf-8")
    )
    other = file.with_name(file.name)
    assert other == file

    program = parse_string(text)
    network, chosen = program.find(variant)
    renamed = Network(elaborate(network, program.definitions, chosen))
    difference = archdsl.load(variant).diff(renamed)
    paths = {key for key, _ in layers(renamed.graph)}
    assert any("renamed_" in path for path in paths)
    assert {layer.status for layer in difference.layers} == {"same"}


def test_any_layers_taken_out_of_a_chain_are_found(network_of: Build) -> None:
    draw = random.Random(1)
    for _ in range(20):
        steps = [f"conv({draw.randrange(8, 64)}, 1)" for _ in range(30)]
        kept = sorted(draw.sample(range(30), 24))
        a = network_of("network N(x: [N, 8, 8, 8]) { x -> " + " -> ".join(steps) + " }")
        b = network_of("network N(x: [N, 8, 8, 8]) { x -> " + " -> ".join(steps[i] for i in kept) + " }")
        difference = a.diff(b)
        assert len(found(difference, "removed")) == 6
        assert found(difference, "added") == []
        assert changes(difference) == {}


def test_large_networks_are_compared_by_what_they_have_in_common(network_of: Build) -> None:
    text = (
        "network N(x: [N, 4, 8, 8], n = 3000) {{ x -> a: repeat n {{ conv(4, 1) }} -> {} -> b: repeat n {{ relu }} }}"
    )
    difference = network_of(text.format("m: gelu")).diff(network_of(text.format("m: gelu -> k: conv(8, 1)")))
    assert found(difference, "added") == [(None, "k")]
    assert found(difference, "changed") == []


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("resnet50", "resnet50_paper"),
        ("vgg16", "vgg16_bn"),
        ("resnet50", "resnet101"),
        ("alexnet_one_column", "alexnet_torchvision"),
    ],
)
def test_the_text_says_it_at_a_glance(a: str, b: str, golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / f"diff_{a}_{b}.txt", str(archdsl.load(a).diff(archdsl.load(b))))


def test_costs_are_those_of_the_reports() -> None:
    a, b = archdsl.load("resnet50"), archdsl.load("resnet50_paper")
    document = a.diff(b).to_dict()
    assert document["totals"]["macs"] == {"a": 4089184256, "b": 3857973248, "change": -231211008}
    assert document["totals"]["params"]["change"] == 0
    assert document["receptive_field"] == {"a": [427, 427], "b": [483, 483]}


def test_the_command_prints_one_json_document(command_line: Callable[..., Said]) -> None:
    done = command_line("diff", "vgg16", "vgg16_bn", "--json")
    document = json.loads(done.out)
    assert done.status == 0
    assert {layer["status"] for layer in document["layers"]} == {"added", "same"}
    assert document["totals"]["params"]["change"] == 8448


@pytest.mark.parametrize(("b", "status"), [("resnet50", 0), ("resnet101", 1)])
def test_the_exit_status_says_whether_networks_differ_where_asked(
    b: str, status: int, command_line: Callable[..., Said]
) -> None:
    done = command_line("diff", "resnet50", b, "--exit-code")
    assert done.status == status


def test_settings_and_input_shapes_hold_for_both(command_line: Callable[..., Said]) -> None:
    options = ["--set", "classes=10", "--input", "image=2x3x64x64", "--json"]
    document = json.loads(command_line("diff", "resnet18", "resnet34", *options).out)
    for side, variant in (("a", "resnet18"), ("b", "resnet34")):
        net = archdsl.load(variant, inputs={"image": (2, 3, 64, 64)}, classes=10)
        assert document["totals"]["macs"][side] == net.report().macs


def unchanged(difference: Difference) -> bool:
    """Whether nothing but names differs."""
    return not difference.interface and all(layer.status == "same" for layer in difference.layers)


def test_two_orders_of_what_does_not_depend_on_one_another_are_no_difference(
    diff: Callable[[str, str], Difference],
) -> None:
    first = "left = image -> a: conv(4, 1) -> relu\n right = image -> b: conv(4, 1) -> relu -> max_pool(2)\n"
    second = "other = image -> b: conv(4, 1) -> relu -> max_pool(2)\n one = image -> a: conv(4, 1) -> relu\n"
    net = "network Net(image: [N, 3, 8, 8]) {{ {0} concat({1} -> max_pool(2), {2}) }}"
    assert unchanged(diff(net.format(first, "left", "right"), net.format(second, "one", "other")))


def test_the_other_of_two_orders_is_a_difference_where_it_is_one(diff: Callable[[str, str], Difference]) -> None:
    net = "network Net(image: [N, 3, 8, 8]) {{ image -> {} }}"
    assert not diff(net.format("a: conv(3, 1) -> b: conv(3, 1)"), net.format("b: conv(3, 1) -> a: conv(3, 1)")).same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("max_pool(2)", "max_pool(2, stride = 2)"),
        ("interpolate(9, mode = bilinear)", "interpolate(9, mode = bilinear, align_corners = false)"),
        ("layer_norm", "layer_norm(8)"),
        ("unflatten(1, [2, -1])", "unflatten(1, [2, 2])"),
    ],
)
def test_what_goes_without_saying_is_no_difference(
    one: str, other: str, diff: Callable[[str, str], Difference]
) -> None:
    net = "network Net(image: [N, 4, 8, 8]) {{ image -> {} }}"
    assert diff(net.format(one), net.format(other)).same


def test_a_layer_that_inference_does_not_need_is_one_of_training_marked_or_not(
    diff: Callable[[str, str], Difference],
) -> None:
    net = "network Net(image: [N, 4, 8, 8]) {{ output a = image -> relu\n output b = image -> tanh{} -> sin @train }}"
    assert diff(net.format(""), net.format(" @train")).same
