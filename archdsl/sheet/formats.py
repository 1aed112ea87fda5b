"""The formats in which a table is printed; a format is one module beside this one, imported when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from archdsl.sheet.sheet import Sheet
    from archdsl.sheet.text import Paint

FORMATS: Final = MappingProxyType(
    {
        "text": "for people",
        "json": "one JSON document",
        "csv": "comma-separated values, numbers in full",
        "markdown": "a table of Markdown",
        "html": "one page of HTML",
    }
)


def render(sheet: Sheet, form: str, width: int | None = None, paint: Paint | None = None) -> str:
    """A table in one of `FORMATS`, ending with a newline; text in lines of at most `width`, where it can be, which
    `paint` gives styles."""
    module = importlib.import_module(f"archdsl.sheet.{form}")
    text: str = module.render(sheet, width) if paint is None or form != "text" else module.render(sheet, width, paint)
    return text


def render_all(sheets: Sequence[Sheet], form: str, width: int | None = None, paint: Paint | None = None) -> str:
    """Tables that belong together, one below the other; the first has the JSON document of all."""
    shown = sheets[:1] if form == "json" else sheets
    return "\n".join(render(sheet, form, width, paint) for sheet in shown)
