"""Syntax tree to text: how each node is written, in parts, and as one line. `layout.py` breaks what is longer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from archdsl.syntax import tree
from archdsl.syntax.build import BINARY, PREFIX, terminal

# What may stand where without parentheses, loosest first. Operators have 0 to 7, from the grammar's builder.
CHAIN: Final = -4
HEAD: Final = -3
VALUE: Final = -2
EXPR: Final = -1
OPERATION: Final = 0
ATOM: Final = 8
PLAIN: Final = re.compile(r"[A-Za-z0-9_.]*")  # what a label holds without quotes
NUMBER: Final = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Grouped(tree.Node):
    """An expression in parentheses that only its surroundings make necessary."""

    value: tree.Expr


class Part(NamedTuple):
    """A node within another, and the loosest binding that may stand there without parentheses."""

    node: Any
    least: int = CHAIN


Parts: TypeAlias = Sequence[str | Part]


class ManyLines(Exception):
    """The node cannot be written in one line: it holds a body of several statements."""


def flat(node: tree.Node, least: int = CHAIN) -> str:
    """A node as one line. Raises `ManyLines`."""
    if (isinstance(node, tree.Body) and len(node.statements) > 1) or (isinstance(node, tree.Sequence) and node.setup):
        raise ManyLines
    text = flat_parts(parts(node))
    return f"({text})" if level(node) < least else text


def flat_parts(written: Parts) -> str:
    return "".join([part if isinstance(part, str) else flat(part.node, part.least) for part in written])


def shown(node: tree.Node) -> str:
    """A node as one line for a message, whichever form it was written in."""
    try:
        return flat(node)
    except ManyLines:
        return "…"


def level(node: tree.Node) -> int:
    """How tightly a node binds."""
    match node:
        case tree.Binary(operator=operator):
            return BINARY[terminal(operator)]
        case tree.Unary(operator=operator):
            return PREFIX[terminal(operator)]
    return LEVELS.get(type(node), ATOM)


def parts(node: Any) -> Parts:
    """A node's own words and the nodes between them, in the order in which they are written."""
    return WRITTEN[type(node)](node)


def statement(node: tree.Evaluate) -> tree.Evaluate:
    """A statement whose first character would make it go on with the line above, in parentheses."""
    return tree.Evaluate(node.span, _grouped(node.value)) if _leads_with_sign(node.value) else node


def _leads_with_sign(node: tree.Expr) -> bool:
    rest: Any = node
    while True:
        match rest:
            case tree.Unary(operator=operator):
                return operator != "not"
            case tree.Chain(head=inner) | tree.Binary(left=inner) | tree.Conditional(then=inner):
                rest = inner
            case (
                tree.Head(label=None, value=inner)
                | tree.Index(value=inner)
                | tree.ListSlice(value=inner)
                | tree.Attribute(value=inner)
            ):
                if level(inner) < (VALUE if isinstance(rest, tree.Head) else ATOM):
                    return False  # it is in parentheses already
                rest = inner
            case _:
                return False


def _grouped(node: Any) -> Any:
    if isinstance(node, tree.Chain):
        return tree.Chain(node.span, _grouped(node.head), node.steps)
    if isinstance(node, tree.Head):
        return tree.Head(node.span, node.label, _grouped(node.value), node.marks)
    return Grouped(node.span, node)


# --- expressions


def _literal(node: tree.Literal) -> Parts:
    if isinstance(node.value, bool):
        return ["true" if node.value else "false"]
    if isinstance(node.value, str):
        return [f'"{node.value}"']
    written = node.span.text  # 1e-4 stays as it was written
    return [written if NUMBER.fullmatch(written) and type(node.value)(written) == node.value else repr(node.value)]


def _binary(node: tree.Binary) -> Parts:
    first, rest = spine(node)
    found: list[str | Part] = [first]
    for operator, operand in rest:
        found += [f" {operator} ", operand]
    return found


