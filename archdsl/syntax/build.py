"""Builds the syntax tree: one method a rule of the grammar, called as the parser reduces it."""

from __future__ import annotations

import re
from typing import Any, Final, Protocol

from archdsl.diagnostics import Diagnostic
from archdsl.names import MAX_NAME
from archdsl.source import Source, Span
from archdsl.syntax import tree
from archdsl.syntax.explain import Stop, token_span
from archdsl.syntax.lexer import Token

MAX_NESTING: Final = 64  # brackets within brackets, operators within operators
MAX_DIGITS: Final = 24  # of a number

# How tightly operators bind, loosest first.
BINARY: Final = {"OR": 0, "AND": 1, "COMPARE": 3, "IN": 3, "PLUS": 4, "TIMES": 5, "POWER": 7}
PREFIX: Final = {"NOT": 2, "PLUS": 6}
WORDS: Final = {
    "or": "OR", "and": "AND", "not": "NOT", "in": "IN", "not in": "IN", "+": "PLUS", "-": "PLUS", "**": "POWER",
}  # fmt: skip
TIMES: Final = ("*", "/", "//", "%", "@")


def terminal(operator: str) -> str:
    """The terminal of the grammar that an operator is, as `BINARY` and `PREFIX` have it."""
    return WORDS.get(operator) or ("TIMES" if operator in TIMES else "COMPARE")


class PartReader(Protocol):
    """What reads the parts of a text of which a node is made: the parser that a builder belongs to."""

    source: Source
    errors: list[Diagnostic]

    def part(self, start: int, end: int, rule: str) -> Any: ...


