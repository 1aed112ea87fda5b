"""Applies fixes to texts."""

from __future__ import annotations

from collections.abc import Iterable

from archdsl.diagnostics import Diagnostic, Edit, Fix
from archdsl.source import Source


def fixed(faults: Iterable[Diagnostic]) -> tuple[dict[Source, str], list[Diagnostic]]:
    """The new texts of the sources that the faults' fixes change, and the faults that are fixed by it.

    Of fixes that overlap, the first is applied.
    """
    kept: list[Edit] = []
    done = []
    for fault in faults:
        edits = fault.fix.edits if fault.fix is not None else ()
        if edits and not any(_overlap(edit, other) for edit in edits for other in kept):
            kept += edits
            done.append(fault)
    return {source: _replaced(source, kept) for source in dict.fromkeys(edit.span.source for edit in kept)}, done


def changed(fix: Fix) -> dict[str, str]:
    """The texts that a fix changes, by the names of their sources."""
    sources = dict.fromkeys(edit.span.source for edit in fix.edits)
    return {source.name: _replaced(source, fix.edits) for source in sources}


def _replaced(source: Source, edits: Iterable[Edit]) -> str:
    own = sorted((edit for edit in edits if edit.span.source is source), key=lambda edit: edit.span.start)
    pieces, end = [], 0
    for edit in own:
        pieces += [source.text[end : edit.span.start], edit.replacement]
        end = edit.span.end
    return "".join([*pieces, source.text[end:]])


def _overlap(one: Edit, other: Edit) -> bool:
    """Whether two edits touch the same text; two insertions at one place do."""
    a, b = one.span, other.span
    return a.source is b.source and ((a.start < b.end and b.start < a.end) or a.start == b.start)
