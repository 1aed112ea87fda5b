"""Shortcuts that do not fit what they are added to: projections."""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx

from archdsl.diagnostics import Edit, Fix
from archdsl.dims import Shape, numbers
from archdsl.remedies.step import BrokenStep, fix
from archdsl.source import Span
from archdsl.syntax import tree


def projections(step: BrokenStep) -> Iterator[Fix]:
    """A projection of the shortcut, which is the operand that the other one is made from."""
    one, other = (place.node for place in step.node["sizes"])
    if one in nx.ancestors(step.graph, other):
        short, long = 0, 1
    elif other in nx.ancestors(step.graph, one):
        short, long = 1, 0
    else:
        return
    tensors = [edge for *_, edge in sorted(step.graph.in_edges(step.key, data=True), key=lambda e: e[2]["input"])]
    shapes = [edge["shape"] for edge in tensors]
    operands = [step.written.operand(step.node["span"], position) for position in (short, long)]
    if len(shapes) != 2 or len(shapes[0]) != len(shapes[1]) or len(shapes[0]) < 3:
        return
    name, whole = operands
    if not isinstance(name, tree.Name):
        return
    stride = _stride_between(shapes[short], shapes[long])
    if stride is None:
        return
    if isinstance(whole, tree.Name):
        yield from _choice(step, name, whole)
    inside = bool(step.node["blocks"]) and isinstance(whole, tree.Name)
    channels = f"{whole.id}.shape[1]" if inside and isinstance(whole, tree.Name) else str(shapes[long][1])
    for text in dict.fromkeys([step.written.own(step.node["span"], "stride", stride), stride]):
        projection = f"{name.id} -> conv({channels}, 1{f', stride = {text}' if text != 1 else ''})"
        if inside and isinstance(whole, tree.Name):  # other instances of the block may need none
            projection = f"{name.id} if {name.id}.shape == {whole.id}.shape else ({projection})"
        yield from fix([Edit(name.span, f"({projection})")], f"project the shortcut: `({projection})`")


def _choice(step: BrokenStep, name: tree.Name, whole: tree.Name) -> Iterator[Fix]:
    """A shortcut that is projected under a condition: the condition says when the channels differ, too."""
    choice = step.written.choice_of(name)
    if choice is None or not isinstance(choice.orelse, tree.Body) or len(choice.orelse.statements) != 1:
        return
    (kept,) = choice.orelse.statements
    if isinstance(kept, tree.Evaluate) and isinstance(kept.value, tree.Name):
        also = f" or {kept.value.id}.shape != {whole.id}.shape"
        end = Span(choice.test.span.source, choice.test.span.end, choice.test.span.end)
        yield from fix([Edit(end, also)], f"write the condition as `{choice.test.span.text}{also}`")


def _stride_between(short: Shape, long: Shape) -> int | None:
    """The stride of a 1 × 1 convolution that takes the one's sizes to the other's."""
    if short[2:] == long[2:]:
        return 1
    a, b = numbers(short[2:]), numbers(long[2:])
    if a is None or b is None:
        return None
    strides = {-(-size // other) for size, other in zip(a, b, strict=True)}
    return strides.pop() if len(strides) == 1 else None