class Builder:
    """One method a rule of the grammar: its children, tokens included, to a node."""

    def __init__(self, parser: PartReader) -> None:
        self._parser = parser

    @property
    def source(self) -> Source:
        return self._parser.source

    # --- helpers

    def span(self, children: list[Any]) -> Span:
        first, last = children[0], children[-1]
        if first is None or last is None:  # what may stand there and does not
            there = [c for c in children if c is not None]
            first, last = there[0], there[-1]
        start = first.start if isinstance(first, Token) else first.span.start
        end = last.start + len(last) if isinstance(last, Token) else last.span.end
        return Span(self.source, start, end)

    def error(self, code: str, message: str, span: Span, help: str | None = None) -> None:
        self._parser.errors.append(Diagnostic(code, message, span, help=help))

    @staticmethod
    def _bound(branch: Any, kind: type) -> None:
        """Stop at a chain of `else if` that is longer than any that is written by hand."""
        span = branch.span if branch is not None else None
        for _ in range(MAX_NESTING):
            if not isinstance(branch, kind):
                return
            branch = branch.orelse  # type: ignore[attr-defined]
        raise Stop(Diagnostic("nesting-too-deep", f"more than {MAX_NESTING} alternatives in a row", span))

    @staticmethod
    def nodes(children: list[Any]) -> tuple[Any, ...]:
        return tuple([c for c in children if c is not None and not isinstance(c, Token)])

    def name_of(self, token: Token) -> tree.BoundName:
        span = token_span(self.source, token)
        if len(token) > MAX_NAME:
            self.error("bad-name", f"the name has {len(token)} characters; the limit is {MAX_NAME}", span)
        return tree.BoundName(span, str(token))

    # --- definitions

    def start(self, children: list[Any]) -> list[Any]:
        return list(self.nodes(children))

    def import_(self, children: list[Any]) -> tree.Import:
        path = self.string([next(c for c in children if isinstance(c, Token) and c.type == "STRING")])
        names = next(c for c in children if isinstance(c, list))
        return tree.Import(self.span(children), path, tuple(names))

    def block(self, children: list[Any]) -> tree.Block:
        name, inline = self.name_of(children[2]), children[0] is not None
        return tree.Block(self.span(children), name, self._params(children), children[-1], inline)

    def network(self, children: list[Any]) -> tree.NetworkDefinition:
        return tree.NetworkDefinition(
            self.span(children), self.name_of(children[1]), self._params(children), children[-1]
        )

    @staticmethod
    def _params(children: list[Any]) -> tuple[tree.Param, ...]:
        return next(c for c in children if isinstance(c, tuple))

    def variant(self, children: list[Any]) -> tree.Variant:
        return tree.Variant(self.span(children), self.name_of(children[1]), children[-1])

    def params(self, children: list[Any]) -> tuple[tree.Param, ...]:
        return self.nodes(children)

    def param_plain(self, children: list[Any]) -> tree.Param:
        default = children[-1] if len(children) > 2 else None
        return tree.Param(self.span(children), self.name_of(children[0]), None, None, default)

    def param_tensor(self, children: list[Any]) -> tree.Param:
        rest = children[3:]
        kind = self.name([rest.pop(0)]) if rest and isinstance(rest[0], Token) and rest[0].type == "NAME" else None
        default = rest[-1] if rest else None
        return tree.Param(self.span(children), self._param_name(children[0]), children[2], kind, default)

    def param_typed(self, children: list[Any]) -> tree.Param:
        default = children[-1] if len(children) > 4 else None
        kind = self.name([children[2]])
        return tree.Param(self.span(children), self._param_name(children[0]), None, kind, default)

    def _param_name(self, token: Token) -> tree.BoundName:
        if not re.fullmatch(r"[A-Za-z_]\w*", str(token), re.ASCII):
            self.error("bad-name", f"a tensor or parameter cannot be called `{token}`", token_span(self.source, token))
        return self.name_of(token)

    def shape(self, children: list[Any]) -> tree.ShapePattern:
        return tree.ShapePattern(self.span(children), self.nodes(children))

    def any_dims(self, children: list[Any]) -> tree.AnyDims:
        return tree.AnyDims(self.span(children))

    # --- statements

    def body(self, children: list[Any]) -> tree.Body:
        return tree.Body(self.span(children), self.nodes(children))

    def names(self, children: list[Any]) -> list[tree.BoundName]:
        return [self.name_of(c) for c in children if c.type == "NAME"]

    def bind(self, children: list[Any]) -> tree.Bind:
        targets, _, value = children
        return tree.Bind(targets[0].span.to(value.span), tuple(targets), value)

    def assertion(self, children: list[Any]) -> tree.Assertion:
        _, condition, _, message = children
        said = self.interpolated(message) if message is not None else None
        return tree.Assertion(self.span(children), condition, said)

    def init(self, children: list[Any]) -> tree.InitStatement:
        return tree.InitStatement(self.span(children), children[1])

    def devices(self, children: list[Any]) -> tree.Devices:
        keyword, names = children
        return tree.Devices(token_span(self.source, keyword).to(names[-1].span), tuple(names))

    def output(self, children: list[Any]) -> tree.OutputStatement:
        return tree.OutputStatement(self.span(children), self.name_of(children[1]), children[3])

    def target(self, children: list[Any]) -> tree.TargetStatement:
        kind = self.name([children[4]]) if len(children) > 4 else None
        return tree.TargetStatement(self.span(children), self._param_name(children[1]), children[3], kind)

    def loss(self, children: list[Any]) -> tree.LossStatement:
        return tree.LossStatement(self.span(children), children[1])

    def evaluate(self, children: list[Any]) -> tree.Evaluate:
        return tree.Evaluate(children[0].span, children[0])

    # --- chains and steps

    def chain(self, children: list[Any]) -> tree.Chain:
        head, *steps = self.nodes(children)
        return tree.Chain(self.span(children), head, tuple(steps))

    def head(self, children: list[Any]) -> tree.Head:
        label, _, value, *marks = children
        return tree.Head(self.span(children), self.interpolated(label), value, self._marks(marks))

    def marked(self, children: list[Any]) -> tree.Head:
        value, *marks = children
        return tree.Head(self.span(children), None, value, self._marks(marks))

    def new_module(self, children: list[Any]) -> tree.NewModule:
        return tree.NewModule(self.span(children), children[1])

    def if_bodies(self, children: list[Any]) -> tree.IfBodies:
        _, test, then, _, orelse = children
        self._bound(orelse, tree.IfBodies)
        return tree.IfBodies(self.span(children), test, then, orelse)

    def step(self, children: list[Any]) -> tree.Step:
        label, _, action, *marks = children
        name = self.interpolated(label) if label is not None else None
        return tree.Step(self.span(children), name, action, self._marks(marks))

    def bare(self, children: list[Any]) -> tree.Call:
        name = self.name(children)
        return tree.Call(name.span, name, ())

    def repeat(self, children: list[Any]) -> tree.Repeat:
        _, count, body = children
        return tree.Repeat(self.span(children), count, body)

    def for_(self, children: list[Any]) -> tree.For:
        _, targets, _, iterable, body = children
        return tree.For(self.span(children), tuple(targets), iterable, body)

    def if_(self, children: list[Any]) -> tree.If:
        _, test, then, _, orelse = children
        self._bound(orelse, tree.If)
        return tree.If(self.span(children), test, then, orelse)

    def sequence(self, children: list[Any]) -> tree.Sequence:
        nodes = self.nodes(children)
        setup = tuple([node for node in nodes if not isinstance(node, tree.Step)])
        return tree.Sequence(self.span(children), setup, nodes[len(setup) :])

    def call(self, children: list[Any]) -> tree.Call:
        return tree.Call(self.span(children), self.name([children[0]]), self.nodes(children[1:]))

    def named(self, children: list[Any]) -> tree.Argument:
        return tree.Argument(self.span(children), str(children[0]), children[2])

    def positional(self, children: list[Any]) -> tree.Argument:
        return tree.Argument(self.span(children), None, children[0])

    # --- labels and marks

    def _marks(self, tokens: list[Token]) -> tuple[tree.Interpolated, ...]:
        return tuple(self.interpolated(token, skip=1) for token in tokens)

    def interpolated(self, token: Token, skip: int = 0) -> tree.Interpolated:
        """A label, mark or message, its `${...}` parsed as expressions. Quotes around it are no part of it."""
        quoted = token.startswith('"')
        start = token.start + (skip or quoted)
        text = str(token)[1:-1] if quoted else str(token)[skip:]
        pieces: list[str | tree.Expr] = []
        position = 0
        for match in re.finditer(r"\$\{([^{}\n]*)\}", text):
            if match.start() > position:
                pieces.append(text[position : match.start()])
            expression = self._parser.part(start + match.start(1), start + match.end(1), "expr")
            if expression is not None:
                pieces.append(expression)
            position = match.end()
        if position < len(text):
            pieces.append(text[position:])
        return tree.Interpolated(token_span(self.source, token), tuple(pieces))

    # --- expressions

    def conditional(self, children: list[Any]) -> tree.Conditional:
        then, _, test, _, orelse = children
        self._bound(orelse, tree.Conditional)
        return tree.Conditional(self.span(children), test, then, orelse)

    def operation(self, children: list[Any]) -> tree.Expr:
        """Operands and operators in a row to a tree, by precedence climbing."""
        row: list[Any] = []
        for child in reversed(children):
            behind_operand = isinstance(child, Token) and child.type == "NOT" and row and _is(row[-1], "IN")
            row.append(Token("IN", "not in", row.pop().start) if behind_operand else child)
        return self._climb(row, 0, MAX_NESTING)

    def _climb(self, rest: list[Any], least: int, depth: int) -> tree.Expr:
        first = rest.pop()
        if depth == 0:
            raise Stop(Diagnostic("nesting-too-deep", "operators are nested too deep", self.span([first])))
        left: tree.Expr = first
        if isinstance(first, Token):  # `not` or a sign
            operand = self._climb(rest, PREFIX[first.type], depth - 1)
            left = tree.Unary(token_span(self.source, first).to(operand.span), str(first), operand)
        while rest and (binding := BINARY[rest[-1].type]) >= least:
            operator = rest.pop()
            # `**` binds to the right, all others to the left.
            right = self._climb(rest, binding if operator.type == "POWER" else binding + 1, depth - 1)
            left = tree.Binary(left.span.to(right.span), str(operator), left, right)
        return left

    def _bound_postfix(self, value: Any) -> None:
        """Stop at a row of `.name` and `[index]` that is longer than any that has a meaning."""
        inner = value
        for _ in range(MAX_NESTING):
            if not isinstance(inner, (tree.Index, tree.ListSlice, tree.Attribute)):
                return
            inner = inner.value
        raise Stop(Diagnostic("nesting-too-deep", f"more than {MAX_NESTING} indices in a row", value.span))

    def index(self, children: list[Any]) -> tree.Index:
        self._bound_postfix(children[0])
        return tree.Index(self.span(children), children[0], children[2])

    def slice(self, children: list[Any]) -> tree.ListSlice:
        self._bound_postfix(children[0])
        value, _, start, _, stop, _, step, _ = children
        return tree.ListSlice(self.span(children), value, start, stop, step)

    def attribute(self, children: list[Any]) -> tree.Attribute:
        self._bound_postfix(children[0])
        return tree.Attribute(self.span(children), children[0], str(children[2]))

    def integer(self, children: list[Any]) -> tree.Literal:
        (token,) = children
        span = token_span(self.source, token)
        if len(token) > 1 and token[0] == "0" and len(token) <= MAX_DIGITS:
            plain = token.lstrip("0") or "0"
            self.error("syntax", f"`{token}` is ambiguous: octal or decimal", span, help=f"write `{plain}`")
        return tree.Literal(span, int(token) if self._short(token) else 0)

    def float(self, children: list[Any]) -> tree.Literal:
        (token,) = children
        value = float(token) if self._short(token) else 0.0
        span = token_span(self.source, token)
        if value == float("inf"):
            self.error("number-too-large", f"`{token}` is larger than any number", span)
        return tree.Literal(span, value)

    def _short(self, token: Token) -> bool:
        if len(token) <= MAX_DIGITS:
            return True
        span = token_span(self.source, token)
        if token.type == "INT":
            self.error("number-too-large", f"the number has {len(token)} digits", span)
            return False
        if len(token) > 64:
            self.error("number-too-large", f"the number has {len(token)} characters", span)
            return False
        return True

    def string(self, children: list[Any]) -> tree.Literal:
        (token,) = children
        return tree.Literal(token_span(self.source, token), str(token)[1:-1])

    def true(self, children: list[Any]) -> tree.Literal:
        return tree.Literal(token_span(self.source, children[0]), True)

    def false(self, children: list[Any]) -> tree.Literal:
        return tree.Literal(token_span(self.source, children[0]), False)

    def name(self, children: list[Any]) -> tree.Name:
        target = self.name_of(children[0])
        return tree.Name(target.span, target.id)

    def list_(self, children: list[Any]) -> tree.ListDisplay:
        return tree.ListDisplay(self.span(children), self.nodes(children))

    def comprehension(self, children: list[Any]) -> tree.Comprehension:
        _, element, _, targets, _, iterable, _, test, _, orelse, _ = children
        if orelse is not None:  # the list is one of two
            self._bound(orelse, tree.Conditional)
            iterable, test = tree.Conditional(self.span([iterable, orelse]), test, iterable, orelse), None
        return tree.Comprehension(self.span(children), element, tuple(targets), iterable, test)

    def parenthesised(self, children: list[Any]) -> tree.Expr:
        expression: tree.Expr = children[1]
        return expression


def _is(child: Any, kind: str) -> bool:
    return isinstance(child, Token) and child.type == kind
