"""HTML: one interactive page, which needs nothing beside it."""

from __future__ import annotations

from viz import palette
from viz.formats import Look
from viz.html import themes
from viz.html.document import document
from viz.html.page import frame, page
from viz.scene import Scene

VIEWS = ("graph",)
OPENS = True  # blocks open and close in it
IGNORES = ("fold", "depth", "theme", "engine")  # its reader chooses, and it is laid out where it is read


def render(scene: Scene, look: Look) -> bytes:
    """The page of a scene."""
    return page(
        document(scene, look), themes.css(palette.colours((box.colour for box in scene.boxes()), scene.devices))
    )


def embed(scene: Scene, look: Look) -> str:
    """The page as an element of another page."""
    return frame(render(scene, look), scene.title)
