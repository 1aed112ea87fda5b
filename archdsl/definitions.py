"""What a name means. Decided here once, for what checks names before a spec runs and for what runs it.

Values, callees and labels are separate namespaces. A name that is a value is what is bound in the scope, else an
initialiser or a number of the language, `inf`. A name that is called is a module in the scope, else a block of the
file or one that it imports, else a function or operator of the language, else an initialiser.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, Literal, TypeAlias, TypeVar

from archdsl.evaluate import CONSTANTS, FUNCTIONS
from archdsl.graph import Writing
from archdsl.ops import OPERATORS, Operator
from archdsl.ops.initialiser import INITIALISERS
from archdsl.source import Span
from archdsl.syntax import tree

# The types that a parameter may be declared to be.
TYPES: Final[Mapping[str, type | tuple[type, ...]]] = dict(
    zip(tree.TYPES, (int, (int, float), bool, str, list), strict=True)
)

NameKind: TypeAlias = Literal[
    "parameter", "setting", "input", "size", "value", "module", "item", "output", "target", "device",
    "block", "network", "operator", "function", "initialiser", "word",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Definition:
    """What a name stands for, and where a spec says so: nowhere for what is built into the language."""

    kind: NameKind
    name: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Definitions:
    """The blocks that a file can use: its own and those it imports, each with the file it stands in.

    `written` is how the file and all it imports are written.
    """

    blocks: Mapping[str, tuple[tree.Block, Definitions]] = field(default_factory=dict)
    written: Writing = field(default_factory=Writing)


Bound = TypeVar("Bound")


class Bindings(Generic[Bound]):
    """What names are bound to; inner scopes see the outer ones."""

    __slots__ = ("bindings", "outer")

    def __init__(self, outer: Bindings[Bound] | None = None) -> None:
        self.bindings: dict[str, Bound] = {}
        self.outer = outer

    def find(self, name: str) -> Bound | None:
        scope: Bindings[Bound] | None = self
        while scope is not None:
            bound = scope.bindings.get(name)
            if bound is not None:
                return bound
            scope = scope.outer
        return None

    def all(self) -> Iterator[tuple[str, Bound]]:
        """Every name, the innermost first."""
        scope: Bindings[Bound] | None = self
        while scope is not None:
            yield from scope.bindings.items()
            scope = scope.outer


@dataclass(frozen=True, slots=True)
class Callee:
    """What a name that is called stands for, where no module in the scope has it.

    A function that is an operator, too (`sum`), is the operator where it is given tensors.
    """

    definition: Definition
    block: tuple[tree.Block, Definitions] | None = None
    operator: type[Operator] | None = None
    function: bool = False


_OF_THE_LANGUAGE: Final[dict[tuple[str, type[Operator] | None, bool], Callee]] = {}


def callee(name: str, definitions: Definitions, *, step: bool) -> Callee | None:
    """What a call's name stands for; a `step` is fed a tensor, which no function takes. None where it is unknown."""
    found = definitions.blocks.get(name)
    if found is not None:
        return Callee(Definition("block", name, found[0].name.span), block=found)
    operator = OPERATORS.get(name)
    function = name in FUNCTIONS and not step
    if function or operator is not None:
        key = (name, operator, function)
        if key not in _OF_THE_LANGUAGE:
            definition = Definition("function" if function else "operator", name)
            _OF_THE_LANGUAGE[key] = Callee(definition, operator=operator, function=function)
        return _OF_THE_LANGUAGE[key]
    if name in INITIALISERS and not step:
        return Callee(Definition("initialiser", name))
    return None


def callees(definitions: Definitions, *, step: bool) -> list[str]:
    """The names that can be called, but for initialisers."""
    return [*OPERATORS, *definitions.blocks, *([] if step else FUNCTIONS)]


def built_in(name: str) -> Definition | None:
    """What a name that nothing is bound to is worth: an initialiser, a number of the language, or nothing."""
    if name in CONSTANTS:
        return Definition("word", name)
    return Definition("initialiser", name) if name in INITIALISERS else None


def sizes_of(param: tree.Param, *, network: bool) -> Iterator[tree.Name]:
    """The names that a parameter's shape gives to its sizes: capital ones anywhere in the dimensions of a network's
    input, which are symbols; for a block every dimension that is a name."""
    for dim in param.shape.dims if param.shape is not None else ():
        if network:
            yield from capitals(dim)
        elif isinstance(dim, tree.Name):
            yield dim


def capitals(dim: tree.Expr | tree.AnyDims) -> Iterator[tree.Name]:
    """The capital names in a dimension of an input."""
    if isinstance(dim, tree.Name) and dim.id[0].isupper():
        yield dim
    elif isinstance(dim, tree.Binary):
        yield from capitals(dim.left)
        yield from capitals(dim.right)
    elif isinstance(dim, tree.Unary):
        yield from capitals(dim.operand)
