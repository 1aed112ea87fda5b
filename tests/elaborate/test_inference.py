"""What an operator makes of its inputs is worked out once for all layers that are alike, and for no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from archdsl.dims import Shape
from archdsl.elaborate import Choices, elaborate
from archdsl.graph import Graph, header, layer
from archdsl.ops.conv import Conv
from archdsl.program import parse_string

Build = Callable[..., Graph]


@pytest.fixture
def inferred(monkeypatch: pytest.MonkeyPatch) -> list[Shape]:
    """The shapes of inputs for which the shape rule of a convolution is asked."""
    asked: list[Shape] = []
    rule = Conv.infer

    def infer(self: Conv, *inputs: Shape) -> Shape:
        asked.extend(inputs)
        return rule(self, *inputs)

    monkeypatch.setattr(Conv, "infer", infer)
    return asked


def test_layers_that_are_alike_are_worked_out_once(graph_of: Build, inferred: list[Shape]) -> None:
    graph = graph_of("network Net(x: [2, 8, 16, 16]) { x -> repeat 20 { conv(8, 3, padding = 1) } }")
    assert inferred == [(2, 8, 16, 16)]
    first, last = graph.nodes["conv"], graph.nodes["conv_20"]
    assert first["weights"] == last["weights"] != ()


@pytest.mark.parametrize(
    "body",
    ["x -> conv(8, 3) -> conv(8, 3)", "x -> conv(8, 1) -> conv(8, 1, bias = false)", "x -> conv(4, 1) -> conv(4, 1)"],
    ids=["other sizes", "other parameters", "other channels"],
)
def test_layers_that_differ_are_worked_out_each(graph_of: Build, inferred: list[Shape], body: str) -> None:
    graph_of(f"network Net(x: [2, 8, 16, 16]) {{ {body} }}")
    assert len(inferred) == 2


def test_each_network_is_worked_out_for_itself(graph_of: Build, inferred: list[Shape]) -> None:
    for _ in range(2):
        graph = graph_of("network Net(x: [N, 8, H, 16]) { x -> conv(8, 3) -> conv(8, 3) }")
        assert header(graph)["requires"] == ("H >= 5",)
    assert len(inferred) == 4


@pytest.mark.parametrize(("number", "dtype"), [("2", "int64"), ("2.0", "float32")])
def test_an_operator_with_a_whole_number_is_not_like_one_with_a_fraction(
    graph_of: Build, number: str, dtype: str
) -> None:
    graph = graph_of(f"network Net(x: [N, 4] int64) {{ y = x * 2 * {number}\n output a = y\n output b = x * 2.0 }}")
    assert header(graph)["outputs"][0]["dtype"] == dtype
    assert header(graph)["outputs"][1]["dtype"] == "float32"


def test_inputs_of_other_types_make_another_layer(graph_of: Build) -> None:
    graph = graph_of("network Net(x: [N, 4] int64, y: [N, 4] float32) { output a = -x\n output b = -y }")
    assert [output["dtype"] for output in header(graph)["outputs"]] == ["int64", "float32"]


def test_layers_whose_inputs_agree_only_for_some_sizes_say_so_each_time(graph_of: Build) -> None:
    code = """
network Net(x: [N, 4, H, 8]) {
    up = x -> max_pool(2) -> interpolate(scale_factor = 2)
    output a = up + x
    output b = up + x
}
"""
    graph = graph_of(code)
    assert header(graph)["requires"] == ("H % 2 == 0",)
    assert layer(graph, "add")["shape"] == layer(graph, "add_2")["shape"]


def test_a_layer_takes_as_much_work_however_many_are_like_it() -> None:
    def work(body: str) -> int:
        program = parse_string(f"network Net(x: [N, 8, 64, 64]) {{ x -> {body} }}")
        choices: Any = Choices()
        elaborate(program.spec.networks[0], program.definitions, None, choices)
        return int(choices.work.spent)

    alike = " -> ".join(["conv(8, 3, padding = 1)"] * 12)
    others = " -> ".join(f"conv(8, 3, padding = {i})" for i in range(1, 13))
    assert work(alike) == work(others)