def spine(node: tree.Binary) -> tuple[Part, list[tuple[str, Part]]]:
    """The operands that lean left, without recursion: a sum may have thousands of terms."""
    rest: list[tuple[str, Part]] = []
    current: Any = node
    while True:
        kind = terminal(current.operator)
        binding = BINARY[kind]
        right = binding + 1
        if kind == "POWER":  # binds to the right, and takes a sign: 2 ** -1
            right = PREFIX["PLUS"] if isinstance(current.right, tree.Unary) else binding
        rest.append((current.operator, Part(current.right, right)))
        left = binding + 1 if kind == "POWER" else binding
        if not isinstance(current.left, tree.Binary) or level(current.left) < left:
            return Part(current.left, left), rest[::-1]
        current = current.left


def _unary(node: tree.Unary) -> Parts:
    space = " " if node.operator == "not" else ""
    return [node.operator + space, Part(node.operand, PREFIX[terminal(node.operator)])]


def separated(items: Iterable[Part], separator: str = ", ") -> list[str | Part]:
    found: list[str | Part] = []
    for item in items:
        found += [separator, item] if found else [item]
    return found


def _call(node: tree.Call) -> Parts:
    return [node.callee.id, "(", *separated(map(Part, node.arguments)), ")"]


def _bare(call: Any) -> Parts:
    """A call where a name alone would be one too."""
    return [Part(call)] if not isinstance(call, tree.Call) or call.arguments else [call.callee.id]


def _interpolated(node: tree.Interpolated) -> Parts:
    found: list[str | Part] = []
    for piece in node.pieces:
        found += [piece] if isinstance(piece, str) else ["${", Part(piece, EXPR), "}"]
    return found


def quoted(text: tree.Interpolated) -> Parts:
    return ['"', Part(text), '"']


def label(name: tree.Interpolated) -> Parts:
    """A label, in quotes where it holds what no name does."""
    odd = any(isinstance(piece, str) and not PLAIN.fullmatch(piece) for piece in name.pieces)
    return quoted(name) if odd else [Part(name)]


def _labelled(node: tree.Head | tree.Step, inner: Parts) -> Parts:
    name: Parts = [*label(node.label), ": "] if node.label is not None else []
    marks: Parts = [part for mark in node.marks for part in (" @", Part(mark))]
    return [*name, *inner, *marks]


# --- steps, statements and definitions


def _if(node: tree.If) -> Parts:
    orelse: Parts = [" else ", Part(node.orelse)] if node.orelse is not None else []
    return ["if ", Part(node.test, EXPR), " ", Part(node.then), *orelse]


def _comprehension(node: tree.Comprehension) -> Parts:
    test: Parts = [" if ", Part(node.condition, OPERATION)] if node.condition is not None else []
    iterable = Part(node.iterable, OPERATION if test else EXPR)
    return ["[", Part(node.element), f" for {names(node.targets)} in ", iterable, *test, "]"]


def _slice(node: tree.ListSlice) -> Parts:
    found: list[str | Part] = [Part(node.value, ATOM), "["]
    bounds = [node.start, node.stop] if node.step is None else [node.start, node.stop, node.step]
    for i, bound in enumerate(bounds):
        found += [":"] if i else []
        found += [Part(bound, EXPR)] if bound is not None else []
    return [*found, "]"]


def _assertion(node: tree.Assertion) -> Parts:
    message: Parts = [", ", *quoted(node.message)] if node.message is not None else []
    return ["assert ", Part(node.condition, EXPR), *message]


def _body(node: tree.Body) -> Parts:
    return ["{ ", *map(Part, node.statements), " }"] if node.statements else ["{ }"]


def _param(node: tree.Param) -> Parts:
    annotations = [Part(part) for part in (node.shape, node.type) if part is not None]
    kind: Parts = [": ", *separated(annotations, " ")] if annotations else []
    default: Parts = [" = ", Part(node.default, EXPR)] if node.default is not None else []
    return [node.name.id, *kind, *default]


