"""Where open blocks stand: in columns beside the backbone, or in rows beneath it, whichever leaves larger letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Final, TypeAlias

from viz.canvas import XY
from viz.graph.scene import OpenBlock
from viz.layout import Layout

APART: Final = 12.0  # between two, and from the backbone
Extent: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class BlockPanel:
    """An open block with its layout, as it stands beside the backbone."""

    block: OpenBlock
    layout: Layout
    lines: tuple[str, ...]  # what varies
    top: float  # where the layers begin
    size: Extent


def arrange(
    backbone: Extent, sizes: Sequence[Extent], letters: Callable[[float, float], float]
) -> tuple[Extent, list[XY]]:
    """How large a drawing is with all of them, and where each has its upper left corner. `letters` says how large the
    letters of a drawing of some size are on its page."""
    ways = [*_beside(backbone, sizes), *_beneath(backbone, sizes)]
    return max(ways, key=lambda way: (round(letters(*way[0]), 1), -way[0][0] * way[0][1]))


def chosen(
    backbone: Extent, panels: Sequence[BlockPanel], letters: Callable[[float, float], float], least: float
) -> Sequence[BlockPanel]:
    """Those of the open blocks that say most together, and leave letters that are `least` large at least."""

    def fit(some: Sequence[BlockPanel]) -> bool:
        return not some or letters(*arrange(backbone, [panel.size for panel in some], letters)[0]) >= least

    every = chain.from_iterable(combinations(panels, count) for count in range(len(panels), -1, -1))
    return next(some for some in sorted(every, key=lambda some: -sum(p.block.weight for p in some)) if fit(some))


def _beside(backbone: Extent, sizes: Sequence[Extent]) -> Iterator[tuple[Extent, list[XY]]]:
    for height in sorted({backbone[1], *_sums([height for _, height in sizes])}):
        if height >= max(high for _, high in sizes):
            (width, used), places = _shelves(sizes, height)
            left = backbone[0] + APART
            yield (left + width, max(backbone[1], used)), [(left + x, y) for x, y in places]


def _beneath(backbone: Extent, sizes: Sequence[Extent]) -> Iterator[tuple[Extent, list[XY]]]:
    for width in sorted({backbone[0], *_sums([width for width, _ in sizes])}):
        if width >= max(wide for wide, _ in sizes):
            (height, used), places = _shelves([(high, wide) for wide, high in sizes], width)
            top = backbone[1] + APART
            yield (max(backbone[0], used), top + height), [(x, top + y) for y, x in places]


def _sums(lengths: Sequence[float]) -> Iterator[float]:
    """How long the first few are together."""
    total = -APART
    for length in lengths:
        total += length + APART
        yield total


def _shelves(sizes: Sequence[Extent], most: float) -> tuple[Extent, list[XY]]:
    """Columns of at most this height, filled one after the other."""
    places: list[XY] = []
    left = top = wide = used = 0.0
    for width, height in sizes:
        if top and top + height > most + 0.01:
            left, top, wide = left + wide + APART, 0.0, 0.0
        places.append((left, top))
        top, wide = top + height + APART, max(wide, width)
        used = max(used, top - APART)
    return (left + wide, used), places
