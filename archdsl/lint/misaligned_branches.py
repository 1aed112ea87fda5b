"""Branches that meet although they look at different places."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final, NamedTuple, TypeAlias

from archdsl.diagnostics import Label
from archdsl.dims import Shape
from archdsl.graph import Layer
from archdsl.lint._rule import Found, Net, rule
from archdsl.measure.network.phases import Phases, Value
from archdsl.ops.merge import Concat
from archdsl.ops.sight import MOST, spatial_slides

# Where an output looks along one dimension, by phase: the first and the last middle of what its branches see, and the
# last position that any sees.
Sight: TypeAlias = Phases
STRAIGHT: Final = Phases(1, ((0, 0, 0),))


class Sights(NamedTuple):
    """Where a tensor looks along each dimension, and in which input."""

    source: str
    dims: tuple[Sight, ...]


@rule("misaligned-branches")
def check(net: Net) -> Iterator[Found]:
    seen: dict[str, Sights | None] = {}
    for key, node in net.layers.items():
        if node["op"] == "input":
            seen[key] = Sights(key, (STRAIGHT,) * max(len(node["shape"]) - 2, 0))
            continue
        shapes = net.input_shapes(key)
        branches = [_through(node, shapes, i, seen[producer]) for i, (producer, _) in enumerate(net.operands(key))]
        seen[key] = _joined(branches)
        operator = node["operator"]
        if isinstance(operator, Concat) and operator.dim % len(node["shape"]) != 1:
            continue  # side by side in space, not in channels
        if operator.group == "merge":
            yield from _compare(net, key, branches)


def _through(node: Layer, shapes: list[Shape], number: int, before: Sights | None) -> Sights | None:
    """Where a layer's output looks by way of one of its inputs; None where that is everywhere, or not known."""
    if before is None:
        return None
    slides = spatial_slides(node["operator"].sees(shapes, node["shape"], number))
    if slides is None or len(slides) != len(before.dims):
        return None
    after = [sight.through(slide, _looking) for sight, slide in zip(before.dims, slides, strict=True)]
    known = tuple(sight for sight in after if sight is not None)
    return Sights(before.source, known) if len(known) == len(after) else None


def _looking(values: Sequence[Value]) -> Value:
    """Half way between the ends of a window, and the last of the last."""
    first, last = values[0], values[-1]
    return Fraction(first[0] + last[0]) / 2, Fraction(first[1] + last[1]) / 2, max(value[2] for value in values)


def _joined(branches: list[Sights | None]) -> Sights | None:
    """Where the whole of several branches looks: from the first to the last of them."""
    known = [branch for branch in branches if branch is not None]
    if not known or len(known) < len(branches):
        return None
    if all(branch == known[0] for branch in known):
        return known[0]
    if len({(b.source, len(b.dims)) for b in known}) > 1:
        return None
    joined = []
    for parts in zip(*(branch.dims for branch in known), strict=True):
        period = math.lcm(*(len(part.values) for part in parts))
        if len({part.jump for part in parts}) > 1 or period > MOST:
            return None
        values = [[value for part in parts if (value := part.at(phase)) is not None] for phase in range(period)]
        joined.append(Phases(int(parts[0].jump * period), tuple(_whole(value) if value else None for value in values)))
    return Sights(known[0].source, tuple(sight.shortest() for sight in joined))


def _whole(values: Sequence[Value]) -> Value:
    return (min(value[0] for value in values), *(max(value[i] for value in values) for i in (1, 2)))


def _compare(net: Net, key: str, branches: list[Sights | None]) -> Iterator[Found]:
    """The first branch that looks a whole position or more beside the first one."""
    known = [(i, branch) for i, branch in enumerate(branches) if branch is not None]
    for number, other in known[1:]:
        start, first = known[0]
        if other == first or other.source != first.source or len(other.dims) != len(first.dims):
            continue
        for axis in range(len(first.dims)):
            a, b = first.dims[axis], other.dims[axis]
            if a.jump != b.jump:
                continue
            pairs = _pairs(a, b)
            causal = len(first.dims) == 1 and all(x[2] == y[2] for x, y in pairs)  # neither sees the future
            apart = _apart(pairs)
            if causal or apart < a.jump:
                continue
            positions = f"{_text(apart)} position{'s' * (apart != 1)}"
            message = f"the branches that meet here look {positions} of `{first.source}` apart in dimension {axis + 2},"
            message += f" where neighbours are {_text(a.jump)} apart"
            spans = [net.layers[net.operands(key)[i][0]]["span"] for i in (start, number)]
            labels = tuple(Label(span, "looks here") for span in spans if span != net.layers[key]["span"])
            yield Found(key, message, "pad or crop both branches alike on both sides", labels)
            return


def _apart(pairs: Sequence[tuple[Value, Value]]) -> Fraction:
    """How far the nearest of what is joined in two branches look apart, on average over the phases."""
    before = sum((Fraction(x[0] - y[1]) for x, y in pairs), Fraction(0))
    after = sum((Fraction(y[0] - x[1]) for x, y in pairs), Fraction(0))
    return max(before, after, Fraction(0)) / max(len(pairs), 1)


def _pairs(a: Sight, b: Sight) -> list[tuple[Value, Value]]:
    """What two sights of one speed see at each phase of both, where both see something."""
    period = math.lcm(len(a.values), len(b.values))
    both = ((a.at(phase), b.at(phase)) for phase in range(period if period <= MOST else 0))
    return [(x, y) for x, y in both if x is not None and y is not None]


def _text(number: int | Fraction) -> str:
    return f"{float(number):g}"