def opening(node: tree.Block | tree.NetworkDefinition) -> str:
    """What a definition begins with."""
    word = "network" if isinstance(node, tree.NetworkDefinition) else "inline block" if node.inline else "block"
    return f"{word} {node.name.id}"


def _definition(node: Any) -> Parts:
    return [f"{opening(node)}(", *separated(map(Part, node.params)), ") ", Part(node.body)]


def names(targets: Iterable[tree.BoundName]) -> str:
    return ", ".join(target.id for target in targets)


LEVELS: Final[dict[type, int]] = {
    tree.Chain: CHAIN,
    tree.Head: HEAD,
    tree.NewModule: VALUE,
    tree.IfBodies: VALUE,
    tree.Conditional: EXPR,
}

WRITTEN: Final[dict[type, Callable[[Any], Parts]]] = {
    Grouped: lambda n: ["(", Part(n.value), ")"],
    tree.Literal: _literal,
    tree.Name: lambda n: [n.id],
    tree.ListDisplay: lambda n: ["[", *separated(map(Part, n.items)), "]"],
    tree.Comprehension: _comprehension,
    tree.Unary: _unary,
    tree.Binary: _binary,
    tree.Conditional: lambda n: [
        Part(n.then, OPERATION), " if ", Part(n.test, OPERATION), " else ", Part(n.orelse, EXPR),
    ],
    tree.Index: lambda n: [Part(n.value, ATOM), "[", Part(n.index, EXPR), "]"],
    tree.ListSlice: _slice,
    tree.Attribute: lambda n: [Part(n.value, ATOM), f".{n.name}"],
    tree.Argument: lambda n: [*([f"{n.name} = "] if n.name is not None else []), Part(n.value)],
    tree.Call: _call,
    tree.NewModule: lambda n: ["module ", *_bare(n.call)],
    tree.IfBodies: lambda n: ["if ", Part(n.test, EXPR), " ", Part(n.then), " else ", Part(n.orelse)],
    tree.Interpolated: _interpolated,
    tree.Step: lambda n: _labelled(n, _bare(n.action)),
    tree.Head: lambda n: _labelled(n, [Part(n.value, VALUE)]),
    tree.Chain: lambda n: separated([Part(n.head, HEAD), *map(Part, n.steps)], " -> "),
    tree.Sequence: lambda n: ["{ ", *separated(map(Part, n.steps), " -> "), " }"],
    tree.Repeat: lambda n: ["repeat ", Part(n.count, EXPR), " ", Part(n.body)],
    tree.For: lambda n: [f"for {names(n.targets)} in ", Part(n.iterable, EXPR), " ", Part(n.body)],
    tree.If: _if,
    tree.Bind: lambda n: [f"{names(n.targets)} = ", Part(n.value)],
    tree.Assertion: _assertion,
    tree.InitStatement: lambda n: ["init ", Part(n.value, EXPR)],
    tree.Devices: lambda n: [f"device {names(n.names)}"],
    tree.OutputStatement: lambda n: [f"output {n.name.id} = ", Part(n.value)],
    tree.TargetStatement: lambda n: [f"target {n.name.id}: ", Part(n.shape), *([f" {n.type.id}"] if n.type else [])],
    tree.LossStatement: lambda n: ["loss ", Part(n.value)],
    tree.Evaluate: lambda n: [Part(statement(n).value)],
    tree.Body: _body,
    tree.AnyDims: lambda n: ["..."],
    tree.ShapePattern: lambda n: ["[", *separated([Part(dim, EXPR) for dim in n.dims]), "]"],
    tree.Param: _param,
    tree.Import: lambda n: [f'import "{n.path.value}" ({names(n.names)})'],
    tree.Block: _definition,
    tree.NetworkDefinition: _definition,
    tree.Variant: lambda n: [f"variant {n.name.id} = ", Part(n.call)],
}  # fmt: skip
