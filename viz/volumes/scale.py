"""How large maps are drawn.

The rule: every side follows the square root of what it stands for. The largest maps of a network are `TALLEST` high,
and no vector is higher, nor a solid thicker; a thickness is `THICKNESS` for each root of a channel, or less where there
are very many. Roots, because sizes span three orders of magnitude.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from archdsl.outline.stage import Stage
from archdsl.outline.wording import SYMBOLS

TALLEST: Final = 110.0
THICKNESS: Final = 1.1
LEAST: Final = 4.0  # of any side
OPEN: Final = 64  # what a size that is left open counts as
FAULT: Final = (14.0, 28.0, 14.0)  # the sides of a step that cannot be: there is no map
JOIN: Final = (15.0, 15.0, 0.0)  # of the circle in which maps are added or multiplied

MapSizes: TypeAlias = tuple[int, int, int]  # channels, height and width; 0 for what a stage's output has not


@dataclass(frozen=True, slots=True)
class Scale:
    """What a unit is on paper, for the roots of channels, heights and widths, and the features of vectors."""

    thickness: float
    height: float
    feature: float
    sequences: bool  # whether what has two sizes is a sequence that a window moves over: channels, then length

    def map(self, stage: Stage) -> MapSizes:
        """The sizes of what a stage gives. Tokens count as height, and so does a length."""
        sizes = [size if isinstance(size, int) else OPEN for size in stage.sizes]
        if len(sizes) >= 3:
            return sizes[0], sizes[-2], sizes[-1]
        if len(sizes) == 2:
            length, features = reversed(sizes) if self.sequences else sizes
            return features, length, 0
        return (sizes or [1])[0], 0, 0

    def sides(self, stage: Stage) -> tuple[float, float, float]:
        """Thickness, height and depth."""
        if stage.fault or joins(stage):
            return FAULT if stage.fault else JOIN
        channels, height, width = self.map(stage)
        if not height:  # a vector stands upright
            return LEAST * 1.5, max(self.feature * math.sqrt(channels), LEAST), LEAST * 1.5
        across, down, back = math.sqrt(channels), math.sqrt(height), math.sqrt(width)
        return max(self.thickness * across, LEAST), max(self.height * down, LEAST), max(self.height * back, LEAST)


def scale(stages: Iterable[Stage]) -> Scale:
    """The scale of a picture of these."""
    shown = [stage for stage in stages if not joins(stage)]
    sequences = any(len(stage.kernel) == 1 and len(stage.sizes) == 2 for stage in shown)
    unit = Scale(1.0, 1.0, 1.0, sequences)
    maps = [unit.map(stage) for stage in shown]
    channels = max((math.sqrt(c) for c, height, _ in maps if height), default=1.0)
    tallest = max((math.sqrt(size) for _, *sides in maps for size in sides), default=1.0) or 1.0
    longest = max((math.sqrt(c) for c, height, _ in maps if not height), default=1.0) or 1.0
    return Scale(
        min(THICKNESS, TALLEST / max(channels, 1.0)), TALLEST / tallest, min(THICKNESS, TALLEST / longest), sequences
    )


def joins(stage: Stage) -> bool:
    """Whether a stage adds or multiplies maps, which is drawn as in the graph: a circle with its sign."""
    return stage.title in SYMBOLS.values()
