"""What can be done about a fault: the fixes that come with it, and the same for all of a file."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.diagnostics import Diagnostic, Edit
from archdsl.editor.document import OpenDocument


@dataclass(frozen=True, slots=True)
class QuickFix:
    """Edits that remove a fault, and what they do."""

    title: str
    diagnostic: Diagnostic
    edits: tuple[Edit, ...]


def actions(document: OpenDocument, start: int, end: int) -> list[QuickFix]:
    """The fixes of the faults in a part of the text, where they stand in this file."""
    found = []
    for diagnostic in document.diagnostics:
        span, fix = diagnostic.span, diagnostic.fix
        if span is None or fix is None or span.source.text != document.source.text:
            continue
        here = all(edit.span.source is span.source for edit in fix.edits)
        if here and span.start <= end and start <= span.end:
            found.append(
                QuickFix(fix.title or diagnostic.help or f"replace by `{fix.replacement}`", diagnostic, fix.edits)
            )
    return found
