"""Syntax errors in words: what stands where the grammar has no place for it, and what to write instead."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import lark
from lark.lexer import Token

from archdsl.diagnostics import Diagnostic, Label, did_you_mean
from archdsl.source import Source, Span

# What the grammar's terminals are called in messages.
TERMINALS: Final = {
    "NAME": "a name",
    "INT": "a number",
    "FLOAT": "a number",
    "STRING": "a string",
    "LABEL": "a label",
    "MARK": "a mark",
    "ARROW": "`->`",
    "PLUS": "`+` or `-`",
    "TIMES": "`*` or `/`",
    "POWER": "`**`",
    "COMPARE": "a comparison",
    "ELLIPSIS": "`...`",
    "_NL": "a new line",
    "$END": "the end of the file",
    "EQUAL": "`=`",
    "COMMA": "`,`",
    "COLON": "`:`",
    "DOT": "`.`",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LSQB": "`[`",
    "RSQB": "`]`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
}


class Stop(Exception):
    """A fault that ends the parse of a definition."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        self.diagnostic = diagnostic


def token_span(source: Source, token: Token) -> Span:
    start = token.start_pos or 0
    return Span(source, start, start + len(token))


def explain(source: Source, error: lark.UnexpectedInput, brackets: list[Token]) -> Diagnostic:
    """A diagnostic for what lark could not read; `brackets` are those open there."""
    if isinstance(error, lark.UnexpectedCharacters):
        start = error.pos_in_stream or 0
        char = source.text[start]
        span = Span(source, start, start + 1)
        if char == '"':
            return Diagnostic("syntax", "the string is not closed on its line", span, help='end it with `"`')
        if ord(char) > 126:
            return _foreign(source, start)
        helps = {
            "'": 'strings are written with `"`',
            "$": "`${...}` stands in labels and marks only",
            "&": "write `and`",
            "|": "write `or`",
            "!": "write `not`",
            ";": "put each statement on a line of its own",
        }
        return Diagnostic("syntax", f"unexpected character `{char}`", span, help=helps.get(char))
    if isinstance(error, lark.UnexpectedToken):
        token = error.token
        if token.type in {"NETWORK", "BLOCK", "VARIANT", "IMPORT"} and brackets:
            return unclosed(source, brackets)  # a definition never stands inside another
        end = (token.start_pos or 0) + len(token)
        if token.type != "$END" and source.text[end : end + 1].isalnum() and not source.text[end].isascii():
            return _foreign(source, end)
        expected = sorted({TERMINALS.get(name, f"`{name.lower()}`") for name in error.accepts or error.expected})
        if token.type == "$END":
            end = token.end_pos or len(source.text.rstrip())  # of the last token
            span, found = Span(source, max(end - 1, 0), end), "the text ends too early"
        else:
            span = token_span(source, token)
            found = "unexpected " + ("a new line" if token.type == "_NL" else f"`{str(token)[:40]}`")
        opened = brackets[-1] if brackets and brackets[-1].type in ("LPAR", "LSQB") else None
        labels: tuple[Label, ...] = ()
        if opened is not None and source.position(opened.start_pos or 0)[0] < source.position(span.start)[0]:
            labels = (Label(token_span(source, opened), "still open here"),)
        few = f"; expected {' or '.join(expected)}" if len(expected) <= 4 else ""
        return Diagnostic("syntax", f"{found}{few}", span, labels, help=_hint(source, error, token))
    return Diagnostic("syntax", "the text does not follow the grammar", Span(source, 0, 1))


