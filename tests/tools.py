"""What some tests need and a machine may lack; what was left out for it is said at the end of a run."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import pytest


class Tool(NamedTuple):
    """A program, under any of its names; a variable of the environment may say where another is."""

    name: str
    programs: tuple[str, ...]
    variable: str
    get: str  # how a reader gets it

    def find(self) -> str | None:
        return os.environ.get(self.variable) or next(filter(None, map(shutil.which, self.programs)), None)

    def needed(self) -> pytest.MarkDecorator:
        """Marks tests that are left out where it is missing."""
        return pytest.mark.skipif(self.find() is None, reason=f"needs {self.name}")


BROWSER = Tool(
    "Chromium",
    ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    "CHROMIUM",
    "`apt install chromium`, or let $CHROMIUM name a browser",
)
TEX = Tool(
    "TeX",
    ("tectonic", "pdflatex"),
    "TEX",
    "`apt install texlive-latex-extra texlive-fonts-recommended tex-gyre`",
)
TOOLS = {tool.name: tool for tool in (BROWSER, TEX)}


def left_out(reasons: Iterable[str]) -> tuple[list[str], bool]:
    """What to say of skipped tests by their reasons, and whether any of them could have run with a tool of `TOOLS`."""
    counts = Counter(found[1] for reason in reasons if (found := re.search(r"needs (.+)$", reason)))
    lines = []
    for name, count in sorted(counts.items()):
        how = f" ({TOOLS[name].get})" if name in TOOLS else ""
        lines.append(f"{count} test{'s' * (count > 1)} that need{'s' * (count == 1)} {name}{how}")
    return lines, any(name in TOOLS for name in counts)
