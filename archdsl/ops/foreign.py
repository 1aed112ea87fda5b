"""How calls of other libraries are read as operators: data that an operator's class states as `reads`.

A name is `aten.conv2d` (of torch.export, without overload and without the mark of what works in place) or `onnx.Conv`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from archdsl.dims import Shape


class Unreadable(Exception):
    """A call that no operator says the same as; the message says why."""


@dataclass(frozen=True, eq=False)
class ForeignTensor:
    """A tensor of an imported graph.

    `state` is its key in the `state_dict`, where it is a weight or buffer; `content` its values, in lists, where they
    are part of the graph; `made_by` the call that makes it, and `number` which of its outputs it is.
    """

    name: str
    shape: Shape
    dtype: str = "float32"
    state: str | None = None
    trained: bool = True
    content: Any = None
    made_by: ForeignCall | None = None
    number: int = 0

    @property
    def numbers(self) -> list[Any] | None:
        """Its values in order, where they are part of the graph."""
        content = self.content.tolist() if hasattr(self.content, "tolist") else self.content
        return None if content is None else flattened(content)


def flattened(content: Any) -> list[Any]:
    """The numbers of lists of lists."""
    if not isinstance(content, list):
        return [content]
    return [one for part in content for one in flattened(part)]


@dataclass(frozen=True, eq=False)
class ForeignCall:
    """A call of another library: its arguments by the names of its schema. Those that were not given are missing."""

    name: str
    arguments: Mapping[str, Any]
    output: ForeignTensor = field(default=ForeignTensor("", ()))
    known: Sequence[ForeignTensor] = ()  # tensors that are there before it

    @property
    def tensors(self) -> list[ForeignTensor]:
        """Its tensors, in order."""
        return [one for value in self.arguments.values() for one in _values(value)]

    def tensor(self, name: str) -> ForeignTensor:
        value = self.arguments.get(name)
        if not isinstance(value, ForeignTensor):
            raise Unreadable(f"`{name}` is no tensor")
        return value

    def like(self, dim: int, size: Any) -> ForeignTensor | None:
        """The last tensor before it that has a size at a dimension."""
        fitting = (one for one in reversed(self.known) if len(one.shape) > dim and one.shape[dim] == size)
        return next(fitting, None)

    def get(self, name: str, default: Any = None) -> Any:
        """An argument; the default where it was not given, or as None."""
        value = self.arguments.get(name)
        return default if value is None else value


@dataclass(frozen=True, eq=False)
class Made:
    """An operator at work on tensors: what a call is read as. `weights` are those that it has, by their names."""

    operator: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[ForeignOperand, ...] = ()
    weights: Mapping[str, ForeignTensor] = field(default_factory=dict)

    def then(self, operator: str, /, **parameters: Any) -> Made:
        """Another operator at work on this one's output."""
        return Made(operator, parameters, (self,))


ForeignOperand: TypeAlias = ForeignTensor | Made
How: TypeAlias = Callable[[ForeignCall], ForeignOperand]


@dataclass(frozen=True)
class Reads:
    """Which calls of other libraries an operator reads, and how their arguments map to its own.

    Parameters have the names of arguments, unless `parameters` says another, or works a value out of the call; `fixed`
    are values of parameters. `inputs` are the arguments that are its tensors: by default all that are no weights.
    `weights` are the arguments that are its weights, by their names. What remains must be in `ignored`, or have the
    value that `expects` has for it; else the call is another one. `how` reads a call as a whole.
    """

    names: str
    parameters: Mapping[str, str | Callable[[ForeignCall], Any]] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] | None = None
    weights: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    expects: Mapping[str, Any] = field(default_factory=dict)
    how: How | None = None


@dataclass(frozen=True)
class Whole:
    """A module of another library that is one operator, though many calls are made in it.

    It is known by its class, or by a call that is made in it directly. `how` reads all calls of it, and the values that
    they take from elsewhere.
    """

    how: Callable[[list[ForeignCall], list[ForeignTensor]], Made]
    cls: str = ""
    contains: str = ""


def reading(names: str, how: How) -> Reads:
    """A reading by a function."""
    return Reads(names, how=how)


def same_as(name: str) -> How:
    """A call that gives back one of its arguments."""
    return lambda call: call.tensor(name)


def read(
    operator: str, parameters: Mapping[str, Any], told: Callable[..., Any], reads: Reads, call: ForeignCall
) -> ForeignOperand:
    """A call as the operator. `parameters` are the operator's with their defaults, `told` says what a weight tells.

    Raises `Unreadable`.
    """
    if reads.how is not None:
        return reads.how(call)
    rest = {name: value for name, value in call.arguments.items() if value is not None}
    weights = {own: rest.pop(theirs) for own, theirs in reads.weights.items() if theirs in rest}
    found = dict(reads.fixed)
    for own, source in reads.parameters.items():
        value = rest.pop(source if isinstance(source, str) else own, None)
        value = value if isinstance(source, str) else source(call)
        if value is not None:
            found[own] = value
    names = [name for name, value in rest.items() if _values(value)] if reads.inputs is None else reads.inputs
    inputs = tuple(one for name in names for one in _values(rest.pop(name, None)))
    for name in [name for name in rest if name in parameters]:
        found[name] = rest.pop(name)
    if "weight" in weights:
        told_by = dict(told(weights["weight"].shape, found))
        found = {name: value for name, value in told_by.items() if name not in reads.parameters} | found
    for name, value in rest.items():
        if name not in reads.ignored and (name not in reads.expects or reads.expects[name] != value):
            raise Unreadable(f"`{name}` = {shown(value)}")
    return Made(operator, found, inputs, weights)


def shown(value: Any) -> str:
    return "a tensor" if _values(value) else str(value)


def _values(value: Any) -> list[ForeignTensor]:
    """The tensors of an argument: one, or those of a list."""
    if isinstance(value, ForeignTensor):
        return [value]
    return [one for one in value if isinstance(one, ForeignTensor)] if isinstance(value, (list, tuple)) else []


def moved(made: ForeignOperand, change: Callable[[ForeignTensor], ForeignOperand]) -> ForeignOperand:
    """What was read, with its tensors changed."""
    if isinstance(made, ForeignTensor):
        return change(made)
    return replace(made, inputs=tuple(moved(one, change) for one in made.inputs))


def tensors_of(made: ForeignOperand) -> list[ForeignTensor]:
    """The tensors that an operand is, or is made of: weights are among them."""
    if isinstance(made, ForeignTensor):
        return [made]
    return [*(one for operand in made.inputs for one in tensors_of(operand)), *made.weights.values()]


EVERYTHING: Final = 2**62  # an end of a slice from which on torch means the end
