"""The themes. Drawings are made in light colours; the others follow from these, so that nothing is said twice."""

from __future__ import annotations

import colorsys
import re
from typing import Final, Literal, TypeAlias
from xml.etree.ElementTree import Element

Theme: TypeAlias = Literal["light", "dark", "print"]

DARKEST: Final = 0.11  # the lightness of the dark theme's paper
PALEST: Final = 0.93  # and of its ink
HALF: Final = 0.5  # darker greys are those of letters and lines
INKED: Final = 0.45  # how dark these become in print
COLOURED: Final = ("fill", "stroke")
DOT_COLOUR: Final = re.compile(r'(?<=color=")#[0-9a-f]{6}(?=")')


def elements(drawing: Element, theme: Theme) -> None:
    """Give the elements of an SVG drawing the colours of a theme."""
    if theme == "light":
        return
    for part in drawing.iter():
        for name in COLOURED:
            value = part.get(name, "")
            if re.fullmatch("#[0-9a-f]{6}", value):
                part.set(name, colour(value, theme))
            elif (part.tag == "text" and name == "fill" and not value) or value == "black":
                part.set(name, colour("#000000", theme))


def dot(source: str, theme: Theme) -> str:
    """Give a drawing in DOT the colours of a theme."""
    return source if theme == "light" else DOT_COLOUR.sub(lambda found: colour(found.group(), theme), source)


def colour(light: str, theme: Theme) -> str:
    """The colour `#rrggbb` of another theme that does what a light one does.

    Dark turns lightness around and keeps the hue. Print is black and white: greys by luminance, letters and lines
    darker, since what they stand on may be darker too.
    """
    red, green, blue = (int(light[i : i + 2], 16) / 255 for i in (1, 3, 5))
    if theme == "print":
        grey = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        grey = grey if grey > HALF else INKED * grey
        return _written(grey, grey, grey)
    if theme == "dark":
        hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
        depth = 1 - lightness
        turned = DARKEST + (PALEST - DARKEST) * depth * depth * (3 - 2 * depth)  # fills and letters farther apart
        return _written(*colorsys.hls_to_rgb(hue, turned, saturation * 0.75))
    return light


def _written(*parts: float) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts)
