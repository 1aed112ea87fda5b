"""The grammar's tables that ship are those of the grammar, and without them the parser is the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archdsl.pipeline import parse_source
from archdsl.shipped import SPECS
from archdsl.source import Source
from archdsl.syntax import tables, text, tree
from archdsl.syntax.scalars import KEYWORDS

RESNET = Source("resnet.arch", (SPECS / "resnet.arch").read_text(encoding="utf-8"))


def test_the_tables_that_ship_are_current() -> None:
    assert tables.current(), "`make docs` writes them"


@pytest.mark.parametrize("tampered", [None, '{"of": {"grammar": "another", "lark": "1.0"}}'])
def test_without_current_tables_the_parser_is_the_same(
    tampered: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = tree.written(parse_source(RESNET))
    other = tmp_path / "text.json"
    if tampered is not None:
        other.write_text(tampered)
    monkeypatch.setattr(tables, "TABLES", other)
    text._grammar.cache_clear()
    try:
        assert not tables.current()
        assert tree.written(parse_source(RESNET)) == wanted
    finally:
        text._grammar.cache_clear()


def test_the_words_that_are_no_names_are_those_of_the_grammar() -> None:
    grammar = tables.GRAMMAR.read_text(encoding="utf-8")
    rules = "\n".join(line for line in grammar.splitlines() if not re.match(r"[A-Z_.0-9]+:.*/|//", line))
    assert frozenset(re.findall(r'"([a-z]+)"', rules)) == KEYWORDS