# What people write out of habit, at or just before the token that does not fit, and what to write instead.
HABITS: Final = {
    r"\belif\b": "write `else if`",
    r"\bdef\b": "a block is `block name(parameters) { … }`, at the top of the file",
    r"\breturn\b": "there is no `return`: the last expression of a body is its value",
    r"\blambda\b": "there are no functions in expressions: write a block",
    r"\bin\b": "there is no test with `in`: compare with `==`",
    r"[|=]>|- >": "write `->`",
    r"[-+*/]=": "a value is bound once: give the new one another name",
    r"//\s*[A-Za-z]|/\*": "a comment begins with `#`",
    r"\bself\.|\.\s*\w+\s*\(": "there are no methods: write `x -> step(…)`; the sizes of a tensor are `x.shape`",
    r":\s*(?:\w+\.)?[Tt]ensor\b": "a tensor is declared by its shape: `x: [N, C, H, W]`",
    r"\bf\"": "a label takes numbers as `name${i}:`",
}


def _habit(source: Source, token: Token) -> str | None:
    start = token.start_pos or 0
    line = source.text.rfind("\n", 0, start) + 1
    for pattern, help in HABITS.items():
        for match in re.finditer(pattern, source.text[line : start + 24].split("\n", 1)[0]):
            if match.start() <= start - line < match.end() + 24 and match.end() + line >= start - 24:
                return help
    return None


def _foreign(source: Source, start: int) -> Diagnostic:
    char = source.text[start]
    message = f"unexpected character `{char}` (U+{ord(char):04X}); names and numbers are ASCII"
    return Diagnostic("bad-character", message, Span(source, start, start + 1), help=_look_alike(char))


def _look_alike(char: str) -> str | None:
    """What a letter from another alphabet, or a digit, was most likely meant to be."""
    decimal = unicodedata.decimal(char, None)
    if decimal is not None:
        return f"write `{decimal}`"
    twin = dict(zip("асеорхуіјѕοανρικτ", "aceopxyijsoavpikt", strict=True)).get(char)
    return f"it looks like `{twin}`, but is {unicodedata.name(char).lower()}" if twin else None


def _hint(source: Source, error: lark.UnexpectedToken, token: Token) -> str | None:
    accepted = set(error.accepts or error.expected)
    habit = _habit(source, token)
    if habit is not None:
        return habit
    if token.type == "NAME" and "NETWORK" in accepted:
        return did_you_mean(str(token), ["block", "network", "variant", "import"]) or (
            "a file holds `import`, `block`, `network` and `variant` definitions"
        )
    if token.type == "_NL" and "ELSE" in accepted and "ARROW" not in accepted:
        return "an `if` that is no step needs an `else`"
    start = token.start_pos or 0
    if token.type == "PLUS" and not source.text[source.text.rfind("\n", 0, start) + 1 : start].strip():
        return f"a line that begins with `{token}` goes on with the one above; put the value in parentheses"
    if token.type in {"PLUS", "TIMES", "POWER", "COMPARE"} and "ARROW" in accepted:
        return "`->` binds loosest: put the chain in parentheses, `(x -> relu) + y`"
    if token.type == "EQUAL":
        return "compare with `==`; bind a value in a statement of its own"
    if token.type in {"NETWORK", "BLOCK", "VARIANT", "IMPORT", "OUTPUT", "LOSS", "DEVICE", "MODULE", "REPEAT", "IN"}:
        return f"`{token}` is a word of the language and cannot be a name here"
    if token.type == "LABEL" and "NAME" in accepted:
        return "a label stands before the step it names: `x -> label: step`"
    return None


def unbalanced(source: Source, token: Token, brackets: list[Token]) -> Diagnostic:
    if not brackets:
        return Diagnostic("syntax", f"`{token}` closes nothing", token_span(source, token))
    opened = brackets[-1]
    return Diagnostic(
        "syntax",
        f"`{token}` does not close `{opened}`",
        token_span(source, token),
        labels=(Label(token_span(source, opened), "opened here"),),
    )


def unclosed(source: Source, brackets: list[Token]) -> Diagnostic:
    opened = brackets[-1]
    line = source.position(opened.start_pos or 0)[0]
    return Diagnostic(
        "syntax",
        f"`{opened}` opened at line {line} is never closed",
        token_span(source, opened),
        help=f"add the missing `{ {'(': ')', '[': ']', '{': '}'}[str(opened)] }`",
    )
