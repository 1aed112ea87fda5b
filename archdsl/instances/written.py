"""What a spec says of the values in a block: its static expressions, as Python writes them, and what each is worth.

A graph has numbers only. Whoever writes them down again wants to say `4 * width` where the spec does. Nothing here is
taken on trust: an expression is a candidate, whose values are compared with those of the graph.
"""

from __future__ import annotations

import json
import keyword
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, Final, NamedTuple

from archdsl.elaborate.evaluator import Evaluator
from archdsl.elaborate.faults import Fault, Faults, Poisoned
from archdsl.elaborate.tensor import TensorValue
from archdsl.elaborate.values import Context, MadeFrom, SharedModule, Unavailable
from archdsl.limits import Work
from archdsl.source import Span
from archdsl.syntax import tree

SAME: Final = frozenset({"range", "int", "float", "abs", "min", "max", "round", "len", "sum"})  # as Python has them
TAKEN: Final = frozenset({"self", "torch", "nn", "F", "super", *SAME})  # what a name in a file may not hide
SIZES: Final = {"H": "height", "W": "width", "L": "length", "T": "length"}
LONG: Final = 12  # a list of which runs of equal items are said as `[0] * 49`
STRENGTH: Final = {
    **dict.fromkeys(("or",), 1),
    **dict.fromkeys(("and",), 2),
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in", "not in"), 4),
    **dict.fromkeys(("+", "-"), 5),
    **dict.fromkeys(("*", "/", "//", "%"), 6),
    "**": 8,
}


class SaidValue(NamedTuple):
    """A static expression of a spec: as Python writes it, the names in it, and its value here."""

    text: str
    names: frozenset[str]
    value: Any


class StaticParameter(NamedTuple):
    """A static parameter of a block, and its value here; `default` where the spec has one that is a plain value."""

    name: str
    value: Any
    default: Any = None
    has_default: bool = False


class Tensors(NamedTuple):
    """A parameter that is a tensor, or a list of some: (node, output) of each."""

    name: str
    refs: tuple[tuple[str, int], ...]
    listed: bool


