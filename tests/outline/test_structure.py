"""Equal parts of networks are recognised by what they are, not by their names."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from archdsl.graph import Graph
from archdsl.outline.structure import Structure, structure

UNIT = """
block unit(x, width = 8, kernel = 3) {{
    main = x -> first: conv(width, kernel, padding = kernel // 2) -> relu
    {join}
}}
network Net(x: [N, 8, 16, 16]) {{ x -> a: {a} -> b: {b} }}
"""


def part(graph: Graph, prefix: str) -> Structure:
    return structure(graph, [key for key in graph if key.startswith(f"{prefix}.")])


def digests(graph: Graph) -> tuple[str, str]:
    return part(graph, "a").digest, part(graph, "b").digest


def test_equal_blocks_under_other_names_are_equal(graph_of: Callable[..., Graph]) -> None:
    a, b = digests(graph_of(UNIT.format(a="unit()", b="unit()", join="main + x")))
    assert a == b
    assert len(a) == 64


def test_names_within_a_block_do_not_count(graph_of: Callable[..., Graph]) -> None:
    a, b = digests(graph_of("network Net(x: [N, 8]) { x -> a: { one: relu -> two: tanh } -> b: { relu -> tanh } }"))
    assert a == b


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("unit()", "unit(kernel = 5)"),  # a parameter
        ("unit()", "unit(width = 8) @frozen"),  # a mark
        ("conv(8, 1) -> relu", "{ relu -> conv(8, 1) }"),  # order
        ("{ relu -> conv(8, 1) }", "{ relu -> conv(8, 1, bias = false) }"),
        ("max_pool(2)", "max_pool(2)"),  # the same said of other shapes
    ],
)
def test_whatever_else_differs_counts(graph_of: Callable[..., Graph], a: str, b: str) -> None:
    code = UNIT.format(a=f"{{ {a} }}", b=f"{{ {b} }}", join="main + x" if "width" not in a else "main")
    first, second = digests(graph_of(code))
    assert first != second


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("p - q", "q - p"),  # which input is which
        ("p + p", "p + (x -> relu)"),  # one layer read twice, two equal layers
        ("x -> relu -> tanh", "x -> relu\n x -> tanh"),
    ],
)
def test_wiring_counts(graph_of: Callable[..., Graph], one: str, other: str) -> None:
    def digest(wiring: str) -> str:
        first = "p = x -> relu\n q = x -> tanh\n" if "p" in wiring else ""
        body = wiring if "\n" not in wiring else "y = x -> relu\n z = x -> tanh\n y + z"
        graph = graph_of(f"block b(x) {{ {first} {body} }}\nnetwork Net(x: [N, 8]) {{ x -> it: b() -> flatten }}")
        return part(graph, "it").digest

    assert digest(one) != digest(other)


def test_layers_of_equal_parts_correspond(graph_of: Callable[..., Graph]) -> None:
    graph = graph_of(UNIT.format(a="unit()", b="unit()", join="main + x"))
    a, b = part(graph, "a"), part(graph, "b")
    assert [key.replace("a.", "b.") for key in a.order] == list(b.order)


def test_entries_are_what_is_read_from_outside(graph_of: Callable[..., Graph]) -> None:
    graph = graph_of(UNIT.format(a="unit()", b="unit()", join="main + x"))
    assert part(graph, "a").entries == (("x", 0),)
    assert part(graph, "b").entries == (("a.add", 0),)


def test_a_second_use_of_weights_is_not_a_first_one(graph_of: Callable[..., Graph]) -> None:
    graph = graph_of("network Net(x: [N, 8]) { f = module linear(8)\n x -> f -> relu -> f }")
    (first, second) = ([key] for key in graph if graph.nodes[key]["op"] == "linear")
    assert structure(graph, first).digest != structure(graph, second).digest
