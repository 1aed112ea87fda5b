"""A page as the output of a notebook's cell: packed, in a frame in which it can do nothing but show and save."""

from __future__ import annotations

import hashlib
import html
from functools import cache
from typing import Final

from viz.html.inline import allowed, filled, read, script
from viz.html.packing import packed, spelt
from viz.html.page import ENGINE, policy_of

HEIGHT: Final = 620  # pixels
BEFORE: Final = 'id="engine">'  # in a page, before the text of the engine


def frame(text: bytes, title: str, *, engine: bool = True, drawing: str | None = None) -> str:
    """An element that shows a page; with its layout `engine`, or with one that it asks other outputs for. Until it has
    it, and where there is none, it shows a `drawing` in SVG."""
    page = text.decode()
    code, style = script(("notebook/unpack", "notebook/frame")), read("notebook/frame.css")
    policy = policy_of(page)
    policy["script-src"] += f" {allowed(code)}"
    policy["style-src"] += f" {allowed(style)}"
    policy["img-src"] = "data:"
    parts = {
        "name": _engine()[0],
        "policy": "; ".join(f"{directive} {value}" for directive, value in policy.items()),
        "title": html.escape(title),
        "style": style,
        "page": spelt(packed(page.replace(f"{BEFORE}{_engine()[1]}", BEFORE, 1).encode())),
        "engine": _engine()[2] if engine else "",
        "drawing": "" if engine or drawing is None else spelt(packed(drawing.encode())),
        "script": code,
    }
    return (
        f'<iframe title="{html.escape(title)}" sandbox="allow-scripts allow-downloads"'
        f' style="width: 100%; height: {HEIGHT}px; border: 1px solid #d5d9e0; border-radius: 8px"'
        f' srcdoc="{html.escape(filled("notebook/frame.html", parts).decode())}"></iframe>'
    )


@cache
def _engine() -> tuple[str, str, str]:
    """The engine: the hash of its text, its text, and the text packed."""
    text = ENGINE.read_bytes()
    return hashlib.sha256(text).hexdigest(), text.decode(), spelt(ENGINE.with_suffix(".js.lzma").read_bytes())
