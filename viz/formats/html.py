"""HTML: one interactive page, which needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping

from viz import palette
from viz.html import both, themes
from viz.html.both import Both
from viz.html.cells import CARRIERS, running
from viz.html.document import document
from viz.html.notebook import frame
from viz.html.overlay import overlay
from viz.html.page import page
from viz.html.pictures import Picture, pictures
from viz.html.views import Views
from viz.look import Look

OPENS = True  # blocks open and close in it, and views change
IGNORES = (
    "depth",
    "blocks",
    "theme",
    "engine",
    "width",
    "font",
)  # its reader chooses, and it is laid out where it is read


def render(subject: Views | Both, look: Look) -> bytes:
    """The page of a network, or of two compared."""
    if isinstance(subject, Both):
        return page(both.document(subject, look), themes.css_of_changes())
    known = document(subject.scene, look)
    others: Mapping[str, Picture] = pictures(subject, known)
    if look.heat:
        known, others = overlay(known, others, look.heat)
    colours = palette.colours((box.colour for box in subject.scene.boxes()), subject.scene.devices)
    named = sorted({light for picture in others.values() for light in picture.colours})
    return page(
        {**known.data, "view": subject.first, **({"heat": "own0"} if look.heat else {})},
        themes.css(colours, named),
        {name: picture.data for name, picture in others.items()},
    )


def embed(views: Views, look: Look, drawing: str | None = None) -> str:
    """The page as an element of a notebook, which shows a drawing where the page cannot be laid out."""
    engine = CARRIERS.carries(running())
    return frame(render(views, look), views.scene.title, engine=engine, drawing=drawing)
