"""One of our SVG files as pixels, with a font of our own so that it looks the same everywhere."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Final

import resvg_py

FONTS: Final = Path(__file__).resolve().parent / "fonts"
FAMILY: Final = "Liberation Sans"
ZOOM: Final = 2.0  # for sharp text: 192 dots an inch
PRINTED: Final = 400 / 96  # for print: 400 dots an inch
LONGEST_SIDE: Final = 16_000  # pixels, which image viewers still open
MOST_PIXELS: Final = 80_000_000
PIXELS_PER_POINT: Final = 96 / 72


def rasterise(picture: str, most: float = ZOOM) -> bytes:
    """A PNG file of it, `most` times as large as on paper at most, or as large as viewers allow."""
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=picture,
            zoom=zoom(*_size(picture), most),
            dpi=96.0,  # without it points have no size, and text vanishes
            background="white",
            skip_system_fonts=True,
            font_files=[str(font) for font in sorted(FONTS.glob("*.ttf"))],
            font_family=FAMILY,
            sans_serif_family=FAMILY,
        )
    )


def zoom(width: float, height: float, most: float = ZOOM) -> float:
    """How many pixels stand for one, for a drawing of this size in pixels."""
    return min(most, LONGEST_SIDE / max(width, height), math.sqrt(MOST_PIXELS / (width * height)))


def _size(picture: str) -> tuple[float, float]:
    width, height = re.findall(r' (?:width|height)="([\d.]+)pt"', picture)[:2]
    return float(width) * PIXELS_PER_POINT, float(height) * PIXELS_PER_POINT
