"""The parser of a grammar, from tables that were worked out before: working them out takes longer than most specs.

`text.json` holds the tables of `text.lark`, as plain data, with the grammar's hash and lark's version. Where either is
another, the tables are worked out anew; so the file can only be slow, never wrong. `make docs` writes it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import lark
from lark.grammar import Rule
from lark.lexer import TerminalDef

GRAMMAR: Final = Path(__file__).with_name("text.lark")
TABLES: Final = Path(__file__).with_name("text.json")
OPTIONS: Final[dict[str, Any]] = {
    "parser": "lalr",
    "lexer": "basic",
    "start": ["start", "expr", "chain", "step"],
    "keep_all_tokens": True,
    "maybe_placeholders": True,
}


def parser(**callbacks: Any) -> lark.Lark:
    """The parser; `callbacks` are the options of lark that are objects: `transformer`, `postlex`, `lexer_callbacks`."""
    found = _read()
    if found is None:
        return lark.Lark(GRAMMAR.read_text(encoding="utf-8"), **OPTIONS, **callbacks)
    data, memo = found
    untyped: Any = lark.Lark
    loaded: lark.Lark = untyped._load_from_dict(data, memo, **callbacks)  # as lark's stand-alone parsers do
    return loaded


def current() -> bool:
    """Whether the tables on disk are those of the grammar and of this version of lark."""
    return _read() is not None


def write() -> None:
    """Work the tables out and write them."""
    parser: Any = lark.Lark(GRAMMAR.read_text(encoding="utf-8"), **OPTIONS)
    data, memo = parser.memo_serialize([TerminalDef, Rule])
    document = {"of": _origin(), "data": data, "memo": memo}
    TABLES.write_text(json.dumps(document, separators=(",", ":")) + "\n", encoding="utf-8")


def _read() -> tuple[dict[str, Any], dict[int, Any]] | None:
    if not TABLES.exists():
        return None
    document = json.loads(TABLES.read_bytes())
    if document["of"] != _origin():
        return None
    data = document["data"]
    table = data["parser"]["parser"]
    table["tokens"] = _numbered(table["tokens"])
    table["states"] = {state: _numbered(actions) for state, actions in _numbered(table["states"]).items()}
    return data, _numbered(document["memo"])


def _numbered(keyed: dict[str, Any]) -> dict[int, Any]:
    """A mapping of numbers, whose keys JSON turned into text."""
    return {int(key): value for key, value in keyed.items()}


def _origin() -> dict[str, str]:
    return {"grammar": hashlib.sha256(GRAMMAR.read_bytes()).hexdigest(), "lark": lark.__version__}
