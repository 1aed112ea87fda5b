"""What each name of a text is, for colours that know more than a grammar."""

from __future__ import annotations

from archdsl.definitions import NameKind
from archdsl.editor.document import OpenDocument
from archdsl.source import Span


def tokens(document: OpenDocument) -> list[tuple[Span, NameKind]]:
    """The names of the text with what they stand for, from its beginning on; none overlaps another."""
    known = document.known
    if known is None:
        return []
    found: dict[Span, NameKind] = {}
    for span, definition in known.program.uses.items():
        for place in (span, definition.span):
            if place is not None and place.source is known.source and place.start < place.end:
                found[place] = definition.kind
    placed = [(now, kind) for span, kind in found.items() if (now := document.place(span)) is not None]
    kept: list[tuple[Span, NameKind]] = []
    for span, kind in sorted(placed, key=lambda one: (one[0].start, one[0].end)):
        if (not kept or span.start >= kept[-1][0].end) and "\n" not in span.text:
            kept.append((span, kind))
    return kept
