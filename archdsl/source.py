"""Spec texts and positions in them."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

BOM: Final = b"\xef\xbb\xbf"  # what some editors begin a file in UTF-8 with
NEWLINE: Final = re.compile("\n")
STDIN: Final = "<stdin>"  # what standard input is called where its text is shown
# Control characters, and those that change the direction of text or hide in it.
DECEPTIVE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\xad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)


@dataclass(frozen=True, eq=False)
class Source:
    """A text that was read, under the name it is shown by (a path, or `<stdin>`)."""

    name: str
    text: str = field(repr=False)  # with lines that end with a line feed, whatever ends them in the file
    ending: str = field(default="\n", repr=False)  # of the file's lines: of the first one, where they differ
    mark: bool = field(default=False, repr=False)  # whether a byte-order mark begins the file

    def encoded(self, text: str) -> bytes:
        """Another text as the file would hold it: with its ends of lines and its byte-order mark."""
        return (BOM if self.mark else b"") + text.replace("\n", self.ending).encode()

    @cached_property
    def line_starts(self) -> list[int]:
        return [0, *(newline.end() for newline in NEWLINE.finditer(self.text))]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of a character, both counted from 1."""
        line = bisect.bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line (from 1), without its end."""
        start, end = self.bounds(number)
        return self.text[start:end].rstrip("\r")

    def bounds(self, number: int) -> tuple[int, int]:
        """The offsets between which a line (from 1) stands, without its end."""
        starts = self.line_starts
        return starts[number - 1], starts[number] - 1 if number < len(starts) else len(self.text)


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` (exclusive) of a source."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        return self.source.position(self.start)[1]

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    def to(self, other: Span) -> Span:
        """From the start of this span to the end of another."""
        return Span(self.source, self.start, other.end)

    def __str__(self) -> str:
        line, column = self.source.position(self.start)
        return f"{self.source.name}:{line}:{column}"
