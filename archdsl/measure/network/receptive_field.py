"""Receptive fields: which input positions an element depends on, per spatial dimension of the input.

Interval propagation (Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill,
2019, section "Arbitrary computation graphs"): padding counts as extent, and branches are united. Fields are followed
into whatever dimension holds their positions, so that `permute` and `flatten` move them and `linear` sees all along
the last dimension, be it channels or not. Where positions cannot be followed, the field is not known; where elements
see more or less, it is the smallest interval that holds for all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from archdsl.dims import Shape, Size, Undecided
from archdsl.graph import Graph, layer, layers, operands
from archdsl.ops.sight import Number, Sees, Slide


class Digit(NamedTuple):
    """A part of an element's index along a dimension: `index // unit % values`, as of the row in a flattened image.

    With a `source` it takes these values in an order that only that layer, of its output of that number, knows.
    """

    dim: int
    size: Size  # of the dimension
    unit: Size
    values: Size
    source: tuple[str, int] | None = None

    @property
    def whole(self) -> bool:
        return self.source is None and self.unit == 1 and self.values == self.size


class Field(NamedTuple):
    """Along one dimension, an element depends on the inputs from `low` to `high`, both moved by a jump for each step
    of each digit in `moves`."""

    low: Number
    high: Number
    moves: tuple[tuple[Digit, Number], ...] = ()

    @property
    def size(self) -> int:
        return math.floor(self.high) - math.ceil(self.low) + 1

    @property
    def jump(self) -> Number | None:
        """How far apart neighbours along a dimension see: 0 where all see the same; None if that is no one number."""
        if not self.moves:
            return 0
        digit, jump = self.moves[0]
        return jump if len(self.moves) == 1 and digit.whole else None

    @property
    def offset(self) -> Number | None:
        """The first input that the first element sees, where that is known."""
        return self.low if all(digit.source is None for digit, _ in self.moves) else None


Fields = tuple[Field, ...] | None  # None: not known


def receptive_fields(graph: Graph) -> dict[str, Fields]:
    """The receptive field of every layer. Several inputs are taken to have the same coordinates."""
    found: dict[str, Fields] = {}
    for key, node in layers(graph):
        reads = operands(graph, key)
        if not reads:
            found[key] = tuple(_itself(node["shape"])) if node["op"] == "input" else ()
            continue
        inputs = [layer(graph, producer)["outputs"][output] for producer, output in reads]
        operator = node["operator"]
        fields: Fields = ()
        for number, ((producer, output), shape) in enumerate(zip(reads, inputs, strict=True)):
            if number in operator.undifferentiated:
                continue
            before = _of_output(found[producer], producer, output)
            sees = operator.sees(inputs, node["shape"], number)
            fields = _united(fields, _through(before, sees, shape, node["shape"], key))
            if fields is None:
                break
        found[key] = fields
    return found


def _itself(shape: Shape) -> Iterator[Field]:
    for dim, size in enumerate(shape[2:], 2):
        yield Field(0, 0, ((Digit(dim, size, 1, size), 1),))


def _of_output(fields: Fields, producer: str, output: int) -> Fields:
    """The fields of one output of a layer, each of which has another part of what the layer reads."""
    if not output or fields is None:
        return fields
    mine = {digit: digit._replace(source=(producer, output)) for f in fields for digit, _ in f.moves}
    found = {digit: own for digit, own in mine.items() if digit.source == (producer, 0)}
    return tuple(f._replace(moves=tuple((found.get(digit, digit), jump) for digit, jump in f.moves)) for f in fields)


def _through(fields: Fields, sees: Sees, input: Shape, output: Shape, key: str) -> Fields:
    """The fields of a layer's output, of those of a tensor that it reads."""
    if fields is None:
        return None
    found = []
    for field in fields:
        after = _reordered(field, input, output) if sees == "in order" else _slid(field, sees, input, output, key)
        if after is None:
            return None
        found.append(after)
    return tuple(found)


