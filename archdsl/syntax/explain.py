"""Syntax errors in words: what stands where the grammar has no place for it, and what to write instead."""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple

from archdsl.diagnostics import Diagnostic, Label, did_you_mean
from archdsl.source import Source, Span
from archdsl.syntax.automaton import END, UnexpectedToken
from archdsl.syntax.lexer import Token, UnexpectedCharacter

NEAR: Final = 120  # characters around what does not fit
SLICES: Final = "a list has one index or slice, `w[0]`, `w[1:]`; a part of a tensor is `x -> slice(1, 4, dim = 1)`"
DEFINES: Final = {  # how each definition begins
    "NETWORK": r"network\s+\w+\s*\(",
    "BLOCK": r"block\s+\w+\s*\(",
    "INLINE": r"inline\s+block\b",
    "VARIANT": r"variant\s+\w+\s*=",
    "IMPORT": r"import\s+\"",
}

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
    END: "the end of the file",
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
    return Span(source, token.start, token.start + len(token))


def explain(source: Source, error: UnexpectedCharacter | UnexpectedToken, brackets: list[Token]) -> Diagnostic:
    """A diagnostic for what could not be read; `brackets` are those open there."""
    if isinstance(error, UnexpectedCharacter):
        return _character(source, error.position)
    token = error.token
    defines = DEFINES.get(token.type)
    if defines is not None and brackets and re.compile(defines).match(source.text, token.start):
        return unclosed(source, brackets)  # a definition never stands inside another
    end = token.start + len(token)
    if token.type != END and source.text[end : end + 1].isalnum() and not source.text[end].isascii():
        return _foreign(source, end)
    expected = sorted({TERMINALS.get(name, f"`{name.lower()}`") for name in error.accepted})
    if token.type == END:
        end = error.last.start + len(error.last) if error.last is not None else len(source.text.rstrip())
        span, found = Span(source, max(end - 1, 0), end), "the text ends too early"
    else:
        span = token_span(source, token)
        found = "unexpected " + ("a new line" if token.type == "_NL" else f"`{str(token)[:40]}`")
    opened = brackets[-1] if brackets and brackets[-1].type in ("LPAR", "LSQB") else None
    labels: tuple[Label, ...] = ()
    if opened is not None and source.position(opened.start)[0] < source.position(span.start)[0]:
        labels = (Label(token_span(source, opened), "still open here"),)
    few = f"; expected {' or '.join(expected)}" if len(expected) <= 4 else ""
    return Diagnostic("syntax", f"{found}{few}", span, labels, help=_hint(source, error, token))


def _character(source: Source, start: int) -> Diagnostic:
    """Where no token begins."""
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
        "|": "write `or`; a step follows `->`",
        "!": "write `not`",
        ";": "put each statement on a line of its own",
    }
    return Diagnostic("syntax", f"unexpected character `{char}`", span, help=helps.get(char))


class Habit(NamedTuple):
    """What people write out of habit, and what to write instead."""

    before: str  # what ends the line before the token that does not fit
    after: str  # what that token and the rest of its line begin with
    help: str

    def fits(self, before: str, after: str) -> bool:
        return re.search(f"(?:{self.before})$", before) is not None and re.match(self.after, after) is not None


