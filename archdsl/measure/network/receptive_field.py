"""Receptive fields: which input positions an element depends on, per spatial dimension of the input.

Interval propagation (Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill,
2019, section "Arbitrary computation graphs"): padding counts as extent, and branches are united. Behind upsampling an
element's interval depends on its place (position modulo some period), so intervals are kept by phase. Fields are
followed into whatever dimension holds their positions, so that `permute` and `flatten` move them and `linear` sees all
along the last dimension, be it channels or not. Where positions cannot be followed, or an operator says nothing, the
field is not known; where branches move at different speeds, it is the smallest interval that holds for all.
"""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.dims import Shape, Size, Undecided
from archdsl.measure.network.field import (
    STEADY,
    STILL,
    Digit,
    Field,
    Fields,
    Move,
    across,
    hull,
    joined,
    settled,
)
from archdsl.measure.network.phases import Phases
from archdsl.net_view import NetView
from archdsl.ops.sight import Sees, Slide, straight


def receptive_fields(net: NetView) -> dict[str, Fields]:
    """The receptive field of every layer. Several inputs are taken to have the same coordinates."""
    found: dict[str, Fields] = {}
    seen: dict[tuple[int, tuple[Shape, ...], Shape], dict[int, Sees]] = {}  # of layers that are alike, by input
    for key, node in net.layers.items():
        reads = net.operands(key)
        if not reads:
            found[key] = tuple(_itself(node["shape"])) if node["op"] == "input" else ()
            continue
        inputs = tuple(net.input_shapes(key))
        operator, output = node["operator"], node["shape"]
        alike = seen.setdefault((id(operator), inputs, output), {})
        fields: Fields = ()
        for number, (producer, which) in enumerate(reads):
            if number in operator.undifferentiated:
                continue
            if number not in alike:
                alike[number] = operator.sees(inputs, output, number)
            before = _of_output(found[producer], producer, which)
            fields = _united(fields, _through(before, alike[number], inputs[number], output, key))
            if fields is None:
                break
        found[key] = fields
    return found


def _itself(shape: Shape) -> Iterator[Field]:
    for dim, size in enumerate(shape[2:], 2):
        yield Field(0, 0, ((Digit(dim, size, 1, size), STEADY),))


def _of_output(fields: Fields, producer: str, output: int) -> Fields:
    """The fields of one output of a layer, each of which has another part of what the layer reads."""
    if not output or fields is None:
        return fields
    mine = {digit: digit._replace(source=(producer, output)) for f in fields for digit, _ in f.moves}
    found = {digit: own for digit, own in mine.items() if digit.source == (producer, 0)}
    return tuple(f._replace(moves=tuple((found.get(digit, digit), move) for digit, move in f.moves)) for f in fields)


def _through(fields: Fields, sees: Sees, input: Shape, output: Shape, key: str) -> Fields:
    """The fields of a layer's output, of those of a tensor that it reads."""
    if fields is None or (sees is None and fields):
        return None
    if input == output and sees == straight(len(output)):
        return fields
    found = []
    for field in fields:
        assert sees is not None
        after = _reordered(field, input, output) if sees == "in order" else _slid(field, sees, input, output, key)
        if after is None:
            return None
        found.append(after)
    return tuple(found)


def _slid(field: Field, sees: tuple[Slide | None, ...], input: Shape, output: Shape, key: str) -> Field | None:
    low, high, moves = field.low, field.high, list[Move]()
    for digit, phases in field.moves:
        slide = sees[digit.dim]
        if slide is None:  # all values of the digit
            added = across(phases, digit.values)
            if added is None:
                return None
            low, high = low + added[0], high + added[1]
            continue
        size = output[slide.dim]
        if slide == Slide(slide.dim) and size == input[digit.dim]:
            moves.append((digit._replace(dim=slide.dim), phases))
        elif not slide.ordered:
            moves.append((Digit(slide.dim, size, 1, digit.values, (key, 0)), phases))
        elif digit.whole:
            after = phases.through(slide, hull)
            if after is None:
                return None
            moves.append((Digit(slide.dim, size, 1, size), after))
        else:
            return None
    return settled(low, high, moves)


def _reordered(field: Field, input: Shape, output: Shape) -> Field | None:
    """The field of the same elements in another shape."""
    moves = []
    for digit, phases in field.moves:
        parts = _in_shape(digit, input, output)
        if parts is None:
            return None
        period = len(phases.values)
        for part, step in parts:
            if not isinstance(step, int):
                return None
            if step == 1:  # the last part counts through the phases, others over whole turns of them
                moves.append((part, phases))
            elif step % period:
                return None
            else:
                moves.append((part, Phases(step // period * phases.advance, STILL.values)))
    return settled(field.low, field.high, moves)


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
    if a == b:
        return a
    found = [joined(x, y) for x, y in zip(a, b, strict=True)]
    known = tuple(field for field in found if field is not None)
    return known if len(known) == len(found) else None
