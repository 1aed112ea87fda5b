"""What would change in a file, as a unified diff."""

from __future__ import annotations

import difflib

from archdsl.render.text import printable


def changes(name: str, before: str, after: str, how: str) -> str:
    """The diff of a file's text before and after; `how` says what was done to it."""
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    shown = printable(name)
    lines = difflib.unified_diff(old, new, shown, f"{shown} ({how})")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