def _slid(field: Field, sees: tuple[Slide | None, ...], input: Shape, output: Shape, key: str) -> Field | None:
    low, high, moves = field.low, field.high, []
    for digit, jump in field.moves:
        slide = sees[digit.dim]
        if slide is None:  # all values of the digit
            if not isinstance(digit.values, int):
                return None
            high += (digit.values - 1) * jump
            continue
        dim, extent, stride, offset = slide
        size = output[dim]
        if offset is not None and (extent, stride, offset) == (1, 1, 0) and size == input[digit.dim]:
            moves.append((digit._replace(dim=dim), jump))
        elif offset is not None and digit.whole:
            low, high = low + offset * jump, high + (offset + extent - 1) * jump
            moves.append((Digit(dim, size, 1, size), jump * stride))
        elif extent == 1:
            moves.append((Digit(dim, size, 1, digit.values, (key, 0)), jump))
        else:
            return None
    return Field(low, high, tuple(move for move in moves if move[1] != 0))


def _reordered(field: Field, input: Shape, output: Shape) -> Field | None:
    """The field of the same elements in another shape."""
    moves = []
    for digit, jump in field.moves:
        parts = _in_shape(digit, input, output)
        if parts is None:
            return None
        for part, step in parts:
            if not isinstance(step, int):
                return None
            moves.append((part, jump * step))
    return Field(field.low, field.high, tuple(moves))


def _in_shape(digit: Digit, input: Shape, output: Shape) -> list[tuple[Digit, Size]] | None:
    """The digits of an index in another shape that make up one, each with how much of it a step is; None where that
    cannot be said."""
    below = _strides(input)[digit.dim]
    strides = _strides(output)
    if digit.source is not None:
        same = [d for d, size in enumerate(output) if size == digit.size and strides[d] == below]
        return [(digit._replace(dim=same[-1]), 1)] if same else None
    # In the order of memory the digit counts from `first` to `end`; a dimension does so from its stride to its end.
    first, end = below * digit.unit, below * digit.unit * digit.values
    found: list[tuple[Digit, Size]] = []
    covered: Size = 1
    for dim, (stride, size) in enumerate(zip(strides, output, strict=True)):
        start = first if _divides(stride, first) else stride
        stop = end if _divides(end, stride * size) else stride * size
        if _divides(stop, start):
            continue  # they have nothing in common
        if not (_divides(first, start) and _divides(start, stop) and _divides(stop, end)):
            return None
        found.append((Digit(dim, size, start // stride, stop // start), start // first))
        covered = covered * (stop // start)
    return found if covered == digit.values else None


def _strides(shape: Shape) -> list[Size]:
    """How far apart in memory neighbours along each dimension are."""
    found: list[Size] = [1]
    for size in reversed(shape[1:]):
        found.append(found[-1] * size)
    return found[::-1]


def _divides(divisor: Size, size: Size) -> bool:
    try:
        return bool(size % divisor == 0)
    except Undecided:
        return False


def _united(a: Fields, b: Fields) -> Fields:
    if a is None or b is None:
        return None
    if len(a) != len(b):
        return a or b
    found = [_joined(x, y) for x, y in zip(a, b, strict=True)]
    known = tuple(field for field in found if field is not None)
    return known if len(known) == len(found) else None


def _joined(a: Field, b: Field) -> Field | None:
    """The least field that holds two others. What moves one of them alone is all seen."""
    if a.moves == b.moves:
        return Field(min(a.low, b.low), max(a.high, b.high), a.moves)
    ways = dict(a.moves), dict(b.moves)
    jumps = {digit: min(ways[0].get(digit, 0), ways[1].get(digit, 0)) for digit in dict.fromkeys((*ways[0], *ways[1]))}
    lows, highs = [], []
    for field in (a, b):
        rest = [(digit.values, jump - jumps[digit]) for digit, jump in field.moves if jump != jumps[digit]]
        if not all(isinstance(values, int) for values, _ in rest):
            return None
        lows.append(field.low)
        highs.append(field.high + sum((values - 1) * jump for values, jump in rest if isinstance(values, int)))
    return Field(min(lows), max(highs), tuple((digit, jump) for digit, jump in jumps.items() if jump))
