"""The text format of Protocol Buffers (https://protobuf.dev/reference/protobuf/textformat-spec), without a schema."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from archdsl.importing.unusable import Unusable

TOKEN: Final = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)|(?P<name>[A-Za-z_][\w.]*)"""
    r"""|(?P<number>[-+]?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)[fF]?)"""
    r"""|(?P<text>"(?:[^"\n\\]|\\.)*"|'(?:[^'\n\\]|\\.)*')|(?P<mark>[{}:;,<>\[\]-])"""
)
CLOSING: Final = {"{": "}", "<": ">"}
DEEPEST: Final = 64  # messages in messages


class ProtoToken(NamedTuple):
    """A piece of the text: its kind, what it says, and its line."""

    kind: str
    said: str
    line: int


@dataclass(frozen=True)
class Message:
    """A message: the values of each field in order, which are numbers, truth values, words, texts or messages."""

    place: str
    line: int
    fields: dict[str, list[Any]] = field(default_factory=dict)

    def fault(self, message: str) -> Unusable:
        return Unusable(f"{self.place}:{self.line}: {message}")

    def all(self, name: str) -> list[Any]:
        return self.fields.get(name, [])

    def messages(self, name: str) -> list[Message]:
        found = self.all(name)
        if not all(isinstance(one, Message) for one in found):
            raise self.fault(f"`{name}` is a message: `{name} {{ … }}`")
        return found

    def message(self, name: str) -> Message:
        """The first message of this name; an empty one where there is none."""
        return next(iter(self.messages(name)), Message(self.place, self.line))

    def texts(self, name: str) -> list[str]:
        found = self.all(name)
        if not all(isinstance(one, str) for one in found):
            raise self.fault(f"`{name}` is no text")
        return found

    def text(self, name: str, default: str = "") -> str:
        return next(iter(self.texts(name)), default)

    def numbers(self, name: str) -> list[float]:
        found = self.all(name)
        if not all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in found):
            raise self.fault(f"`{name}` is no number")
        return found

    def number(self, name: str, default: float) -> float:
        return float(next(iter(self.numbers(name)), default))

    def integers(self, name: str) -> list[int]:
        found = self.numbers(name)
        if not all(isinstance(one, int) for one in found):
            raise self.fault(f"`{name}` is no integer")
        return [int(one) for one in found]

    def integer(self, name: str, default: int) -> int:
        return next(iter(self.integers(name)), default)

    def flag(self, name: str, default: bool) -> bool:
        found = next(iter(self.all(name)), default)
        if found not in (True, False):
            raise self.fault(f"`{name}` is true or false")
        return bool(found)

    def word(self, name: str, words: Sequence[str], default: str) -> str:
        """One of an enumeration's words, which may be given by its number."""
        found = next(iter(self.all(name)), default)
        if isinstance(found, int) and 0 <= found < len(words):
            return words[found]
        if found not in words:
            raise self.fault(f"`{name}` is one of {', '.join(words)}, not {found}")
        return str(found)


def parsed(text: str, place: str) -> Message:
    """The message that a text is. Raises `Unusable` with the line of what is none."""
    return _Parser(_tokens(text, place), place).message("", 1, 0)


def _tokens(text: str, place: str) -> list[ProtoToken]:
    found = []
    at, line = 0, 1
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise Unusable(f"{place}:{line}: not the text form of a message: `{text[at:].split()[0][:40]}`")
        kind = match.lastgroup or ""
        if kind != "space":
            found.append(ProtoToken(kind, match[0], line))
        line += match[0].count("\n")
        at = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[ProtoToken], place: str) -> None:
        self.tokens = tokens
        self.place = place
        self.at = 0

    def fault(self, message: str) -> Unusable:
        last = self.tokens[min(self.at, len(self.tokens) - 1)].line if self.tokens else 1
        return Unusable(f"{self.place}:{last}: {message}")

    def peek(self) -> ProtoToken:
        return self.tokens[self.at] if self.at < len(self.tokens) else ProtoToken("end", "", 0)

    def message(self, closing: str, line: int, depth: int) -> Message:
        """Fields up to the mark that closes them, which is left behind."""
        found = Message(self.place, line)
        if depth > DEEPEST:
            raise self.fault("messages are nested too deep")
        while (token := self.peek()).kind != "end":
            self.at += 1
            if token.kind == "mark" and token.said == closing:
                return found
            if token.kind == "mark" and token.said in ";,":
                continue
            if token.kind != "name":
                self.at -= 1
                raise self.fault(f"a field's name is expected, found `{token.said}`")
            values = found.fields.setdefault(token.said, [])
            values += self.values(token, depth)
        if closing:
            raise Unusable(f"{self.place}: `{closing}` is missing at the end")
        return found

    def values(self, name: ProtoToken, depth: int) -> list[Any]:
        """What stands behind a field's name: one value, or a list in brackets."""
        if self.peek().said == ":" and self.peek().kind == "mark":
            self.at += 1
        if self.peek().said != "[" or self.peek().kind != "mark":
            return [self.value(name, depth)]
        self.at += 1
        found: list[Any] = []
        while self.peek().said != "]" or self.peek().kind != "mark":
            found.append(self.value(name, depth))
            if self.peek().said == ",":
                self.at += 1
        self.at += 1
        return found

    def value(self, name: ProtoToken, depth: int) -> Any:
        token = self.peek()
        self.at += 1
        if token.kind == "mark" and token.said in CLOSING:
            return self.message(CLOSING[token.said], token.line, depth + 1)
        if token.kind == "number":
            return _number(token.said)
        if token.kind == "text":
            found = token.said[1:-1]
            while self.peek().kind == "text":  # texts in a row are one
                found += self.peek().said[1:-1]
                self.at += 1
            return re.sub(r"\\(.)", r"\1", found)
        if token.kind == "name":
            return {"true": True, "false": False, "inf": float("inf"), "nan": float("nan")}.get(token.said, token.said)
        self.at -= 1
        raise self.fault(f"the field `{name.said}` has no value")


def _number(said: str) -> float:
    if said.lower().lstrip("+-").startswith("0x"):
        return int(said, 16)
    plain = said.rstrip("fF")
    return float(plain) if re.search(r"[.eE]", plain) else int(plain)
