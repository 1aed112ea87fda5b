"""Suppression: `# lint: off(rule): reason` at the end of a line, or alone on the line above it."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final, NamedTuple

from archdsl.diagnostics import Diagnostic, unknown
from archdsl.graph import Writing
from archdsl.source import Source, Span

BAD, UNUSED = SUPPRESSION_CODES = ("bad-suppression", "unused-suppression")
COMMENT: Final = re.compile(r"#\s*lint:")
OFF: Final = re.compile(r"#\s*lint:\s*off\(([^()]*)\)\s*(?::.*)?")


class Suppression(NamedTuple):
    """One rule that is off for a line."""

    rule: str
    span: Span  # the rule's name in the comment
    line: int  # the line that it is about


class Remaining(NamedTuple):
    """The findings that nothing suppresses, and what is wrong with the suppressions themselves."""

    findings: list[Diagnostic]
    bad: list[Diagnostic]
    unused: list[Diagnostic]


def suppress(findings: Sequence[Diagnostic], written: Writing, rules: Collection[str]) -> Remaining:
    """Leave out what the comments of a spec suppress.

    A suppression is about its line; where that has no finding of the rule, about the whole statement, so that writing a
    spec in its other form, with other line breaks, keeps its effect.
    """
    suppressions, bad = _read(written.comments, rules)
    places = _Places(findings, written)
    silent: set[int] = set()
    unused = []
    for suppression in suppressions:
        found = places.on_line(suppression) or places.in_statement(suppression)
        silent.update(found)
        if not found:
            message = f"`{suppression.rule}` finds nothing here, so this suppression is of no use"
            unused.append(Diagnostic(UNUSED, message, suppression.span, help="delete it"))
    return Remaining([d for i, d in enumerate(findings) if i not in silent], bad, unused)


def _read(comments: Iterable[Span], rules: Collection[str]) -> tuple[list[Suppression], list[Diagnostic]]:
    """The suppressions among comments, and the faults of those that cannot be understood."""
    found: list[Suppression] = []
    bad: list[Diagnostic] = []
    for comment in comments:
        if not COMMENT.match(comment.text):
            continue
        off = OFF.fullmatch(comment.text.rstrip())
        if off is None or not off.group(1).strip():
            help = "write `# lint: off(rule)` or `# lint: off(rule, rule): reason`"
            bad.append(Diagnostic(BAD, "this is no suppression that lint knows", comment, help=help))
            continue
        line = _about(comment)
        for name in re.finditer(r"[^\s,]+", off.group(1)):
            start = comment.start + off.start(1) + name.start()
            span = Span(comment.source, start, start + len(name.group()))
            if name.group() in rules:
                found.append(Suppression(name.group(), span, line))
            elif name.group() in SUPPRESSION_CODES:
                message = f"`{name.group()}` is about suppressions themselves, and cannot be suppressed"
                bad.append(Diagnostic(BAD, message, span, help="delete it"))
            else:
                fault = unknown("rule", name.group(), rules, BAD, span)
                bad.append(replace(fault, help=fault.help or "`archdsl lint --list` shows the rules"))
    return found, bad


def _about(comment: Span) -> int:
    """The line that a comment is about: its own, or the next one with anything else where it stands alone."""
    source = comment.source
    line, column = source.position(comment.start)
    if source.line(line)[: column - 1].strip():
        return line
    last = len(source.line_starts)
    while line < last:
        line += 1
        text = source.line(line).strip()
        if text and not text.startswith("#"):
            break
    return line


class _Places:
    """Findings by line and by statement."""

    def __init__(self, findings: Sequence[Diagnostic], written: Writing) -> None:
        self._lines: dict[tuple[str, Source, int], list[int]] = defaultdict(list)
        self._starts: dict[tuple[str, Source], list[tuple[int, int]]] = defaultdict(list)
        for i, finding in enumerate(findings):
            if finding.span is not None:
                self._starts[finding.code, finding.span.source].append((finding.span.start, i))
                for line in _lines(finding.span):
                    self._lines[finding.code, finding.span.source, line].append(i)
        for starts in self._starts.values():
            starts.sort()
        self._statements = sorted(written.statements, key=lambda span: (span.start, -span.end))
        self._definitions = written.definitions

    def on_line(self, suppression: Suppression) -> list[int]:
        return self._lines.get((suppression.rule, suppression.span.source, suppression.line), [])

    def in_statement(self, suppression: Suppression) -> list[int]:
        statement = self._statement(suppression)
        if statement is None:
            return []
        starts = self._starts.get((suppression.rule, statement.source), [])
        first, end = (bisect_left(starts, (offset, 0)) for offset in (statement.start, statement.end))
        return [i for _, i in starts[first:end]]

    def _statement(self, suppression: Suppression) -> Span | None:
        """The innermost statement on a line; without one, behind an opening brace say, the definition's next."""
        source, line = suppression.span.source, suppression.line
        inner, begins = self._by_line.get(source, ({}, []))
        if line in inner:
            return inner[line]
        following = bisect_left(begins, line)
        if following == len(begins):
            return None
        statement = inner[begins[following]]
        within = any(
            definition.source is source
            and definition.line <= line
            and definition.start <= statement.start < definition.end
            and not _inside_the_one_above(suppression.span, definition)
            for definition in self._definitions
        )
        return statement if within else None

    @cached_property
    def _by_line(self) -> dict[Source, tuple[dict[int, Span], list[int]]]:
        """For each file the innermost statement of each line, and the lines on which one begins, in order."""
        found: dict[Source, tuple[dict[int, Span], list[int]]] = defaultdict(lambda: ({}, []))
        for statement in self._statements:  # those inside come after those around them
            inner, begins = found[statement.source]
            inner.update(dict.fromkeys(_lines(statement), statement))
            begins.append(statement.line)
        return found


def _inside_the_one_above(comment: Span, definition: Span) -> bool:
    """Whether a comment above a definition is indented as what belongs to another, which in YAML no bracket ends."""
    text = comment.source.line(comment.line)
    column = definition.source.position(definition.start)[1]
    return comment.line < definition.line and 1 < column <= len(text) - len(text.lstrip())


def _lines(span: Span) -> range:
    """The lines that a span is on."""
    return range(span.line, span.source.position(max(span.start, span.end - 1))[0] + 1)
