"""`archdsl zoo --table`: published figures beside ours, and every difference explained."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from archdsl.program import program
from archdsl.published import PublishedFigure, figures
from archdsl.shipped import shipped_specs, zoo
from archdsl.source import Source
from tests.conftest import Said
from tests.zoo.published import ALIASES, PUBLISHED

FIGURES = figures()


def test_every_variant_has_published_figures() -> None:
    assert {figure.network for figure in FIGURES} == set(zoo()) == set(PUBLISHED) | set(ALIASES)


@pytest.mark.parametrize("figure", FIGURES, ids=[f"{f.network}-{f.figure}-{f.published}" for f in FIGURES])
def test_a_figure_agrees_or_its_difference_is_explained(figure: PublishedFigure) -> None:
    assert figure.source
    assert figure.agrees != "differs" or figure.note
    if figure.published.replace(",", "").isdigit():
        assert figure.ours == int(figure.published.replace(",", ""))
        assert figure.agrees == "equal"


@pytest.mark.parametrize(
    ("network", "printed", "agrees"),
    [
        ("vgg16", "138 million", "rounded"),
        ("resnet50", "3.8 billion", "differs"),
        ("resnet101_paper", "7.6 billion", "rounded"),
        ("inception_v3", "less than 25 million", "rounded"),
        ("alexnet", "60 million", "differs"),
    ],
)
def test_rounding_is_told_from_difference(network: str, printed: str, agrees: str) -> None:
    assert [f.agrees for f in FIGURES if f.network == network and f.published == printed] == [agrees]


def test_the_command_prints_the_table_with_its_notes(command_line: Callable[..., Said]) -> None:
    printed = command_line("zoo", "--table").out
    assert all(figure.note in printed and figure.source in printed for figure in FIGURES)


def test_the_command_prints_it_as_json(command_line: Callable[..., Said]) -> None:
    document = json.loads(command_line("zoo", "--table", "--json").out)
    assert document["figures"] == [figure.to_dict() for figure in FIGURES]


def test_bare_names_are_the_variants_of_both_forms() -> None:
    named = [
        variant.name.id
        for file in shipped_specs()
        for variant in program(Source(file.name, file.read_text(encoding="utf-8")), file.parent).spec.variants
    ]
    assert sorted(named) == sorted(zoo())
    assert len({file.name for file in shipped_specs() if file.suffix == ".yaml"}) >= 2
