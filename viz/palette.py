"""Which colour stands for what in one drawing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from viz import theme
from viz.recolour import Theme
from viz.theme import Colour

FORMS: Final = frozenset({"input", "output", "merge", "fault"})  # known by their forms


@dataclass(frozen=True, slots=True)
class Colours:
    groups: Mapping[str, Colour]  # those that occur, in the order of the theme
    devices: Mapping[str, Colour]  # those declared


def colours(found: Iterable[str], devices: Iterable[str], shown: Theme = "light") -> Colours:
    """The colours of the operator groups and devices of a drawing, from which a theme's are made: for black and white,
    greys."""
    occur = dict.fromkeys(found)
    own = [group for group in occur if group not in theme.GROUPS]
    groups = {name: colour for name, colour in theme.GROUPS.items() if name in occur}
    groups |= {name: theme.MORE_GROUPS[i % len(theme.MORE_GROUPS)] for i, name in enumerate(own)}
    if shown == "print":
        groups |= greys(groups)
    outlines = {name: theme.DEVICES[i % len(theme.DEVICES)] for i, name in enumerate(devices)}
    return Colours(groups, outlines)


def greys(groups: Iterable[str]) -> dict[str, Colour]:
    """The greys of operator groups of one drawing: all blocks have the same, and what is known by its form has none."""
    kinds: dict[str, list[str]] = {}
    for group in groups:
        if group not in FORMS:
            kinds.setdefault("block" if group.startswith("block") else group, []).append(group)
    order = sorted(
        kinds, key=lambda kind: theme.WEIGHT.index(kind) if kind in theme.WEIGHT else len(theme.WEIGHT) - 1.5
    )
    span = theme.LIGHTEST / theme.DARKEST
    levels = min(len(order), 1 + int(math.log(span, theme.NEAR)))
    step = min(theme.APART, span ** (1 / max(levels - 1, 1)))
    found: dict[str, Colour] = {}
    for i, kind in enumerate(order):
        darker = max(0, i - (len(order) - levels))
        shade = Colour(_grey(theme.LIGHTEST / step**darker - 0.05), theme.GREY_LINE)
        found |= dict.fromkeys(kinds[kind], shade)
    return found


def _grey(luminance: float) -> str:
    """The grey of a luminance, by the curve of sRGB."""
    value = luminance * 12.92 if luminance <= 0.0031308 else 1.055 * luminance ** (1 / 2.4) - 0.055
    return "#" + f"{round(255 * min(value, 1.0)):02x}" * 3
