"""The colours of heat maps: from nothing to the most, and from nothing to the most that is less than nothing."""

from __future__ import annotations

import math
from typing import Final

from viz.recolour import Theme, colour
from viz.theme import contrast

HEAT: Final = ("#fff6df", "#fdd592", "#f79d57", "#dd5a3f", "#8f1d3a")
COOL: Final = ("#eef3fb", "#bdd3ee", "#7fa9dc", "#3f78ba", "#173f73")


def shade(value: float, most: float) -> str:
    """The colour of an amount: of its square root, so that small ones differ as well; `most` is the greatest of all."""
    stops = COOL if value < 0 else HEAT
    at = (math.sqrt(abs(value) / most) if most else 0.0) * (len(stops) - 1)
    low = min(int(at), len(stops) - 2)
    pairs = zip(_channels(stops[low]), _channels(stops[low + 1]), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * (at - low)):02x}" for a, b in pairs)


def ink(fill: str, shown: Theme) -> str:
    """Black or white, whichever is better read on a light colour as a theme shows it. Colours of three digits are the
    same in every theme."""
    seen = colour(fill, shown)
    return "#000" if contrast("#000000", seen) >= contrast("#ffffff", seen) else "#fff"


def amount(value: float, unit: str) -> str:
    """An amount in four digits, with its unit."""
    return f"{value:.4g} {unit}".strip()


def _channels(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
