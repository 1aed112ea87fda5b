"""The index of the variants that ship: found by parsing, fast to read, never believed where a file has changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archdsl import shipped
from archdsl.pipeline import parse_source
from archdsl.read import read
from archdsl.shipped import INDEX, SPECS, index, shipped_specs, zoo

VARIANT = "network Net(x: [N, 4], n) { x -> linear(n) }\n"
VARIANT += "# variant unsaid = Net(n = 1)\n  variant   odd\t= Net(n = 2)\n"


@pytest.fixture
def specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of specs/."""
    monkeypatch.setattr(shipped, "SPECS", tmp_path)
    monkeypatch.setattr(shipped, "INDEX", tmp_path / INDEX.name)
    return tmp_path


def test_the_index_is_that_of_the_files() -> None:
    assert INDEX.read_text(encoding="utf-8") == index()


def test_every_variant_of_every_file_is_known() -> None:
    parsed = {v.name.id: file for file in shipped_specs() for v in parse_source(read(file)).variants}
    assert zoo() == parsed
    assert len(parsed) > 60


def test_a_name_is_looked_up_without_parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "_parsed", lambda file: pytest.fail(f"{file} was parsed"))
    assert zoo()["resnet50"] == SPECS / "resnet.arch"


def test_variants_are_found_however_they_are_written(specs: Path) -> None:
    (specs / "a.arch").write_text(VARIANT, encoding="utf-8")
    assert zoo() == {"odd": specs / "a.arch"}


def test_a_file_that_has_changed_is_parsed(specs: Path) -> None:
    (specs / "a.arch").write_text(VARIANT, encoding="utf-8")
    shipped.INDEX.write_text(index(), encoding="utf-8")
    (specs / "a.arch").write_text(VARIANT.replace("odd", "other"), encoding="utf-8")
    assert list(zoo()) == ["other"]


def test_a_file_that_cannot_be_read_hides_no_other(specs: Path) -> None:
    (specs / "a.arch").write_text(VARIANT + "}", encoding="utf-8")
    (specs / "b.arch").write_text(VARIANT, encoding="utf-8")
    assert zoo() == {"odd": specs / "b.arch"}
    assert json.loads(index())["a.arch"]["variants"] == []
