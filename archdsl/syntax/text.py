"""Text to syntax tree: a lark LALR parser that builds the tree as it reduces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Final

import lark
from lark.lexer import Token

from archdsl.diagnostics import Diagnostic, Label, SpecError, did_you_mean
from archdsl.source import Source, Span
from archdsl.syntax import tree

MAX_NESTING: Final = 64  # brackets within brackets
MAX_DIGITS: Final = 24  # of a number
MAX_NAME: Final = 128

OPEN: Final = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
CONTINUES: Final = {"ARROW", "PLUS", "TIMES", "POWER", "COMPARE", "OR", "AND", "ELSE", "MARK"}
CONTINUED: Final = {*CONTINUES, "NOT", "EQUAL", "COMMA", "COLON", "IN", "MODULE"} - {"MARK"}
DEFINITION: Final = re.compile(r"^(?:block|network|variant|import)\b", re.MULTILINE)

# How tightly operators bind, loosest first.
BINARY: Final = {"OR": 0, "AND": 1, "COMPARE": 3, "PLUS": 4, "TIMES": 5, "POWER": 7}
PREFIX: Final = {"NOT": 2, "PLUS": 6}

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


def parse(source: Source) -> tree.Spec:
    """The syntax tree of a text. Raises `SpecError` with every syntax error found."""
    errors: list[Diagnostic] = []
    builder = _Builder(source, errors)
    definitions: list[Any] = []
    start = 0
    while True:
        try:
            definitions += _parser(builder).parse(lark.TextSlice(source.text, start, len(source.text)), start="start")
            break
        except lark.UnexpectedInput as error:
            errors.append(_explain(source, error))
            position = error.pos_in_stream or 0
        except _Stop as stop:
            errors.append(stop.diagnostic)
            assert stop.diagnostic.span is not None
            position = stop.diagnostic.span.start
        # One definition's fault hides none in the next.
        following = DEFINITION.search(source.text, max(position, start) + 1)
        if following is None or len(errors) >= 20:
            break
        start = following.start()
    if errors:
        raise SpecError(errors)

    def of(kind: type[Any]) -> tuple[Any, ...]:
        return tuple(d for d in definitions if isinstance(d, kind))

    return tree.Spec(
        source, of(tree.Import), of(tree.Block), of(tree.Network), of(tree.Variant), tuple(builder.comments)
    )


def parse_expression(source: Source) -> tree.Expr:
    """The expression that is the whole text (a `--set` value, say). Raises `SpecError`."""
    errors: list[Diagnostic] = []
    found = _expression(_Builder(source, errors), 0, len(source.text))
    if errors or found is None:
        raise SpecError(errors)
    return found


class _Stop(Exception):
    """A fault that ends the parse of a definition."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        self.diagnostic = diagnostic


@cache
def _lark() -> lark.Lark:
    grammar = files("archdsl.syntax").joinpath("text.lark").read_text(encoding="utf-8")
    return lark.Lark(
        grammar,
        parser="lalr",
        lexer="basic",
        start=["start", "expr"],
        keep_all_tokens=True,
        maybe_placeholders=True,
        postlex=_Newlines(),
        transformer=_Dispatch(),
        lexer_callbacks={"COMMENT": _Dispatch.comment},
    )


def _parser(builder: _Builder) -> lark.Lark:
    _Dispatch.builder = builder
    return _lark()


def _expression(builder: _Builder, start: int, end: int) -> Any:
    outer = getattr(_Dispatch, "builder", builder)
    try:
        return _parser(builder).parse(lark.TextSlice(builder.source.text, start, end), start="expr")
    except lark.UnexpectedInput as error:
        builder.errors.append(_explain(builder.source, error))
    except _Stop as stop:
        builder.errors.append(stop.diagnostic)
    finally:
        _Dispatch.builder = outer
    return None


class _Newlines:
    """Drops the newlines that do not end a statement, and bounds the nesting of brackets."""

    always_accept = ("_NL",)

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        brackets: list[Token] = []
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
                    raise _Stop(
                        Diagnostic(
                            "nesting-too-deep",
                            f"brackets are nested deeper than {MAX_NESTING}",
                            _span(_Dispatch.builder.source, token),
                        )
                    )
            elif brackets and kind == OPEN[brackets[-1].type]:
                brackets.pop()
            elif kind in ("RPAR", "RSQB", "RBRACE"):
                raise _Stop(_unbalanced(token, brackets))
            previous = kind
            yield token
        if brackets:
            raise _Stop(_unclosed(brackets))
        if pending is not None:
            yield pending


