"""Syntax tree to the YAML form: which mapping, list or text says each node. `layout_yaml.py` writes them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from archdsl.source import Span
from archdsl.syntax import tree
from archdsl.syntax.layout import format_value
from archdsl.syntax.unparse import CHAIN, EXPR, ManyLines, flat, flat_parts, label, names
from archdsl.syntax.yaml_body import VALUES, WORDS

SHORT: Final = 72  # a chain that is no longer stays a text


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class List:
    span: Span
    items: tuple[YamlPart, ...]


@dataclass(frozen=True, slots=True)
class Map:
    span: Span
    entries: tuple[tuple[str, YamlPart], ...]


YamlPart: TypeAlias = Text | List | Map


class Unparser:
    """Says the definitions of a spec in YAML."""

    def __init__(self, spec: tree.Spec) -> None:
        self.whole = spec
        self.starts = sorted(comment.span.start for comment in spec.comments)
        self.first: str | None = None  # the parameter that feeds chains which do not say

    # --- definitions

    def definition(self, node: Any) -> YamlPart:
        self.first = None  # outside a body nothing feeds a chain
        if isinstance(node, tree.Variant):
            return self._call(node.call) or self._text(node.call, CHAIN)
        if isinstance(node, tree.Import):
            wanted = List(node.span, tuple(Text(name.span, name.id) for name in node.names))
            path = Text(node.path.span, str(node.path.value))
            return Map(node.span, (("from", path), ("import", wanted)))
        plain = [param.shape is not None for param in node.params]
        count = plain.index(False) if False in plain else len(plain)
        entries: list[tuple[str, YamlPart]] = []
        for section, params in (("inputs", node.params[:count]), ("params", node.params[count:])):
            if params:
                span = params[0].span.to(params[-1].span)
                found = [(param.name.id, self._param(param, section)) for param in params]
                entries.append((section, Map(span, tuple(found))))
        self.first = node.params[0].name.id if node.params else None
        if isinstance(node, tree.Block) and node.inline:
            entries.insert(0, ("inline", Text(node.name.span, "true")))
        return Map(node.span, (*entries, ("body", self.body(node.body))))

    def _param(self, param: tree.Param, section: str) -> YamlPart:
        if section == "inputs" and param.type is None and param.default is None:
            assert param.shape is not None
            return self._shape(param.shape)
        default = self._default(param.default) if param.default is not None else None
        named = isinstance(param.default, tree.Name) and param.default.id in tree.TYPES
        if param.shape is None and param.type is None and not named:
            return default or Text(param.span, "")
        if param.shape is None and param.type is not None and param.type.id in tree.TYPES and default is None:
            return Text(param.type.span, param.type.id)
        entries: list[tuple[str, YamlPart]] = [("shape", self._shape(param.shape))] if param.shape is not None else []
        if param.type is not None:
            entries.append(("type", Text(param.type.span, param.type.id)))
        return Map(param.span, (*entries, *([("default", default)] if default is not None else [])))

    def _shape(self, shape: tree.ShapePattern) -> YamlPart:
        return List(shape.span, tuple(self._text(dim, EXPR) for dim in shape.dims))

    def _default(self, value: tree.Expr) -> YamlPart:
        return self._list(value) if isinstance(value, tree.ListDisplay) else self._text(value, EXPR)

    # --- bodies

    def body(self, body: tree.Body) -> YamlPart:
        items: list[YamlPart] = []
        open_chain = False  # whether a step would go on with the chain above
        statements = list(body.statements)
        while statements:
            node = statements.pop(0)
            if isinstance(node, tree.Evaluate):
                items += self._chain_items(node.value, implicit=not open_chain)
                open_chain = True
                continue
            open_chain = False
            items.append(self._statement(node, statements))
        return List(body.span, tuple(items))

    def _statement(self, node: Any, following: list[Any]) -> YamlPart:
        """A statement, with those that follow and go into the same mapping, which are taken."""
        match node:
            case tree.LossStatement():
                return Map(node.span, (("loss", self.value(node.value)),))
            case tree.InitStatement():
                return Map(node.span, (("init", self._text(node.value, EXPR)),))
            case tree.Devices():
                devices = List(node.span, tuple(Text(name.span, name.id) for name in node.names))
                return Map(node.span, (("device", devices),))
            case tree.Assertion(message=message):
                condition = ("assert", self._text(node.condition, EXPR))
                said = () if message is None else (("message", self._text(message, CHAIN)),)
                return Map(node.span, (condition, *said))
        run = {_key(node): self._named(node)}
        last: Any = node
        while following and type(following[0]) is type(node) and _key(following[0]) not in run:
            last = following.pop(0)
            run[_key(last)] = self._named(last)
        span = node.span.to(last.span)
        word = {tree.Bind: "let", tree.OutputStatement: "output", tree.TargetStatement: "target"}[type(node)]
        return Map(span, ((word, Map(span, tuple(run.items()))),))

    def _named(self, node: Any) -> YamlPart:
        """What stands behind the name that a statement gives something."""
        if not isinstance(node, tree.TargetStatement):
            return self.value(node.value)
        shape = self._shape(node.shape)
        type = (("type", Text(node.type.span, node.type.id)),) if node.type is not None else ()
        return Map(node.span, (("shape", shape), *type)) if type else shape

    def _chain_items(self, value: tree.Expr, *, implicit: bool) -> list[YamlPart]:
        """A chain as items of a list: what it starts from, where that is not the first parameter, and its steps."""
        head: tree.Expr = value.head if isinstance(value, tree.Chain) else value
        steps = value.steps if isinstance(value, tree.Chain) else ()
        rest = [self.step(step) for step in steps]
        if implicit and steps and isinstance(head, tree.Name) and head.id == self.first:
            return rest
        if isinstance(head, tree.Binary):  # no step looks like this
            return [self._text(head, CHAIN), *rest]
        if isinstance(head, tree.Head):
            return [Map(head.span, (("from", self.value(head.value)), *self._reserved(head))), *rest]
        return [Map(head.span, (("from", self.value(head)),)), *rest]

    # --- values

    def value(self, value: tree.Expr) -> YamlPart:
        """A value where a chain may stand."""
        if isinstance(value, tree.Chain):
            short = self._short(value)
            return short or List(value.span, tuple(self._chain_items(value, implicit=True)))
        return self._other(value)

    def argument(self, value: tree.Expr) -> YamlPart:
        """A value where a list is a list."""
        if isinstance(value, tree.ListDisplay):
            return self._list(value)
        if isinstance(value, tree.Chain):
            then = List(value.span, tuple(self.step(step) for step in value.steps))
            implicit = isinstance(value.head, tree.Name) and value.head.id == self.first
            start = () if implicit else (("from", self.value(value.head)),)
            return self._short(value) or Map(value.span, (*start, ("then", then)))
        written = self._other(value)
        if isinstance(written, Map) and not any(key in VALUES for key, _ in written.entries):
            return Map(value.span, (("from", written),))  # else its key would name an argument
        return written

    def _other(self, value: tree.Expr) -> YamlPart:
        short = self._short(value)
        if short is not None:
            return short
        if isinstance(value, tree.IfBodies):
            return self._if_bodies(value)
        if isinstance(value, tree.Head):
            return Map(value.span, (("from", self.value(value.value)), *self._reserved(value)))
        if isinstance(value, tree.NewModule):
            return Map(value.span, (("module", self._call(value.call) or self._text(value.call, CHAIN)),))
        if isinstance(value, tree.Call) and (call := self._call(value)) is not None:
            return call
        return self._text(value, CHAIN)

    def _short(self, value: tree.Expr) -> Text | None:
        """A short value as a text, unless it names layers, which reads better as a mapping."""
        if isinstance(value, (tree.Chain, tree.Head, tree.NewModule, tree.IfBodies, tree.Call)):
            if self._commented(value.span):
                return None
            try:
                text = flat(value)
            except ManyLines:
                return None
            return Text(value.span, text) if len(text) <= SHORT and ": " not in text else None
        return self._text(value, CHAIN)

    def _commented(self, span: Span) -> bool:
        """Whether a comment stands within a span, which a text would have no place for."""
        i = bisect_left(self.starts, span.start)
        return i < len(self.starts) and self.starts[i] < span.end

    def _list(self, value: tree.ListDisplay) -> YamlPart:
        try:
            flat(value)
        except ManyLines:
            return self._text(value, CHAIN)
        return List(value.span, tuple(self.argument(item) for item in value.items))

    def _if_bodies(self, value: tree.IfBodies) -> Map:
        other = value.orelse
        orelse = self._if_bodies(other) if isinstance(other, tree.IfBodies) else self._branch(other)
        test = self._text(value.test, EXPR)
        return Map(value.span, (("if", test), ("then", self._branch(value.then)), ("else", orelse)))

    def _branch(self, body: tree.Body) -> YamlPart:
        match body.statements:
            case [tree.Evaluate(value=value)] if (short := self._short(value)) is not None:
                return short
        return self.body(body)

    # --- calls and steps

    def _call(self, call: tree.Call) -> Map | None:
        """A call as a mapping; None where one of its names means something else there."""
        name = call.callee.id
        if name in WORDS or any(argument.name in VALUES for argument in call.arguments):
            return None
        items: list[YamlPart] = []
        group: dict[str, YamlPart] = {}
        for argument in call.arguments:
            written = self.argument(argument.value)
            if group and (argument.name is None or argument.name in group):
                items.append(Map(call.span, tuple(group.items())))
                group = {}
            if argument.name is None:
                items.append(written)
            else:
                group[argument.name] = written
        if group:
            items.append(Map(call.span, tuple(group.items())))
        if not items:
            return Map(call.span, ((name, Map(call.span, ())),))
        first, *more = items
        alone = not more and (isinstance(first, Text) or call.arguments[0].name is not None)
        return Map(call.span, ((name, first if alone else List(call.span, tuple(items))),))

    def step(self, step: tree.Step) -> YamlPart:
        action = step.action
        if isinstance(action, tree.Call):
            call = self._call(action)
            if call is None or (not action.arguments and step.label is None and not step.marks):
                return self._text(step, CHAIN)
            return Map(step.span, (*call.entries, *self._reserved(step)))
        return Map(step.span, (*self._structure(action), *self._reserved(step)))

    def _structure(self, action: Any) -> Sequence[tuple[str, YamlPart]]:
        match action:
            case tree.Sequence():
                return [("seq", self._steps(action))]
            case tree.Repeat():
                return [("repeat", self._text(action.count, EXPR)), ("do", self._steps(action.body))]
            case tree.For():
                targets = Text(action.span, names(action.targets))
                return [("for", targets), ("in", self._text(action.iterable, EXPR)), ("do", self._steps(action.body))]
        entries: list[tuple[str, YamlPart]] = [
            ("if", self._text(action.test, EXPR)),
            ("then", self._steps(action.then)),
        ]
        if isinstance(action.orelse, tree.If):
            entries.append(("else", Map(action.orelse.span, tuple(self._structure(action.orelse)))))
        elif action.orelse is not None:
            entries.append(("else", self._steps(action.orelse)))
        return entries

    def _steps(self, sequence: tree.Sequence) -> List:
        setup: list[Any] = list(sequence.setup)
        items: list[YamlPart] = []
        while setup:
            items.append(self._statement(setup.pop(0), setup))
        return List(sequence.span, (*items, *(self.step(step) for step in sequence.steps)))

    def _reserved(self, node: tree.Step | tree.Head) -> list[tuple[str, YamlPart]]:
        """`name`, `on`, `only` and `marks`."""
        entries: list[tuple[str, YamlPart]] = []
        if node.label is not None:
            entries.append(("name", Text(node.label.span, flat_parts(label(node.label)))))
        marks = [self._text(mark, CHAIN) for mark in node.marks]
        keys = [{"train": "only", "checkpoint": "marks", "frozen": "marks"}.get(mark.text, "on") for mark in marks]
        if len(set(keys)) == len(keys):
            return [*entries, *zip(keys, marks, strict=True)]
        return [*entries, ("marks", List(node.span, tuple(marks)))]

    def _text(self, node: tree.Node, least: int) -> Text:
        try:
            return Text(node.span, flat(node, least))
        except ManyLines:
            return Text(node.span, format_value(self.whole, node, least))  # type: ignore[arg-type]


def _key(node: Any) -> str:
    return names(node.targets) if isinstance(node, tree.Bind) else str(node.name.id)
