"""What a class is made of: its parts, in each of its instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from archdsl.graph import Layer
from archdsl.instances.explanations import Explanations
from compiler.source.hierarchy import CalledScope, LayerLeaf, TensorRef

ScopeItem: TypeAlias = LayerLeaf | CalledScope
AlignedRow: TypeAlias = tuple[tuple[ScopeItem | None, ...], str]  # an item of each instance, and its name
Canonical: TypeAlias = tuple[Any, ...]  # ("in", argument, position), ("part", number, output) or ("weight", path)
SIZES = ("in_channels", "in_features", "num_features", "normalized_shape", "embed_dim", "dim")


class Unlike(Exception):
    """Instances that no class is known to have."""


class Unsayable(Exception):
    """Scopes in which something cannot be said: they are to be opened."""

    def __init__(self, scopes: Sequence[CalledScope]) -> None:
        super().__init__()
        self.scopes = scopes


@dataclass(frozen=True)
class Rounds:
    """A loop over a list of modules: for each operand which result of the round before it is, None for one that is the
    same in all rounds; and which of the list's modules run, None for all. `over`: each has an item of a list of so
    many, and what they give is a list."""

    carried: tuple[int | None, ...]
    members: range | None = None
    over: int | None = None


@dataclass(eq=False)
class ClassPart:
    """One part of a class, in each of its instances."""

    items: tuple[ScopeItem | None, ...]
    attribute: str
    condition: str | None = None
    arguments: dict[str, str] = field(default_factory=dict)  # of what makes it, by name
    positional: tuple[Any, ...] = ()  # of a function, each a text, or a column of open sizes
    keywords: dict[str, Any] = field(default_factory=dict)
    reads: tuple[Any, ...] = ()  # for each operand a set of what it may be, in the order of instances
    parts: tuple[ClassPart, ...] = ()  # of a sequence, or of the list of modules that a loop runs
    template: Template | None = None
    repeat: str | None = None  # how often it is there in a row, where instances differ in that
    each: tuple[tuple[str, ...], str] | None = None  # the variables, and the list, of what is there once for each item
    loop: Rounds | None = None  # its parts run one after the other, each on what the one before it made

    @property
    def repeated(self) -> str | None:
        """What a comprehension says of how often it is there; None where it is there once."""
        if self.each is not None:
            return f"{', '.join(self.each[0])} in {self.each[1]}"
        return None if self.repeat is None else f"_ in range({self.repeat})"

    @property
    def first(self) -> ScopeItem:
        return next(item for item in self.items if item is not None)

    @property
    def outputs(self) -> int:
        """How many tensors it gives."""
        return self.loop.over if self.loop is not None and self.loop.over is not None else len(self.first.results)

    @property
    def leaf(self) -> LayerLeaf | None:
        return self.first if isinstance(self.first, LayerLeaf) and self.loop is None else None

    @property
    def node(self) -> Layer:
        return next(self.first.leaves()).node


@dataclass(eq=False)
class Template:
    """A class: its parts, what it is called with and what it returns."""

    name: str
    scopes: tuple[CalledScope, ...]
    columns: Explanations
    parts: tuple[ClassPart, ...] = ()
    returns: tuple[Any, ...] = ()  # as the operands of a part
    canonical: tuple[dict[TensorRef, Canonical], ...] = ()
    defaults: dict[str, str] = field(default_factory=dict)

    @property
    def is_network(self) -> bool:
        """Whether it is the class of a network, not of a block."""
        return not self.scopes[0].path

    @property
    def parameters(self) -> list[str]:
        """The parameters of its constructor: sizes of what comes in, those of the spec, others; defaults last."""
        order = list(self.columns.used)
        spec = list(self.columns.declared)
        own = sorted(
            order,
            key=lambda name: (
                name not in SIZES,
                name not in spec,
                spec.index(name) if name in spec else order.index(name),
            ),
        )
        return [name for name in own if name not in self.defaults] + [name for name in own if name in self.defaults]
