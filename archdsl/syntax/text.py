"""Text to syntax tree: an LALR parser that builds the tree as it reduces.

The grammar's tables are shared and never change. All that is known of a text belongs to the `Parser` that reads it, so
that any number of threads may parse at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, cast

from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from archdsl.limits import most_faults
from archdsl.source import Source
from archdsl.syntax import tables, tree
from archdsl.syntax.automaton import Automaton, UnexpectedToken
from archdsl.syntax.build import MAX_NESTING, Builder
from archdsl.syntax.explain import Stop, explain, token_span, unbalanced, unclosed
from archdsl.syntax.lexer import Token, UnexpectedCharacter

OPEN: Final = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
CONTINUES: Final = {"ARROW", "PLUS", "TIMES", "POWER", "COMPARE", "IN", "OR", "AND", "ELSE", "MARK"}
CONTINUED: Final = {*CONTINUES, "NOT", "EQUAL", "COMMA", "COLON", "MODULE"} - {"MARK"}
DEFINITION: Final = re.compile(r"^(?:block|inline|network|variant|import)\b", re.MULTILINE)
# Words that begin a statement (or definition) where one of these tokens follows, and are names everywhere else.
BEGINS: Final = {
    "inline": ("INLINE", frozenset({"BLOCK"})),
    "init": ("INIT", frozenset({"NAME"})),
    "target": ("TARGET", frozenset({"LABEL"})),
}
# Behind these a bracket takes an item.
VALUE_ENDS: Final = frozenset("NAME OUTPUT RPAR RSQB INT FLOAT STRING TRUE FALSE".split())
IN_A_SLICE: Final = re.compile(
    r"(?P<FLOAT>[0-9]+(?:\.[0-9]+)?[eE][0-9]+|[0-9]+\.[0-9]+)|(?P<INT>[0-9]+)|(?P<TRUE>true\b)|(?P<FALSE>false\b)"
    r"|(?P<NAME>[A-Za-z_][A-Za-z0-9_]*)|(?P<DOT>\.)|(?P<STRING>\".*\")"
)


def parse(source: Source) -> tree.Spec:
    """The syntax tree of a text. Raises `SpecError` with every syntax error found."""
    errors: list[Diagnostic] = []
    parser = Parser(source, errors)
    definitions: list[Any] = []
    start = 0
    while True:
        try:
            definitions += cast(list[Any], parser.read(start, len(source.text), "start"))
            break
        except (UnexpectedCharacter, UnexpectedToken) as error:
            errors.append(explain(source, error, parser.brackets))
            position = error.position
        except Stop as stop:
            errors.append(stop.diagnostic)
            position = stop.diagnostic.span.start if stop.diagnostic.span else len(source.text)
        # One definition's fault hides none in the next.
        following = DEFINITION.search(source.text, max(position, start) + 1)
        if following is None or len(errors) >= most_faults():
            break
        start = following.start()
    if errors:
        raise SpecError(errors[: most_faults()])

    def of(kind: type[Any]) -> tuple[Any, ...]:
        return tuple(d for d in definitions if isinstance(d, kind))

    return tree.Spec(
        source, of(tree.Import), of(tree.Block), of(tree.NetworkDefinition), of(tree.Variant), tuple(parser.comments)
    )


def parse_expression(source: Source) -> tree.Expr:
    """The expression that is the whole text (a `--set` value, say). Raises `SpecError`."""
    errors: list[Diagnostic] = []
    found = Parser(source, errors).part(0, len(source.text), "expr")
    if errors or found is None:
        raise SpecError(errors)
    return cast(tree.Expr, found)


class Parser:
    """Reads parts of a source, and records their errors in a list. `comments` are those it has passed."""

    def __init__(self, source: Source, errors: list[Diagnostic]) -> None:
        self.source = source
        self.errors = errors
        self.comments: list[tree.Comment] = []
        self.brackets: list[Token] = []  # open where the last part's reading ended
        self.builder = Builder(self)
        self._lexer, shared = _grammar()
        self._automaton = Automaton(shared, self.builder)

    def read(self, start: int, end: int, rule: str) -> Any:
        """What stands between two offsets, by a rule of the grammar. Raises `UnexpectedCharacter`, `UnexpectedToken`
        and `Stop`."""
        self.brackets = []
        tokens = self._lexer.tokens(self.source.text, start, end, self._passed)
        return self._automaton.run(_significant(tokens, self.source, self.brackets), rule)

    def part(self, start: int, end: int, rule: str) -> Any:
        """The same; None where it cannot be read, with the error recorded."""
        outer = self.brackets
        try:
            return self.read(start, end, rule)
        except (UnexpectedCharacter, UnexpectedToken) as error:
            self.errors.append(explain(self.source, error, []))
        except Stop as stop:
            self.errors.append(stop.diagnostic)
        finally:
            self.brackets = outer
        return None

    def elsewhere(self, source: Source, rule: str, errors: list[Diagnostic]) -> Any:
        """The same of the whole of another source, with its own errors."""
        outer = self.source, self.errors
        self.source, self.errors = source, errors
        try:
            return self.part(0, len(source.text), rule)
        finally:
            self.source, self.errors = outer

    def _passed(self, token: Token) -> None:
        if token.type == "COMMENT":
            self.comments.append(tree.Comment(token_span(self.source, token), str(token)))


_grammar: Final = cache(tables.load)


def _significant(stream: Iterator[Token], source: Source, brackets: list[Token]) -> Iterator[Token]:
    """Drops the newlines that do not end a statement, bounds the nesting of brackets, and tells names from what looks
    like them: words that begin a statement, and what stands before the colon of a slice."""
    pending: Token | None = None
    previous = "_NL"
    items: list[bool] = []  # for each open bracket, whether it takes an item of a list
    held: Token | None = None  # a word that may begin a statement
    for token in _without_labels_of_slices(stream, items):
        if held is not None:
            kind, followers = BEGINS[held]
            word, held = held, None
            yield Token(kind, word, word.start) if token.type in followers else word
        kind = token.type
        if kind == "_NL":
            significant = not brackets or brackets[-1].type == "LBRACE"
            if significant and previous not in CONTINUED and pending is None and previous != "_NL":
                pending = token
            continue
        starts = previous in ("_NL", "LBRACE")
        if pending is not None:
            if kind not in CONTINUES:
                starts = True
                yield pending
            pending = None
        if kind in OPEN:
            brackets.append(token)
            items.append(kind == "LSQB" and previous in VALUE_ENDS)
            if len(brackets) > MAX_NESTING:
                raise Stop(
                    Diagnostic(
                        "nesting-too-deep",
                        f"brackets are nested deeper than {MAX_NESTING}",
                        token_span(source, token),
                    )
                )
        elif brackets and kind == OPEN[brackets[-1].type]:
            brackets.pop()
            items.pop()
        elif kind in ("RPAR", "RSQB", "RBRACE"):
            raise Stop(unbalanced(source, token, brackets))
        previous = kind
        if starts and kind == "NAME" and token in BEGINS:
            held = token
        else:
            yield token
    if held is not None:
        yield held
    if brackets:
        raise Stop(unclosed(source, brackets))
    if pending is not None:
        yield pending


def _without_labels_of_slices(stream: Iterator[Token], items: list[bool]) -> Iterator[Token]:
    """The names and numbers that are taken for a label where they stand before the colon of a slice: `w[n:]`."""
    for token in stream:
        if token.type != "LABEL" or not (items and items[-1]):
            yield token
            continue
        for part in IN_A_SLICE.finditer(token):
            yield Token(part.lastgroup or "", part.group(), token.start + part.start())
