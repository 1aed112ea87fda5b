"""Text to tokens, by one pattern of all the terminals of a grammar."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass


class Token(str):
    """A piece of text: which terminal it is (`type`), and where in its source it begins (`start`)."""

    __slots__ = ("start", "type")
    type: str
    start: int

    def __new__(cls, type: str, text: str, start: int) -> Token:
        token = str.__new__(cls, text)
        token.type = type
        token.start = start
        return token


class UnexpectedCharacter(Exception):
    """At this position of the text no token begins."""

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position


@dataclass(frozen=True, slots=True)
class Lexer:
    """The terminals: a pattern with a group for each, the texts that are other terminals where one of the pattern's
    has them (`block`, which is no NAME), and those that are passed over."""

    pattern: re.Pattern[str]
    words: Mapping[str, Mapping[str, str]]
    ignored: Collection[str]

    def tokens(self, text: str, start: int, end: int, passed: Callable[[Token], None]) -> Iterator[Token]:
        """The tokens between two offsets; `passed` is told of those that are passed over. Raises
        `UnexpectedCharacter`."""
        position = start
        for match in self.pattern.finditer(text, start, end):
            if match.start() != position:
                break
            kind = match.lastgroup or ""
            token = Token(kind, match.group(), position)
            position = match.end()
            if kind in self.ignored:
                passed(token)
                continue
            if kind in self.words:
                token.type = self.words[kind].get(token, kind)
            yield token
        if position != end:
            raise UnexpectedCharacter(position)
