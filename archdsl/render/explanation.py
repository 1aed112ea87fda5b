"""What a code means, as a page: plain text for a terminal, Markdown for the documentation, data for JSON."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from typing import Any

from archdsl.catalogue import CATALOGUE, Entry
from archdsl.render.text import BOLD, COLOURS, painter

WIDTH = 80


def as_text(code: str, width: int = WIDTH, colour: bool = False) -> str:
    """The page of a code, ending with a newline."""
    entry = CATALOGUE[code]
    paint = painter(colour)
    title = paint(f"{entry.level}[{code}]", COLOURS[entry.level]) + paint(f": {entry.summary}", BOLD)
    why = [_fill(paragraph, width) for paragraph in entry.paragraphs]
    return "\n\n".join([title, *why, *_examples(entry, paint), *_source(entry)]) + "\n"


def _fill(paragraph: str, width: int) -> str:
    """A paragraph in lines, which break between words, and not within `code`."""
    unbroken = re.sub("`[^`]*`", lambda code: code.group().replace(" ", "\N{NO-BREAK SPACE}"), paragraph)
    lines = textwrap.fill(unbroken, width, break_on_hyphens=False, break_long_words=False)
    return lines.replace("\N{NO-BREAK SPACE}", " ")


def _examples(entry: Entry, paint: Callable[[str, str], str]) -> list[str]:
    shown = []
    for heading, example in (("Wrong:", entry.wrong), ("Right:", entry.right)):
        if example:
            shown += [paint(heading, BOLD), textwrap.indent(example, "    ")]
    return shown


def as_markdown(code: str) -> str:
    """The page of a code without its heading, ending with a newline."""
    entry = CATALOGUE[code]
    parts = [f"{entry.level.capitalize()}: {entry.summary}.", *entry.paragraphs]
    for heading, example in (("Wrong:", entry.wrong), ("Right:", entry.right)):
        if example:
            # The words behind the language say that these blocks are checked with the catalogue.
            language = "yaml" if example.startswith("archdsl:") else "arch"
            parts += [heading, f"```{language} example\n{example}\n```"]
    return "\n\n".join([*parts, *_source(entry)]) + "\n"


def _source(entry: Entry) -> list[str]:
    return [f"Source: {entry.source}"] if entry.source else []


def to_dict(code: str) -> dict[str, Any]:
    """The page of a code as plain data."""
    entry = CATALOGUE[code]
    return {
        "code": code,
        "level": entry.level,
        "exit_status": entry.exit_status,
        "summary": entry.summary,
        "explanation": entry.paragraphs,
        "wrong": entry.wrong or None,
        "right": entry.right or None,
        "source": entry.source or None,
    }
