"""The standard streams of a command: closed ones, ones that cannot spell every character, and what is said on them."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import Final

import click

from archdsl.render.text import harmless

STANDARD: Final = range(3)  # input, output, errors


class _Closed(io.TextIOBase):
    """The standard output of a command that was started without one."""

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        raise OSError(errno.EBADF, "it is closed")


def open_all() -> None:
    """Give a command all of its streams.

    Where one was closed (`>&-`), its descriptor is taken, so that no other file gets its number. What is written to a
    closed standard output is an error, what is written to closed standard errors is lost, and a closed standard input
    is told where it is read. Characters that an encoding has not, and bytes of file names that are no text, are spelt
    out.
    """
    for number in STANDARD:
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free, which is this one
    if sys.stdout is None:
        sys.stdout = _Closed()
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 # to the end of the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def write_bytes(data: bytes) -> None:
    """Write what is no text to standard output. Raises `OSError`."""
    if isinstance(sys.stdout, _Closed):
        sys.stdout.write("")
    sys.stdout.buffer.write(data)


def complain(text: str, *, nl: bool = True) -> None:
    """Say on standard error what went wrong, as far as it takes anything."""
    with contextlib.suppress(OSError):
        click.echo(harmless(text), err=True, nl=nl)


def shown(error: click.ClickException) -> str:
    """What click says of a command that was used wrongly."""
    text = io.StringIO()
    error.show(text)
    return text.getvalue()


def drop_output() -> None:
    """Send the rest of standard output nowhere, or Python complains once more when it ends."""
    with contextlib.suppress(OSError, ValueError):  # of a stream that is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
