"""What names stand for while a spec is elaborated, and where elaboration stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from archdsl.definitions import Bindings, Definitions
from archdsl.diagnostics import Diagnostic, Fix, Instance, Label, unknown
from archdsl.dims import Undecided, show
from archdsl.elaborate.faults import Fault
from archdsl.elaborate.tensor import TensorValue
from archdsl.evaluate import StaticList, ValueFault
from archdsl.limits import Work
from archdsl.names import Names
from archdsl.ops import Operator
from archdsl.ops.kinds import spell
from archdsl.source import Span
from archdsl.syntax import tree


@dataclass(slots=True, eq=False)
class SharedModule:
    """One instance of a block or operator, used any number of times with the same weights."""

    callee: tree.Block | type[Operator]
    call: tree.Call
    path: str
    context: Context  # where it was made: its marks and its place in the naming
    positional: list[Any]
    named: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unavailable:
    """What a name stands for that has a value elsewhere and none here; to use it is this fault."""

    diagnostic: Diagnostic

    def used_at(self, span: Span) -> Fault:
        found = self.diagnostic
        return Fault(Diagnostic(found.code, found.message, span, found.labels, help=found.help))


MARKS: Final = ("train", "checkpoint", "frozen")  # beside the devices that a network declares


@dataclass(frozen=True, slots=True)
class Binding:
    """A value with the place where its name was bound."""

    value: Any
    span: Span


class Scope(Bindings[Binding]):
    """The values bound so far."""

    __slots__ = ()

    def bind(self, name: str, value: Any, span: Span) -> None:
        if isinstance(value, TensorValue):
            value = TensorValue(value.node, value.output, value.shape, span)
        self.bindings[name] = Binding(value, span)

    def available(self, name: str) -> bool:
        """Whether a name has a value here."""
        binding = self.find(name)
        return binding is not None and not isinstance(binding.value, Unavailable)

    def names(self) -> list[str]:
        return [name for name, binding in self.all() if not isinstance(binding.value, Unavailable)]


@dataclass(frozen=True, slots=True, eq=False)
class MadeFrom:
    """What a network or an instance of a block was made from: its definition, with the values of its names, and which
    parameters a block's call gave."""

    definition: tree.Block | tree.NetworkDefinition
    scope: Scope
    given: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks in force. `checkpoint` is the region that is recomputed."""

    device: str | None = None
    train: bool = False
    frozen: bool = False
    checkpoint: str | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """Where elaboration stands: at first, at the top of a file that defines nothing."""

    definitions: Definitions = field(default_factory=Definitions)
    scope: Scope = field(default_factory=Scope)
    names: Names = field(default_factory=lambda: Names("", numbered=False))
    marks: Marks = field(default_factory=Marks)
    blocks: tuple[Instance, ...] = ()
    reuse: int = 1  # which use of a shared module this is

    # --- faults, each with the chain of instantiations that leads here

    def fault(
        self,
        code: str,
        message: str,
        span: Span,
        labels: tuple[Label, ...] = (),
        *,
        help: str | None = None,
        fix: Fix | None = None,
        sizes: Iterable[tuple[TensorValue, int]] = (),
        instead: Mapping[str, Any] | None = None,
    ) -> Fault:
        """A fault; `sizes` and `instead` are those of `Fault`."""
        return Fault(Diagnostic(code, message, span, labels, self.blocks, help, fix), sizes, instead)

    def unknown(self, what: str, name: str, known: Iterable[str], code: str, span: Span) -> Fault:
        """The fault of a name that nothing has."""
        return Fault(unknown(what, name, known, code, span, self.blocks))

    def no_value(self, fault: ValueFault, span: Span) -> Fault:
        """The fault of a static expression that has no value."""
        return self.fault(fault.code, fault.message, span, help=fault.help)

    def undecided(self, error: Undecided, span: Span, sizes: Iterable[tuple[TensorValue, int]] = ()) -> Fault:
        """The fault of a question that needs the value of a symbol."""
        some = [f"`{name}`" for name in error.symbols[:6]]
        names = " and ".join([*some, "others"] if len(error.symbols) > 6 else some)
        also = "" if error.exact else ", which is sufficient and not necessary"
        condition = f" (it holds where {error.condition}{also})" if error.condition else ""
        message = f"{error.question} depends on {names}{condition}"
        help = f"give {names} a value: write a number in the input's shape, or use --input where the command has it"
        multiple = re.fullmatch(r"(\w+) % (\d+) == 0", error.condition or "")
        if multiple is not None:  # then it is so for every value of the symbol
            name, of = multiple.groups()
            help = f"write `{of} * {name}` for `{name}` in the input's shape, where it is always a multiple, or {help}"
        return self.fault("undecided", message, span, help=help, sizes=sizes)

    def too_much_work(self, work: Work, span: Span) -> Fault:
        """The fault of a spec that asks for more than its share."""
        message = f"evaluating this spec takes more than {work.limit} steps, which is the limit"
        return self.fault("too-much-work", message, span, help="--max-work sets another limit")


def is_tensors(value: Any) -> bool:
    """Whether a value is a tensor or a list with tensors."""
    if isinstance(value, StaticList):
        return TensorValue in value.kinds
    return isinstance(value, TensorValue) or (isinstance(value, list) and any(is_tensors(item) for item in value))


def tensors_among(positional: Sequence[Any], named: Mapping[str, Any]) -> list[TensorValue]:
    """The tensors among arguments, those in lists as well."""
    found: list[TensorValue] = []
    for value in (*positional, *named.values()):
        if isinstance(value, TensorValue):
            found.append(value)
        elif isinstance(value, list):
            found += tensors_among(value, {})
    return found


def describe(value: Any) -> str:
    """A value in a message."""
    if isinstance(value, TensorValue):
        return f"a tensor of shape {show(value.shape)}"
    if isinstance(value, SharedModule):
        return "a module"
    if isinstance(value, list) and any(isinstance(item, TensorValue) for item in value):
        return f"a list of {len(value)} tensors"
    return spell(value)
