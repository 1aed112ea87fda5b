"""Text to syntax tree: a lark LALR parser that builds the tree as it reduces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, cast

import lark
from lark.lexer import Token

from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from archdsl.limits import MAX_FAULTS
from archdsl.source import Source
from archdsl.syntax import tables, tree
from archdsl.syntax.build import MAX_NESTING, Builder
from archdsl.syntax.explain import Stop, explain, token_span, unbalanced, unclosed

OPEN: Final = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
CONTINUES: Final = {"ARROW", "PLUS", "TIMES", "POWER", "COMPARE", "OR", "AND", "ELSE", "MARK"}
CONTINUED: Final = {*CONTINUES, "NOT", "EQUAL", "COMMA", "COLON", "IN", "MODULE"} - {"MARK"}
DEFINITION: Final = re.compile(r"^(?:block|network|variant|import)\b", re.MULTILINE)


def parse(source: Source) -> tree.Spec:
    """The syntax tree of a text. Raises `SpecError` with every syntax error found."""
    errors: list[Diagnostic] = []
    builder = new_builder(source, errors)
    definitions: list[Any] = []
    start = 0
    while True:
        try:
            rest = lark.TextSlice(source.text, start, len(source.text))
            definitions += cast(list[Any], _parser(builder).parse(rest, start="start"))
            break
        except lark.UnexpectedInput as error:
            errors.append(explain(source, error, builder.brackets))
            position = error.pos_in_stream or 0
        except Stop as stop:
            errors.append(stop.diagnostic)
            position = stop.diagnostic.span.start if stop.diagnostic.span else len(source.text)
        # One definition's fault hides none in the next.
        following = DEFINITION.search(source.text, max(position, start) + 1)
        if following is None or len(errors) >= MAX_FAULTS:
            break
        start = following.start()
    if errors:
        raise SpecError(errors[:MAX_FAULTS])

    def of(kind: type[Any]) -> tuple[Any, ...]:
        return tuple(d for d in definitions if isinstance(d, kind))

    return tree.Spec(
        source, of(tree.Import), of(tree.Block), of(tree.Network), of(tree.Variant), tuple(builder.comments)
    )


def parse_expression(source: Source) -> tree.Expr:
    """The expression that is the whole text (a `--set` value, say). Raises `SpecError`."""
    errors: list[Diagnostic] = []
    found = parse_part(new_builder(source, errors), 0, len(source.text), "expr")
    if errors or found is None:
        raise SpecError(errors)
    return cast(tree.Expr, found)


def new_builder(source: Source, errors: list[Diagnostic]) -> Builder:
    """What builds the trees of a source and records its errors."""
    return Builder(source, errors, _expression)


@cache
def _lark() -> lark.Lark:
    return tables.parser(postlex=_Newlines(), transformer=_Dispatch(), lexer_callbacks={"COMMENT": _Dispatch.comment})


def _parser(builder: Builder) -> lark.Lark:
    _Dispatch.builder = builder
    return _lark()


def _expression(builder: Builder, start: int, end: int) -> Any:
    return parse_part(builder, start, end, "expr")


def parse_part(builder: Builder, start: int, end: int, rule: str) -> Any:
    """What stands between two offsets, by one rule of the grammar; None where it cannot be read, with the error
    recorded."""
    outer = getattr(_Dispatch, "builder", builder)
    try:
        return _parser(builder).parse(lark.TextSlice(builder.source.text, start, end), start=rule)
    except lark.UnexpectedInput as error:
        builder.errors.append(explain(builder.source, error, []))
    except Stop as stop:
        builder.errors.append(stop.diagnostic)
    finally:
        _Dispatch.builder = outer
    return None


class _Newlines:
    """Drops the newlines that do not end a statement, and bounds the nesting of brackets."""

    always_accept = ("_NL",)

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        source = _Dispatch.builder.source
        brackets: list[Token] = []
        _Dispatch.builder.brackets = brackets
        pending: Token | None = None
        previous = "_NL"
        for token in stream:
            kind = token.type
            if kind == "_NL":
                significant = not brackets or brackets[-1].type == "LBRACE"
                if significant and previous not in CONTINUED and pending is None and previous != "_NL":
                    pending = token
                continue
            if pending is not None:
                if kind not in CONTINUES:
                    yield pending
                pending = None
            if kind in OPEN:
                brackets.append(token)
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
            elif kind in ("RPAR", "RSQB", "RBRACE"):
                raise Stop(unbalanced(source, token, brackets))
            previous = kind
            yield token
        if brackets:
            raise Stop(unclosed(source, brackets))
        if pending is not None:
            yield pending


class _Dispatch(lark.Transformer[Any, Any]):
    """Hands the parser's reductions to the builder of the text that is being read."""

    builder: Builder

    @classmethod
    def comment(cls, token: Token) -> Token:
        cls.builder.comments.append(tree.Comment(token_span(cls.builder.source, token), str(token)))
        return token

    def __getattr__(self, rule: str) -> Any:
        if rule.startswith("__") or not hasattr(Builder, rule):
            raise AttributeError(rule)
        method = getattr(Builder, rule)
        return lambda children: method(_Dispatch.builder, children)
