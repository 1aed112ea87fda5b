"""What may be asked of a drawing is checked in one place, alike for all formats."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import viz
from archdsl.graph import Graph
from archdsl.network import Network
from viz import choices, formats

NET = "network Net(x: [N, 8]) { x -> linear(4) -> relu }"
WRONG = [
    ("depth", -1), ("depth", 0), ("depth", True), ("depth", 1.5), ("depth", "all"),
    ("shapes", "some"), ("shapes", 1.5), ("fold", "mark"), ("fold", None), ("focus", 3), ("profile", 7),
    ("view", "cubes"), ("view", None), ("direction", ["down"]), ("phase", "test"), ("theme", {}), ("engine", "steam"),
]  # fmt: skip


@pytest.mark.parametrize("format", formats.known())
@pytest.mark.parametrize(("option", "value"), WRONG)
def test_a_wrong_value_is_refused_in_every_format(
    graph_of: Callable[..., Graph], format: str, option: str, value: Any
) -> None:
    with pytest.raises(ValueError, match=rf"`{option}` is .*, not|no {option} is called .*; known are"):
        viz.render(graph_of(NET), format, **{option: value})


@pytest.mark.parametrize("format", [name for name in formats.known() if name not in ("dot", "mmd")])
@pytest.mark.parametrize(("option", "value"), [("fold", 2), ("arrange", "stacked"), ("theme", None), ("profile", [])])
def test_a_wrong_value_is_refused_in_every_format_of_a_difference(
    network_of: Callable[..., Network], format: str, option: str, value: Any
) -> None:
    with pytest.raises(ValueError, match=r"`\w+` is .*, not|no \w+ is called .*; known are"):
        viz.render_difference(network_of(NET).diff(network_of(NET)), format, **{option: value})


@pytest.mark.parametrize("function", [viz.render, viz.render_difference])
def test_every_option_of_a_drawing_is_checked(function: Callable[..., bytes]) -> None:
    """The lists that the check knows are those of the functions that draw."""
    options = [p.name for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    assert set(options) <= {*choices.WORDS, *choices.OTHERS}
    source = inspect.getsource(function)
    assert all(f"{name}={name}" in source.partition("renderer = ")[0] for name in options)
