"""What is written where: the calls and operations that layers come from, and edits of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from archdsl.diagnostics import Edit
from archdsl.ops import Operator, parameters
from archdsl.program import Program
from archdsl.source import Span
from archdsl.syntax import tree


@dataclass(slots=True)
class WrittenCalls:
    """The calls and operations of a program, by their spans."""

    calls: dict[Span, tree.Call] = field(default_factory=dict)
    fed: set[Span] = field(default_factory=set)  # calls that are steps: their first tensor comes from the left
    operations: dict[Span, tree.Binary] = field(default_factory=dict)
    choices: list[tuple[str, tree.IfBodies]] = field(default_factory=list)  # names bound to an `if`
    settings: dict[Span, frozenset[str]] = field(default_factory=dict)  # what the block or network around can be told

    @staticmethod
    def of(program: Program) -> WrittenCalls:
        found = WrittenCalls()
        for owner, node in _nodes(program):
            if isinstance(node, tree.Call):
                found.calls[node.span] = node
            elif isinstance(node, tree.Step) and isinstance(node.action, tree.Call):
                found.fed.add(node.action.span)
            elif isinstance(node, tree.Binary):
                found.operations[node.span] = node
            elif isinstance(node, tree.Bind) and isinstance(node.value, tree.IfBodies) and len(node.targets) == 1:
                found.choices.append((node.targets[0].id, node.value))
            if isinstance(node, (tree.Call, tree.Binary)):
                found.settings[node.span] = frozenset(p.name.id for p in owner.params if p.shape is None)
        return found

    def operand(self, span: Span, position: int) -> tree.Expr | None:
        """The expression that gives a layer its tensor of this position, where it is written beside it."""
        operation = self.operations.get(span)
        if operation is not None:
            return (operation.left, operation.right)[position]
        call = self.calls.get(span)
        given = [argument.value for argument in call.arguments if argument.name is None] if call else []
        at = position - (span in self.fed)
        return given[at] if 0 <= at < len(given) else None

    def choice_of(self, name: tree.Name) -> tree.IfBodies | None:
        """The `if` that a name is bound to, above its use."""
        above = [
            choice
            for bound, choice in self.choices
            if bound == name.id and choice.span.source is name.span.source and choice.span.end <= name.span.start
        ]
        return max(above, key=lambda choice: choice.span.start, default=None)

    def parameter(self, span: Span, operator: type[Operator], name: str, value: Any) -> Edit | None:
        """The edit that gives an operator's call a parameter; None where it is given by other than a number."""
        call = self.calls.get(span)
        if call is None:
            return None
        old = self._given(call, operator).get(name)
        text = str(list(value)) if isinstance(value, tuple) else str(value)
        if old is None:
            return _added(call, name, text)
        return Edit(old.value.span, text) if _is_number(old) else None

    def without(self, span: Span, operator: type[Operator], name: str) -> Edit | None:
        """The edit that leaves a number out of an operator's call; in YAML the only argument, on one line."""
        call = self.calls.get(span)
        old = self._given(call, operator).get(name) if call is not None else None
        if call is None or old is None or not _is_number(old):
            return None
        source, end, at = span.source, call.callee.span.end, call.arguments.index(old)
        if source.text.startswith(":", end) and len(call.arguments) == 1:
            whole = Span(source, end, call.span.end)
            return Edit(whole, ": {}") if "\n" not in whole.text else None
        if not source.text.startswith("(", end):
            return None
        if len(call.arguments) == 1:
            return Edit(Span(source, end, call.span.end), "")
        if at > 0:
            return Edit(Span(source, call.arguments[at - 1].span.end, old.span.end), "")
        return Edit(Span(source, old.span.start, call.arguments[1].span.start), "")

    def own(self, span: Span, name: str, value: Any) -> Any:
        """The setting of this name, if what stands here is in a block that can be told it, which means that one;
        else the value."""
        return name if name in self.settings.get(span, ()) else value

    def _given(self, call: tree.Call, operator: type[Operator]) -> dict[str, tree.Argument]:
        """The arguments of an operator's call that are parameters."""
        positional = [argument for argument in call.arguments if argument.name is None]
        static = positional[max(len(operator.inputs) - (call.span in self.fed), 0) :]
        order = [p.name for p in parameters(operator) if p.positional]
        return dict(zip(order, static, strict=False)) | {a.name: a for a in call.arguments if a.name is not None}


def _is_number(argument: tree.Argument) -> bool:
    return isinstance(argument.value, (tree.Literal, tree.ListDisplay))


def _added(call: tree.Call, name: str, text: str) -> Edit:
    """A parameter added to a call: in the text form, or to a mapping of the YAML form."""
    source, end = call.span.source, call.callee.span.end
    if source.text.startswith("(", end):
        last = call.span.end - 1
        return Edit(Span(source, last, last), f", {name} = {text}" if call.arguments else f"{name} = {text}")
    if call.arguments:
        return _added_in_yaml(call.arguments[-1], Span(source, end, call.arguments[0].span.start), f"{name}: {text}")
    return Edit(Span(source, end, end), f"({name} = {text})")


def _added_in_yaml(last: tree.Argument, before: Span, text: str) -> Edit:
    """An argument added behind the last one; `before` is what stands between the operator and the first."""
    source, start, end = last.span.source, last.span.start, last.span.end
    opening = re.sub("#.*", "", before.text)
    line = source.text[source.text.rfind("\n", 0, start) + 1 : start]
    if not re.search(r"[\[{\n]", opening):  # `conv: 8` becomes a list
        return Edit(last.span, f"[{last.span.text}, {text}]")
    if not re.fullmatch(r" *(- *)*", line) or re.search(r"[\[{]", opening):
        return Edit(Span(source, end, end), f", {text}")
    if last.name is not None:  # a line of its own below, and below the comment
        line = " " * len(line)
    below = source.text.find("\n", end)
    below = len(source.text) if below < 0 else below
    return Edit(Span(source, below, below), f"\n{line}{text}")


def _nodes(program: Program) -> Iterator[tuple[tree.Block | tree.NetworkDefinition, tree.Node]]:
    """All nodes of a file's networks, and of the blocks that it can use, each with the one it stands in."""
    owners: list[tree.Block | tree.NetworkDefinition] = [*program.spec.networks]
    known, seen = [program.definitions], set[int]()
    while known:
        definitions = known.pop()
        if id(definitions) not in seen:
            seen.add(id(definitions))
            for block, others in definitions.blocks.values():
                known.append(others)
                if id(block) not in seen:
                    seen.add(id(block))
                    owners.append(block)
    for owner in owners:
        pending: list[Any] = [owner.body]
        while pending:
            part = pending.pop()
            if isinstance(part, tuple):
                pending += part
            elif isinstance(part, tree.Node):
                yield owner, part
                pending += [getattr(part, f.name) for f in fields(part) if f.name != "span"]