@dataclass(frozen=True)
class WrittenValues:
    """What is known of the values in one network or instance of a block."""

    made: MadeFrom

    @cached_property
    def values(self) -> dict[str, Any]:
        """The static values that names have in the body, by the names of Python."""
        found = {}
        for name, binding in self.made.scope.bindings.items():
            value = binding.value
            if not isinstance(value, (SharedModule, Unavailable)) and not _has_tensors(value):
                found[self.renamed.get(name, name)] = plain(value)
        return found

    @cached_property
    def renamed(self) -> dict[str, str]:
        """What Python calls sizes that shapes of parameters name: `C` is `in_channels`."""
        found = {name: f"{name}_" for name in self.made.scope.bindings if keyword.iskeyword(name) or name in TAKEN}
        for param in self.made.definition.params:
            for i, dim in enumerate(param.shape.dims if param.shape is not None else ()):
                if isinstance(dim, tree.Name):
                    name = _size_name(dim.id, i, len(param.shape.dims))  # type: ignore[union-attr]
                    taken = name in found.values() or name in self.made.scope.bindings
                    found.setdefault(dim.id, f"{dim.id.lower()}_size" if taken else name)
        return found

    def letters(self, name: str) -> tuple[str, ...]:
        """What the sizes of a tensor are called in its definition; none where it does not say."""
        for param in self.made.definition.params:
            if param.name.id == name and param.shape is not None:
                dims = param.shape.dims
                return tuple(dim.id for dim in dims if isinstance(dim, tree.Name)) if len(dims) > 1 else ()
        return ()

    @cached_property
    def parameters(self) -> list[StaticParameter]:
        """The static parameters, sizes that shapes name first."""
        given = {param.name.id for param in self.made.definition.params}
        dims = [name for old, name in self.renamed.items() if old not in given and name in self.values]
        sizes = [StaticParameter(name, self.values[name]) for name in dims]
        own = []
        for param in self.made.definition.params:
            name = self.renamed.get(param.name.id, param.name.id)
            if param.shape is None and name in self.values:
                default = param.default
                plainly = isinstance(default, tree.Literal)
                own.append(StaticParameter(name, self.values[name], default.value if plainly else None, plainly))  # type: ignore[union-attr]
        return [*(size for size in sizes if isinstance(size.value, int)), *own]

    @cached_property
    def tensors(self) -> list[Tensors]:
        """The parameters that are tensors, in their order."""
        found = []
        for param in self.made.definition.params:
            binding = self.made.scope.bindings.get(param.name.id)
            if binding is None:
                continue
            if isinstance(binding.value, TensorValue):
                found.append(Tensors(param.name.id, ((binding.value.node, binding.value.output),), False))
            elif isinstance(binding.value, list) and binding.value:
                items = [item for item in binding.value if isinstance(item, TensorValue)]
                if len(items) == len(binding.value):
                    found.append(Tensors(param.name.id, tuple((item.node, item.output) for item in items), True))
        return found

    @cached_property
    def names(self) -> dict[tuple[str, int], str]:
        """What the body calls a tensor, the first name of each."""
        found: dict[tuple[str, int], str] = {}
        for name, binding in self.made.scope.bindings.items():
            if isinstance(binding.value, TensorValue):
                found.setdefault((binding.value.node, binding.value.output), name)
        return found

    @cached_property
    def lists(self) -> dict[tuple[tuple[str, int], ...], str]:
        """What the body calls a list of tensors, the first name of each."""
        found: dict[tuple[tuple[str, int], ...], str] = {}
        for name, binding in self.made.scope.bindings.items():
            if isinstance(binding.value, list):
                items = [item for item in binding.value if isinstance(item, TensorValue)]
                if items and len(items) == len(binding.value):
                    found.setdefault(tuple((item.node, item.output) for item in items), self.renamed.get(name, name))
        return found

    def arguments(self, span: Span) -> list[SaidValue]:
        """The static arguments of the call that is written there."""
        call = self._calls.get((span.start, span.end))
        return [] if call is None else self._said([argument.value for argument in call.arguments])

    @cached_property
    def conditions(self) -> list[SaidValue]:
        """The conditions in the body."""
        found = []
        for node in self._parts:
            if isinstance(node, (tree.If, tree.IfBodies, tree.Conditional)):
                found.append(node.test)
        return self._said(found)

    @cached_property
    def bindings(self) -> list[tuple[tuple[str, ...], SaidValue]]:
        """Static names that the body binds, with what it binds them to, in order."""
        found = []
        for statement in self.made.definition.body.statements:
            if isinstance(statement, tree.Bind):
                names = tuple(self.renamed.get(target.id, target.id) for target in statement.targets)
                said = self._said([statement.value])
                if said and all(name in self.values for name in names):
                    found.append((names, said[0]))
        return found

    @cached_property
    def _parts(self) -> list[Any]:
        return list(parts(self.made.definition.body))

    @cached_property
    def _calls(self) -> dict[tuple[int, int], tree.Call]:
        return {(node.span.start, node.span.end): node for node in self._parts if isinstance(node, tree.Call)}

    def _said(self, expressions: list[Any]) -> list[SaidValue]:
        found: dict[str, SaidValue] = {}
        for expression in expressions:
            used = names_in(expression)
            known = {self.renamed.get(name, name) for name in used}
            if not known <= self.values.keys():
                continue
            text = python(expression, self.renamed)
            if text is None:
                continue
            try:
                value = Evaluator(Work(), Faults()).value(expression, Context(scope=self.made.scope))
            except (Fault, Poisoned):
                continue
            found.setdefault(text, SaidValue(text, frozenset(known), plain(value)))
        return list(found.values())


def _size_name(letter: str, place: int, rank: int) -> str:
    """What Python calls a size of a tensor."""
    if letter in ("C", "D") and rank > 2 and place == rank - 1:
        return "dim"
    if letter == "C" and rank > 2:
        return "in_channels"
    if place == 1 and rank > 2 and letter not in SIZES:
        return "in_channels"
    return SIZES.get(letter, f"{letter.lower()}_size")


