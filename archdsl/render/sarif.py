"""Diagnostics as SARIF 2.1.0, the OASIS standard that code scanning and editors read.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; comments name its sections.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from archdsl.catalogue import CATALOGUE
from archdsl.diagnostics import Diagnostic, Findings, Fix, distinct
from archdsl.render import explanation
from archdsl.render.json import as_text
from archdsl.render.text import place, shown_path
from archdsl.source import Span

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def document(findings: Sequence[Findings]) -> str:
    """One log of one run, ending with a newline."""
    diagnostics = distinct(findings)
    codes = sorted({diagnostic.code for diagnostic in diagnostics})
    version, documentation = _package()
    rules = [_rule(code, documentation) for code in codes]
    run = {
        "tool": {"driver": {"name": "archdsl", "version": version, "rules": rules}},
        "columnKind": "unicodeCodePoints",  # 3.14.27: columns count characters, as Python does
        "newlineSequences": ["\r\n", "\n", "\r"],  # what `read` takes for the end of a line
        "results": [_result(diagnostic, codes) for diagnostic in diagnostics],
    }
    log = {"version": "2.1.0", "$schema": SCHEMA, "runs": [run]}
    return as_text(log) + "\n"


def _package() -> tuple[str, str | None]:
    """The version of archdsl, and the address of docs/diagnostics.md if the package declares its documentation."""
    from importlib import metadata  # slow to import, and only this format needs it

    declared = metadata.metadata("archdsl")
    urls = dict(url.split(", ", 1) for url in declared.get_all("Project-URL") or ())
    address = urls.get("Documentation")
    return declared["Version"], None if address is None else f"{address.rstrip('/')}/diagnostics.md"


def _rule(code: str, documentation: str | None) -> dict[str, Any]:
    """A reportingDescriptor (3.49)."""
    entry = CATALOGUE[code]
    return {
        "id": code,
        "shortDescription": {"text": entry.summary},
        "fullDescription": {"text": "\n\n".join(entry.paragraphs)},
        "help": {"text": explanation.as_text(code), "markdown": explanation.as_markdown(code)},
        **({"helpUri": f"{documentation}#{code}"} if documentation is not None else {}),
        "defaultConfiguration": {"level": entry.level},
    }


def _result(diagnostic: Diagnostic, codes: Sequence[str]) -> dict[str, Any]:
    """A result (3.27)."""
    lines = [diagnostic.message]
    if diagnostic.layer is not None:
        lines.append(f"The layer is `{diagnostic.layer}`.")
    if diagnostic.help is not None:
        lines.append(f"Help: {diagnostic.help}")
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": codes.index(diagnostic.code),
        "level": diagnostic.level,
        "message": _message("\n".join(lines)),
    }
    if diagnostic.span is not None:
        result["locations"] = [{"physicalLocation": _physical(diagnostic.span)}]
    elif diagnostic.place is not None:
        result["locations"] = [{"physicalLocation": {"artifactLocation": _artifact(diagnostic.place)}}]
    related = [(label.span, label.text) for label in diagnostic.labels]
    related += [(note.span, note.text) for note in diagnostic.notes if note.span is not None]
    related += [(i.span, f"in {i}, used at {place(i.span)}") for i in reversed(diagnostic.chain)]
    if related:
        result["relatedLocations"] = [
            {"id": i, "physicalLocation": _physical(span), "message": _message(text or "here")}
            for i, (span, text) in enumerate(related)
        ]
    if diagnostic.fix is not None:
        result["fixes"] = [_fix(diagnostic.fix)]
    return result


def _message(text: str) -> dict[str, str]:
    """A message (3.11), in which braces stand for arguments unless they are doubled (3.11.5)."""
    return {"text": text.replace("{", "{{").replace("}", "}}")}


def _physical(span: Span) -> dict[str, Any]:
    """A physicalLocation (3.29)."""
    return {"artifactLocation": _artifact(span.source.name), "region": _region(span)}


def _artifact(name: str) -> dict[str, str]:
    """An artifactLocation (3.4): relative to the working directory, where the file is below it."""
    path = shown_path(name)
    return {"uri": Path(path).as_uri() if os.path.isabs(path) else quote(os.fsencode(Path(path).as_posix()))}


def _region(span: Span) -> dict[str, int]:
    """A region (3.30); its last column is the one behind the last character."""
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


def _fix(fix: Fix) -> dict[str, Any]:
    """A fix (3.55): the replacements in each of the files that it changes."""
    replacements: dict[str, list[dict[str, Any]]] = {}
    for edit in fix.edits:
        replacement = {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.replacement}}
        replacements.setdefault(edit.span.source.name, []).append(replacement)
    changes = [{"artifactLocation": _artifact(name), "replacements": found} for name, found in replacements.items()]
    return {"description": _message(fix.title or f"write `{fix.replacement}`"), "artifactChanges": changes}
