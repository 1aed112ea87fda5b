"""What tensors hold: said of inputs, followed through the layers, held against torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import archdsl
from archdsl.errors import SpecError
from archdsl.graph import Graph, content_hash, header, layer
from archdsl.measure.memory.memory_report import memory_report
from archdsl.measure.run.execution import Setting, execution
from archdsl.measure.run.precision import PRECISIONS
from archdsl.measure.run.saved import kept_for_backward
from archdsl.net_view import NetView
from archdsl.network import Network
from archdsl.pipeline import convert_source, format_source
from archdsl.source import Source
from tests.measure.layouts import kept_with_the_outputs

Build = Callable[..., Graph]
INPUTS = {
    "f": torch.tensor([[1.5, -2.0], [0.0, 3.0]]),
    "i": torch.tensor([[3, -1], [0, 2]]),
    "b": torch.tensor([[True, False], [True, True]]),
}


def network(body: str) -> str:
    return f"network Net(f: [N, 2], i: [N, 2] int64, b: [N, 2] bool) {{ {body} }}"


def refusal(graph_of: Build, code: str) -> archdsl.Diagnostic:
    with pytest.raises(SpecError) as caught:
        graph_of(code)
    (found,) = caught.value.diagnostics
    return found


@pytest.mark.parametrize(
    "expression",
    [
        "i + i", "i + b", "i + f", "b + b", "b + f", "b * b", "b * f", "i - i", "i - 2", "2 - i", "i - 0.5", "-i", "-f",
        "i * 2", "i * 2.0", "b * 2", "b * 2.0", "b + 1", "i / (i + 5)", "i / 2", "2 / i", "b / f", "f * 2", "i * b * f",
        "maximum(i, b)", "maximum(b, b)", "maximum(i, f)",
    ],
)  # fmt: skip
def test_arithmetic_has_the_values_and_types_of_torch(network_of: Callable[..., Network], expression: str) -> None:
    wanted = eval(expression, {"maximum": torch.maximum, **INPUTS})
    net = network_of(network(expression), inputs={"f": (2, 2)})
    found = net.compile()(*INPUTS.values())
    assert (found.dtype, found.tolist()) == (wanted.dtype, wanted.tolist())
    assert header(net.graph)["outputs"][0]["dtype"] == str(found.dtype).removeprefix("torch.")


@pytest.mark.parametrize(
    ("steps", "dtype"),
    [
        ("i -> reshape([2 * N]) -> unsqueeze(0)", "int64"),
        ("b -> permute([1, 0]) -> slice(0, 1)", "bool"),
        ("concat(i, b)", "int64"),
        ("stack(b, f)", "float32"),
        ("i -> sum(1)", "int64"),
        ("b -> sum(1)", "int64"),
        ("b -> to(float32) -> mean(1)", "float32"),
        ("f -> to(int64) -> embedding(9, 3)", "float32"),
        ("b -> pad([1, 1], value = 1)", "bool"),
    ],
)
def test_operators_say_what_they_give(graph_of: Build, steps: str, dtype: str) -> None:
    assert header(graph_of(network(steps)))["outputs"][0]["dtype"] == dtype


def test_an_input_that_does_not_say_is_what_its_first_use_takes(graph_of: Build) -> None:
    graph = graph_of("network Net(ids: [N, T]) { output rows = ids -> embedding(9, 4)\n output same = ids }")
    assert layer(graph, "ids")["dtype"] == "int64"
    assert [output["dtype"] for output in header(graph)["outputs"]] == ["float32", "int64"]


def test_a_block_may_say_what_it_is_given(graph_of: Build) -> None:
    graph = graph_of(
        "block rows(x: [...] int64) { x -> flatten -> embedding(9, 4) }\nnetwork Net(x: [N, 2]) { x -> rows }"
    )
    assert layer(graph, "x")["dtype"] == "int64"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("x: [N, 4]) { x -> relu -> embedding(9, 4)", "`embedding` needs integers, found float32"),
        ("x: [N, 4] float32) { x -> embedding(9, 4)", "`embedding` needs integers, found float32"),
        ("x: [N, 4] bool) { x -> linear(4)", "`linear` needs floating-point numbers, found bool"),
        ("x: [N, 4] bool) { 1 - x", "`sub` needs numbers, found bool"),
        ("x: [N, 3, 4] bool) { x -> pad([1, 1], mode = reflect)", "`pad` with mode reflect needs numbers, found bool"),
    ],
)
def test_a_tensor_of_another_type_is_refused(graph_of: Build, code: str, says: str) -> None:
    found = refusal(graph_of, f"network Net({code} }}")
    assert (found.code, found.message) == ("wrong-dtype", says)


@pytest.mark.parametrize("code", ["x: [N, 4] int32) { x", "x: [N, 4] float) { x", "x: [N, 4] uint8) { x"])
def test_there_are_three_types(graph_of: Build, code: str) -> None:
    assert refusal(graph_of, f"network Net({code} }}").code == "unknown-name"


def test_the_help_names_the_input_to_declare(graph_of: Build) -> None:
    found = refusal(graph_of, "network Net(ids: [N, 7]) { ids -> flatten -> embedding(9, 4) }")
    assert found.help == "declare what it holds, `ids: [N, 7] int64`, or convert it: `to(int64)`"


BOTH = "network Net(ids: [N, T] int64, mask: [N, T] bool) { (ids -> embedding(9, 4)) * (mask -> unsqueeze(-1)) }\n"


def test_both_forms_say_the_types(graph_of: Build) -> None:
    converted = convert_source(Source("net.arch", BOTH), "yaml")
    back = convert_source(Source("net.yaml", converted), "text")
    assert "type: bool" in converted
    assert content_hash(graph_of(back)) == content_hash(graph_of(BOTH))
    assert "mask: [N, T] bool" in format_source(Source("net.arch", BOTH))


def test_a_type_is_part_of_the_architecture(graph_of: Build) -> None:
    code = "network Net(x: [N, 4] {}) {{ x -> flatten }}"
    assert content_hash(graph_of(code.format("int64"))) != content_hash(graph_of(code.format("bool")))


def test_the_report_and_its_table_say_unusual_types(network_of: Callable[..., Network]) -> None:
    report = network_of("network Net(ids: [N, 7] int64) { ids -> flatten -> embedding(9, 4) }").report()
    document = report.to_dict()
    assert document["inputs"] == [{"name": "ids", "shape": [1, 7], "dtype": "int64"}]
    assert [node.get("dtype") for node in document["nodes"]] == ["int64", None]
    assert "[1, 7] int64" in str(report)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_integers_are_as_wide_in_every_precision(graph_of: Build, precision: str) -> None:
    net = NetView(graph_of("network Net(i: [5, 7] int64, b: [5, 7] bool) { (i -> flatten) * (b -> flatten) }"))
    run = execution(net, training=True, setting=Setting(PRECISIONS[precision]))
    assert [run.sizes[name, 0] for name in ("i", "b", "mul")] == [5 * 7 * 8, 5 * 7, 5 * 7 * 8]
    memory = memory_report(net.graph, dtype=precision).devices["all"]
    assert memory.inference_peak.bytes == 5 * 7 * (8 + 1 + 8)


@pytest.mark.parametrize(
    "body",
    [
        "(f -> linear(2)) * b",
        "(f -> linear(2)) * i",
        "(f -> linear(2)) / (i + 5)",
        "(f -> linear(2)) + b * i",
        "i -> embedding(9, 4) -> to(int64)",
        "(i -> embedding(9, 4)) * (b -> unsqueeze(-1))",
    ],
)
def test_what_autograd_keeps_of_other_types(network_of: Callable[..., Network], body: str) -> None:
    net = network_of(network(body), inputs={"f": (3, 2), "i": (3, 2), "b": (3, 2)})
    assert kept_for_backward(net.graph, Setting(hardware="cpu")) == kept_with_the_outputs(net)


@pytest.mark.parametrize(("name", "given"), [("ids", torch.zeros(2, 7)), ("mask", torch.ones(2, 7).long())])
def test_a_compiled_network_refuses_another_type(network_of: Callable[..., Network], name: str, given: Any) -> None:
    model = network_of(BOTH).compile()
    right = {"ids": torch.zeros(2, 7, dtype=torch.int32), "mask": torch.ones(2, 7, dtype=torch.bool)}
    model(**right)
    with pytest.raises(ValueError, match=f"input `{name}` holds {str(given.dtype)[6:]}, but the network takes"):
        model(**(right | {name: given}))
