"""Feature maps as solids: where each stands and how large it is drawn.

The rule of sizes: every side follows the square root of what it stands for. The largest maps of a network are
`TALLEST` high, and no vector is higher; a thickness is `THICKNESS` for each root of a channel. Roots, because sizes
span three orders of magnitude.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from archdsl.graph import Graph
from viz import stages
from viz.scene import Shown
from viz.stages import Link, Stage, Stages

TALLEST: Final = 110.0
THICKNESS: Final = 1.1
LEAST: Final = 4.0  # of any side
SLANT: Final = (0.42, 0.30)  # of a unit of depth on paper: to the right, and up
OPEN: Final = 64  # what a size that is left open counts as
SLABS: Final = 4  # equal layers in a row that are drawn one by one; more are one solid with their number
SEAM: Final = 3.0  # between those
GAP: Final = 16.0  # between columns
PITCH: Final = 38.0  # from one column to the next at least, for what is written at them
LANE: Final = 34.0  # between solids side by side
# Groups of operators that give the maps that they get, or none.
PASSING: Final = frozenset({"merge", "reshape", "regularization", "normalization", "activation", "parameter"})


@dataclass(frozen=True, slots=True)
class Solid:
    """A box in oblique projection: the front is thickness × height, and recedes to the right and up."""

    stage: Stage
    x: float  # of the front's left side
    y: float  # of the front's middle
    thickness: float  # of each slab
    height: float
    depth: float
    slabs: int
    column: int
    above: bool  # whether its name stands above it: that of the first of several side by side

    @property
    def width(self) -> float:
        """That of the front, from the first slab to the last."""
        return self.slabs * self.thickness + (self.slabs - 1) * SEAM

    @property
    def recess(self) -> tuple[float, float]:
        """How far the back stands to the right and up."""
        return self.depth * SLANT[0], self.depth * SLANT[1]

    @property
    def top(self) -> float:
        return self.y - self.height / 2 - self.recess[1]


@dataclass(frozen=True, slots=True)
class Volumes:
    title: str
    solids: tuple[Solid, ...]
    links: tuple[Link, ...]
    devices: tuple[str, ...]


def build(graph: Graph, phase: Shown = "train") -> Volumes:
    """The solids of a graph. Raises `ValueError` for that of a spec with errors."""
    return of_stages(stages.build(graph, phase))


def of_stages(whole: Stages) -> Volumes:
    """The solids of stages."""
    table = _condensed(whole)
    tallest = max((math.sqrt(size) for stage in table.all() for size in _sides(stage)[1:]), default=1.0)
    longest = max((math.sqrt(_sides(stage)[0]) for stage in table.all() if not _sides(stage)[1]), default=1.0)
    root = min(THICKNESS, TALLEST / longest)  # the height of a vector for each root of a feature
    columns = [[_measured(stage, tallest, root) for stage in row] for row in table.rows]
    heights = [max(h + d * SLANT[1] for _, h, d in column) for column in columns]
    lane = max((h for h, row in zip(heights, table.rows, strict=True) if len(row) > 1), default=0.0) + LANE
    if any(len(row) > 2 for row in table.rows):  # there are names between solids
        lane += 2 * LANE
    place = [number for number, row in enumerate(table.rows) for _ in row]
    leap = {link.source for link in table.links if place[link.target] > place[link.source] + 1}
    solids: list[Solid] = []
    x = 0.0
    for number, (row, column) in enumerate(zip(table.rows, columns, strict=True)):
        wide = 0.0
        mains = sum(not stage.train for stage in row) or len(row)
        # What only trains stands below all, and where an arc begins above all.
        order = sorted(range(len(row)), key=lambda i: (row[i].train, len(solids) + i not in leap))
        for i, (stage, (thickness, height, depth)) in zip(_ranks(order), zip(row, column, strict=True), strict=True):
            y = (i - (mains - 1) / 2) * lane + depth * SLANT[1] / 2
            slabs = stage.count if stage.colour != "block" and stage.count <= SLABS else 1
            above = len(row) > 1 and i == 0
            solids.append(Solid(stage, x, y, thickness, height, depth, slabs, number, above))
            wide = max(wide, solids[-1].width + solids[-1].recess[0])
        x += max(wide + GAP, PITCH)
    return Volumes(table.title, tuple(solids), table.links, table.devices)


def _ranks(order: list[int]) -> list[int]:
    """The place of each number in an order of all."""
    return sorted(range(len(order)), key=order.__getitem__)


def _sides(stage: Stage) -> tuple[int, int, int]:
    """Channels, height and width of what a stage gives; 0 for what it has not. Tokens count as height."""
    sizes = [size if isinstance(size, int) else OPEN for size in stage.sizes]
    if len(sizes) >= 3:
        return sizes[0], sizes[-2], sizes[-1]
    if len(sizes) == 2:
        tokens, features = sizes if stage.kernel == () else reversed(sizes)
        return features, tokens, 0
    return (sizes or [1])[0], 0, 0


def _measured(stage: Stage, tallest: float, root: float) -> tuple[float, float, float]:
    """Thickness, height and depth."""
    channels, height, width = _sides(stage)
    if not height:  # a vector stands upright
        return LEAST * 1.5, max(root * math.sqrt(channels), LEAST), LEAST * 1.5
    scale = TALLEST / tallest
    sides = THICKNESS * math.sqrt(channels), scale * math.sqrt(height), scale * math.sqrt(width)
    return max(sides[0], LEAST), max(sides[1], LEAST), max(sides[2], LEAST)


def _condensed(table: Stages) -> Stages:
    """The stages that make new maps; what reads another reads what that passes on."""
    found = list(table.all())
    makes = [stage.colour not in PASSING for stage in found]
    sources: list[dict[int, bool]] = [{} for _ in found]  # for each stage, the makers it reads, through what passes on
    reads: dict[int, list[Link]] = {}
    for link in table.links:
        reads.setdefault(link.target, []).append(link)
    for i in range(len(found)):
        for link in reads.get(i, ()):
            ends = {link.source: True} if makes[link.source] else sources[link.source]
            for source in ends:
                sources[i][source] = sources[i].get(source, True) and link.train
    kept = [i for i in range(len(found)) if makes[i]]
    if not kept:
        return table
    place = {i: position for position, i in enumerate(kept)}
    links = {(place[source], place[i]): train for i in kept for source, train in sources[i].items()}
    arranged = stages.arrange(table.title, table.devices, [found[i] for i in kept], links)
    assert arranged is not None  # fewer stages cannot read one another where more do not
    return arranged


def patch(solid: Solid, kernel: tuple[int, ...]) -> tuple[float, float] | None:
    """Which shares of a map's height and width a window covers; None where it covers all, or there is no map."""
    _, height, width = _sides(solid.stage)
    if not height or not kernel or max(kernel) < 2:
        return None
    return min(kernel[0] / height, 1.0), min(kernel[-1] / (width or height), 1.0)
