"""Phases have one vocabulary; the words of torch's methods are understood where people say them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import archdsl
import viz
from tests.conftest import Said


@pytest.mark.parametrize(("word", "name"), [("train", "training"), ("eval", "inference")])
def test_a_phase_is_called_by_its_name_or_by_that_of_torchs_method(
    command_line: Callable[..., Said], word: str, name: str
) -> None:
    shown = [command_line("compile", "googlenet", "--phase", said).out for said in (word, name)]
    assert shown[0] == shown[1]
    graph = archdsl.load("googlenet").graph
    drawn = [viz.render(graph, "svg", phase=said) for said in (word, name)]  # type: ignore[arg-type]
    assert drawn[0] == drawn[1]


def test_the_phases_differ(command_line: Callable[..., Said]) -> None:
    assert "aux1" in command_line("compile", "googlenet", "--phase", "training").out
    assert "aux1" not in command_line("compile", "googlenet", "--phase", "inference").out


def test_another_word_is_no_phase(command_line: Callable[..., Said]) -> None:
    said = command_line("draw", "lenet5", "--phase", "test", "-o", "-.svg")
    assert said.status == 2
    assert "'training', 'inference'" in said.err
    with pytest.raises(ValueError, match="no phase is called 'test'; known are training, inference"):
        viz.render(archdsl.load("lenet5").graph, "svg", phase="test")  # type: ignore[arg-type]
