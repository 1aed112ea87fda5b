"""Colours: every spec and every example of the documentation, without a word that is not understood."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pygments import highlight
from pygments.formatters import NullFormatter
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Text, Token

from archdsl import shipped
from archdsl.highlight import ArchLexer, keywords, textmate
from archdsl.ops import OPERATORS
from archdsl.syntax import forms
from archdsl.syntax.text import BEGINS

ROOT = Path(__file__).resolve().parents[2]
FENCED = re.compile(r"^```arch[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def texts() -> list[tuple[str, str]]:
    files = [file for file in shipped.shipped_specs() if forms.form_of_path(file.name) == "text"]
    found = [(file.name, file.read_text(encoding="utf-8")) for file in files]
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for page in pages:
        if page.name == "diagnostics.md":  # half of its examples are wrong, and in their letters, too
            continue
        found += [(page.name, block) for block in FENCED.findall(page.read_text(encoding="utf-8"))]
    return found


def test_no_word_of_specs_and_documentation_is_left_over() -> None:
    for name, text in texts():
        left = [value for kind, value in ArchLexer().get_tokens(text) if kind in (Token.Error, Text)]
        assert left == [], name
        assert highlight(text, ArchLexer(), NullFormatter()).strip("\n") == text.strip("\n")


def test_words_are_coloured_by_what_they_are() -> None:
    text = 'network Net(x: [N, 3], width = 2) {\n    x -> fc: linear(width) @frozen # why\n    output y = "a"\n}\n'
    found = {value: kind for kind, value in ArchLexer().get_tokens(text)}
    assert found["network"] is Keyword.Declaration
    assert found["Net"] is Name.Class
    assert found["fc"] is Name.Label
    assert found["linear"] is Name.Builtin
    assert found["@frozen"] is Name.Decorator
    assert found["# why"] is Comment.Single
    assert found["output"] is Keyword


def test_keywords_are_those_of_the_grammar() -> None:
    assert {"block", "network", "if", "else", "repeat", "for", "module", "loss", *BEGINS} <= set(keywords())


def test_documents_find_the_lexer_by_name() -> None:
    assert isinstance(get_lexer_by_name("arch"), ArchLexer)


@pytest.mark.parametrize("rule", textmate()["patterns"], ids=lambda rule: rule.get("name", "definition"))
def test_a_pattern_for_editors_is_one_that_they_can_read(rule: dict[str, str]) -> None:
    re.compile(rule["match"])
    assert "++" not in rule["match"]
    assert "*+" not in rule["match"]


def test_the_grammar_for_editors_knows_every_operator_and_is_the_one_that_ships() -> None:
    file = ROOT / "editors" / "vscode" / "syntaxes" / "archdsl.tmLanguage.json"
    grammar = json.loads(file.read_text(encoding="utf-8"))
    assert grammar == textmate()
    [operators] = [r["match"] for r in grammar["patterns"] if r.get("name") == "support.function.operator.archdsl"]
    assert all(re.fullmatch(operators, name) for name in OPERATORS)


def test_what_the_extension_names_is_there() -> None:
    folder = ROOT / "editors" / "vscode"
    package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    contributes = package["contributes"]
    for language in contributes["languages"]:
        json.loads((folder / language["configuration"]).read_text(encoding="utf-8"))
    for grammar in contributes["grammars"]:
        assert json.loads((folder / grammar["path"]).read_text(encoding="utf-8"))["scopeName"] == grammar["scopeName"]
    source = (folder / "src" / "extension.js").read_text(encoding="utf-8")
    assert all(f'"{command["command"]}"' in source for command in contributes["commands"])
