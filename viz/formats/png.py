"""PNG: the SVG as pixels, with a font of our own so that it looks the same everywhere."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Final

import resvg_py

from viz.formats import Look, Subject, svg

FONTS: Final = Path(__file__).resolve().parent.parent / "fonts"
FAMILY: Final = "Liberation Sans"
ZOOM: Final = 2.0  # for sharp text: 192 dots an inch
LONGEST_SIDE: Final = 16_000  # pixels, which image viewers still open
MOST_PIXELS: Final = 80_000_000
PIXELS_PER_POINT: Final = 96 / 72


def render(subject: Subject, look: Look) -> bytes:
    """The PNG file of a drawing, twice as large as on paper, or as large as viewers allow."""
    return rasterise(svg.render(subject, look).decode())


def rasterise(picture: str, most: float = ZOOM) -> bytes:
    """The pixels of one of our SVG files, `most` times as large at most."""
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=picture,
            zoom=min(most, zoom(*_size(picture))),
            dpi=96.0,  # without it points have no size, and text vanishes
            background="white",
            skip_system_fonts=True,
            font_files=[str(font) for font in sorted(FONTS.glob("*.ttf"))],
            font_family=FAMILY,
            sans_serif_family=FAMILY,
        )
    )


def zoom(width: float, height: float) -> float:
    """How many pixels stand for one, for a drawing of this size in pixels."""
    return min(ZOOM, LONGEST_SIDE / max(width, height), math.sqrt(MOST_PIXELS / (width * height)))


def _size(picture: str) -> tuple[float, float]:
    width, height = re.findall(r' (?:width|height)="([\d.]+)pt"', picture)[:2]
    return float(width) * PIXELS_PER_POINT, float(height) * PIXELS_PER_POINT