def _unbalanced(token: Token, brackets: list[Token]) -> Diagnostic:
    source = _Dispatch.builder.source
    if not brackets:
        return Diagnostic("syntax", f"`{token}` closes nothing", _span(source, token))
    opened = brackets[-1]
    return Diagnostic(
        "syntax",
        f"`{token}` does not close `{opened}`",
        _span(source, token),
        labels=(Label(_span(source, opened), "opened here"),),
    )


def _unclosed(brackets: list[Token]) -> Diagnostic:
    source = _Dispatch.builder.source
    opened = brackets[-1]
    line = source.position(opened.start_pos or 0)[0]
    return Diagnostic(
        "syntax",
        f"`{opened}` opened at line {line} is never closed",
        _span(source, opened),
        help=f"add the missing `{ {'(': ')', '[': ']', '{': '}'}[str(opened)] }`",
    )


def _explain(source: Source, error: lark.UnexpectedInput) -> Diagnostic:
    """A diagnostic for what lark could not read."""
    if isinstance(error, lark.UnexpectedCharacters):
        start = error.pos_in_stream
        char = source.text[start]
        span = Span(source, start, start + 1)
        if char == '"':
            return Diagnostic("syntax", "the string is not closed on its line", span, help='end it with `"`')
        if ord(char) > 126:
            return Diagnostic(
                "bad-character",
                f"unexpected character `{char}` (U+{ord(char):04X}); names and numbers are ASCII",
                span,
            )
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
        expected = sorted({TERMINALS.get(name, f"`{name.lower()}`") for name in error.accepts or error.expected})
        if token.type == "$END":
            end = len(source.text.rstrip())
            span, found = Span(source, max(end - 1, 0), end), "the end of the text"
        else:
            span = _span(source, token)
            found = "a new line" if token.type == "_NL" else f"`{str(token)[:40]}`"
        few = f"; expected {' or '.join(expected)}" if len(expected) <= 4 else ""
        return Diagnostic("syntax", f"unexpected {found}{few}", span, help=_hint(source, error, token))
    return Diagnostic("syntax", "the text does not follow the grammar", Span(source, 0, 1))


def _hint(source: Source, error: lark.UnexpectedToken, token: Token) -> str | None:
    accepted = set(error.accepts or error.expected)
    if token.type == "NAME" and "NETWORK" in accepted:
        return did_you_mean(str(token), ["block", "network", "variant", "import"]) or (
            "a file holds `import`, `block`, `network` and `variant` definitions"
        )
    if token.type == "_NL" and "ELSE" in accepted and "ARROW" not in accepted:
        return "an `if` that is no step needs an `else`"
    if token.type in {"PLUS", "TIMES", "POWER", "COMPARE"} and "ARROW" in accepted:
        return "`->` binds loosest: put the chain in parentheses, `(x -> relu) + y`"
    if token.type == "EQUAL":
        return "compare with `==`; bind a value in a statement of its own"
    if token.type in {"NETWORK", "BLOCK", "VARIANT", "IMPORT", "OUTPUT", "LOSS", "DEVICE", "MODULE", "REPEAT", "IN"}:
        return f"`{token}` is a word of the language and cannot be a name here"
    if token.type == "LABEL" and "NAME" in accepted:
        return "a label stands before the step it names: `x -> label: step`"
    return None


def _span(source: Source, token: Token) -> Span:
    start = token.start_pos or 0
    return Span(source, start, start + len(token))


class _Dispatch(lark.Transformer[Any, Any]):
    """Hands the parser's reductions to the builder of the text that is being read."""

    builder: _Builder

    @classmethod
    def comment(cls, token: Token) -> Token:
        cls.builder.comments.append(tree.Comment(_span(cls.builder.source, token), str(token)))
        return token

    def __getattr__(self, rule: str) -> Any:
        if rule.startswith("__") or not hasattr(_Builder, rule):
            raise AttributeError(rule)
        method = getattr(_Builder, rule)
        return lambda children: method(_Dispatch.builder, children)


