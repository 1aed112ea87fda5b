"""A page that a writer fills: lines and cells, comments before and behind what they belong to, blank lines."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from archdsl.source import Span
from archdsl.syntax import tree
from archdsl.syntax.align import Cell

SECTION: Final = re.compile(r"(?:archdsl|imports|blocks|networks|variants):")  # in YAML, what follows stands apart

# What may stand on a line before the first thing that is written on it: an arrow, in YAML a dash and keys.
BEGINNING: Final = re.compile(r"[ >-]*+(?:\{?[\w\"']++: *+)*+\{?")


class Page:
    """Lines that are being written from a spec, with its comments and blank lines where they belong."""

    def __init__(self, spec: tree.Spec, keep: bool) -> None:
        self.source = spec.source
        self.keep = keep
        self.take(spec.comments)
        self.lines: list[list[Cell]] = []
        self.fresh = True  # nothing stands in this pair of braces yet

    def take(self, comments: Iterable[tree.Comment]) -> None:
        """The comments that are to be written from here on."""
        self.comments = sorted(comments, key=lambda comment: comment.span.start)
        self.starts = [comment.span.start for comment in self.comments]
        self.next = 0  # the first that is not written yet

    @property
    def width(self) -> int:
        """How long the current line is."""
        return sum(cell.gap + len(cell.text) for cell in self.lines[-1])

    def write(self, text: str) -> None:
        line = self.lines[-1]
        line[-1] = line[-1]._replace(text=line[-1].text + text)

    def gap(self, kind: str, space: str) -> None:
        """A place where columns may be aligned, with the author's space before it."""
        self.lines[-1].append(Cell("", kind, max(1, len(space)) if self.keep else 1))

    def begin(self, offset: int, indent: int) -> None:
        """A new line for what is written at an offset, after the comments before it."""
        self.comments_before(offset, indent)
        self._line(offset, indent)

    def _line(self, offset: int | None, indent: int) -> None:
        if offset is not None and not self.fresh and self._blank_before(offset):
            self.blank()
        self.lines.append([Cell(" " * indent)])
        self.fresh = False

    def blank(self) -> None:
        if self.lines and self.lines[-1] != [Cell("")]:
            self.lines.append([Cell("")])

    def _blank_before(self, offset: int) -> bool:
        """Whether the author left a line free above what begins a line at an offset."""
        line, column = self.source.position(offset)
        if line == 1 or not BEGINNING.fullmatch(self.source.line(line)[: column - 1]):
            return False
        above = self.source.line(line - 1)
        return not above.strip() or SECTION.match(above) is not None

    def comments_before(self, offset: int, indent: int) -> None:
        while self.next < len(self.comments) and self.starts[self.next] < offset:
            comment = self.comments[self.next]
            self._line(comment.span.start, indent)
            self.write(comment.text.rstrip())
            self.next += 1

    def end(self, offset: int) -> None:
        """End a line; a comment that follows the offset on its line stays behind it."""
        if self.next == len(self.comments) or self.starts[self.next] < offset or self._commented_line():
            return
        between = self.source.text[offset : self.starts[self.next]]
        if "\n" not in between and not re.search(r"\w", between):
            self.gap("#", between[len(between.rstrip()) :])
            self.write(self.comments[self.next].text.rstrip())
            self.next += 1

    def _commented_line(self) -> bool:
        """Whether the current line ends with a comment, behind which nothing else can stand."""
        return self.lines[-1][-1].text.lstrip().startswith("#")

    def pending(self, offset: int) -> bool:
        """Whether a comment before an offset is not written yet."""
        return self.next < len(self.starts) and self.starts[self.next] < offset

    def commented(self, span: Span) -> bool:
        """Whether a comment that is not written yet stands within a span."""
        i = bisect_left(self.starts, span.start, lo=self.next)
        return i < len(self.starts) and self.starts[i] < span.end
