"""Branches that meet although they look at different places."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from archdsl.diagnostics import Label
from archdsl.dims import Shape
from archdsl.graph import Layer
from archdsl.lint._rule import Found, Net, rule
from archdsl.ops.merge import Concat
from archdsl.ops.sight import spatial_windows

Number = int | Fraction


class Sight(NamedTuple):
    """Where an output looks along one dimension: output i is centred on `i * jump + centre` of the input, and sees
    nothing beyond `i * jump + last`."""

    jump: Number
    centre: Number
    last: Number


class Sights(NamedTuple):
    """Where a tensor looks along each dimension, and in which input."""

    source: str
    dims: tuple[Sight, ...]


@rule("misaligned-branches")
def check(net: Net) -> Iterator[Found]:
    seen: dict[str, Sights | None] = {}
    for key, node in net.layers.items():
        if node["op"] == "input":
            seen[key] = Sights(key, (Sight(1, 0, 0),) * max(len(node["shape"]) - 2, 0))
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
    windows = spatial_windows(node["operator"].sees(shapes, node["shape"], number))
    if windows is None or len(windows) != len(before.dims):
        return None
    moved = []
    for sight, (_, extent, stride, offset) in zip(before.dims, windows, strict=True):
        assert offset is not None
        # Resampling keeps both ends in place, whichever neighbours it reads.
        resamples = node["operator"].group == "resample" and stride != 1
        middle = Fraction(stride - 1) / 2 if resamples else offset + Fraction(extent - 1) / 2
        end = sight.last + (offset + extent - 1) * sight.jump
        moved.append(Sight(sight.jump * stride, sight.centre + middle * sight.jump, end))
    return Sights(before.source, tuple(moved))


def _joined(branches: list[Sights | None]) -> Sights | None:
    """Where the whole of several branches looks: in the middle of them."""
    known = [branch for branch in branches if branch is not None]
    if not known or len(known) < len(branches) or len({(b.source, len(b.dims)) for b in known}) > 1:
        return None
    joined = []
    for parts in zip(*(branch.dims for branch in known), strict=True):
        centres = [part.centre for part in parts]
        middle = Fraction(min(centres) + max(centres)) / 2
        joined.append(Sight(parts[0].jump, middle, max(part.last for part in parts)))
    return Sights(known[0].source, tuple(joined))


def _compare(net: Net, key: str, branches: list[Sights | None]) -> Iterator[Found]:
    """The first branch that looks a whole position or more beside the first one."""
    known = [(i, branch) for i, branch in enumerate(branches) if branch is not None]
    for number, other in known[1:]:
        start, first = known[0]
        if other.source != first.source or len(other.dims) != len(first.dims):
            continue
        for axis in range(len(first.dims)):
            a, b = first.dims[axis], other.dims[axis]
            causal = len(first.dims) == 1 and a.last == b.last  # a sequence, of which neither sees the future
            apart = abs(Fraction(a.centre) - Fraction(b.centre))
            if a.jump != b.jump or causal or apart < a.jump:
                continue
            positions = f"{_text(apart)} position{'s' * (apart != 1)}"
            message = f"the branches that meet here look {positions} of `{first.source}` apart in dimension {axis + 2},"
            message += f" where neighbours are {_text(a.jump)} apart"
            spans = [net.layers[net.operands(key)[i][0]]["span"] for i in (start, number)]
            labels = tuple(Label(span, "looks here") for span in spans if span != net.layers[key]["span"])
            yield Found(key, message, "pad or crop both branches alike on both sides", labels)
            return


def _text(number: Number) -> str:
    return f"{float(number):g}"