class _Builder:
    """One method a rule of the grammar: its children, tokens included, to a node."""

    def __init__(self, source: Source, errors: list[Diagnostic]) -> None:
        self.source = source
        self.errors = errors
        self.comments: list[tree.Comment] = []

    # --- helpers

    def span(self, children: list[Any]) -> Span:
        first = next(c for c in children if c is not None)
        last = next(c for c in reversed(children) if c is not None)
        start = first.start_pos if isinstance(first, Token) else first.span.start
        end = last.start_pos + len(last) if isinstance(last, Token) else last.span.end
        return Span(self.source, start, end)

    def error(self, code: str, message: str, span: Span, help: str | None = None) -> None:
        self.errors.append(Diagnostic(code, message, span, help=help))

    @staticmethod
    def nodes(children: list[Any]) -> tuple[Any, ...]:
        return tuple([c for c in children if c is not None and not isinstance(c, Token)])

    def name_of(self, token: Token) -> tree.Target:
        span = _span(self.source, token)
        if len(token) > MAX_NAME:
            self.error("bad-name", f"the name has {len(token)} characters; the limit is {MAX_NAME}", span)
        return tree.Target(span, str(token))

    # --- definitions

    def start(self, children: list[Any]) -> list[Any]:
        return list(self.nodes(children))

    def import_(self, children: list[Any]) -> tree.Import:
        path = self.string([next(c for c in children if isinstance(c, Token) and c.type == "STRING")])
        names = next(c for c in children if isinstance(c, list))
        return tree.Import(self.span(children), path, tuple(names))

    def block(self, children: list[Any]) -> tree.Block:
        return tree.Block(self.span(children), self.name_of(children[1]), self._params(children), children[-1])

    def network(self, children: list[Any]) -> tree.Network:
        return tree.Network(self.span(children), self.name_of(children[1]), self._params(children), children[-1])

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
        default = children[-1] if len(children) > 4 else None
        return tree.Param(self.span(children), self._param_name(children[0]), children[2], None, default)

    def param_typed(self, children: list[Any]) -> tree.Param:
        default = children[-1] if len(children) > 4 else None
        kind = self.name([children[2]])
        return tree.Param(self.span(children), self._param_name(children[0]), None, kind, default)

    def _param_name(self, token: Token) -> tree.Target:
        if not re.fullmatch(r"[A-Za-z_]\w*", str(token), re.ASCII):
            self.error("bad-name", f"a parameter cannot be called `{token}`", _span(self.source, token))
        return self.name_of(token)

    def shape(self, children: list[Any]) -> tree.ShapePattern:
        return tree.ShapePattern(self.span(children), self.nodes(children))

    def any_dims(self, children: list[Any]) -> tree.AnyDims:
        return tree.AnyDims(self.span(children))

    # --- statements

    def body(self, children: list[Any]) -> tree.Body:
        return tree.Body(self.span(children), self.nodes(children))

    def names(self, children: list[Any]) -> list[tree.Target]:
        return [self.name_of(c) for c in children if c.type == "NAME"]

    def bind(self, children: list[Any]) -> tree.Bind:
        targets, _, value = children
        return tree.Bind(targets[0].span.to(value.span), tuple(targets), value)

    def devices(self, children: list[Any]) -> tree.Devices:
        keyword, names = children
        return tree.Devices(_span(self.source, keyword).to(names[-1].span), tuple(names))

    def output(self, children: list[Any]) -> tree.Output:
        return tree.Output(self.span(children), self.name_of(children[1]), children[3])

    def loss(self, children: list[Any]) -> tree.Loss:
        return tree.Loss(self.span(children), children[1])

    def evaluate(self, children: list[Any]) -> tree.Evaluate:
        return tree.Evaluate(children[0].span, children[0])

    # --- chains and steps

    def chain(self, children: list[Any]) -> tree.Chain:
        head, *steps = self.nodes(children)
        return tree.Chain(self.span(children), head, tuple(steps))

    def head(self, children: list[Any]) -> tree.Head:
        label, _, value, *marks = children
        return tree.Head(self.span(children), self._interpolated(label), value, self._marks(marks))

    def marked(self, children: list[Any]) -> tree.Head:
        value, *marks = children
        return tree.Head(self.span(children), None, value, self._marks(marks))

    def new_module(self, children: list[Any]) -> tree.NewModule:
        return tree.NewModule(self.span(children), children[1])

    def if_bodies(self, children: list[Any]) -> tree.IfBodies:
        _, test, then, _, orelse = children
        return tree.IfBodies(self.span(children), test, then, orelse)

    def step(self, children: list[Any]) -> tree.Step:
        label, _, action, *marks = children
        name = self._interpolated(label) if label is not None else None
        return tree.Step(self.span(children), name, action, self._marks(marks))

    def bare(self, children: list[Any]) -> tree.Call:
        name = self.name(children)
        return tree.Call(name.span, name, None)

    def repeat(self, children: list[Any]) -> tree.Repeat:
        _, count, body = children
        return tree.Repeat(self.span(children), count, body)

    def for_(self, children: list[Any]) -> tree.For:
        _, targets, _, iterable, body = children
        return tree.For(self.span(children), tuple(t.id for t in targets), iterable, body)

    def if_(self, children: list[Any]) -> tree.If:
        _, test, then, _, orelse = children
        return tree.If(self.span(children), test, then, orelse)

    def sequence(self, children: list[Any]) -> tree.Sequence:
        return tree.Sequence(self.span(children), self.nodes(children))

    def call(self, children: list[Any]) -> tree.Call:
        return tree.Call(self.span(children), self.name([children[0]]), self.nodes(children[1:]))

    def named(self, children: list[Any]) -> tree.Argument:
        return tree.Argument(self.span(children), str(children[0]), children[2])

    def positional(self, children: list[Any]) -> tree.Argument:
        return tree.Argument(self.span(children), None, children[0])

    # --- labels and marks

    def _marks(self, tokens: list[Token]) -> tuple[tree.Interpolated, ...]:
        return tuple(self._interpolated(token, skip=1) for token in tokens)

    def _interpolated(self, token: Token, skip: int = 0) -> tree.Interpolated:
        """A label or mark, its `${...}` parsed as expressions."""
        start = (token.start_pos or 0) + skip
        text = str(token)[skip:]
        pieces: list[str | tree.Expr] = []
        position = 0
        for match in re.finditer(r"\$\{([^{}\n]*)\}", text):
            if match.start() > position:
                pieces.append(text[position : match.start()])
            expression = _expression(self, start + match.start(1), start + match.end(1))
            if expression is not None:
                pieces.append(expression)
            position = match.end()
        if position < len(text):
            pieces.append(text[position:])
        return tree.Interpolated(_span(self.source, token), tuple(pieces))

    # --- expressions

    def conditional(self, children: list[Any]) -> tree.Conditional:
        then, _, test, _, orelse = children
        return tree.Conditional(self.span(children), test, then, orelse)

    def operation(self, children: list[Any]) -> tree.Expr:
        """Operands and operators in a row to a tree, by precedence climbing."""
        return self._climb(children[::-1], 0, MAX_NESTING)

    def _climb(self, rest: list[Any], least: int, depth: int) -> tree.Expr:
        first = rest.pop()
        if depth == 0:
            raise _Stop(Diagnostic("nesting-too-deep", "operators are nested too deep", self.span([first])))
        left: tree.Expr = first
        if isinstance(first, Token):
            operand = self._climb(rest, PREFIX[first.type], depth - 1)
            left = tree.Unary(_span(self.source, first).to(operand.span), str(first), operand)
        while rest and (binding := BINARY[rest[-1].type]) >= least:
            operator = rest.pop()
            # `**` binds to the right, all others to the left.
            right = self._climb(rest, binding if operator.type == "POWER" else binding + 1, depth - 1)
            left = tree.Binary(left.span.to(right.span), str(operator), left, right)
        return left

    def index(self, children: list[Any]) -> tree.Index:
        return tree.Index(self.span(children), children[0], children[2])

    def attribute(self, children: list[Any]) -> tree.Attribute:
        return tree.Attribute(self.span(children), children[0], str(children[2]))

    def integer(self, children: list[Any]) -> tree.Literal:
        (token,) = children
        return tree.Literal(_span(self.source, token), int(token) if self._short(token) else 0)

    def float(self, children: list[Any]) -> tree.Literal:
        (token,) = children
        value = float(token) if self._short(token) else 0.0
        span = _span(self.source, token)
        if value == float("inf"):
            self.error("number-too-large", f"`{token}` is larger than any number", span)
        return tree.Literal(span, value)

    def _short(self, token: Token) -> bool:
        if len(token) <= MAX_DIGITS:
            return True
        span = _span(self.source, token)
        if token.type == "INT":
            self.error("number-too-large", f"the number has {len(token)} digits", span)
            return False
        if len(token) > 64:
            self.error("number-too-large", f"the number has {len(token)} characters", span)
            return False
        return True

    def string(self, children: list[Any]) -> tree.Literal:
        (token,) = children
        return tree.Literal(_span(self.source, token), str(token)[1:-1])

    def true(self, children: list[Any]) -> tree.Literal:
        return tree.Literal(_span(self.source, children[0]), True)

    def false(self, children: list[Any]) -> tree.Literal:
        return tree.Literal(_span(self.source, children[0]), False)

    def name(self, children: list[Any]) -> tree.Name:
        target = self.name_of(children[0])
        return tree.Name(target.span, target.id)

    def list(self, children: list[Any]) -> tree.ListDisplay:
        return tree.ListDisplay(self.span(children), self.nodes(children))

    def comprehension(self, children: list[Any]) -> tree.Comprehension:
        _, element, _, targets, _, iterable, _ = children
        return tree.Comprehension(self.span(children), element, tuple(t.id for t in targets), iterable)

    def parenthesised(self, children: list[Any]) -> tree.Expr:
        expression: tree.Expr = children[1]
        return expression
