"""Diagnostics as text: the source lines concerned, carets, notes."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from archdsl.catalogue import Severity
from archdsl.diagnostics import Diagnostic, Findings, Instance, counted
from archdsl.limits import MAX_FAULTS
from archdsl.source import DECEPTIVE, Source, Span

STEERING: Final = re.compile(f"{DECEPTIVE.pattern}|\r(?!\n)")
MAX_WIDTH = 160
MAX_NOTE = 600
BLUE, BOLD = "1;34", "1"
COLOURS: dict[Severity, str] = {"error": "1;31", "warning": "1;33", "note": "1;36"}  # red, yellow, cyan


def render(diagnostic: Diagnostic, colour: bool = False) -> str:
    """One diagnostic as several lines of text, ending with a newline."""
    paint = painter(colour)
    style = COLOURS[diagnostic.level]
    lines = [paint(f"{diagnostic.level}[{diagnostic.code}]", style) + paint(f": {printable(diagnostic.message)}", BOLD)]
    marks: list[tuple[Span, str, str]] = []
    if diagnostic.span is not None:
        marks.append((diagnostic.span, "^", ""))
    marks += [(label.span, "-", label.text) for label in diagnostic.labels]
    width = max((len(str(span.line)) for span, _, _ in marks), default=1)
    gutter = " " * width
    if diagnostic.span is not None:
        lines.append(f"{gutter}{paint('-->', BLUE)} {place(diagnostic.span)}")
        lines += _snippets(diagnostic.span.source, marks, width, style, paint)
    elif diagnostic.place is not None:
        lines.append(f"{gutter}{paint('-->', BLUE)} {printable(diagnostic.place)}")
    for kind, text in notes(diagnostic):
        shown = text if len(text) <= MAX_NOTE else f"{text[:MAX_NOTE]}…"
        lines.append(f"{gutter} {paint('=', BLUE)} {paint(kind, BOLD)}: {printable(shown)}")
    return "\n".join(lines) + "\n"


def painter(colour: bool) -> Callable[[str, str], str]:
    """Gives a text a style of ECMA-48 ("1;31"), or leaves it as it is."""
    return lambda text, style: f"\x1b[{style}m{text}\x1b[0m" if colour else text


def notes(diagnostic: Diagnostic) -> list[tuple[str, str]]:
    """What is said below the source lines, each with its kind: "note", "help" or "fix"."""
    found = [("note", f"the layer is `{diagnostic.layer}`")] if diagnostic.layer is not None else []
    for note in diagnostic.notes:
        found.append(("note", note.text + (f" ({place(note.span)})" if note.span else "")))
    for i in reversed(_shortened(diagnostic)):
        found.append(("note", f"in {printable(str(i))}, used at {place(i.span)}"))
    advice = [("help", diagnostic.help), ("fix", diagnostic.fix.title if diagnostic.fix else None)]
    return [*found, *((kind, text) for kind, text in advice if text)]


def _shortened(diagnostic: Diagnostic) -> list[Instance]:
    chain = list(diagnostic.chain)
    return chain if len(chain) <= 6 else [*chain[:2], *chain[-4:]]


def _snippets(
    source: Source, marks: list[tuple[Span, str, str]], width: int, main: str, paint: Callable[[str, str], str]
) -> list[str]:
    gutter = " " * width + " " + paint("|", BLUE)
    lines = [gutter]
    previous: int | None = None
    for span, caret, text in sorted(marks, key=lambda m: (m[0].source is not source, m[0].source.name, m[0].start)):
        number, column = span.source.position(span.start)
        if span.source is not source:
            lines.append(f"{' ' * width}{paint(':::', BLUE)} {place(span)}")
            source, previous = span.source, None
        start, end = source.bounds(number)  # of a line, which may be as long as the text
        offset = max(0, column - 1 - MAX_WIDTH // 2) if end - start > MAX_WIDTH else 0
        shown = printable(source.text[start + offset : min(end, start + offset + MAX_WIDTH)].replace("\t", " "))
        if number != previous:
            lines.append(f"{paint(str(number).rjust(width), BLUE)} {paint('|', BLUE)} {shown}".rstrip())
        length = max(1, min(span.end - span.start, end - start - column + 1, offset + MAX_WIDTH - column + 1))
        style = main if caret == "^" else BLUE
        under = " " * (column - 1 - offset) + paint(caret * length + (f" {printable(text)}" if text else ""), style)
        lines.append(f"{gutter} {under}")
        previous = number
    return lines


def place(span: Span) -> str:
    line, column = span.source.position(span.start)
    return f"{printable(shown_path(span.source.name))}:{line}:{column}"


def shown_path(name: str) -> str:
    """A path as seen from the working directory, where that is shorter."""
    if not os.path.isabs(name):
        return name
    try:
        relative = os.path.relpath(name)
    except (ValueError, OSError):  # another drive, or no working directory
        return name
    return relative if len(relative) < len(name) else name


def printable(text: str) -> str:
    """Text without characters that would steer a terminal, turn its direction or hide in it: they are spelt out."""
    if text.isprintable() and DECEPTIVE.search(text) is None:
        return text
    return "".join(c if c.isprintable() and DECEPTIVE.match(c) is None else _spelt_out(ord(c)) for c in text)


def harmless(text: str) -> str:
    """A text of several lines, of tables for example, in which such characters are spelt out."""
    return STEERING.sub(lambda found: _spelt_out(ord(found.group())), text)


def _spelt_out(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def render_all(diagnostics: Iterable[Diagnostic], colour: bool = False) -> str:
    """Diagnostics one after the other: as many as anyone reads, and how many more there are."""
    found = list(diagnostics)
    shown = [render(diagnostic, colour) for diagnostic in found[:MAX_FAULTS]]
    if len(found) > MAX_FAULTS:
        shown.append(f"… and {len(found) - MAX_FAULTS} more\n")
    return "\n".join(shown)


def networks(findings: Sequence[Findings]) -> str:
    """The SPECs that are right, a line each, with the networks in them."""
    return "".join(f"{printable(found.spec)}: ok ({', '.join(found.networks)})\n" for found in findings if found.ok)


def summary(diagnostics: Sequence[Diagnostic]) -> str:
    """How many there are of each level, how many errors have a fix, and where one reads on."""
    counts = Counter(diagnostic.level for diagnostic in diagnostics)
    parts = [counted(counts[level], level) for level in COLOURS if counts[level]]
    fixed = [
        diagnostic.level for diagnostic in diagnostics if diagnostic.fix is not None and diagnostic.level != "note"
    ]
    if fixed:
        command = "archdsl check --lint --fix" if "warning" in fixed else "archdsl check --fix"
        parts.append(f"{f'{len(fixed)} of them ' if len(diagnostics) > 1 else ''}with a fix (`{command}`)")
    return f"{', '.join(parts)}; `archdsl explain {diagnostics[0].code}` says more\n"
