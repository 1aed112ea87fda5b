"""A text that is open in an editor: as it is now, and as it was when it could last be understood."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from archdsl.diagnostics import Diagnostic
from archdsl.editor.analysis import Analysis, examine
from archdsl.editor.moved import Moved
from archdsl.source import Source, Span


class OpenDocument:
    """An open file. Every answer is about `source`, the text as it is now.

    While a text is broken, places are those of the last one that was not, moved with what was written since.
    """

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.source = Source(str(path), text)
        self.version = 0
        self.chosen: str | None = None  # the network or variant that shapes are shown of
        self.instance: str | None = None  # the path of the instance of a block that they are shown of
        self.diagnostics: tuple[Diagnostic, ...] = ()
        self.known: Analysis | None = None
        self._moved = Moved(0, 0, 0)
        self._lock = threading.Lock()

    def update(self, text: str) -> None:
        """Take a newer text; `examine` looks at it."""
        with self._lock:
            if text == self.source.text:
                return
            self.version += 1
            self.source = Source(str(self.path), text)
            self._remember()

    def examine(self, texts: Mapping[str, str] = MappingProxyType({})) -> bool:
        """Find out what the text says and what is wrong with it; whether it is still the text when that is known."""
        with self._lock:
            source, version, chosen = self.source, self.version, self.chosen
        found = examine(source, self.path.parent, chosen, texts, lambda: self.version != version)
        with self._lock:
            if self.version != version:
                return False
            self.diagnostics = found.diagnostics
            if found.analysis is not None:
                self.known = found.analysis
                self._remember()
            return True

    @property
    def current(self) -> bool:
        """Whether what is known is known of the text as it is now."""
        return self.known is not None and self.known.source is self.source

    def old_offset(self, offset: int) -> int | None:
        """Where a place of the text stood when it could last be understood."""
        return self._moved.back(offset)

    def old_place(self, offset: int) -> int:
        """The same; for what is new, where it was written."""
        old = self._moved.back(offset)
        return self._moved.start if old is None else old

    def place(self, span: Span) -> Span | None:
        """Where a span of what is known stands now; itself in another file, None where it was written over."""
        if self.known is None or span.source is not self.known.source:
            return span
        start, end = self._moved.forward(span.start), self._moved.forward(span.end, end=True)
        inside = start is not None and end is not None and start <= end
        return Span(self.source, start, end) if inside and start is not None and end is not None else None

    def _remember(self) -> None:
        if self.known is not None:
            self._moved = Moved.between(self.known.source.text, self.source.text)