def _has_tensors(value: Any) -> bool:
    return isinstance(value, TensorValue) or (isinstance(value, list) and any(map(_has_tensors, value)))


def plain(value: Any) -> Any:
    """A static value with tuples for lists, so that it can be compared and kept."""
    return tuple(map(plain, value)) if isinstance(value, (list, tuple)) else value


def parts(node: Any) -> Iterator[Any]:
    """All nodes of a tree below a node, itself first."""
    pending = [node]
    while pending:
        one = pending.pop()
        if isinstance(one, tuple):
            pending += reversed(one)
        elif isinstance(one, tree.Node):
            yield one
            pending += [getattr(one, name) for name in tree.SAYS[type(one)]]


def names_in(expression: Any) -> set[str]:
    """The names of values in an expression that it does not bind itself."""
    called = {id(node.callee) for node in parts(expression) if isinstance(node, tree.Call)}
    bound = {one.id for node in parts(expression) if isinstance(node, tree.Comprehension) for one in node.targets}
    return {node.id for node in parts(expression) if isinstance(node, tree.Name) and id(node) not in called} - bound


def python(expression: Any, renamed: dict[str, str], strength: int = 0) -> str | None:
    """A static expression as Python writes it; None for what Python says otherwise, or only at length."""

    def inner(part: Any, least: int) -> str | None:
        return python(part, renamed, least)

    own, text = 9, None
    if isinstance(expression, tree.Literal):
        return literal(expression.value)
    if isinstance(expression, tree.Name):
        return renamed.get(expression.id, expression.id)
    if isinstance(expression, tree.ListDisplay):
        items = [inner(item, 0) for item in expression.items]
        return None if None in items else f"[{', '.join(map(str, items))}]"
    if isinstance(expression, tree.Comprehension):
        three = inner(expression.element, 0), inner(expression.iterable, 1), inner(expression.condition, 1)
        if expression.condition is None:
            three = three[0], three[1], ""
        names = ", ".join(target.id for target in expression.targets)
        rest = f" if {three[2]}" if three[2] else ""
        return None if None in three else f"[{three[0]} for {names} in {three[1]}{rest}]"
    if isinstance(expression, tree.Unary):
        own = 3 if expression.operator == "not" else 7
        operand = inner(expression.operand, own)
        text = None if operand is None else f"{expression.operator}{' ' * (own == 3)}{operand}"
    elif isinstance(expression, tree.Binary):
        own = STRENGTH.get(expression.operator, 0)
        sides = inner(expression.left, own), inner(expression.right, own + 1)
        simple = expression.operator == "**" and all(re.fullmatch(r"[\w.]+", side or "") for side in sides)
        sign = expression.operator if simple else f" {expression.operator} "  # as formatters have it
        text = None if None in sides or not own else f"{sides[0]}{sign}{sides[1]}"
    elif isinstance(expression, tree.Conditional):
        own = 0
        three = inner(expression.then, 1), inner(expression.test, 1), inner(expression.orelse, 0)
        text = None if None in three else f"{three[0]} if {three[1]} else {three[2]}"
    elif isinstance(expression, tree.Index):
        two = inner(expression.value, 9), inner(expression.index, 0)
        return None if None in two else f"{two[0]}[{two[1]}]"
    elif isinstance(expression, tree.Call) and expression.callee.id in SAME:
        given = [inner(argument.value, 0) for argument in expression.arguments]
        return None if None in given else f"{expression.callee.id}({', '.join(map(str, given))})"
    return f"({text})" if text is not None and own < strength else text


def literal(value: Any) -> str:
    """A plain value as Python writes it, with the quotes of its formatters."""
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, (tuple, list)):
        runs = [(one, len(list(group))) for one, group in groupby(map(literal, value))]
        if len(value) >= LONG and 4 * len(runs) <= len(value):
            return " + ".join(f"[{one}] * {times}" for one, times in runs)
        items = ", ".join(map(literal, value))
        return f"[{items}]" if isinstance(value, list) else f"({items}{',' * (len(value) == 1)})"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)
