"""Which colour stands for what in one drawing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from viz import theme
from viz.recolour import Theme
from viz.theme import Colour


@dataclass(frozen=True, slots=True)
class Colours:
    groups: Mapping[str, Colour]  # those that occur, in the order of the theme
    devices: Mapping[str, Colour]  # those declared


def colours(found: Iterable[str], devices: Iterable[str], shown: Theme = "light") -> Colours:
    """The colours of the operator groups and devices of a drawing, from which a theme's are made. For black and white,
    several groups have the same grey."""
    occur = dict.fromkeys(found)
    own = [group for group in occur if group not in theme.GROUPS]
    groups = {name: colour for name, colour in theme.GROUPS.items() if name in occur}
    groups |= {name: theme.MORE_GROUPS[i % len(theme.MORE_GROUPS)] for i, name in enumerate(own)}
    if shown == "print":
        groups = {name: theme.GREYS.get(name, colour) for name, colour in groups.items()}
    outlines = {name: theme.DEVICES[i % len(theme.DEVICES)] for i, name in enumerate(devices)}
    return Colours(groups, outlines)
