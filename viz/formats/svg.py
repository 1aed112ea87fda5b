"""SVG: vectors, for papers, pages and whatever is made from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from archdsl.outline.stages import Stages
from viz import figure, recolour
from viz.difference import picture as comparison_picture
from viz.difference.comparison import Comparison
from viz.engine import DrawingError
from viz.figure import Figure
from viz.formats import Drawable
from viz.graph import picture as graph_picture
from viz.look import Look
from viz.stages import picture as stages_picture
from viz.volumes import figures as volumes_figures
from viz.volumes import picture as volumes_picture
from viz.volumes.view import Volumes


def render(subject: Drawable, look: Look) -> bytes:
    """The SVG file of a drawing."""
    text: str = ElementTree.tostring(picture(subject, look), encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def picture(subject: Drawable, look: Look) -> Element:
    """The drawing as the elements of an SVG file, in the colours of the theme. Raises `DrawingError` for a figure that
    could not be read."""
    if look.figure is not None:
        drawing = _figure(subject, look, look.figure)
    elif isinstance(subject, Comparison):
        drawing = comparison_picture.draw(subject, look)
    elif isinstance(subject, Stages):
        drawing = stages_picture.draw(subject, look.theme)
    elif isinstance(subject, Volumes):
        drawing = volumes_picture.draw(subject, look.theme)
    else:
        drawing = graph_picture.draw(subject, look)
    recolour.elements(drawing, look.theme)
    return drawing


def _figure(subject: Drawable, look: Look, asked: Figure) -> Element:
    """The drawing as a figure of a document."""
    drawings: Iterator[Callable[[], Element]]
    if isinstance(subject, Comparison):
        drawings = iter([partial(comparison_picture.draw, subject, look)])
    elif isinstance(subject, Stages):
        drawings = stages_picture.drawings(subject, look, asked)
    elif isinstance(subject, Volumes):
        drawings = volumes_figures.drawings(subject, look, asked)
    else:
        drawings = graph_picture.drawings(subject, look)
    drawing, letters = figure.fitted(drawings, asked)
    if letters < figure.READABLE - figure.ROUNDING:
        wide = asked.width / 72 * figure.READABLE / letters
        raise DrawingError(
            f"{asked.width / 72:.3g} in are too narrow: the smallest letters would have {letters:.1f} points, of at "
            f"least {figure.READABLE:g} that can be read; ask for about {wide:.1f} in, a part (--focus) or another view"
        )
    return drawing
