"""How diagrams look: data only.

Fills are light enough for black text (contrast 7:1 and more) and stay apart for the three common kinds of colour
blindness: hues of Paul Tol's "light" scheme, paled. Devices have strong colours of his "bright" scheme, which are
used for outlines only, so that the two are never confused.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, NamedTuple

FONT: Final = "Arial"  # Graphviz knows its widths, which those of Liberation Sans are equal to
FONT_STACK: Final = "'Liberation Sans', Arial, Helvetica, sans-serif"
SIZE: Final = 12.0  # operators
SMALL: Final = 9.5  # names, shapes, the legend
CAPTION: Final = 14.0

INK: Final = "#1a1a1a"
MUTED: Final = "#555555"
PAPER: Final = "#ffffff"


class Colour(NamedTuple):
    fill: str
    line: str


def pale(fill: str) -> str:
    """Half way to the paper."""
    return "#" + "".join(f"{(int(fill[i : i + 2], 16) + 255) // 2:02x}" for i in (1, 3, 5))


GROUPS: Final = MappingProxyType(
    {
        "convolution": Colour("#c3d9f3", "#4677ab"),
        "linear": Colour("#b5e3d5", "#2b8a6e"),
        "attention": Colour("#f9cfe0", "#c25a75"),
        "recurrent": Colour("#d6d3f5", "#6a5fb5"),
        "normalization": Colour("#e4eab0", "#8a9420"),
        "activation": Colour("#f9d2c0", "#c4623f"),
        "function": Colour("#fbe6dc", "#b7735a"),
        "pooling": Colour("#f7ecb8", "#b09422"),
        "resample": Colour("#cdeffa", "#3b9cb8"),
        "reshape": Colour("#e6e6e6", "#8c8c8c"),
        "reduction": Colour("#f3e2c7", "#a57c3c"),
        "regularization": Colour("#f2f2f2", "#a6a6a6"),
        "merge": Colour("#ffffff", "#444444"),
        "parameter": Colour("#e3d6ee", "#8461a5"),
        "block": Colour("#e9ecf5", "#5b6788"),  # a group drawn as one box
        "block A": Colour("#dfe4f8", "#4556a3"),  # the same, where it is drawn open beside
        "block B": Colour("#d8ecee", "#2f7480"),
        "block C": Colour("#f1e2ec", "#8d4f7c"),
        "block D": Colour("#ece7d4", "#7a6a2c"),
        "block E": Colour("#e6e0f2", "#6a529c"),
        "block F": Colour("#dfead9", "#55763f"),
        "loss": Colour("#ead9d2", "#8f6a58"),
        "input": Colour("#ffffff", "#1a1a1a"),
        "output": Colour("#3a3a3a", "#3a3a3a"),
        "fault": Colour("#b3261e", "#7a120d"),  # a step that cannot be: as dark as its letters are light
    }
)

# In black and white: kinds from the lightest to the darkest, as much as they weigh; blocks are the darkest. Those of
# one drawing have greys as far apart as their number allows.
WEIGHT: Final = (
    *("regularization", "reshape", "activation", "function", "loss", "reduction", "resample", "pooling"),
    *("normalization", "parameter", "recurrent", "attention", "linear", "convolution", "block"),
)
LIGHTEST, DARKEST = 1.05, 0.32  # luminances, of paper and of what black letters can be read on; each with 0.05 of glare
APART: Final = 1.2  # the ratio of such luminances from one grey to the next, at most
NEAR: Final = 1.15  # and at least: what is told apart at arm's length. Where there are too many, the lightest are alike
GREY_LINE: Final = "#4a4a4a"

# For the groups of a user's own operators, in the order in which they occur.
MORE_GROUPS: Final = (
    Colour("#d9e8d0", "#5f8a47"),
    Colour("#dcdcf5", "#6464ad"),
    Colour("#f5d9ef", "#a6569a"),
    Colour("#d5e5e5", "#4f8080"),
)

# Device colours: the fill tints clusters, the line outlines layers. More devices than these start again.
DEVICES: Final = (
    Colour("#eaf1f8", "#1f5f99"),
    Colour("#fdf0e3", "#d9730d"),
    Colour("#e9f5ec", "#1b7837"),
    Colour("#f7ebf4", "#aa3377"),
    Colour("#f7f6e0", "#8d8414"),
    Colour("#e4f6f8", "#1295a8"),
    Colour("#f0ecf7", "#5e3c99"),
    Colour("#f3eeea", "#7a4a2b"),
)

CLUSTER: Final = (Colour("#f7f8fa", "#c4c9d1"), Colour("#eef0f4", "#b9bfc9"))  # by depth, in turn
EDGE: Final = "#4d4d4d"
FINE: Final = "#b5b5b5"  # leaders
WINDOW: Final = "#f6f6f6"  # a filter on a feature map
BAR: Final = "#8fa3bf"  # a share of a cost
CROSSING: Final = "#c1121f"  # an edge from one device to another

# What differs between two networks: hues as in reviews of code, apart in lightness too. Each has a sign beside.
CHANGES: Final = MappingProxyType(
    {
        "added": Colour("#d3f0d9", "#1a7f37"),
        "removed": Colour("#fbdad7", "#b3261e"),
        "changed": Colour("#fdeab8", "#8f5f00"),
        "follows": Colour("#fdf7e4", "#857a5c"),
        "same": Colour("#ffffff", "#8c8c8c"),
    }
)

CHANGE_STROKES: Final = MappingProxyType({"added": 2.0, "removed": 1.4, "changed": 1.4, "follows": 1.0, "same": 1.0})


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, as WCAG 2 defines it."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(light: str) -> float:
    parts = [int(light[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
