"""Sizes that are chosen for inputs: what they say of the symbols, and where they leave them open."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from archdsl.errors import SpecError
from archdsl.graph import Graph, header, layer

Build = Callable[..., Graph]


def shape_of(graph_of: Build, inputs: str, sizes: tuple[int, ...], **symbols: int) -> object:
    graph = graph_of(f"network Net({inputs}) {{ x -> relu }}", inputs={"x": sizes}, symbols=symbols)
    return layer(graph, "x")["shape"]


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        ("[N, 3, 4 * H, 4 * W]", (8, 3, 224, 224)),
        ("[N, 3, 32 * H, H]", (1, 3, 640, 20)),
        ("[N, 3, H + W, 2 * W]", (1, 3, 12, 8)),  # W first, then H
        ("[2 * N, 3, H - 1, N]", (8, 3, 4, 4)),
        ("[N, 3, H * H, W]", (1, 3, 49, 2)),
        ("[N, 3, H // 2, H]", (1, 3, 5, 11)),
    ],
)
def test_sizes_that_are_computed_from_symbols_say_what_these_are(
    graph_of: Build, shape: str, sizes: tuple[int, ...]
) -> None:
    assert shape_of(graph_of, f"x: {shape}", sizes) == sizes


def test_a_symbol_that_was_solved_holds_for_the_whole_network(graph_of: Build) -> None:
    code = "network Net(x: [N, 3, 4 * H, 8], y: [N, 3, H, 8]) { y -> slice(0, H - 1, dim = 2) }"
    graph = graph_of(code, inputs={"x": (1, 3, 20, 8), "y": (1, 3, 5, 8)})
    assert layer(graph, "slice")["shape"] == (1, 3, 4, 8)
    assert header(graph)["requires"] == ()


@pytest.mark.parametrize(
    ("shape", "sizes", "message", "help"),
    [
        ("[N, 3, 4 * H]", (1, 3, 222), "dimension 2 is `4 * H`, which is 222 for no `H`", "--at H="),
        ("[N, 3, 4 * H]", (1, 3, 222), "which is 222 for no `H`", "the nearest sizes that fit are 220 and 224"),
        ("[N, 3, 4 * H]", (1, 3, 3), "which is 3 for no `H`", "the nearest size that fits is 4"),
        ("[N, 3, H // 2]", (1, 3, 5), "which is 5 for several `H`: 10, 11", "--at H=10"),
        ("[N, 3, H % 4]", (1, 3, 3), "which is 3 for several `H`: 3, 7", "--at H=3"),
        ("[N, 3, H + W]", (1, 3, 9), "so that 9 leaves `H` and `W` open", "--at H=… --at W=…"),
        ("[N, 3, 12 - H]", (1, 3, 12), "which is 12 for no `H`", "--at H="),
    ],
)
def test_where_sizes_do_not_say_it_the_way_out_is_named(
    graph_of: Build, shape: str, sizes: tuple[int, ...], message: str, help: str
) -> None:
    with pytest.raises(SpecError) as caught:
        shape_of(graph_of, f"x: {shape}", sizes)
    (found,) = caught.value.diagnostics
    assert message in found.message
    assert help in (found.help or "")
    assert found.place == "--input"


def test_a_value_of_a_symbol_settles_which_of_several_it_is(graph_of: Build) -> None:
    assert shape_of(graph_of, "x: [N, 3, H // 2]", (1, 3, 5), H=11) == (1, 3, 5)
    assert shape_of(graph_of, "x: [N, 3, H + W]", (1, 3, 9), H=4) == (1, 3, 9)


def test_a_size_that_is_never_one_is_no_size(graph_of: Build) -> None:
    with pytest.raises(SpecError, match="a size is at least 1, and H - 3\\*\\(H // 3\\) - 4 never is"):
        graph_of("network Net(x: [N, H % 3 - 4]) { x -> relu }")
