"""SVG: vectors, for papers, pages and whatever is made from them."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from archdsl.outline.stages import Stages
from viz import recolour
from viz.difference import picture as comparison_picture
from viz.difference.comparison import Comparison
from viz.formats import Drawable
from viz.graph import picture as graph_picture
from viz.look import Look
from viz.stages import picture as stages_picture
from viz.volumes import picture as volumes_picture
from viz.volumes.view import Volumes


def render(subject: Drawable, look: Look) -> bytes:
    """The SVG file of a drawing."""
    text: str = ElementTree.tostring(picture(subject, look), encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def picture(subject: Drawable, look: Look) -> Element:
    """The drawing as the elements of an SVG file, in the colours of the theme."""
    if isinstance(subject, Comparison):
        drawing = comparison_picture.draw(subject, look)
    elif isinstance(subject, Stages):
        drawing = stages_picture.draw(subject, look.theme)
    elif isinstance(subject, Volumes):
        drawing = volumes_picture.draw(subject, look.theme)
    else:
        drawing = graph_picture.draw(subject, look)
    recolour.elements(drawing, look.theme)
    return drawing