SPACE: Final = r"[ \t]*"
ODD_LABEL: Final = 'a label is made of letters, digits, `_` and `.`, or stands in quotes: `"block-1": step`'
HABITS: Final = (
    # statements of other languages
    Habit("", r"elif\b", "write `else if`"),
    Habit(r"\belif\b.*", "", "write `else if`"),
    Habit(r"\bdef\s*", r"\w", "a block is `block name(parameters) { … }`, at the top of the file"),
    Habit(r"\bclass\s*", r"\w", "a block is `block name(parameters) { … }`, at the top of the file"),
    Habit(r"\breturn\s*", "", "there is no `return`: the last expression of a body is its value"),
    Habit(r"\blambda\b\s*", "", "there are no functions in expressions: write a block"),
    Habit(r"\bwhile\s*", "", "there is no `while`: write `x -> repeat n { … }`"),
    Habit(r"^\s*", r"import\b", 'imports stand at the top of the file: `import "blocks.arch" (name)`'),
    Habit(r"^\s*", r"from\b", 'imports stand at the top of the file: `import "blocks.arch" (name)`'),
    Habit(r"^\s*|\{\s*", r"for\b", "a loop is a step, `x -> for i in … { … }`, or makes a list, `[i for i in w]`"),
    Habit(r"\bloss\s*", "=", "a loss is a statement without `=`: `loss cross_entropy(output)`"),
    Habit(r"\boutput\s*", "=", "an output has a name: `output y = …`; the last value of a network needs none"),
    Habit(r"->\s*\w+\s*(?::\s*)?", "=(?!=)", "a label names a step: `-> name: step`"),
    Habit(r"[-+*/]", "=", "a value is bound once: give the new one another name"),
    Habit(r"[-+*/|]=?", ">", "write `->`"),
    Habit(r":", "=", "bind a value with `=`"),
    Habit(r"=", ">", "write `->`"),
    Habit("-", ">", "write `->`"),
    Habit(">", ">", "write `->`"),
    Habit("", r"-\s+>", "write `->`"),
    # lists, slices and tuples
    Habit(r"\[.*\bif\b.*", r"for\b", "a filter stands behind the list: `[i for i in w if i > 8]`"),
    Habit(r"[\w)\]]\s+", r"is\b", "compare with `==`"),
    Habit(r"\w\[.*:\s*", "", SLICES),
    Habit(r"\w\[\s*", r"\.\.\.", SLICES),
    Habit(r"\w\[[^]]*,?\s*", r"\.\.\.|,", SLICES),
    Habit(r"\([^()]*", r",[^()]*\)", "a list is written in brackets: `[3, 3]`"),
    # steps
    Habit(r"\{\s*(?:\w+\s*=|assert\b).*", r"\}", "the braces of a step end with a step, on a line of its own"),
    Habit(r"->\s*\w+", r"\.", "operators are called by their names alone: `x -> relu`"),
    Habit(r"\.\s*\w+\s*", r"\(", "there are no methods: write `x -> step(…)`; the sizes of a tensor are `x.shape`"),
    Habit(r"\bself\.\w*\s*", "", "there are no methods: write `x -> step(…)`; the sizes of a tensor are `x.shape`"),
    Habit(r"->\s*", r"\[", "branches meet in a call: `concat(x -> relu, x -> tanh)`"),
    Habit(r"->\s*", r"\}|\)|$", "a step is missing behind `->`"),
    Habit(r"->\s*|^\s*", r"\"[^\"]*\"\s*:", "a label in quotes holds no `'`"),
    Habit(r"->\s*", r"\"", "a step is an operator or a block, and has no quotes"),
    Habit("", r"\w+-[\w-]*\s*:", ODD_LABEL),
    Habit(r"[\w.]-", r"\w+\s*:", ODD_LABEL),
    Habit(r"[\w.]", r"-[\w-]*\s*:", ODD_LABEL),
    Habit(r"\brepeat\s+\w+\s+", r"\w", "what is repeated stands in braces: `repeat 2 { relu }`"),
    Habit(r"->\s*\w+\s+", r"[\d\"]", "arguments stand in parentheses: `conv(8, 3)`"),
    Habit(r"\)\s*", r"\(", "a step is called once: `x -> conv(8, 3)`"),
    Habit(r"@\w+", ":", "a device is called by letters, digits and `_`: `@gpu0`"),
    Habit(r"[(,]\s*\w+\s*", ":", "arguments are named with `=`: `kernel_size = 3`"),
    # what is written otherwise
    Habit(r"//\s*|/\*\s*", "", "a comment begins with `#`"),
    Habit(r"/", r"[/*]", "a comment begins with `#`"),
    Habit("", r"//\s*[A-Za-z]|/\*", "a comment begins with `#`"),
    Habit(r":\s*(?:\w+\.)?[Tt]ensor\b.*", "", "a tensor is declared by its shape: `x: [N, C, H, W]`"),
    Habit(r":\s*\w+", r"\.[Tt]ensor", "a tensor is declared by its shape: `x: [N, C, H, W]`"),
    Habit(r"\bf", '"', "a label takes numbers as `name${i}:`"),
)  # fmt: skip


def _habit(source: Source, token: Token) -> str | None:
    start = min(token.start, len(source.text))
    line, end = source.bounds(source.position(start)[0])
    before, after = source.text[max(line, start - NEAR) : start], source.text[start : min(end, start + NEAR)]
    return next((habit.help for habit in HABITS if habit.fits(before, after)), None)


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


def _hint(source: Source, error: UnexpectedToken, token: Token) -> str | None:
    accepted = error.accepted
    habit = _habit(source, token)
    if habit is not None:
        return habit
    if re.search(r"->\s*$", source.text[max(0, token.start - NEAR) : token.start]):
        return "a step is missing behind `->`" if token.type not in {"NAME", "LABEL"} else None
    if token.type == "NAME" and "NETWORK" in accepted:
        return did_you_mean(str(token), ["block", "network", "variant", "import"]) or (
            "a file holds `import`, `block`, `network` and `variant` definitions"
        )
    if token.type == "_NL" and "ELSE" in accepted and "ARROW" not in accepted:
        return "an `if` that is no step needs an `else`"
    start = token.start
    if token.type == "PLUS" and not source.text[source.text.rfind("\n", 0, start) + 1 : start].strip():
        return f"a line that begins with `{token}` goes on with the one above; put the value in parentheses"
    if token == "@" and "ARROW" in accepted:
        return "a mark has no space behind its `@`; to multiply, put the chain before it in parentheses"
    if token.type in {"PLUS", "TIMES", "POWER", "COMPARE"} and "ARROW" in accepted:
        return "`->` binds loosest: put the chain in parentheses, `(x -> relu) + y`"
    if token.type == "EQUAL":
        return "compare with `==`; bind a value in a statement of its own, `y = …`"
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
    line = source.position(opened.start)[0]
    return Diagnostic(
        "syntax",
        f"`{opened}` opened at line {line} is never closed",
        token_span(source, opened),
        help=f"add the missing `{ {'(': ')', '[': ']', '{': '}'}[str(opened)] }`",
    )
