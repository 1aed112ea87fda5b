"""Diagnostics as plain data for JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from archdsl.diagnostics import Diagnostic, Findings, Fix
from archdsl.render.text import shown_path
from archdsl.source import DECEPTIVE, Span

# What JSON takes as it is, and a terminal should not be given. Only strings of a document hold any.
UNPRINTED: Final = re.compile(f"(?!\n){DECEPTIVE.pattern}")


def document(findings: Sequence[Findings]) -> str:
    """What was found in several SPECs, ending with a newline."""
    specs = [
        {
            "spec": found.spec,
            "ok": found.ok,
            "networks": found.networks,
            "diagnostics": [to_dict(diagnostic) for diagnostic in found.diagnostics],
            "fixed": [to_dict(diagnostic) for diagnostic in found.fixed],
        }
        for found in findings
    ]
    return as_text({"archdsl": 1, "specs": specs}) + "\n"


def as_text(document: Any) -> str:
    """A document as JSON that any terminal and any encoding can take: what is not printed is written as `\\u….`."""
    text = json.dumps(document, indent=1, ensure_ascii=False)
    return UNPRINTED.sub(lambda found: json.dumps(found.group())[1:-1], text)


def to_dict(diagnostic: Diagnostic) -> dict[str, Any]:
    """One diagnostic; lines and columns count from 1, ends are exclusive."""
    return {
        "code": diagnostic.code,
        "level": diagnostic.level,
        "message": diagnostic.message,
        "span": _span(diagnostic.span),
        "place": diagnostic.place,
        "layer": diagnostic.layer,
        "labels": [{"span": _span(label.span), "text": label.text} for label in diagnostic.labels],
        "notes": [{"span": _span(note.span), "text": note.text} for note in diagnostic.notes],
        "chain": [{"path": i.path, "call": i.call, "span": _span(i.span)} for i in diagnostic.chain],
        "help": diagnostic.help,
        "fix": _fix(diagnostic.fix),
    }


def _fix(fix: Fix | None) -> dict[str, Any] | None:
    if fix is None:
        return None
    edits = [{"span": _span(edit.span), "replacement": edit.replacement} for edit in fix.edits]
    return {"title": fix.title, "edits": edits}


def _span(span: Span | None) -> dict[str, Any] | None:
    if span is None:
        return None
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    return {
        "file": shown_path(span.source.name),
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
    }
