"""What is wrong with a broken spec, as the page tells it: each fault whole, as a terminal shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from archdsl.diagnostics import Diagnostic
from archdsl.graph import Graph, broken, faults
from archdsl.outline.wording import plain
from archdsl.render.text import notes, render
from archdsl.source import Source, Span


def told(graph: Graph, places: Mapping[str, int]) -> list[dict[str, Any]]:
    """All faults of a network: each with its message, its lines of the spec, notes, help and fix; and the item that
    stands for the step at fault, where there is one."""
    steps = {id(node["fault"]): key for key, node in broken(graph)}
    names = _Names()
    found = []
    for fault in faults(graph):
        bare = names.bare(fault)
        lines = render(replace(bare, layer=None, notes=(), chain=(), help=None, fix=None)).splitlines()
        place = places.get(steps.get(id(fault), ""))
        found.append(
            {
                "code": fault.code,
                "message": plain(fault.message),
                "lines": "\n".join(lines[1:]),
                "notes": [[kind, plain(text)] for kind, text in notes(bare)],
                **({} if place is None else {"item": place}),
                **({} if bare.span is None else {"file": bare.span.source.name, "line": bare.span.line}),
            }
        )
    return found


class _Names:
    """Sources by the names of their files alone: where they lie is nobody's business."""

    def __init__(self) -> None:
        self._bare: dict[int, Source] = {}

    def bare(self, fault: Diagnostic) -> Diagnostic:
        return replace(
            fault,
            span=self._span(fault.span),
            place=fault.place and PurePath(fault.place).name,
            labels=tuple(replace(label, span=self._moved(label.span)) for label in fault.labels),
            notes=tuple(replace(note, span=self._span(note.span)) for note in fault.notes),
            chain=tuple(replace(one, span=self._moved(one.span)) for one in fault.chain),
        )

    def _span(self, span: Span | None) -> Span | None:
        return None if span is None else self._moved(span)

    def _moved(self, span: Span) -> Span:
        source = self._bare.setdefault(id(span.source), replace(span.source, name=PurePath(span.source.name).name))
        return replace(span, source=source)
