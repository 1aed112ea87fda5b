"""Bodies, values and steps of the YAML form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from archdsl.diagnostics import Diagnostic
from archdsl.source import Span
from archdsl.syntax import tree
from archdsl.syntax.explain import Stop
from archdsl.syntax.scalars import Recorded, Scalars
from archdsl.syntax.yaml_expect import keys, kind, names, shown
from archdsl.syntax.yaml_nodes import Entries, Items, Scalar, YamlNode

STATEMENTS: Final = {  # each with the keys that belong to it
    "let": ("let",),
    "assert": ("assert", "message"),
    "init": ("init",),
    "output": ("output",),
    "target": ("target",),
    "loss": ("loss",),
    "device": ("device",),
}
SETUP: Final = ("let", "assert")  # those that may stand before the steps of a sequence
STRUCTURES: Final = {  # each with the keys that belong to it
    "seq": ("seq",),
    "repeat": ("repeat", "do"),
    "for": ("for", "in", "do"),
    "if": ("if", "then", "else"),
}
VALUES: Final = ("from", "then", "if", "module")  # keys that make a mapping a value among arguments
STARTS: Final = ("from", "module")  # keys that begin a new chain
RESERVED: Final = ("name", "on", "only", "marks")
WORDS: Final = frozenset(  # keys that no operator or block can be written under
    [*STATEMENTS, *VALUES, *STARTS, *RESERVED, *(key for group in STRUCTURES.values() for key in group)]
)


class Bodies:
    """Reads what may stand in a body. `first` is the parameter that chains without a start are fed from."""

    def __init__(self, scalars: Scalars, errors: list[Diagnostic], first: str | None) -> None:
        self.scalars = scalars
        self.errors = errors
        self.first = first

    # --- bodies

    def body(self, node: YamlNode) -> tree.Body:
        if not isinstance(node, Items):
            value = self.value(node)
            return tree.Body(node.span, (tree.Evaluate(value.span, value),))
        statements: list[tree.Statement] = []
        chain = _Chain()
        for item in node.items:
            try:
                if isinstance(item, Entries) and any(key in STATEMENTS for key in item.keys):
                    statements += [*chain.taken(), *self._statements(item)]
                    continue
                found = self._item(item)
                if isinstance(found, tree.Step):
                    chain.add(found, self)
                else:
                    statements += chain.taken()
                    chain.begin(found, joins=isinstance(item, Scalar))
            except Recorded:
                chain.add_nothing()
            except Stop as stop:
                self.errors.append(stop.diagnostic)
                chain.add_nothing()
        return tree.Body(node.span, (*statements, *chain.taken()))

    def start(self, at: Span) -> tree.Expr:
        """What feeds a chain that does not say: the first parameter."""
        if self.first is None:
            help = "write `from: …` before it"
            raise Stop(Diagnostic("syntax", "nothing feeds this step", at, help=help))
        return tree.Name(Span(at.source, at.start, at.start), self.first)

    def _item(self, item: YamlNode) -> tree.Step | tree.Expr:
        """An item of a list: a step, or a value that begins a chain."""
        if isinstance(item, Scalar):
            return self.scalars.step_or_chain(item)
        if isinstance(item, Entries) and any(key in STARTS for key in item.keys):
            return self.value(item)
        return self.step(item)

    def _statements(self, node: Entries) -> list[tree.Statement]:
        key, value = next((key, value) for key, value in node.entries if key.value in STATEMENTS)
        for other, _ in node.entries:
            if other.value not in STATEMENTS[key.value]:
                message = f"`{key.value}` stands alone"
                raise Stop(Diagnostic("syntax", message, other.span, help="begin a new item with `-`"))
        span = key.span.to(value.span)
        if key.value == "assert":
            return [self._assertion(node, value)]
        if key.value == "loss":
            return [tree.LossStatement(span, self.value(value))]
        if key.value == "init":
            return [tree.InitStatement(span, self._initial(value))]
        if key.value == "device":
            return [tree.Devices(span, names(value, self.scalars))]
        if not isinstance(value, Entries) or not value.entries:
            help = f"write `{key.value}: {{name: value}}`"
            message = f"`{key.value}` is a mapping of names to values, found {kind(value)}"
            raise Stop(Diagnostic("syntax", message, shown(value, key), help=help))
        found: list[tree.Statement] = []
        for name, inner in value.entries:
            try:
                whole = name.span.to(inner.span)
                if key.value == "target":
                    found.append(self._target(whole, name, inner))
                elif key.value == "output":
                    found.append(tree.OutputStatement(whole, self.scalars.name(name), self.value(inner)))
                else:
                    found.append(tree.Bind(whole, self.scalars.names(name), self.value(inner)))
            except Recorded:
                pass
            except Stop as stop:
                self.errors.append(stop.diagnostic)
        return found

    def _initial(self, node: YamlNode) -> tree.Expr:
        """How weights start, which begins with a name: that of an initialiser, or of a value."""
        value = self._expression(node)
        first = value.then if isinstance(value, tree.Conditional) else value
        while isinstance(first, (tree.Index, tree.ListSlice, tree.Attribute)):
            first = first.value
        if not isinstance(first, (tree.Name, tree.Call)):
            help = "for example `kaiming_normal`, or `normal(0.01)`"
            raise Stop(Diagnostic("syntax", f"`init` takes an initialiser, found {kind(node)}", node.span, help=help))
        return value

    def _target(self, span: Span, name: Scalar, node: YamlNode) -> tree.TargetStatement:
        type: tree.Name | None = None
        shape: YamlNode | None = node
        if isinstance(node, Entries):
            keys(node, ("shape", "type"), self.errors, "a target has")
            shape, said = node.get("shape"), node.get("type")
            if said is not None:
                target = self.scalars.name(self._text(said), "a type")
                type = tree.Name(target.span, target.id)
        if shape is None:
            raise Stop(Diagnostic("syntax", f"the target `{name.value[:64]}` has no shape", name.span))
        return tree.TargetStatement(span, self.scalars.name(name), self.shape(name, shape), type)

    def shape(self, key: Scalar, node: YamlNode) -> tree.ShapePattern:
        """The shape of a tensor that is declared under a key."""
        if not isinstance(node, Items) or not node.items:
            message = f"the shape of `{key.value[:64]}` is a list of sizes, found {kind(node)}"
            raise Stop(Diagnostic("syntax", message, shown(node, key), help="write `[N, 3, 224, 224]`"))
        dims: list[tree.Expr | tree.AnyDims] = []
        for item in node.items:
            if not isinstance(item, Scalar):
                raise Stop(Diagnostic("syntax", f"a size is a number or a name, found {kind(item)}", item.span))
            dims.append(tree.AnyDims(item.span) if item.value == "..." else self.scalars.expression(item))
        return tree.ShapePattern(node.span, tuple(dims))

    def _assertion(self, node: Entries, condition: YamlNode) -> tree.Assertion:
        message = node.get("message")
        said = self.scalars.message(self._text(message)) if message is not None else None
        return tree.Assertion(node.span, self._expression(condition), said)

    # --- values

    def value(self, node: YamlNode) -> tree.Expr:
        """A value where a chain may stand: a text of the text form, a list of steps, or a mapping."""
        if isinstance(node, Scalar):
            return self.scalars.chain(node)
        if isinstance(node, Entries):
            return self._mapping(node)
        if not node.items:
            raise Stop(Diagnostic("syntax", "a chain has at least one step", node.span))
        chain = _Chain()
        for i, item in enumerate(node.items):
            found = self._item(item)
            if isinstance(found, tree.Step):
                chain.add(found, self)
            elif i:
                help = 'a list is a chain here; a list of values is written as text: "[64, 128]"'
                raise Stop(Diagnostic("syntax", "this is no step", item.span, help=help))
            else:
                chain.begin(found, joins=isinstance(item, Scalar))
        found = chain.value()
        return replace(found, span=node.span) if chain.steps else found

    def static(self, node: YamlNode) -> tree.Expr:
        """A value where a list is a list: a default."""
        if isinstance(node, Entries):
            raise Stop(Diagnostic("syntax", f"a default is a value, found {kind(node)}", node.span))
        if isinstance(node, Items):
            return tree.ListDisplay(node.span, tuple(self.argument(item) for item in node.items))
        return self.scalars.expression(node)

    def argument(self, node: YamlNode) -> tree.Expr:
        """A value where a list is a list: an argument."""
        if isinstance(node, Items):
            return tree.ListDisplay(node.span, tuple(self.argument(item) for item in node.items))
        return self.value(node)

    def _mapping(self, node: Entries) -> tree.Expr:
        value: tree.Expr
        steps: tuple[tree.Step, ...] = ()
        if "if" in node.keys:
            self._only(node, (*STRUCTURES["if"], *RESERVED))
            value = self._if_bodies(node)
        elif "from" in node.keys or "then" in node.keys:
            self._only(node, ("from", "then", *RESERVED))
            source, then = node.get("from"), node.get("then")
            if then is not None:
                steps = self._steps(then)
            value = self.value(source) if source is not None else self.start(node.span)
        elif "module" in node.keys:
            self._only(node, ("module", *RESERVED))
            inner = node.get("module")
            assert inner is not None
            value = tree.NewModule(node.key("module").span.to(inner.span), self.call(inner))
        else:
            value = self._callee(node)
        label, marks = self._label(node), self._marks(node)
        if label is not None or marks:
            value = tree.Head(node.span if not steps else value.span, label, value, marks)
        return tree.Chain(node.span, value, steps) if steps else value

    def _if_bodies(self, node: Entries) -> tree.IfBodies:
        test, then, orelse = (node.get(key) for key in STRUCTURES["if"])
        assert test is not None
        if then is None or orelse is None:
            missing = "then" if then is None else "else"
            message = f"an `if` that is a value has `then` and `else`; `{missing}` is missing"
            raise Stop(Diagnostic("syntax", message, node.key("if").span))
        other: tree.Body | tree.IfBodies
        if isinstance(orelse, Entries) and "if" in orelse.keys and not set(orelse.keys) & set(RESERVED):
            self._only(orelse, STRUCTURES["if"])
            other = self._if_bodies(orelse)
        else:
            other = self.body(orelse)
        return tree.IfBodies(node.span, self._expression(test), self.body(then), other)

    def _expression(self, node: YamlNode) -> tree.Expr:
        if not isinstance(node, Scalar):
            raise Stop(Diagnostic("syntax", f"an expression is text, found {kind(node)}", node.span))
        return self.scalars.expression(node)

    # --- calls

    def call(self, node: YamlNode) -> tree.Call:
        """A call that stands by itself: `Net(depth = 3)`, or `{Net: {depth: 3}}`."""
        if isinstance(node, Entries):
            self._only(node, [key for key in node.keys if key not in RESERVED])
            return self._callee(node)
        if isinstance(node, Items):
            raise Stop(Diagnostic("syntax", "a call is text or a mapping, found a list", node.span))
        found = self.scalars.chain(node)
        if isinstance(found, tree.Name):
            return tree.Call(found.span, found, ())
        if not isinstance(found, tree.Call):
            raise Stop(Diagnostic("syntax", f"a call is needed, found {kind(node)}", node.span))
        return found

    def _callee(self, node: Entries) -> tree.Call:
        """The call of the only key that is not reserved."""
        found = [(key, value) for key, value in node.entries if key.value not in RESERVED]
        if not found:
            message = "a step has an operator, a block, or one of seq, repeat, for, if"
            raise Stop(Diagnostic("syntax", message, node.span))
        (key, value), *more = found
        if more:
            message = f"a step has one operator or block, found `{key.value[:64]}` and `{more[0][0].value[:64]}`"
            help = f"parameters stand inside: `{key.value[:64]}: {{{more[0][0].value[:64]}: …}}`"
            raise Stop(Diagnostic("syntax", message, more[0][0].span, help=help))
        name = self.scalars.name(key, "an operator or block")
        span = key.span.to(value.span) if value.span.end > key.span.end else key.span
        return tree.Call(span, tree.Name(name.span, name.id), self._arguments(value))

    def _arguments(self, node: YamlNode) -> tuple[tree.Argument, ...]:
        if isinstance(node, Scalar) and node.empty:
            return ()
        if isinstance(node, Items):
            return tuple(argument for item in node.items for argument in self._one_or_named(item))
        return self._one_or_named(node)

    def _one_or_named(self, node: YamlNode) -> tuple[tree.Argument, ...]:
        """A mapping names arguments, unless it is a value itself; anything else is one argument."""
        if not isinstance(node, Entries) or any(key in VALUES for key in node.keys):
            return (tree.Argument(node.span, None, self.argument(node)),)
        return tuple(
            tree.Argument(name.content.to(value.span), self.scalars.name(name, "a parameter").id, self.argument(value))
            for name, value in node.entries
        )

    # --- steps

    def step(self, node: YamlNode) -> tree.Step:
        if isinstance(node, Scalar):
            return self.scalars.step(node)
        if isinstance(node, Items):
            raise Stop(Diagnostic("syntax", "a step is text or a mapping, found a list", node.span))
        structure = next((key for key in STRUCTURES if key in node.keys), None)
        action: tree.Action
        if structure is None:
            action = self._callee(node)
        else:
            self._only(node, (*STRUCTURES[structure], *RESERVED))
            for key in STRUCTURES[structure]:
                if key not in node.keys and key != "else":
                    message = f"`{structure}` needs `{key}`"
                    raise Stop(Diagnostic("syntax", message, node.key(structure).span))
            action = self._structure(structure, node)
        return tree.Step(node.span, self._label(node), action, self._marks(node))

    def _structure(self, structure: str, node: Entries) -> tree.Action:
        parts = [node.get(key) for key in STRUCTURES[structure]]
        first, *rest = parts
        assert first is not None
        if structure == "seq":
            return self._sequence(first)
        inner = rest[-1] if structure != "if" else rest[0]
        assert inner is not None
        if structure == "repeat":
            return tree.Repeat(node.span, self._expression(first), self._sequence(inner))
        if structure == "for":
            assert rest[0] is not None
            targets = tuple(names(first, self.scalars))
            return tree.For(node.span, targets, self._expression(rest[0]), self._sequence(inner))
        orelse = rest[1]
        other: tree.Sequence | tree.If | None = None
        if isinstance(orelse, Entries) and "if" in orelse.keys and not set(orelse.keys) & set(RESERVED):
            chosen = self.step(orelse).action
            assert isinstance(chosen, tree.If)
            other = chosen
        elif orelse is not None:
            other = self._sequence(orelse)
        return tree.If(node.span, self._expression(first), self._sequence(inner), other)

    def _sequence(self, node: YamlNode) -> tree.Sequence:
        """A list of steps, or one alone; values may be bound, and conditions checked, before the first."""
        nodes = node.items if isinstance(node, Items) else (node,)
        setup: list[Any] = []
        steps = list(nodes)
        while steps and isinstance(steps[0], Entries) and any(key in SETUP for key in steps[0].keys):
            setup += self._statements(steps.pop(0))  # type: ignore[arg-type]
        return tree.Sequence(node.span, tuple(setup), self._steps(node, steps))

    def _steps(self, node: YamlNode, items: Sequence[YamlNode] | None = None) -> tuple[tree.Step, ...]:
        """A list of steps, or one alone; `items` are those of the list that are steps."""
        if items is None:
            items = node.items if isinstance(node, Items) else (node,)
        if not items:
            raise Stop(Diagnostic("syntax", "a sequence has at least one step", node.span))
        return tuple(self.step(item) for item in items)

    # --- reserved keys

    def _label(self, node: Entries) -> tree.Interpolated | None:
        name = node.get("name")
        return None if name is None else self.scalars.label(self._text(name))

    def _marks(self, node: Entries) -> tuple[tree.Interpolated, ...]:
        """`on`, `only` and `marks`, in the order in which they are written."""
        found = []
        for key, value in node.entries:
            if key.value in ("on", "only", "marks"):
                several = value.items if key.value == "marks" and isinstance(value, Items) else (value,)
                found += [self.scalars.interpolated(self._text(mark), "a mark") for mark in several]
            if key.value == "only" and isinstance(value, Scalar) and value.value != "train":
                message = f"`only` is `train`, found {kind(value)}"
                raise Stop(Diagnostic("syntax", message, shown(value, key), help="a device is named by `on`"))
        return tuple(found)

    def _text(self, node: YamlNode) -> Scalar:
        if not isinstance(node, Scalar):
            raise Stop(Diagnostic("syntax", f"a name is text, found {kind(node)}", node.span))
        return node

    def _only(self, node: Entries, known: tuple[str, ...] | list[str]) -> None:
        keys(node, known, self.errors, f"`{known[0]}` goes with" if known else "there is")


class _Chain:
    """The chain that the items of a list are joining."""

    def __init__(self) -> None:
        self.head: tree.Expr | None = None
        self.steps: list[tree.Step] = []
        self.lost = False  # part of it could not be read

    def begin(self, head: tree.Expr, *, joins: bool) -> None:
        """A new chain. `x -> a` as a text goes on with the steps that follow."""
        self.head, self.steps, self.lost = head, [], False
        if joins and isinstance(head, tree.Chain):
            self.head, self.steps = head.head, list(head.steps)

    def add(self, step: tree.Step, bodies: Bodies) -> None:
        if self.head is None and not self.lost:
            self.head = bodies.start(step.span)
        self.steps.append(step)

    def add_nothing(self) -> None:
        self.lost = True

    def value(self) -> tree.Expr:
        assert self.head is not None
        if not self.steps:
            return self.head
        return tree.Chain(self.head.span.to(self.steps[-1].span), self.head, tuple(self.steps))

    def taken(self) -> list[tree.Statement]:
        """The chain as a statement, if there is one; the next begins anew."""
        value = self.value() if self.head is not None else None
        self.head, self.steps, self.lost = None, [], False
        return [tree.Evaluate(value.span, value)] if value is not None else []
