"""A read-only view of an elaborated graph: what everybody asks about a network, worked out once.

Nothing may change the graph while a view of it is in use.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeAlias, cast

from archdsl.dims import Shape, Size, product, substitute
from archdsl.graph import Graph, Header, Layer, header, live, operands
from archdsl.ops import Weight

Operand: TypeAlias = tuple[str, int]  # the layer that makes a tensor, and which of its outputs it is


class NetView:
    """A network as those see it who only read it.

    Sizes are *counted* with the batch's symbols at the least values that the network takes, or at `values` where they
    are given; other symbols stay.
    """

    def __init__(self, graph: Graph, values: Mapping[str, int] | None = None) -> None:
        self.graph = graph
        self.header: Header = header(graph)
        self.layers: Mapping[str, Layer] = cast(Any, graph)._node  # in order, inputs included; past networkx's views
        self.values: Mapping[str, int] = self.header["least_batch"] if values is None else values
        self._operands: dict[str, tuple[Operand, ...]] = {}
        self._counted: dict[Shape, Shape] = {}  # networks repeat themselves
        self._elements: dict[Shape, Size] = {}
        self._live: dict[bool, frozenset[str]] = {}

    def at(self, values: Mapping[str, int]) -> NetView:
        """The same network with other values of symbols."""
        other = NetView(self.graph, values)
        other._operands, other._live = self._operands, self._live
        return other

    def operands(self, key: str) -> tuple[Operand, ...]:
        """What a layer reads, in the order of its inputs."""
        found = self._operands.get(key)
        if found is None:
            found = self._operands[key] = tuple(operands(self.graph, key))
        return found

    @cached_property
    def readers(self) -> Mapping[str, list[str]]:
        """Who reads a layer, once for each input that does."""
        found: dict[str, list[str]] = {key: [] for key in self.layers}
        for key in self.layers:
            for producer, _ in self.operands(key):
                found[producer].append(key)
        return found

    def live(self, training: bool) -> frozenset[str]:
        """The layers that the outputs of a phase depend on."""
        if training not in self._live:
            self._live[training] = frozenset(live(self.graph, training))
        return self._live[training]

    def weights(self, key: str) -> tuple[Weight, ...]:
        """The weights that a layer computes with, which are those of its first use."""
        return self.layers[self.layers[key]["path"]]["weights"]

    def input_shapes(self, key: str) -> list[Shape]:
        """The shapes of a layer's inputs."""
        return [self.layers[producer]["outputs"][output] for producer, output in self.operands(key)]

    def counted(self, shape: Shape) -> Shape:
        """A shape with values put in for symbols."""
        found = self._counted.get(shape)
        if found is None:
            found = self._counted[shape] = fixed(shape, self.values)
        return found

    def counted_inputs(self, key: str) -> list[Shape]:
        """The shapes of a layer's inputs, with values put in for symbols."""
        return [self.counted(shape) for shape in self.input_shapes(key)]

    def elements(self, shape: Shape) -> Size:
        """How many elements a tensor of a counted shape has."""
        found = self._elements.get(shape)
        if found is None:
            found = self._elements[shape] = product(shape)
        return found


def fixed(shape: Shape, values: Mapping[str, int]) -> Shape:
    """A shape with values put in for symbols."""
    return tuple(size if isinstance(size, int) else substitute(size, values) for size in shape)
