"""A table as JSON: the document that it shows a part of."""

from __future__ import annotations

import json

from archdsl.sheet.sheet import Sheet


def render(sheet: Sheet, width: int | None) -> str:
    return json.dumps(sheet.document, indent=1, ensure_ascii=False) + "\n"
