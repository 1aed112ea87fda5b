"""Diagnostics as plain data for JSON."""

from __future__ import annotations

from typing import Any

from archdsl.diagnostics import Diagnostic
from archdsl.render.text import shown_path
from archdsl.source import Span


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
        "chain": [{"path": i.path, "call": i.call, "span": _span(i.span)} for i in diagnostic.chain],
        "notes": list(diagnostic.notes),
        "help": diagnostic.help,
        "fix": None
        if diagnostic.fix is None
        else {"span": _span(diagnostic.fix.span), "replacement": diagnostic.fix.replacement},
    }


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
