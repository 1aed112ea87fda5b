"""Puts the page together: one file that refers to no other, and a policy that forbids what it does not need."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from viz.html.inline import HOME, allowed, filled, read, script

ENGINE: Final = HOME / "vendor" / "elkjs" / "elk-worker.min.js"
# In the order in which they need each other. In the page they share one scope, so their imports are left out.
SCRIPTS: Final = (
    "dom", "wording", "nesting", "model", "address", "engine", "heat", "stacks", "layout", "sheets", "camera", "draw",
    "differences", "faults", "sides", "panel", "search", "keyboard", "steps", "save", "graph", "picture", "main",
)  # fmt: skip
NONE: Final[Mapping[str, dict[str, Any]]] = MappingProxyType({})
UNSAFE: Final = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})


def page(document: dict[str, Any], colours: str, pictures: Mapping[str, dict[str, Any]] = NONE) -> bytes:
    """The page that shows a document, with the style rules of its colours, and the pictures of other views."""
    style = colours + read("page.css")
    code = script(SCRIPTS)
    engine = ENGINE.read_text(encoding="utf-8")
    policy = {
        "default-src": "'none'",
        "script-src": f"{allowed(code)} {allowed(engine)}",
        "style-src": allowed(style),
        "worker-src": "blob:",  # the layout engine, from the text in this file
    }
    parts = {
        "policy": "; ".join(f"{directive} {value}" for directive, value in policy.items()),
        "title": html.escape(document["title"]),
        "style": style,
        "data": as_json(document),
        "pictures": "\n".join(
            f'<script type="application/json" id="{name}">{as_json(picture)}</script>'
            for name, picture in pictures.items()
        ),
        "engine": engine,
        "script": code,
    }
    return filled("page.html", parts)


def policy_of(text: str) -> dict[str, str]:
    """The policy of a page by its directives."""
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    return dict(directive.split(" ", 1) for directive in found[1].split("; ")) if found else {}


def as_json(document: dict[str, Any]) -> str:
    """JSON that ends no script element and opens no comment in it, whatever a spec says."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).translate(UNSAFE)
