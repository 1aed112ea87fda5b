"""The text form within YAML: a scalar read by a rule of the text grammar, with spans in the YAML source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from archdsl.diagnostics import Diagnostic, Fix, Label
from archdsl.limits import most_faults
from archdsl.names import MAX_NAME
from archdsl.source import Source, Span
from archdsl.syntax import tree
from archdsl.syntax.explain import Stop
from archdsl.syntax.lexer import Token
from archdsl.syntax.text import Parser
from archdsl.syntax.yaml_nodes import Scalar

# The words of the grammar (a test compares them). In the text form, and so in any expression, none is a name.
KEYWORDS: Final = frozenset(
    "and assert block device else false for if import in loss module network not or output repeat true variant".split()
)
INTEGER: Final = re.compile(r"0|[1-9][0-9]{0,15}")
INTERPOLATED: Final = re.compile(r"(?:[A-Za-z0-9_.]|\$\{[^{}\n]*\})+")
QUOTED: Final = re.compile(r'"(?:[^"\'\\\n$]|\$\{[^{}\n]*\}|\$(?!\{))*"')
ESCAPES: Final = {'"': '"', "\\": "\\", "/": "/", "n": "\n", "t": "\t"}


class Scalars:
    """Reads the scalars of a source; errors are recorded where they stand in it."""

    def __init__(self, source: Source, errors: list[Diagnostic]) -> None:
        self.source = source
        self.errors = errors
        self._parser = Parser(source, errors)

    def step(self, scalar: Scalar) -> tree.Step:
        step: tree.Step = self._read(scalar, "step")
        return step

    def chain(self, scalar: Scalar) -> tree.Expr:
        """Whatever may stand where the text form has a value."""
        return self._number(scalar) or self._read(scalar, "chain")

    def expression(self, scalar: Scalar) -> tree.Expr:
        return self._number(scalar) or self._read(scalar, "expr")

    def step_or_chain(self, scalar: Scalar) -> tree.Step | tree.Expr:
        """A step, if it can be one. The error is that of the reading which gets further."""
        if len(self.errors) >= most_faults():
            raise Recorded
        found: list[list[Diagnostic]] = []
        for rule in ("step", "chain"):
            before = len(self.errors)
            try:
                return self._read(scalar, rule)  # type: ignore[no-any-return]
            except Stop as stop:
                found.append(self.errors[before:] or [stop.diagnostic])
                del self.errors[before:]
        self.errors += max(found, key=_reach)
        raise Recorded

    def name(self, scalar: Scalar, what: str = "a name") -> tree.BoundName:
        """A scalar that is one identifier."""
        span = scalar.content
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", scalar.value):
            message = f"{what} is made of letters, digits and `_`, found `{scalar.value[:64]}`"
            raise Stop(Diagnostic("bad-name", message, scalar.span))
        if scalar.value in KEYWORDS:
            message = f"`{scalar.value}` is a word of the language and cannot be a name"
            raise Stop(Diagnostic("bad-name", message, scalar.span))
        if len(scalar.value) > MAX_NAME:
            message = f"the name has {len(scalar.value)} characters; the limit is {MAX_NAME}"
            raise Stop(Diagnostic("bad-name", message, scalar.span))
        return tree.BoundName(span, scalar.value)

    def names(self, scalar: Scalar) -> tuple[tree.BoundName, ...]:
        """Identifiers with commas between them."""
        found = []
        for match in re.finditer(r"[^,]+", scalar.value):
            word = match.group().strip()
            start = scalar.content.start + match.start() + len(match.group()) - len(match.group().lstrip())
            found.append(self.name(Scalar(Span(self.source, start, start + len(word)), word, None)))
        if not found:
            raise Stop(Diagnostic("bad-name", "a name is missing", scalar.span))
        return tuple(found)

    def label(self, scalar: Scalar) -> tree.Interpolated:
        """A label, which stands in quotes of its own where it holds what no name does."""
        if QUOTED.fullmatch(scalar.value) and self._direct(scalar):
            return self._parser.builder.interpolated(Token("LABEL", scalar.value, scalar.content.start))
        return self.interpolated(scalar, "a label")

    def message(self, scalar: Scalar) -> tree.Interpolated:
        """A text that is read by people, as it stands."""
        text = self.string(scalar, "a message")
        if not self._direct(scalar):
            raise Stop(Diagnostic("syntax", "a message is written without escapes, on one line", scalar.span))
        return self._parser.builder.interpolated(Token("STRING", str(text.value), scalar.content.start))

    def interpolated(self, scalar: Scalar, what: str) -> tree.Interpolated:
        """A label without quotes, or a mark."""
        if not INTERPOLATED.fullmatch(scalar.value) or not self._direct(scalar):
            message = f"{what} is made of letters, digits, `_` and `${{…}}`, found `{scalar.value[:64]}`"
            raise Stop(Diagnostic("bad-name", message, scalar.span))
        return self._parser.builder.interpolated(Token("LABEL", scalar.value, scalar.content.start))

    def string(self, scalar: Scalar, what: str = "a path") -> tree.Literal:
        """A scalar taken as it stands."""
        if re.search(r'["\\\n]', scalar.value) or not scalar.value:
            raise Stop(Diagnostic("syntax", f"{what} is one line without quotes and backslashes", scalar.span))
        return tree.Literal(scalar.content, scalar.value)

    # --- reading

    def _number(self, scalar: Scalar) -> tree.Literal | None:
        """The commonest scalar by far, without a parser."""
        return tree.Literal(scalar.content, int(scalar.value)) if INTEGER.fullmatch(scalar.value) else None

    def _direct(self, scalar: Scalar) -> bool:
        """Whether the value stands in the source as it is."""
        return scalar.style in (None, "'", '"') and scalar.content.text == scalar.value

    def _read(self, scalar: Scalar, rule: str) -> Any:
        if len(self.errors) >= most_faults():  # nobody reads more of them
            raise Recorded
        if not scalar.value.strip():
            raise Stop(Diagnostic("syntax", "a value is missing here", scalar.span))
        self._infinity(scalar)
        if self._direct(scalar):
            before = len(self.errors)
            found = self._parser.part(scalar.content.start, scalar.content.end, rule)
            if found is None:
                self._within(scalar, before)
                raise Recorded
            return found
        offsets = _offsets(scalar)
        inner = Source(self.source.name, scalar.value.rstrip())
        errors: list[Diagnostic] = []
        found = self._parser.elsewhere(inner, rule, errors)
        move = _Move(inner, self.source, offsets)
        self.errors += [move.diagnostic(error) for error in errors]
        if found is None:
            raise Recorded
        return move.node(found)

    def _infinity(self, scalar: Scalar) -> None:
        """Refuse infinity as YAML has it, which the text form has not. Raises `Stop`."""
        written = re.fullmatch(r"([-+]?)\.(?:inf|Inf|INF)", scalar.value)
        if written is not None and scalar.style is None:
            text = f"{written[1].strip('+')}inf"
            fix = Fix(scalar.content, text)
            raise Stop(Diagnostic("syntax", f"infinity is written `{text}`", scalar.span, fix=fix))

    def _within(self, scalar: Scalar, before: int) -> None:
        """Name lines as they are in the file, and explain what quotes do."""
        for i, error in enumerate(self.errors[before:], before):
            if scalar.style == '"' and error.code == "syntax" and error.help is None:
                help = "this is read as the text form, without the YAML quotes"
                self.errors[i] = replace(error, help=help)


class Recorded(Stop):
    """A fault that is in the list of errors already."""

    def __init__(self) -> None:
        super().__init__(Diagnostic("syntax", "recorded"))


def _reach(errors: Iterable[Diagnostic]) -> int:
    """How far a text was read."""
    span = next(iter(errors)).span
    return span.start if span is not None else 0


def _offsets(scalar: Scalar) -> list[int]:
    """Where each character of a folded, quoted or indented scalar's value stands in the source. Raises `Stop`."""
    text, position, end = scalar.span.source.text, scalar.content.start, scalar.content.end
    if scalar.style in ("|", ">"):
        position = text.find("\n", position)
    found = []
    for char in scalar.value:
        if char in " \n" and text[position : position + 1] != "\\":
            found.append(min(position, end))
            position += 1 if text[position : position + 1] == char else 0
            continue
        while position < end and text[position].isspace():
            position += 1
        if scalar.style == '"' and text[position : position + 1] == "\\":
            while text[position : position + 2] == "\\\n":  # a line that goes on
                position += 2
                while text[position].isspace():
                    position += 1
        found.append(position)
        if scalar.style == '"' and text[position : position + 1] == "\\":
            if ESCAPES.get(text[position + 1]) != char:
                span = Span(scalar.span.source, position, position + 2)
                raise Stop(Diagnostic("syntax", f"the escape `{span.text}` may not stand in a spec", span))
            position += 2
        else:
            position += 2 if scalar.style == "'" and char == "'" else 1
    return [*found, min(position, end)]


class _Move:
    """Nodes and diagnostics of a text, as they stand in another."""

    def __init__(self, inner: Source, outer: Source, offsets: Sequence[int]) -> None:
        self.inner, self.outer, self.offsets = inner, outer, offsets

    def span(self, span: Span) -> Span:
        if span.source is not self.inner:
            return span
        last = self.offsets[span.end - 1] + 1 if span.end > span.start else self.offsets[span.start]
        return Span(self.outer, self.offsets[span.start], last)

    def node(self, part: Any) -> Any:
        if isinstance(part, tuple):
            return tuple(self.node(item) for item in part)
        if isinstance(part, Span):
            return self.span(part)
        if isinstance(part, tree.Node):
            return replace(part, **{f.name: self.node(getattr(part, f.name)) for f in fields(part)})
        return part

    def diagnostic(self, found: Diagnostic) -> Diagnostic:
        labels = tuple(Label(self.span(label.span), label.text) for label in found.labels)
        return replace(found, span=self.span(found.span) if found.span else None, labels=labels)
