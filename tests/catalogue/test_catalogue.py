"""Every code of the catalogue is explained, by words and by specs that show it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archdsl.catalogue import CATALOGUE, FAMILIES
from archdsl.errors import SpecError
from archdsl.pipeline import check
from archdsl.render.explanation import as_markdown, as_text

ROOT = Path(__file__).resolve().parents[2]
SHOWN = [code for code, entry in CATALOGUE.items() if entry.wrong and entry.level == "error"]
# Codes that no short spec has: they come from a command, from what is no text, or from huge files and long loops.
WORDS_ONLY = {
    *FAMILIES["Using a command"],
    *FAMILIES["Exports and weights"],
    "not-text",
    "file-too-large",
    "too-many-imports",
    "too-many-nodes",
    "too-much-work",
    "path-too-long",
}


def codes_of(example: str, directory: Path) -> list[str]:
    """The codes that an example gives, in a directory with the blocks that examples import."""
    (directory / "blocks").mkdir()
    (directory / "blocks" / "head.arch").write_text("block head(x, classes) { x -> linear(classes) }\n")
    path = directory / ("net.yaml" if example.startswith("archdsl:") else "net.arch")
    path.write_text(example, encoding="utf-8")
    try:
        check(path)
    except SpecError as error:
        return [diagnostic.code for diagnostic in error.diagnostics]
    return []


@pytest.mark.parametrize("code", SHOWN)
def test_wrong_example_gives_its_code_and_nothing_else(code: str, tmp_path: Path) -> None:
    assert codes_of(CATALOGUE[code].wrong, tmp_path) == [code]


@pytest.mark.parametrize("code", SHOWN)
def test_right_example_is_right(code: str, tmp_path: Path) -> None:
    assert CATALOGUE[code].right
    assert codes_of(CATALOGUE[code].right, tmp_path) == []


def test_the_codes_without_an_example_are_known() -> None:
    assert {code for code, entry in CATALOGUE.items() if not entry.wrong} == WORDS_ONLY


@pytest.mark.parametrize("code", CATALOGUE)
def test_explanation_is_prose_of_several_sentences(code: str) -> None:
    entry = CATALOGUE[code]
    assert not entry.summary.endswith(".")
    assert len(re.findall(r"\.(?: |$)", " ".join(entry.paragraphs))) >= 2
    assert all(paragraph.endswith(".") for paragraph in entry.paragraphs)


@pytest.mark.parametrize("code", CATALOGUE)
def test_page_says_all_that_the_catalogue_says(code: str) -> None:
    entry = CATALOGUE[code]
    page = as_text(code)
    assert page.startswith(f"{entry.level}[{code}]: {entry.summary}\n\n")
    for part in (*entry.paragraphs, entry.wrong, entry.right, entry.source):
        assert " ".join(part.split()) in " ".join(page.split())


def test_lines_of_a_page_break_between_words_and_not_within_code() -> None:
    page = as_text("bad-device", width=40)
    for line in page.splitlines()[2:]:
        assert line.count("`") % 2 == 0
        assert len(line) <= 40 or line.count("`") == 2  # a long piece of code has a line of its own
    assert "`--devices\ngpu0" not in page


@pytest.mark.parametrize(("name", "lint"), [("diagnostics.md", False), ("lint.md", True)])
def test_documentation_has_a_section_for_each_code_under_its_own_anchor(name: str, lint: bool) -> None:
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    codes = [code for code in CATALOGUE if (code in FAMILIES["Lint"]) is lint]
    assert sorted(found for found in re.findall(r"^##+ (.*)$", page, re.M) if found in CATALOGUE) == sorted(codes)
    for code in codes:
        assert f"# {code}\n\n{as_markdown(code)}" in page
        assert f"(#{code})" in page


def test_a_code_is_in_one_family() -> None:
    assert sum(map(len, FAMILIES.values())) == len(CATALOGUE)
