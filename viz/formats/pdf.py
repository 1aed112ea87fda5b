"""PDF: the SVG as vectors and embedded letters, for papers. Needs the extra `pdf`."""

from __future__ import annotations

import io

from archdsl.extras import not_installed
from viz.engine import DrawingError
from viz.formats import Drawable, svg
from viz.look import Look
from viz.raster import FAMILY, FONTS


def render(subject: Drawable, look: Look) -> bytes:
    """The PDF file of a drawing, a page as large as this. Raises `DrawingError` where svglib is not installed."""
    try:
        from reportlab.graphics import renderPDF
        from reportlab.pdfgen.canvas import Canvas
        from svglib.fonts import register_font
        from svglib.svglib import svg2rlg
    except ModuleNotFoundError as error:
        raise DrawingError(str(not_installed("PDF", error.name))) from None
    for weight in ("Regular", "Bold"):
        file = FONTS / f"{FAMILY.replace(' ', '')}-{weight}.ttf"
        register_font(FAMILY, str(file), weight="bold" if weight == "Bold" else "normal")
    drawing = svg2rlg(io.BytesIO(svg.render(subject, look)))
    if drawing is None:
        raise DrawingError("svglib cannot read the drawing")
    target = io.BytesIO()
    drawing.initialFontName = FAMILY  # or each page begins in Helvetica, which is not embedded
    size = drawing.width, drawing.height
    page = Canvas(target, pagesize=size, invariant=1, initialFontName=FAMILY)  # no date: the same bytes every time
    renderPDF.draw(drawing, page, 0, 0)
    page.save()
    return target.getvalue()
