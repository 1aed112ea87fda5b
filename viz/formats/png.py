"""PNG: the SVG as pixels."""

from __future__ import annotations

from viz.formats import Drawable, svg
from viz.look import Look
from viz.raster import PRINTED, ZOOM, rasterise


def render(subject: Drawable, look: Look) -> bytes:
    """The PNG file of a drawing, twice as large as on paper, or as sharp as print; or as large as viewers allow."""
    return rasterise(svg.render(subject, look).decode(), ZOOM if look.figure is None else PRINTED)
