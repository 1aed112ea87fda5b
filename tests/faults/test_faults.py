"""Every fault has the message that stands beside it, and every code of the catalogue has a fault."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from archdsl.catalogue import CATALOGUE
from archdsl.errors import SpecError
from archdsl.pipeline import check

HERE = Path(__file__).resolve().parent
SPECS = sorted([*HERE.glob("*.arch"), *HERE.glob("*.yaml")])
# Codes that no text of a spec has: they come from files, options and machines; tests/cli and tests/compiler have them.
ELSEWHERE = {
    "bad-device",
    "bad-figures",
    "bad-operators",
    "bad-rename",
    "bad-rewrite",
    "bad-setting",
    "cannot-write",
    "file-too-large",
    "no-spec-inside",
    "no-such-module",
    "not-equal",
    "not-exportable",
    "not-imported",
    "not-text",
    "other-weights",
    "out-of-memory",
    "too-many-imports",
    "too-much-work",
    "unknown-setting",
    "unknown-spec",
    "unmet-need",
    "unreadable-file",
    "unreadable-weights",
}


@pytest.fixture(autouse=True)
def _beside_the_specs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)  # so that messages name files without a directory


@pytest.mark.parametrize("spec", SPECS, ids=[spec.name for spec in SPECS])
def test_fault_has_its_message(spec: Path, golden: Callable[[Path, str], None]) -> None:
    with pytest.raises(SpecError) as caught:
        check(spec.name)
    golden(spec.with_suffix(".txt"), str(caught.value))


@pytest.mark.parametrize("spec", SPECS, ids=[spec.name for spec in SPECS])
def test_fault_has_the_code_in_its_name(spec: Path) -> None:
    with pytest.raises(SpecError) as caught:
        check(os.fspath(spec))
    codes = {diagnostic.code for diagnostic in caught.value.diagnostics}
    if spec.stem.startswith("several-"):
        assert len(caught.value.diagnostics) > 1
    else:
        assert any(spec.stem == code or spec.stem.startswith(f"{code}-") for code in codes)


def test_every_code_of_the_catalogue_has_a_fault() -> None:
    errors = {code for code, entry in CATALOGUE.items() if entry.level == "error"}
    shown = {code for code in errors for spec in SPECS if spec.stem == code or spec.stem.startswith(f"{code}-")}
    assert errors - shown == ELSEWHERE


def test_every_diagnostic_points_into_the_text() -> None:
    for spec in SPECS:
        with pytest.raises(SpecError) as caught:
            check(spec)
        for diagnostic in caught.value.diagnostics:
            assert diagnostic.span is not None
            assert diagnostic.exit_status == 1
