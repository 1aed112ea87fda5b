"""Places of the protocol, lines and UTF-16 units from 0, and those of a text, characters from its beginning."""

from __future__ import annotations

from pathlib import Path

from lsprotocol import types
from pygls import uris

from archdsl.source import Source, Span


def offset_of(source: Source, position: types.Position) -> int:
    """The character at a place; the end of the line where that is shorter, of the text where that is."""
    if position.line >= len(source.line_starts):
        return len(source.text)
    start, end = source.bounds(position.line + 1)
    units = 0
    for offset in range(start, end):
        if units >= position.character:
            return offset
        units += 2 if ord(source.text[offset]) > 0xFFFF else 1
    return end


def position_of(source: Source, offset: int) -> types.Position:
    line, column = source.position(min(offset, len(source.text)))
    before = source.text[offset - column + 1 : offset]
    return types.Position(line - 1, len(before.encode("utf-16-le")) // 2)


def range_of(span: Span) -> types.Range:
    return types.Range(position_of(span.source, span.start), position_of(span.source, span.end))


def uri_of(source: Source) -> str:
    """The address of a file; a source is called by its path here."""
    return uris.from_fs_path(str(Path(source.name).absolute())) or source.name


def path_of(uri: str) -> Path:
    return Path(uris.to_fs_path(uri) or uri)
