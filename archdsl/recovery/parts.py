"""What is recovered: bodies of parts, for several instances at once. Each fact is a column, a value an instance."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

from archdsl.recovery.columns import Constant, Explained, Formula


@dataclass(frozen=True, slots=True)
class GivenTensor:
    """A tensor that a body is given, by its number."""

    number: int


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of several outputs of a part, or an item of a list that is given."""

    whole: int | GivenTensor
    number: int


@dataclass(frozen=True, slots=True)
class Several:
    """A list of tensors."""

    values: tuple[PartRef, ...]


PartRef: TypeAlias = (
    int | GivenTensor | OneOf | Several
)  # a part's output, by its number in the body, or one of the others
KindOfPart: TypeAlias = Literal["operator", "block", "sequence"]


@dataclass(eq=False)
class BodyPart:
    """A step of a body: an operator, a block, or a sequence in braces.

    Columns have an entry for each instance of the body. `passes` is what stands in its place where it is absent.
    `wider` is another operator of which its own is a special case, as those of other instances may be.
    """

    kind: KindOfPart
    name: str
    labels: list[str | None]
    columns: dict[str, list[Any]] = field(default_factory=dict)
    operands: list[PartRef] = field(default_factory=list)
    named: dict[str, PartRef] = field(default_factory=dict)
    present: list[bool] = field(default_factory=lambda: [True])
    times: list[int] = field(default_factory=lambda: [1])  # how often one after the other
    body: RecoveredBody | None = None  # of a sequence
    block: RecoveredBlock | None = None
    weighted: bool = False
    trains: bool = False  # it is there in training only
    hint: str | None = None  # what its author called the value
    rank: int | None = None
    passes: PartRef | None = None
    condition: Formula | None = None
    counts_from: int | None = None  # the number of the first, where the block is given one
    repeats: Explained = field(default_factory=lambda: Constant(1))
    said: dict[str, Explained] = field(default_factory=dict)
    wider: tuple[str, dict[str, list[Any]]] | None = None  # another operator with its columns, which says the same

    @property
    def label(self) -> str | None:
        return next((label for label in self.labels if label is not None), None)

    @property
    def always(self) -> bool:
        return all(self.present)


@dataclass(eq=False)
class RecoveredBody:
    """Parts in order, what they are given, and what comes out. `shapes` has a column for each tensor that is given.

    `seeds` are what the instances' authors called numbers: columns by name.
    """

    parts: list[BodyPart]
    outputs: list[PartRef]
    shapes: list[list[tuple[Any, ...]]]
    cls: str = ""
    paths: list[str] = field(default_factory=lambda: [""])
    seeds: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def instances(self) -> int:
        return len(self.paths)

    def every_part(self) -> Iterator[BodyPart]:
        """Its parts and those in sequences."""
        for part in self.parts:
            yield part
            if part.body is not None:
                yield from part.body.every_part()


@dataclass(frozen=True)
class BlockParameter:
    """A parameter of a block, with what its instances are given."""

    name: str
    default: Any
    values: list[Any]


NEEDED: Final = object()  # the default of a parameter without one


@dataclass(frozen=True)
class Growth:
    """What a block adds to a list that it is given: what another block makes of all of it. The label counts."""

    layer: RecoveredBlock
    prefix: str


@dataclass(eq=False)
class RecoveredBlock:
    """A body with a name and parameters. `sizes` are names for the sizes of its first tensor, where it uses one."""

    name: str
    body: RecoveredBody
    parameters: list[BlockParameter] = field(default_factory=list)
    sizes: tuple[str, ...] = ()
    growth: Growth | None = None

    def default(self, name: str) -> Any:
        return next((p.default for p in self.parameters if p.name == name), NEEDED)


def within(ref: PartRef) -> Iterator[int | GivenTensor]:
    """The parts and given tensors that a reference names."""
    if isinstance(ref, OneOf):
        yield ref.whole
    elif isinstance(ref, Several):
        for value in ref.values:
            yield from within(value)
    else:
        yield ref


def changed(ref: PartRef, change: Any) -> PartRef:
    """A reference with each part and given tensor in it replaced."""
    if isinstance(ref, OneOf):
        return OneOf(change(ref.whole), ref.number)
    if isinstance(ref, Several):
        return Several(tuple(changed(value, change) for value in ref.values))
    found: PartRef = change(ref)
    return found


def without(body: RecoveredBody, gone: Collection[int], instead: dict[int, PartRef]) -> RecoveredBody:
    """A body without some parts, for each of which another reference stands."""
    numbers = {old: new for new, old in enumerate(i for i in range(len(body.parts)) if i not in gone)}

    def change(one: int | GivenTensor) -> PartRef:
        while isinstance(one, int) and one in instead:
            other = instead[one]
            if not isinstance(other, (int, GivenTensor)):
                return changed(other, change)
            one = other
        return one if isinstance(one, GivenTensor) else numbers[one]

    parts = [
        replace(part, operands=[changed(ref, change) for ref in part.operands],
                named={name: changed(ref, change) for name, ref in part.named.items()})
        for i, part in enumerate(body.parts) if i not in gone
    ]  # fmt: skip
    return replace(body, parts=parts, outputs=[changed(ref, change) for ref in body.outputs])
