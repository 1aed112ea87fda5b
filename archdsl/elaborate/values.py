"""What names stand for while a spec is elaborated, and where elaboration stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from archdsl.diagnostics import Diagnostic, Instance
from archdsl.dims import Shape, Size, show
from archdsl.graph import Written
from archdsl.names import Names
from archdsl.ops import Operator
from archdsl.source import Span
from archdsl.syntax import tree


@dataclass(frozen=True, slots=True)
class Tensor:
    """Output `output` of the graph's node `node`; `origin` is where a reader would look for it."""

    node: str
    output: int
    shape: Shape
    origin: Span


@dataclass(slots=True, eq=False)
class SharedModule:
    """One instance of a block or operator, used any number of times with the same weights."""

    callee: tree.Block | type[Operator]
    call: tree.Call
    path: str
    context: Context  # where it was made: its marks and its place in the naming
    positional: list[Any]
    named: dict[str, Any]


MARKS: Final = ("train", "checkpoint", "frozen")  # beside the devices that a network declares


class Poison:
    """The value of an expression that failed; what depends on it is not reported again."""


POISON = Poison()


class Fault(Exception):
    """A fault found while elaborating.

    `sizes` are those to blame: tensors, and one dimension of each. `instead` are parameters that would fit, and
    `wanted` is what the only size should be, as the parameter `asked` of a block says.
    """

    def __init__(
        self,
        diagnostic: Diagnostic,
        sizes: Iterable[tuple[Tensor, int]] = (),
        instead: Mapping[str, Any] | None = None,
        wanted: Size | None = None,
    ) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic
        self.sizes = tuple(sizes)
        self.instead = dict(instead or {})
        self.wanted = wanted
        self.asked: str | None = None


class Poisoned(Exception):
    """A value was needed that depends on an earlier fault."""


@dataclass(slots=True)
class Binding:
    value: Any
    span: Span


class Scope:
    """Names and their values; a comprehension or loop opens an inner one."""

    __slots__ = ("bindings", "outer")

    def __init__(self, outer: Scope | None = None) -> None:
        self.outer = outer
        self.bindings: dict[str, Binding] = {}

    def find(self, name: str) -> Binding | None:
        scope: Scope | None = self
        while scope is not None:
            binding = scope.bindings.get(name)
            if binding is not None:
                return binding
            scope = scope.outer
        return None

    def bind(self, name: str, value: Any, span: Span) -> None:
        if isinstance(value, Tensor):
            value = Tensor(value.node, value.output, value.shape, span)
        self.bindings[name] = Binding(value, span)

    def names(self) -> list[str]:
        return [*self.bindings, *(self.outer.names() if self.outer else [])]


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks in force. `checkpoint` is the region that is recomputed."""

    device: str | None = None
    train: bool = False
    frozen: bool = False
    checkpoint: str | None = None


@dataclass(frozen=True, slots=True)
class Definitions:
    """The blocks that a file can use: its own and those it imports, each with the file it stands in.

    `written` is how the file and all it imports are written.
    """

    blocks: Mapping[str, tuple[tree.Block, Definitions]] = field(default_factory=dict)
    written: Written = field(default_factory=Written)


@dataclass(frozen=True, slots=True)
class Context:
    """Where elaboration stands."""

    definitions: Definitions
    scope: Scope
    names: Names
    marks: Marks
    blocks: tuple[Instance, ...] = ()
    reuse: int = 1  # which use of a shared module this is


def describe(value: Any) -> str:
    """A value in a message."""
    from archdsl.ops.kinds import spell

    if isinstance(value, Tensor):
        return f"a tensor of shape {show(value.shape)}"
    if isinstance(value, SharedModule):
        return "a module"
    if isinstance(value, list) and any(isinstance(item, Tensor) for item in value):
        return f"a list of {len(value)} tensors"
    return spell(value)
