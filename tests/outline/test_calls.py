"""What instances of blocks are called in pictures and tables."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from archdsl.graph import Graph, layer
from archdsl.outline.calls import LONGEST, called
from archdsl.outline.wording import own_name

BLOCK = "block b(x: [N, C, H, W], {params}) {{ x -> conv(8, 1) -> relu }}\n"
NET = "network Net(x: [N, 8, 8, 8]) {{ x -> one: b({given}) }}"


@pytest.fixture
def call_of(graph_of: Callable[..., Graph]) -> Callable[[str, str], str]:
    def call(params: str, given: str) -> str:
        graph = graph_of(BLOCK.format(params=params) + NET.format(given=given))
        return called(layer(graph, "one.conv")["blocks"][0])

    return call


@pytest.mark.parametrize(
    ("params", "given", "said"),
    [
        ("width, stride", "64, 2", "b 64, stride 2"),
        ("width, stride", "64, 1", "b 64"),  # as operators have it where nothing is said
        ("width, wide", "64, false", "b 64"),
        ("width, wide", "64, true", "b 64, wide"),
        ("width, wide = true", "64, false", "b 64, no wide"),
        ("width, stride = 2", "64, 2", "b 64"),
        ("width, stride = 2", "64, 1", "b 64, stride 1"),
        ("stride, width", "2, 64", "b stride 2, width 64"),
        ("heads, drop", "3, 0.0", "b heads 3"),
        ("heads, drop", "3, 0.1", "b heads 3, drop 0.1"),
        ("widths, form", '[8, 16], "sum"', "b [8, 16], sum"),
        ("width, kernel_size", "8, [1, 7]", "b 8, kernel 1×7"),
        ("width, kernel_size, padding", "8, 3, 1", "b 8, kernel 3"),  # shapes show what padding does
        ("widths", "[[8], [8, 8]]", "b"),  # a table is no name
        ("width, other = width // 2", "8", "b 8"),
        ("width, other = width // 2", "8, 2", "b 8, other 2"),
    ],
)
def test_arguments_have_names_and_what_is_taken_for_granted_is_left_out(
    call_of: Callable[[str, str], str], params: str, given: str, said: str
) -> None:
    assert call_of(params, given) == said


def test_a_long_call_ends_with_a_whole_argument(call_of: Callable[[str, str], str]) -> None:
    params = ", ".join(f"parameter_{i}" for i in range(9))
    said = call_of(params, ", ".join("7" * 9))
    assert len(said) <= LONGEST
    assert said == "b parameter 0 7, parameter 1 7, …"


@pytest.mark.parametrize("path", ["0", "0 … 11", "layers.0 … 11", "layer", "layer_2", "layer_0 … 11"])
def test_a_place_among_others_is_no_name(path: str) -> None:
    assert own_name(path, "layer") == ""


@pytest.mark.parametrize("path", ["layer1", "conv1", "layers.0", "mlp", "inception3a … 3b"])
def test_other_names_are_said(path: str) -> None:
    assert own_name(path, "layer") == path
