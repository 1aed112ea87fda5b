"""Mistakes of published code: the compiler reports each, or `diff` tells it from what was meant, or a report counts it.

The errata are those of an article on well-known networks, which docs/errata.md tells of. `<erratum>-….arch` is the
article's network with that one mistake, in its own names; `correct/` has the networks without.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

import archdsl
from archdsl.errors import SpecError
from archdsl.pipeline import check
from tests.errata import test_claims
from tests.errata.corrections import CORRECTIONS
from tests.errata.figures import FIGURES

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent.parent / "docs" / "errata.md"

# How each erratum is shown; docs/errata.md has the same table.
SHOWN: Final = {
    "diagnostic": "Z1 A7 V6 V7 N7 G3 G6 G7 R5 R6 I8 X1 X2 X4 X6 X7",
    "diff": "A5 A6 A8 A9 N8 N9 N10 G8 R7 R8 I6 I7 X3 X5 X6 X8",
    "report": "A6 A7 A8 A9 A10 A11 V3 V4 V7 N2 N3 N4 N8 N10 G1 G2 G4 G5 G7 G8 G9"
    " R2 R3 R7 R8 I1 I2 I3 I8 I9 X3 X5 X6 X8 X9 X10",
    "cannot be written": "R4",
    "prose": "A1 A2 A3 A4 V1 V2 V5 N1 N5 N6 G10 G11 G12 R1 I4 I5",
}
NETWORKS: Final = {
    "A": "alexnet", "V": "vgg", "N": "nin", "G": "googlenet", "R": "resnet", "I": "inception_resnet", "X": "resnext",
}  # fmt: skip


def erratum(spec: Path) -> str:
    return spec.stem.split("-")[0]


FAULTY = [spec for spec in sorted(HERE.glob("*.arch")) if spec.with_suffix(".txt").exists()]
each_faulty_spec = pytest.mark.parametrize("spec", FAULTY, ids=[spec.stem for spec in FAULTY])


@each_faulty_spec
def test_the_compiler_reports_the_mistake(
    spec: Path, golden: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(HERE)  # so that messages name files without a directory
    with pytest.raises(SpecError) as caught:
        check(spec.name)
    golden(spec.with_suffix(".txt"), str(caught.value))


@each_faulty_spec
def test_the_correction_is_all_that_it_takes(spec: Path, tmp_path: Path) -> None:
    params, replacements = CORRECTIONS[spec.stem]
    text = spec.read_text(encoding="utf-8")
    for wrong, right in replacements.items():
        assert wrong in text
        text = text.replace(wrong, right)
    shutil.copytree(HERE / "correct", tmp_path / "correct")
    (tmp_path / spec.name).write_text(text, encoding="utf-8")
    variant = ":d" if spec.stem.startswith("V7") else ""
    assert archdsl.load(f"{tmp_path / spec.name}{variant}").report().params == params


LEGAL = [spec for spec in sorted(HERE.glob("*.arch")) if spec.with_suffix(".diff.txt").exists()]


@pytest.mark.parametrize("spec", LEGAL, ids=[spec.stem for spec in LEGAL])
def test_a_comparison_with_the_correct_network_names_the_mistake(
    spec: Path, golden: Callable[[Path, str], None]
) -> None:
    correct = HERE / "correct" / f"{NETWORKS[spec.stem[0]]}.arch"
    golden(spec.with_suffix(".diff.txt"), str(archdsl.load(spec).diff(archdsl.load(correct))))


@pytest.mark.parametrize(
    ("correct", "shipped"),
    [
        ("alexnet.arch", "alexnet_grouped"),
        ("vgg.arch:a", "vgg_a"),
        ("vgg.arch:e", "vgg_e"),
        ("nin.arch", "nin_imagenet"),
        ("googlenet.arch", "googlenet"),
        ("resnet.arch", "resnet50_paper"),
        ("inception_resnet.arch", "inception_resnet_v1"),
        ("resnext.arch", "resnext50_32x4d"),
    ],
)
def test_the_correct_network_costs_what_the_published_one_does(correct: str, shipped: str) -> None:
    ours, published = archdsl.load(HERE / "correct" / correct).report(), archdsl.load(shipped).report()
    assert (ours.params, ours.macs) == (published.params, published.macs)


def test_every_spec_shows_something() -> None:
    counted = {figures.spec for figures in FIGURES}
    assert {spec for spec in HERE.glob("*.arch") if spec.name not in counted} <= {*FAULTY, *LEGAL}


def test_every_erratum_is_shown_as_the_table_says() -> None:
    shown = {way: set(errata.split()) for way, errata in SHOWN.items()}
    assert shown["diagnostic"] == {erratum(spec) for spec in FAULTY}
    assert shown["diff"] == {erratum(spec) for spec in LEGAL}
    tests = {name.split("_")[1].upper() for name in vars(test_claims) if re.match(r"test_[a-z]\d", name)}
    assert shown["report"] == tests | {figures.erratum for figures in FIGURES}
    assert not shown["prose"] & (shown["diagnostic"] | shown["diff"] | shown["report"])


def test_no_erratum_is_left_out() -> None:
    counts = {"Z": 1, "A": 11, "V": 7, "N": 10, "G": 12, "R": 8, "I": 9, "X": 10}
    every = {f"{network}{i + 1}" for network, count in counts.items() for i in range(count)}
    assert {name for errata in SHOWN.values() for name in errata.split()} == every


def test_the_page_has_the_same_table() -> None:
    rows = re.findall(r"^\| ([a-z ]+) \| ([A-Z]\d.*?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert dict(rows) == SHOWN
