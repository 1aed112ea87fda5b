"""Lays a spec out as text: one line where it fits, the author's breaks between steps, comments where they were."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from archdsl.source import Span
from archdsl.syntax import tree
from archdsl.syntax.align import aligned
from archdsl.syntax.page import Page
from archdsl.syntax.unparse import (
    CHAIN,
    EXPR,
    HEAD,
    ManyLines,
    Part,
    flat,
    flat_parts,
    level,
    names,
    opening,
    parts,
    quoted,
    spine,
    statement,
)

WIDTH: Final = 120
INDENT: Final = 4
SPACED: Final = (tree.Block, tree.NetworkDefinition)  # definitions that stand apart


def format_text(spec: tree.Spec, *, keep_breaks: bool) -> str:
    """The text form of a spec. `keep_breaks`: the spec was written so, and its line breaks mean something."""
    printer = _Printer(spec, keep_breaks)
    printer.spec(spec)
    return "\n".join(aligned(printer.lines, WIDTH)) + "\n"


def format_value(spec: tree.Spec, value: tree.Expr, least: int) -> str:
    """An expression that cannot be written in one line, as the text form has it."""
    printer = _Printer(tree.Spec(spec.source, (), (), (), (), ()), False)
    printer.begin(0, 0)
    printer.node(value, least, 0)
    return "\n".join(aligned(printer.lines, WIDTH))


class _Printer(Page):
    def broken(self, start: int, end: int) -> bool:
        """Whether the author began a new line between two offsets."""
        return self.keep and "\n" in self.source.text[start:end]

    def one_line(self, node: tree.Node, least: int, *, wide: bool = False) -> str | None:
        """A node as text that fits here, unless it was broken over lines."""
        if self.commented(node.span) or self.broken(node.span.start, node.span.end):
            return None
        try:
            text = flat(node, least)
        except ManyLines:
            return None
        return text if wide or self.width + len(text) <= WIDTH else None

    # --- definitions

    def spec(self, spec: tree.Spec) -> None:
        definitions: list[Any] = [*spec.imports, *spec.blocks, *spec.networks, *spec.variants]
        previous: Any = None
        for node in sorted(definitions, key=lambda node: node.span.start):
            start = node.span.start
            if previous is not None and (isinstance(node, SPACED) or type(previous) is not type(node)):
                self.blank()
            self.begin(start, 0)
            self.definition(node)
            self.end(node.span.end)
            previous = node
        self.comments_before(len(self.source.text) + 1, 0)

    def definition(self, node: Any) -> None:
        if isinstance(node, tree.Variant):
            self.write(f"variant {node.name.id}")
            self._equals("variant", node.name.span.end, node.call.span.start)
            self.node(node.call, CHAIN, 0)
            return
        text = self.one_line(node, CHAIN) if self.keep or isinstance(node, tree.Import) else None
        if text is not None or isinstance(node, tree.Import):
            self.write(text or flat(node))
            return
        self.write(opening(node))
        self.brackets("(", ")", [Part(p) for p in node.params], node.name.span.end, node.body.span.start, 0)
        self.write(" ")
        self.body(node.body, 0)

    def _equals(self, kind: str, start: int, end: int) -> None:
        self.gap(kind, re.split("=", self.source.text[start:end])[0])
        self.write("= ")

    # --- statements

    def body(self, body: tree.Body, indent: int) -> None:
        self.write("{")
        self.end(body.span.start + 1)
        self.fresh = True
        for node in body.statements:
            self.begin(node.span.start, indent + INDENT)
            self.statement(node, indent + INDENT)
            self.end(node.span.end)
        self.close("}", body.span.end, indent)

    def close(self, bracket: str, offset: int, indent: int) -> None:
        self.comments_before(offset, indent + INDENT)
        self._line(None, indent)
        self.write(bracket)

    def statement(self, node: tree.Statement, indent: int) -> None:
        if isinstance(node, tree.Bind):
            self.write(names(node.targets))
            self._equals("bind", node.targets[-1].span.end, node.value.span.start)
        elif isinstance(node, tree.OutputStatement):
            self.write(f"output {node.name.id}")
            self._equals("output", node.name.span.end, node.value.span.start)
        elif isinstance(node, tree.LossStatement):
            self.write("loss ")
        elif isinstance(node, tree.InitStatement):
            self.write("init ")
        elif isinstance(node, tree.Evaluate):
            node = statement(node)
        if isinstance(node, tree.Devices):
            self.write(flat(node))
        elif isinstance(node, tree.Assertion):
            self.assertion(node, indent)
        elif isinstance(node, tree.TargetStatement):
            self.node(node, CHAIN, indent)
        elif isinstance(node.value, tree.Chain):
            self.chain(node.value, indent)
        else:
            self.node(node.value, CHAIN, indent)

    def assertion(self, node: tree.Assertion, indent: int) -> None:
        self.write("assert ")
        self.node(node.condition, EXPR, indent)
        if node.message is None:
            return
        message = flat_parts(quoted(node.message))
        if self.broken(node.condition.span.end, node.message.span.start) or self.width + len(message) + 2 > WIDTH:
            self.write(",")
            self.end(node.condition.span.end)
            self.begin(node.message.span.start, indent + INDENT)
            self.write(message)
        else:
            self.write(f", {message}")

    # --- chains

    def chain(self, chain: tree.Chain, indent: int) -> None:
        whole = self.one_line(chain, CHAIN) is not None
        span = chain.span
        each = not whole and not self.broken(span.start, span.end)
        self.node(chain.head, HEAD, indent)
        self.steps(chain.steps, chain.head.span.end, indent, indent + INDENT, whole=whole, each=each)

    def steps(
        self, steps: Sequence[tree.Step], end: int, indent: int, below: int, *, whole: bool = False, each: bool
    ) -> None:
        """Steps after what ends at an offset, in the author's lines, or each on its own."""
        for step in steps:
            start = step.span.start
            if not whole and (each or self.broken(end, start) or self._too_wide(step)):
                self.end(end)
                self.begin(start, below)
                indent = below
            else:
                self.gap("->", self._space_before_arrow(end, start))
            self.write("-> ")
            self.node(step, CHAIN, indent)
            end = step.span.end

    def _too_wide(self, step: tree.Step) -> bool:
        text = self.one_line(step, CHAIN, wide=True)
        return text is not None and self.width + len(text) + 4 > WIDTH

    def _space_before_arrow(self, end: int, start: int) -> str:
        found = re.search(r"( *)->[^>]*\Z", self.source.text[end:start])
        return found.group(1) if found else ""

    def sequence(self, sequence: tree.Sequence, indent: int) -> None:
        self.write("{")
        self.end(sequence.span.start + 1)
        self.fresh = True
        first, *rest = sequence.steps
        inner = indent + INDENT
        for node in sequence.setup:
            self.begin(node.span.start, inner)
            self.statement(node, inner)
            self.end(node.span.end)
        self.begin(first.span.start, inner)
        self.node(first, CHAIN, inner)
        span = first.span.to(sequence.steps[-1].span)
        each = not self.broken(span.start, span.end) and self._wide(sequence)
        self.steps(rest, first.span.end, inner, inner, each=each)
        self.end(sequence.steps[-1].span.end)
        self.close("}", sequence.span.end, indent)

    def _wide(self, sequence: tree.Sequence) -> bool:
        """Whether the steps of a sequence do not fit into one line."""
        texts = [self.one_line(step, CHAIN, wide=True) for step in sequence.steps]
        return None in texts or len(" -> ".join(map(str, texts))) + 2 * INDENT > WIDTH

    # --- other nodes

    def node(self, node: Any, least: int, indent: int) -> None:
        """Any node, broken over lines where it must be."""
        text = self.one_line(node, least)
        if text is not None:
            self.write(text)
            return
        if level(node) < least:
            self.write("(")
            self.node(node, CHAIN, indent)
            self.write(")")
            return
        match node:
            case tree.Chain():
                self.chain(node, indent)
            case tree.Sequence():
                self.sequence(node, indent)
            case tree.Body():
                self.body(node, indent)
            case tree.Binary():
                self.operation(node, indent)
            case tree.Call() if node.arguments:
                self.write(node.callee.id)
                items = [Part(argument) for argument in node.arguments]
                self.brackets("(", ")", items, node.callee.span.end, node.span.end, indent)
            case tree.ListDisplay() if node.items:
                self.brackets("[", "]", [Part(i) for i in node.items], node.span.start, node.span.end, indent)
            case tree.ShapePattern():
                items = [Part(dim, EXPR) for dim in node.dims]
                self.brackets("[", "]", items, node.span.start, node.span.end, indent)
            case _:
                for part in parts(node):
                    if isinstance(part, str):
                        self.write(part)
                    else:
                        self.node(part.node, part.least, indent)

    def operation(self, node: tree.Binary, indent: int) -> None:
        """Operands and operators that do not fit into a line: breaks before operators."""
        first, rest = spine(node)
        each = not self.broken(node.span.start, node.span.end)
        self.node(first.node, first.least, indent)
        end = first.node.span.end
        for operator, operand in rest:
            start = operand.node.span.start
            if each or self.broken(end, start):
                self.end(end)
                self.begin(start, indent + INDENT)
                self.write(f"{operator} ")
            else:
                self.write(f" {operator} ")
            self.node(operand.node, operand.least, indent + INDENT)
            end = operand.node.span.end

    def brackets(self, opening: str, closing: str, items: list[Part], start: int, end: int, indent: int) -> None:
        """Items in brackets: in the author's lines, or each on its own where they do not fit."""
        edges = [start, *(edge for item in items for edge in (item.node.span.start, item.node.span.end))]
        breaks = [self.broken(edges[i], edges[i + 1]) for i in range(0, len(edges) - 1, 2)]
        span = Span(self.source, start, items[-1].node.span.end) if items else Span(self.source, start, end)
        if not any(breaks) and (not items or self._hugs(opening, span, items)):
            self.write(opening)
            for i, item in enumerate(items):
                self.write(", " if i else "")
                self.node(item.node, item.least, indent)
            self.write(closing)
            return
        self.write(opening)
        self.end(start)
        self.fresh = True
        each = not any(breaks)
        for i, (item, broken) in enumerate(zip(items, breaks, strict=True)):
            if each or broken or i == 0:
                if i:
                    self.end(items[i - 1].node.span.end)
                self.begin(item.node.span.start, indent + INDENT)
            else:
                self.write(" ")
            self.node(item.node, item.least, indent + INDENT)
            self.write(",")
        self.end(items[-1].node.span.end)
        self.close(closing, end, indent)

    def _hugs(self, opening: str, span: Span, items: list[Part]) -> bool:
        """Whether the items stay on the line of the bracket: they fit, or it is one of them that is broken."""
        if self.broken(span.start, span.end):
            return True
        if self.commented(span):
            return False
        try:
            text = ", ".join(flat(item.node, item.least) for item in items)
        except ManyLines:
            return len(items) == 1
        return self.width + len(opening) + len(text) + 3 <= WIDTH
