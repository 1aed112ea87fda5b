"""SVG: vectors, for papers, pages and whatever is made from them."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from viz import graph_picture, recolour, stages_picture
from viz.formats import Look, Subject
from viz.stages import Stages


def render(subject: Subject, look: Look) -> bytes:
    """The SVG file of a drawing."""
    text: str = ElementTree.tostring(picture(subject, look), encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def picture(subject: Subject, look: Look) -> Element:
    """The drawing as the elements of an SVG file, in the colours of the theme."""
    drawing = stages_picture.draw(subject) if isinstance(subject, Stages) else graph_picture.draw(subject, look)
    recolour.elements(drawing, look.theme)
    return drawing
