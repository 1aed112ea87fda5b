"""A table of Markdown, as GitHub reads it."""

from __future__ import annotations

import re

from archdsl.sheet.sheet import Sheet, texts

SPECIAL = re.compile(r"([\\`*|<>\[\]~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")


def render(sheet: Sheet, width: int | None) -> str:
    """Ends with a newline. Names are whole paths, since spaces at the beginning of a cell are lost."""
    rows = [[escape(text) for text in row] for row in texts(sheet, tree=False)]
    if sheet.total is not None:
        rows[-1] = [f"**{text}**" if text else "" for text in rows[-1]]
    head = [escape(column.heading) for column in sheet.columns]
    rule = ["--:" if column.right else "---" for column in sheet.columns]
    lines = [f"| {' | '.join(row)} |" for row in [head, rule, *rows]]
    if sheet.notes:
        lines += ["", *(f"* {escape(re.sub('  +', ' ', note))}" for note in sheet.notes if note)]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """A text that Markdown shows as it is, on one line."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split("\n")))
