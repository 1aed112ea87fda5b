"""What a class is made of: its parts, in each of its instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from archdsl.graph import Layer
from archdsl.instances.explanations import Explanations
from compiler.source.hierarchy import CalledScope, LayerLeaf, TensorRef

ScopeItem: TypeAlias = LayerLeaf | CalledScope
Canonical: TypeAlias = tuple[Any, ...]  # ("in", argument, position), ("part", number, output) or ("weight", path)
SIZES = ("in_channels", "in_features", "num_features", "normalized_shape", "embed_dim")


class Unlike(Exception):
    """Instances that no class is known to have."""


class Unsayable(Exception):
    """Scopes in which something cannot be said: they are to be opened."""

    def __init__(self, scopes: Sequence[CalledScope]) -> None:
        super().__init__()
        self.scopes = scopes


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
    parts: tuple[ClassPart, ...] = ()  # of a sequence
    template: Template | None = None

    @property
    def first(self) -> ScopeItem:
        return next(item for item in self.items if item is not None)

    @property
    def leaf(self) -> LayerLeaf | None:
        return self.first if isinstance(self.first, LayerLeaf) else None

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
