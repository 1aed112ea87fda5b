"""Diagnostics as workflow commands of GitHub Actions, which shows them beside the lines concerned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from archdsl.catalogue import Severity
from archdsl.diagnostics import Diagnostic, Findings, distinct
from archdsl.render.text import harmless, notes, printable, shown_path

COMMANDS: Final[dict[Severity, str]] = {"error": "error", "warning": "warning", "note": "notice"}


def document(findings: Sequence[Findings]) -> str:
    """One line a diagnostic; nothing where there is none."""
    return "".join(_annotation(diagnostic) for diagnostic in distinct(findings))


def _annotation(diagnostic: Diagnostic) -> str:
    properties = {**_place(diagnostic), "title": f"archdsl {diagnostic.code}"}
    listed = ",".join(f"{name}={_escape_property(value)}" for name, value in properties.items())
    lines = [diagnostic.message, *(f"{kind}: {text}" for kind, text in notes(diagnostic))]
    message = "\n".join(printable(line) for line in lines)
    return f"::{COMMANDS[diagnostic.level]} {listed}::{_escape(message)}\n"


def _place(diagnostic: Diagnostic) -> dict[str, str]:
    span = diagnostic.span
    if span is None:
        return {"file": shown_path(diagnostic.place)} if diagnostic.place is not None else {}
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    place = {"file": shown_path(span.source.name), "line": str(line), "endLine": str(end_line)}
    if line == end_line:  # GitHub takes columns within one line only
        place |= {"col": str(column), "endColumn": str(end_column)}
    return place


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(harmless(text)).replace(":", "%3A").replace(",", "%2C")
