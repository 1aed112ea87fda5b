"""What the streams that a command writes to can show, and faults on standard error."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

import click

from archdsl.diagnostics import Diagnostic
from archdsl.render.text import harmless

if TYPE_CHECKING:
    from archdsl.sheet.sheet import Sheet

MARKS: Final = re.compile("[\ue000-\ue002]")  # characters that are nobody's
MARKED: Final = re.compile("\ue000(\\d)\ue001(.*?)\ue002")
MAX_WIDTH: Final = 88  # of running text: longer lines are hard to read


def colour(stream: TextIO) -> bool:
    """Whether to write in colour: on a terminal, unless the environment says otherwise, as it does for Python itself.

    A non-empty NO_COLOR (no-color.org) turns colour off, else a non-empty FORCE_COLOR turns it on, else TERM=dumb off.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def say(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print a text that may hold names from outside, of files for example: nothing in it steers the terminal."""
    click.echo(harmless(text), err=err, nl=nl)


def width() -> int:
    """The width of running text."""
    return min(shutil.get_terminal_size().columns, MAX_WIDTH)


def terminal_width(stream: TextIO) -> int | None:
    """The width of a terminal; None where the stream is none, so that what is piped is whole."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def print_sheets(sheets: Sequence[Sheet], form: str = "text", width: int | None = None) -> None:
    """Tables on standard output, on a terminal as wide as that unless a width is given, with styles where it shows
    them."""
    from archdsl.render.text import painter
    from archdsl.sheet.formats import render_all

    width = width or terminal_width(sys.stdout)
    text = harmless(render_all(sheets, form, width))
    if form == "text" and colour(sys.stdout) and not MARKS.search(text):
        # Styles are marked until nothing in the text can steer the terminal any more.
        paint = painter(True)
        marked = harmless(render_all(sheets, form, width, lambda said, style: f"\ue000{style}\ue001{said}\ue002"))
        text = MARKED.sub(lambda found: paint(found[2], found[1]), marked)
    click.echo(text, nl=False, color=True)


@contextmanager
def progress(stream: TextIO) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal, for a function that is told how much is done, of how much; elsewhere nothing."""
    if not stream.isatty():
        yield lambda done, of: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(file=stream), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def show_faults(diagnostics: Sequence[Diagnostic]) -> None:
    """Diagnostics on standard error, and a line that says how many there are and who explains them."""
    from archdsl.render.text import render_all, summary

    shown = colour(sys.stderr)
    click.echo(f"{render_all(diagnostics, shown)}\n{summary(diagnostics)}", err=True, nl=False, color=shown)
