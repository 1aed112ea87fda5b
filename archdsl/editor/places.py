"""What stands at a place of a text: names, calls, steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archdsl.definitions import Definition
from archdsl.diagnostics import Instance
from archdsl.editor.analysis import Analysis, definitions
from archdsl.source import Span
from archdsl.syntax import tree


def nodes(part: Any) -> Iterator[tree.Node]:
    """All nodes of a part of a tree, outer ones first."""
    pending = [part]
    while pending:
        one = pending.pop()
        if isinstance(one, tuple):
            pending += reversed(one)
        elif isinstance(one, (tree.Node, tree.Spec)):
            if isinstance(one, tree.Node):
                yield one
            pending += [getattr(one, name) for name in tree.SAYS[type(one)]]


def holds(span: Span, offset: int) -> bool:
    return span.start <= offset <= span.end


def use_at(analysis: Analysis, offset: int) -> tuple[Span, Definition] | None:
    """The name at a place, and what it stands for: where it is used, or where it is bound."""
    uses = analysis.program.uses
    found = [
        (span, definition)
        for span, definition in uses.items()
        if span.source is analysis.source and holds(span, offset) and span.end > span.start
    ]
    if found:
        return min(found, key=lambda one: one[0].end - one[0].start)
    bound = {definition.span: definition for definition in uses.values() if definition.span is not None}
    for span, definition in bound.items():
        if span.source is analysis.source and holds(span, offset):
            return span, definition
    for node in definitions(analysis.program.spec):
        if holds(node.name.span, offset):
            kind = {tree.Block: "block", tree.NetworkDefinition: "network"}.get(type(node), "value")
            return node.name.span, Definition(kind, node.name.id, node.name.span)  # type: ignore[arg-type]
    return None


def enclosing(analysis: Analysis, offset: int) -> tree.Block | tree.NetworkDefinition | None:
    """The block or network that a place is in."""
    spec = analysis.program.spec
    around: list[tree.Block | tree.NetworkDefinition] = [*spec.blocks, *spec.networks]
    for node in around:
        if holds(node.span, offset):
            return node
    return None


def innermost(analysis: Analysis, offset: int, kind: type[tree.Node]) -> Any:
    """The smallest node of a kind around a place, or None."""
    outer = enclosing(analysis, offset)
    found = [node for node in nodes(outer) if isinstance(node, kind) and holds(node.span, offset)]
    return min(found, key=lambda node: node.span.end - node.span.start, default=None)


def values(analysis: Analysis, span: Span, instance: str | None = None) -> list[tuple[Any, tuple[Instance, ...]]]:
    """What a step or name is worth, in each instance of the blocks around it, or in that instance alone."""
    if analysis.shown is None:
        return []
    found = analysis.shown.trace.values.get(span, [])
    if instance is None:
        return found
    chosen = [one for one in found if any(block.path == instance for block in one[1])]
    return chosen or found
