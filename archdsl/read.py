"""Reads spec files: regular files of bounded size, UTF-8, no deceptive characters."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final

from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from archdsl.limits import limits
from archdsl.source import BOM, DECEPTIVE, STDIN, Source, Span

LINE_END: Final = re.compile("\r\n|\r|\n")


class NotRegularError(OSError):
    """A device, a pipe or a socket in the place of a file: it could have no end."""


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """A regular file, opened to be read. Raises `OSError` for what is none, `ValueError` for what is no path."""
    # Non-blocking, so that a FIFO does not hang.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return open(handle, "rb")
    os.close(handle)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a directory", os.fspath(path))
    raise NotRegularError(errno.EINVAL, "not a regular file", os.fspath(path))


def read(path: Path, shown: str | None = None, code: str = "unreadable-file") -> Source:
    """The text of a spec file. Raises `SpecError`; `code` is what a file that cannot be opened is called."""
    name = shown or str(path)
    try:
        file = open_regular(path)
    except IsADirectoryError:
        raise _error(code, f"`{name}` is a directory, not a spec", name, "name a file in it") from None
    except NotRegularError:
        raise _error(code, f"`{name}` is not a regular file", name) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _error(code, f"cannot read `{name}`: {reason.lower()}", name) from None
    try:
        with file:
            data = file.read(limits().bytes + 1)
    except OSError as error:  # a disk that fails, say
        raise _error(code, f"cannot read `{name}`: {(error.strerror or str(error)).lower()}", name) from None
    return decode(data, name)


def read_stdin() -> Source:
    """The text of standard input, which a command may name more than once. Raises `SpecError`."""
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise _error("unreadable-file", "cannot read standard input: it is closed", STDIN)
    try:
        data = _all_of(stream, limits().bytes + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _error("unreadable-file", f"cannot read standard input: {reason.lower()}", STDIN) from None
    return decode(data, STDIN)


@lru_cache(maxsize=1)
def _all_of(stream: BinaryIO, most: int) -> bytes:
    return stream.read(most)


def decode(data: bytes, name: str) -> Source:
    """Bytes as the source of a spec. Raises `SpecError`."""
    if len(data) > limits().bytes:
        message = f"`{name}` is larger than {limits().bytes:,} bytes, the limit for a spec"
        raise _error("file-too-large", message, name, "--max-bytes sets another limit")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise _error("not-text", f"`{name}` looks like UTF-16; save it as UTF-8", name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\0" in data:
            raise _error("not-text", f"`{name}` is a binary file, not a spec", name) from None
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        source = Source(name, data.decode("latin-1"))
        place = Span(source, error.start, error.start + 1)
        message = f"not UTF-8 text: byte 0x{data[error.start]:02x} at line {line}, column {column}"
        raise SpecError([Diagnostic("not-text", message, place, help="a spec is a text file in UTF-8")]) from None
    ends = LINE_END.search(text)
    ending = ends.group() if ends is not None else "\n"
    source = Source(name, text.replace("\r\n", "\n").replace("\r", "\n"), ending, data.startswith(BOM))
    found = DECEPTIVE.search(source.text)
    if found is not None:
        char = ord(found.group())
        kind = "control character" if char < 0xA0 else "invisible or bidirectional character"
        raise SpecError(
            [
                Diagnostic(
                    "bad-character",
                    f"{kind} U+{char:04X} in a spec",
                    Span(source, found.start(), found.end()),
                    help="delete it",
                )
            ]
        )
    if not re.sub(r"#[^\n]*", "", source.text).strip():
        what = "has only comments" if source.text.strip() else "is empty"
        raise SpecError(
            [
                Diagnostic(
                    "empty-spec",
                    f"the spec {what}",
                    Span(source, 0, 0),
                    help="write at least a network: `network Net(x: [N, 8]) { x -> linear(2) }`",
                )
            ]
        )
    return source


def _error(code: str, message: str, name: str, help: str | None = None) -> SpecError:
    return SpecError([Diagnostic(code, message, place=name, help=help)])
