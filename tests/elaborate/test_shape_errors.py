"""What errors of shape say: where sizes come from, which faults are told and which are only consequences."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from archdsl.graph import Graph, broken, header, layers, sound
from archdsl.limits import MAX_FAULTS
from archdsl.ops import Operator
from archdsl.pipeline import check

Build = Callable[..., Graph]


def error(graph_of: Build, code: str, **choices: object) -> SpecError:
    with pytest.raises(SpecError) as caught:
        graph_of(code, **choices)
    return caught.value


def faults(graph_of: Build, code: str) -> list[Diagnostic]:
    return list(error(graph_of, code).diagnostics)


def notes(graph_of: Build, body: str, inputs: str = "x: [N, 3, 224, 224]") -> list[str]:
    (found,) = faults(graph_of, f"network Net({inputs}) {{\n{body}\n}}")
    return [note.text for note in found.notes]


# --- where sizes come from


def test_a_size_is_followed_back_to_the_input_with_the_arithmetic_of_each_layer(graph_of: Build) -> None:
    body = "x -> conv1: conv(96, 11, stride = 4, padding = 2) -> relu -> max_pool(3, stride = 2) -> conv2: conv(8, 30)"
    assert notes(graph_of, body) == [
        "27 comes from `max_pool`: (55 + 2*0 - 3) // 2 + 1 = 27",
        "55 comes from `conv1`: (224 + 2*2 - 11) // 4 + 1 = 55",
        "224 comes from the input `x`",
    ]


def test_the_way_back_ends_at_a_layer_that_fixes_the_size(graph_of: Build) -> None:
    body = "x -> conv(8, 3) -> adaptive_avg_pool(6) -> conv(8, 7)"
    assert notes(graph_of, body) == ["6 comes from `adaptive_avg_pool`: output_size = 6"]


def test_both_sizes_of_a_mismatch_are_followed(graph_of: Build) -> None:
    body = "a = x -> wide: conv(64, 1)\nb = x -> narrow: conv(32, 1)\na + b"
    assert notes(graph_of, body) == [
        "64 comes from `wide` (conv): out_channels = 64",
        "32 comes from `narrow` (conv): out_channels = 32",
    ]


def test_a_concatenated_size_is_followed_into_every_part(graph_of: Build) -> None:
    body = "concat(x -> a: conv(64, 1), x -> b: conv(32, 1)) -> conv(8, 1, groups = 5)"
    assert notes(graph_of, body) == [
        "96 comes from `concat`: 64 + 32 = 96",
        "64 comes from `a` (conv): out_channels = 64",
        "32 comes from `b` (conv): out_channels = 32",
    ]


def test_layers_that_leave_the_size_as_it_is_are_not_told(graph_of: Build) -> None:
    body = "x -> conv(8, 3, padding = 1) -> batch_norm -> relu -> max_pool(2) -> conv(8, 113)"
    assert notes(graph_of, body) == [
        "112 comes from `max_pool`: (224 + 2*0 - 2) // 2 + 1 = 112",
        "224 comes from the input `x`",
    ]


def test_a_long_way_is_cut_in_the_middle(graph_of: Build) -> None:
    found = notes(graph_of, "x -> repeat 8 { max_pool(2) }")
    assert len(found) == 6
    assert found[0].startswith("1 comes from")
    assert "steps before that" in found[-2]
    assert found[-1] == "224 comes from the input `x`"


def test_a_size_of_the_input_itself_needs_no_note(graph_of: Build) -> None:
    assert notes(graph_of, "x -> conv(8, 225)") == []


def test_symbols_are_followed_too(graph_of: Build) -> None:
    body = "up = x -> max_pool(2) -> interpolate(scale_factor = 2)\nup + (x -> adaptive_avg_pool(8))"
    found = notes(graph_of, body, "x: [N, 3, H, 8]")
    assert found == [
        "2*(H // 2) comes from `interpolate`: (H // 2)*2 = 2*(H // 2)",
        "H // 2 comes from `max_pool`: (H + 2*0 - 2) // 2 + 1 = H // 2",
        "H comes from the input `x`",
    ]


def test_a_shape_that_a_block_asks_for_is_followed_too(graph_of: Build) -> None:
    (found,) = faults(
        graph_of,
        "block head(y: [N, 512]) { y -> linear(10) }\n"
        "network Net(x: [N, 3, 8, 8]) { x -> max_pool(2) -> flatten -> head }",
    )
    assert found.notes[0].text == "48 comes from `flatten`: 3*4*4 = 48"
    assert [label.text for label in found.labels] == ["the shape is asked for here"]


# --- independent faults, and consequences


def test_faults_of_two_branches_are_both_reported(graph_of: Build) -> None:
    code = "network Net(x: [N, 3, 8, 8]) { concat(x -> conv(8, 9), x -> max_pool(9), x -> relu) }"
    assert [found.code for found in faults(graph_of, code)] == ["kernel-too-large", "kernel-too-large"]


def test_faults_of_both_operands_are_reported(graph_of: Build) -> None:
    code = "network Net(x: [N, 3, 8, 8]) { (x -> conv(8, 9)) + (x -> max_pool(9)) -> relu }"
    assert len(faults(graph_of, code)) == 2


def test_what_depends_on_a_fault_is_not_reported(graph_of: Build) -> None:
    code = "network Net(x: [N, 3, 8, 8]) {\na = x -> conv(8, 9)\nb = a -> conv(8, 99)\nc, d = chunk(b, 2)\nc + x\n}"
    assert len(faults(graph_of, code)) == 1


def test_a_fault_of_a_block_is_reported_once_for_all_its_instances(graph_of: Build) -> None:
    code = (
        "block b(x) { x -> conv(8, 9) }\nnetwork Net(x: [N, 3, 8, 8]) { ys = [x -> b for i in range(50)]\nconcat(ys) }"
    )
    (found,) = faults(graph_of, code)
    assert [note.text for note in found.notes] == ["and in 49 more instances of this step"]
    assert found.chain[0].path == "b"


def test_later_uses_of_a_shared_module_with_a_fault_are_silent(graph_of: Build) -> None:
    code = (
        "block enc(x) {\ny = x -> conv(8, 9)\nx -> conv(8, 3)\n}\n"
        "network Net(x: [N, 3, 8, 8], z: [N, 3, 16, 16]) {\ne = module enc\na = x -> e\nb = z -> e\na + b\n}"
    )
    assert [found.code for found in faults(graph_of, code)] == ["kernel-too-large"]


def test_no_more_are_shown_than_anyone_reads(graph_of: Build) -> None:
    lines = "\n".join(f"y{i} = x -> conv(8, 9)" for i in range(MAX_FAULTS + 5))
    found = error(graph_of, f"network Net(x: [N, 3, 8, 8]) {{\n{lines}\nx\n}}")
    assert len(found.diagnostics) == MAX_FAULTS + 5
    assert str(found).endswith("\n… and 5 more\n")


def test_a_fault_that_only_some_variants_have_names_them(tmp_path: Path) -> None:
    spec = tmp_path / "net.arch"
    code = "network Net(x: [N, 8, 9, 9], k) { x -> conv(8, k) }\nvariant good = Net(3)\nvariant bad = Net(11)\n"
    spec.write_text(code, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        check(spec)
    assert [note.text for found in caught.value.diagnostics for note in found.notes] == ["only in `bad`"]


# --- the graph of a spec with errors


def test_an_error_has_the_graph_up_to_the_fault(graph_of: Build) -> None:
    found = error(graph_of, "network Net(x: [N, 3, 8, 8]) { x -> conv(8, 3) -> relu -> max_pool(7) -> tanh }")
    graph = found.graph
    assert graph is not None
    assert list(graph) == ["x", "conv", "relu", "max_pool"]
    assert header(graph)["network"] == "Net"
    (key, node), *more = broken(graph)
    assert (key, node["op"], node["outputs"], more) == ("max_pool", "max_pool", (), [])
    assert node["fault"] == found.diagnostics[0]
    assert list(graph.pred[key]) == ["relu"]


@pytest.mark.parametrize(
    ("step", "op"),
    [
        ("head(5)", "head"),  # a block that does not take its arguments
        ("dropout(2.0)", "dropout"),  # a parameter out of bounds
        ("conv(8, 3, 1)", "conv"),  # too many arguments
    ],
)
def test_a_step_with_wrong_arguments_stands_in_the_graph(graph_of: Build, step: str, op: str) -> None:
    code = f"block head(y: [N, 4], k) {{ y -> linear(k) }}\nnetwork Net(x: [N, 3, 8, 8]) {{ x -> relu -> {step} }}"
    graph = error(graph_of, code).graph
    assert graph is not None
    assert [(node["op"], list(graph.pred[key])) for key, node in broken(graph)] == [(op, ["relu"])]


def test_a_shared_layer_that_does_not_fit_stands_in_the_graph(graph_of: Build) -> None:
    code = "network Net(x: [N, 4], y: [N, 5]) {\nl = module linear(3)\na = x -> l\nb = y -> l\na + b\n}"
    graph = error(graph_of, code).graph
    assert graph is not None
    assert [key for key, _ in broken(graph)] == ["linear#2"]


@pytest.mark.parametrize(
    ("body", "broken_steps"),
    [
        ("x -> relu", ()),
        ("x -> linear(2) -> conv(2, 9)", ("conv",)),
        ('x -> conv("a", 1)', ("conv",)),  # its operator has no parameters
        ("x -> two -> relu", ("two",)),  # nor has a block
    ],
)
def test_a_graph_says_which_of_its_steps_cannot_be(graph_of: Build, body: str, broken_steps: tuple[str, ...]) -> None:
    code = f"block two(x: [N, 2, H, W]) {{ x }}\nnetwork Net(x: [N, 4, 8, 8]) {{ {body} }}"
    try:
        graph = graph_of(code)
    except SpecError as error:
        assert error.graph is not None
        graph = error.graph
    assert header(graph)["broken"] == broken_steps
    assert all(isinstance(node["operator"], Operator) for _, node in layers(graph))
    assert set(graph) - set(sound(graph)) == set(broken_steps)
    assert header(sound(graph))["broken"] == ()
