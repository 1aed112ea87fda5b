"""A table as JSON: the document that it shows a part of."""

from __future__ import annotations

import json

from archdsl.sheet.sheet import Sheet


def render(sheet: Sheet, width: int | None) -> str:
    document = sheet.document() if callable(sheet.document) else sheet.document
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
