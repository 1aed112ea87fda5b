"""The syntax tree: what was written, with the span of every part. Both written forms give this one tree."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final, TypeAlias, TypeVar, Union, cast, dataclass_transform

from archdsl.source import Source, Span

N = TypeVar("N", bound=type)


@dataclass_transform(frozen_default=True)
def node(cls: N) -> N:
    """A frozen dataclass that is equal to itself alone: what two nodes say is compared by `written`. Methods that
    nobody calls take longer to be made, for all the kinds of nodes, than a short spec to be read."""
    return cast(N, dataclass(frozen=True, slots=True, eq=False, repr=False)(cls))


@node
class Node:
    """Any part of a spec."""

    span: Span


# --- expressions --------------------------------------------------------------------------------------------------


@node
class Literal(Node):
    """A number, a truth value or a text."""

    value: int | float | bool | str


@node
class Name(Node):
    """A name where it is used."""

    id: str


@node
class ListDisplay(Node):
    """`[a, b]`."""

    items: tuple[Expr, ...]


@node
class Comprehension(Node):
    """`[element for targets in iterable if condition]`."""

    element: Expr
    targets: tuple[BoundName, ...]
    iterable: Expr
    condition: Expr | None = None


@node
class Unary(Node):
    """`-`, `+` or `not`."""

    operator: str
    operand: Expr


@node
class Binary(Node):
    """Arithmetic, a comparison, `in`, `not in`, `and` or `or`."""

    operator: str
    left: Expr
    right: Expr


@node
class Conditional(Node):
    """`then if test else orelse`."""

    test: Expr
    then: Expr
    orelse: Expr


@node
class Index(Node):
    """`base[index]`."""

    value: Expr
    index: Expr


@node
class ListSlice(Node):
    """`base[start:stop:step]`."""

    value: Expr
    start: Expr | None
    stop: Expr | None
    step: Expr | None


@node
class Attribute(Node):
    """`base.name`."""

    value: Expr
    name: str


@node
class Argument(Node):
    """An argument of a call, by place or by name."""

    name: str | None
    value: Expr


@node
class Call(Node):
    """`callee(arguments)`; as a step and after `module`, a bare `callee` is a call without arguments."""

    callee: Name
    arguments: tuple[Argument, ...]


@node
class NewModule(Node):
    """`module callee(arguments)`: one instance to be shared."""

    call: Call


@node
class IfBodies(Node):
    """`if test { body } else { body }` where it is no step."""

    test: Expr
    then: Body
    orelse: Body | IfBodies


@node
class Interpolated(Node):
    """A text of literal pieces and expressions: the name `tower${i}`, or a message."""

    pieces: tuple[str | Expr, ...]


@node
class Step(Node):
    """One step of a chain: its label, what it does and its marks."""

    label: Interpolated | None
    action: Action
    marks: tuple[Interpolated, ...]


@node
class Head(Node):
    """The start of a chain, where it has a label or marks."""

    label: Interpolated | None
    value: Expr
    marks: tuple[Interpolated, ...]


@node
class Chain(Node):
    """`head -> step -> step`."""

    head: Expr
    steps: tuple[Step, ...]


Expr: TypeAlias = (
    Literal
    | Name
    | ListDisplay
    | Comprehension
    | Unary
    | Binary
    | Conditional
    | Index
    | ListSlice
    | Attribute
    | Call
    | NewModule
    | IfBodies
    | Head
    | Chain
)

# --- steps --------------------------------------------------------------------------------------------------------


@node
class Sequence(Node):
    """Braces as a step: an inline sequence. Its `setup` comes before its steps."""

    setup: tuple[Setup, ...]
    steps: tuple[Step, ...]


@node
class Repeat(Node):
    """`repeat n { … }`."""

    count: Expr
    body: Sequence


@node
class For(Node):
    """`for x in list { … }`."""

    targets: tuple[BoundName, ...]
    iterable: Expr
    body: Sequence


@node
class If(Node):
    """`if` as a step; without `else` the input passes through."""

    test: Expr
    then: Sequence
    orelse: Sequence | If | None


Action: TypeAlias = Union[Call, Sequence, Repeat, For, If]

# --- statements ---------------------------------------------------------------------------------------------------


@node
class BoundName(Node):
    """A name that is bound."""

    id: str


@node
class Bind(Node):
    """`a, b = …`."""

    targets: tuple[BoundName, ...]
    value: Expr


@node
class Assertion(Node):
    """`assert condition, "message"`."""

    condition: Expr
    message: Interpolated | None


Setup: TypeAlias = Union[Bind, Assertion]


@node
class Devices(Node):
    """`device a, b`."""

    names: tuple[BoundName, ...]


@node
class InitStatement(Node):
    """`init …`: how the weights of a network start."""

    value: Expr


@node
class OutputStatement(Node):
    """`output a = …`."""

    name: BoundName
    value: Expr


@node
class TargetStatement(Node):
    """`target name: [N, 4] int64`: what the loss compares outputs with."""

    name: BoundName
    shape: ShapePattern
    type: Name | None


@node
class LossStatement(Node):
    """`loss …`."""

    value: Expr


@node
class Evaluate(Node):
    """An expression that stands alone: the value of its body where it is the last."""

    value: Expr


Statement: TypeAlias = Union[
    Bind, Assertion, Devices, InitStatement, OutputStatement, TargetStatement, LossStatement, Evaluate
]


@node
class Body(Node):
    """What stands between the braces of a block or network."""

    statements: tuple[Statement, ...]


# --- definitions --------------------------------------------------------------------------------------------------


@node
class AnyDims(Node):
    """`...` in a shape: any number of dimensions."""


@node
class ShapePattern(Node):
    """`[N, 3, H, W]` as an annotation."""

    dims: tuple[Expr | AnyDims, ...]


TYPES: Final = ("int", "float", "bool", "str", "list")  # what a parameter may be declared to be


@node
class Param(Node):
    """A parameter of a block or network: a tensor where it has a shape, whose type is then that of its elements."""

    name: BoundName
    shape: ShapePattern | None
    type: Name | None
    default: Expr | None


@node
class Import(Node):
    """`import "file" (names)`."""

    path: Literal
    names: tuple[BoundName, ...]


@node
class Block(Node):
    """`block name(params) { … }`; an `inline` one adds no name of its own to the paths of its layers."""

    name: BoundName
    params: tuple[Param, ...]
    body: Body
    inline: bool = False


@node
class NetworkDefinition(Node):
    """`network Name(params) { … }`."""

    name: BoundName
    params: tuple[Param, ...]
    body: Body


@node
class Variant(Node):
    """`variant name = network(settings)`."""

    name: BoundName
    call: Call


@node
class Comment(Node):
    """`# …`."""

    text: str


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole file."""

    source: Source
    imports: tuple[Import, ...]
    blocks: tuple[Block, ...]
    networks: tuple[NetworkDefinition, ...]
    variants: tuple[Variant, ...]
    comments: tuple[Comment, ...]


def written(part: Any) -> tuple[Any, ...]:
    """What a part of a tree says, without where it says it, part by part from the left: equal for equal trees.

    Not by recursion, since a sum may have thousands of terms.
    """
    said: list[Any] = []
    pending: list[Any] = [part]
    while pending:
        one = pending.pop()
        if isinstance(one, tuple):
            said.append(len(one))
            pending += reversed(one)
        elif isinstance(one, (Node, Spec)):
            kind = type(one)
            said.append(kind.__name__)
            pending += [getattr(one, name) for name in SAYS[kind]]
        else:
            said.append((type(one).__name__, one))
    return tuple(said)


# The fields of each kind of node that say something, the last first.
SAYS: Final[dict[type, list[str]]] = {
    kind: [f.name for f in fields(kind) if f.name not in ("span", "source", "comments")][::-1]
    for kind in (*Node.__subclasses__(), Spec)
}
