"""Colours for specs by words and signs alone, for documents, notebooks, terminals and editors.

A lexer for Pygments, found by the name `arch`, and the same as a TextMate grammar. The words are those of the grammar
and of the operators that there are.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final

from pygments.lexer import RegexLexer, default, words
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Text, Whitespace

from archdsl.definitions import TYPES
from archdsl.evaluate import FUNCTIONS
from archdsl.ops import OPERATORS
from archdsl.ops.dtypes import WIDTHS
from archdsl.ops.initialiser import INITIALISERS
from archdsl.syntax.text import BEGINS

GRAMMAR: Final = Path(__file__).resolve().parent / "syntax" / "text.lark"
DEFINING: Final = ("block", "import", "inline", "network", "variant")  # they begin a definition
NAMING: Final = ("block", "network", "variant")  # the name of what is defined follows
VALUES: Final = ("true", "false")
LOGIC: Final = ("and", "in", "not", "or")

# Patterns that both kinds of colouring use: in the syntax that Python's and Oniguruma's expressions share.
COMMENT: Final = r"#[^\n]*"
STRING: Final = r'"[^"\\\n]*"'
MARK: Final = r"@(?:[A-Za-z0-9_]|\$\{[^{}\n]*\})+"
LABEL: Final = r"(?<![A-Za-z0-9_.])(?:[A-Za-z0-9_.]|\$\{[^{}\n]*\})+(?=[ \t]*:)"
QUOTED_LABEL: Final = r'"[^"\\\n]*"(?=[ \t]*:)'
NUMBER: Final = r"(?<![A-Za-z0-9_])[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
ARROW: Final = r"->"
SIGNS: Final = r"\*\*|//|==|!=|<=|>=|[-+*/%<>=@]"
NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
BRACKETS: Final = r"\.\.\.|[\[\](){},:.]"


@cache
def keywords() -> tuple[str, ...]:
    """The words of the grammar that are no names."""
    text = re.sub(r"//[^\n]*", "", GRAMMAR.read_text(encoding="utf-8"))
    return tuple(sorted({*re.findall(r'"([a-z]+)"', text), *BEGINS} - {*VALUES, *LOGIC}))


def _any(names: Any) -> str:
    return rf"(?<![A-Za-z0-9_.])(?:{'|'.join(sorted(names, key=lambda name: (-len(name), name)))})(?![A-Za-z0-9_])"


class ArchLexer(RegexLexer):
    """Specs of archdsl in the text form."""

    name = "archdsl"
    aliases: ClassVar[list[str]] = ["arch", "archdsl"]
    filenames: ClassVar[list[str]] = ["*.arch"]
    url = "https://github.com/archdsl/archdsl"
    version_added = ""

    tokens: ClassVar[dict[str, Any]] = {
        "root": [
            (r"[ \t\f\r\n]+", Whitespace),
            (COMMENT, Comment.Single),
            (QUOTED_LABEL, Name.Label),
            (LABEL, Name.Label),
            (STRING, String),
            (MARK, Name.Decorator),
            (ARROW, Operator),
            (NUMBER, Number),
            (words(DEFINING, prefix=r"\b", suffix=r"\b"), Keyword.Declaration, "defined"),
            (_any(keywords()), Keyword),
            (_any(VALUES), Keyword.Constant),
            (_any(LOGIC), Operator.Word),
            (_any({*TYPES, *WIDTHS}), Keyword.Type),
            (_any(OPERATORS), Name.Builtin),
            (_any({*FUNCTIONS, *INITIALISERS}), Name.Function),
            (r"[A-Z][A-Za-z0-9_]*\b", Name.Class),
            (NAME, Name),
            (SIGNS, Operator),
            (BRACKETS, Punctuation),
            (r"\$\{[^{}\n]*\}", String.Interpol),
            (r".", Text),  # no text has an error: it may be half written
        ],
        "defined": [
            (r"[ \t]+", Whitespace),
            (words(("block",), suffix=r"\b"), Keyword.Declaration),
            (NAME, Name.Class, "#pop"),
            default("#pop"),
        ],
    }


def textmate() -> dict[str, Any]:
    """The same as a TextMate grammar, for editors."""

    def rule(scope: str, pattern: str) -> dict[str, str]:
        return {"name": f"{scope}.archdsl", "match": pattern}

    return {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "name": "archdsl",
        "scopeName": "source.archdsl",
        "fileTypes": ["arch"],
        "patterns": [
            rule("comment.line.number-sign", COMMENT),
            rule("entity.name.tag.label", QUOTED_LABEL),
            rule("entity.name.tag.label", LABEL),
            rule("string.quoted.double", STRING),
            rule("storage.modifier.mark", MARK),
            {
                "match": rf"\b((?:inline\s+)?(?:{'|'.join(NAMING)}))\s+({NAME})",
                "captures": {
                    "1": {"name": "keyword.declaration.archdsl"},
                    "2": {"name": "entity.name.type.archdsl"},
                },
            },
            rule("keyword.operator.arrow", ARROW),
            rule("constant.numeric", NUMBER),
            rule("keyword.control", _any({*keywords(), *DEFINING})),
            rule("constant.language", _any(VALUES)),
            rule("keyword.operator.word", _any(LOGIC)),
            rule("support.type", _any({*TYPES, *WIDTHS})),
            rule("support.function.operator", _any(OPERATORS)),
            rule("support.function.builtin", _any({*FUNCTIONS, *INITIALISERS})),
            rule("variable.other", NAME),
            rule("keyword.operator", SIGNS),
        ],
    }
