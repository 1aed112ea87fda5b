"""Which colour stands for what in one scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from viz import theme
from viz.scene import Scene
from viz.theme import Colour


@dataclass(frozen=True, slots=True)
class Colours:
    groups: Mapping[str, Colour]  # those that occur, in the order of the theme
    devices: Mapping[str, Colour]  # those declared


def colours(scene: Scene) -> Colours:
    """The colours of a scene's operator groups and devices."""
    occur = dict.fromkeys(box.colour for box in scene.boxes())
    own = [group for group in occur if group not in theme.GROUPS]
    groups = {name: colour for name, colour in theme.GROUPS.items() if name in occur}
    groups |= {name: theme.MORE_GROUPS[i % len(theme.MORE_GROUPS)] for i, name in enumerate(own)}
    devices = {name: theme.DEVICES[i % len(theme.DEVICES)] for i, name in enumerate(scene.devices)}
    return Colours(groups, devices)
