"""HTML: one interactive page, which needs nothing beside it."""

from __future__ import annotations

from viz import palette
from viz.difference.comparison import Comparison
from viz.formats import Look
from viz.html import comparison, themes
from viz.html.document import document
from viz.html.page import frame, page
from viz.scene import Scene

VIEWS = ("graph", "difference")
OPENS = True  # blocks open and close in it


def render(subject: Scene | Comparison, look: Look) -> bytes:
    """The page of a scene, or of a comparison."""
    if isinstance(subject, Comparison):
        return comparison.render(subject, look)
    colours = palette.colours((box.colour for box in subject.boxes()), subject.devices)
    return page(document(subject, look), themes.css(colours))


def embed(scene: Scene, look: Look) -> str:
    """The page as an element of another page."""
    return frame(render(scene, look), scene.title)
