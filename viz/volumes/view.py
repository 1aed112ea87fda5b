"""Feature maps as solids: where each stands."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final, Literal, TypeAlias

from archdsl.graph import Graph
from archdsl.outline import stages
from archdsl.outline.stage import Stage
from archdsl.outline.stages import StageLink, Stages
from archdsl.phases import Phase
from viz.volumes import scale as volumes_scale
from viz.volumes.names import SolidName, names
from viz.volumes.scale import MapSizes, joins

SLANT: Final = (0.42, 0.30)  # of a unit of depth on paper: to the right, and up
SLABS: Final = 4  # equal layers in a row that are drawn one by one; more are one solid with their number
SEAM: Final = 3.0  # between those
GAP: Final = 16.0  # between columns
PITCH: Final = 42.0  # from the middle of one solid to the next whose name stands beside its, at least
BETWEEN: Final = 12.0  # from a name to the next where they stand under solids: lines pass there
LANE: Final = 34.0  # between solids side by side
UNDER: Final = 22.0  # more where names stand between them
WIDEST: Final = 24  # columns; blocks are opened as long as there are as many at most,
ABREAST: Final = 2  # and no more side by side: each has its name, above or below
# Groups of operators that give the maps that they get, or none.
PASSING: Final = frozenset({"merge", "reshape", "regularization", "normalization", "activation", "parameter"})

NamePlace: TypeAlias = Literal[
    "below", "above", "under"
]  # under: not turned, right below the solid, in crowded pictures


@dataclass(frozen=True, slots=True)
class Solid:
    """A box in oblique projection: the front is thickness × height, and recedes to the right and up; or a join."""

    stage: Stage
    map: MapSizes
    x: float  # of the front's left side
    y: float  # of the front's middle
    thickness: float  # of each slab
    height: float
    depth: float
    slabs: int
    column: int
    name: SolidName
    named: NamePlace  # where its name stands

    @property
    def width(self) -> float:
        """That of the front, from the first slab to the last."""
        return self.slabs * self.thickness + (self.slabs - 1) * SEAM

    @property
    def recess(self) -> tuple[float, float]:
        """How far the back stands to the right and up."""
        return self.depth * SLANT[0], self.depth * SLANT[1]

    @property
    def right(self) -> float:
        return self.x + self.width + self.recess[0]

    @property
    def top(self) -> float:
        return self.y - self.height / 2 - self.recess[1]

    @property
    def bottom(self) -> float:
        return self.y + self.height / 2

    @property
    def middle(self) -> float:
        """The middle of what is seen, front and recess, from top to bottom."""
        return self.y - self.recess[1] / 2

    @property
    def named_at(self) -> float:
        """Where its name stands, from left to right."""
        return self.x + self.width / 2 + (0.0 if self.named == "below" else self.recess[0] / 2)


@dataclass(frozen=True, slots=True)
class Volumes:
    title: str
    totals: tuple[str, ...]
    solids: tuple[Solid, ...]
    links: tuple[StageLink, ...]
    devices: tuple[str, ...]
    # Ever fewer solids of the same, where these are too many: with fewer blocks open, then chains as one
    smaller: Callable[[], Iterable[Volumes]] = field(default=tuple, compare=False)
    shorter: Callable[[], Iterable[Volumes]] = field(default=tuple, compare=False)


def build(graph: Graph, phase: Phase = "training") -> Volumes:
    """The solids of a graph, with as many blocks opened as a picture has room for: what is open shows its maps."""
    found: list[Stages] = []
    for table in stages.openings(graph, phase):
        opened = _condensed(table)
        if found and (len(opened.rows) > WIDEST or opened.abreast > ABREAST):
            break
        found.append(opened)
        if len(opened.rows) >= WIDEST:
            break

    def smaller() -> Iterator[Volumes]:
        return (_laid_out(table) for table in reversed(found[:-1]) if len(table.rows) >= stages.FEWEST)

    def shorter() -> Iterator[Volumes]:
        for most in stages.CHAINS:
            for table in islice(stages.openings(graph, phase, chains=most), 1):
                yield _laid_out(_condensed(table))
                yield _laid_out(_condensed(stages.gathered(table)))

    return replace(_laid_out(found[-1]), smaller=smaller, shorter=shorter)


def _condensed(table: Stages) -> Stages:
    """The stages that make new maps or join them; what reads another reads what that passes on.

    Maps that are concatenated are passed on too, unless that takes more lines than to one solid and from it.
    """
    found = list(table.all())
    readers: list[set[int]] = [set() for _ in found]
    for link in table.links:
        readers[link.source].add(link.target)
    makes: list[bool] = []
    sources: list[dict[int, bool]] = []  # for each stage, the makers it reads, through what passes on
    reads: dict[int, list[StageLink]] = {}
    for link in table.links:
        reads.setdefault(link.target, []).append(link)
    for i, stage in enumerate(found):
        sources.append({})
        for link in reads.get(i, ()):
            ends = {link.source: True} if makes[link.source] else sources[link.source]
            for source in ends:
                sources[i][source] = sources[i].get(source, True) and link.train
        here, there = len(sources[i]), len(readers[i])
        hub = stage.colour == "merge" and here * there > here + there
        makes.append(not stage.groups <= PASSING or (joins(stage) and here > 1) or hub)
    kept = [i for i in range(len(found)) if makes[i]]
    if not kept:
        return table
    place = {i: position for position, i in enumerate(kept)}
    links = {(place[source], place[i]): train for i in kept for source, train in sources[i].items()}
    arranged = stages.arrange(table.title, table.devices, [found[i] for i in kept], links)
    assert arranged is not None  # fewer stages cannot read one another where more do not
    return replace(arranged, totals=table.totals)


def _laid_out(table: Stages) -> Volumes:
    """The stages as solids in columns."""
    every = list(table.all())
    scale, called = volumes_scale.scale(every), iter(names(every))
    place = [number for number, row in enumerate(table.rows) for _ in row]
    far = [link for link in table.links if place[link.target] > place[link.source] + 1]
    aside = {link.source for link in far} - {
        link.source for link in table.links if place[link.target] == place[link.source] + 1
    }
    passed = {number for link in far for number in range(place[link.source] + 1, place[link.target] + 1)}
    levels: list[list[float]] = []
    first = 0
    for number, row in enumerate(table.rows):
        levels.append(_levels(row, [first + i in aside for i in range(len(row))], number in passed))
        first += len(row)
    # Names must stand between solids where three are side by side, and where arcs pass above some that are.
    crowded = any(len(column) > 2 or max(column) > 0.5 for column in levels) or _arched(levels, far, place)
    columns: list[list[Solid]] = []
    for number, row in enumerate(table.rows):
        column = []
        for stage, level in zip(row, levels[number], strict=True):
            thickness, height, depth = scale.sides(stage)
            slabs = stage.count if stage.colour != "block" and stage.count <= SLABS else 1
            sides = thickness, height, depth, slabs
            upper = len(row) > 1 and level == min(levels[number])
            named: NamePlace = "under" if crowded else "above" if upper else "below"
            column.append(Solid(stage, scale.map(stage), 0.0, level, *sides, number, next(called), named))
        columns.append(column)
    lane = _lane(columns)
    for number, column in enumerate(columns):
        x = _clear([solid for near in columns[max(number - 2, 0) : number] for solid in near], column)
        columns[number] = [replace(solid, x=x, y=solid.y * lane + solid.recess[1] / 2) for solid in column]
    solids = tuple(solid for column in columns for solid in column)
    return Volumes(table.title, table.totals, solids, table.links, table.devices)


def _arched(levels: Sequence[Sequence[float]], far: Sequence[StageLink], place: Sequence[int]) -> bool:
    """Whether a link passes a column by in which there are several, or ends there."""
    several = {number for number, column in enumerate(levels) if len(column) > 1}
    passed = (range(place[link.source], place[link.target] + 1) for link in far)
    return any(not several.isdisjoint(columns) for columns in passed)


def _levels(row: Sequence[Stage], aside: Sequence[bool], passed: bool) -> list[float]:
    """How many lanes below the middle each stage of a column stands. In the middle stands what goes on in the next
    column; above it what is read only farther on, and above that what only trains, or below all where others pass."""
    trains = 1 if passed else -2
    sides = [trains if stage.train else -1 if far else 0 for stage, far in zip(row, aside, strict=True)]
    order = sorted(range(len(row)), key=sides.__getitem__)
    mains = [rank for rank, i in enumerate(order) if sides[i] == 0] or range(len(row))
    middle = (min(mains) + max(mains)) / 2
    return [rank - middle for rank in sorted(range(len(row)), key=order.__getitem__)]


def _lane(columns: Sequence[Sequence[Solid]]) -> float:
    """From one solid to the next in a column."""
    several = [solid for column in columns if len(column) > 1 for solid in column]
    tallest = max((solid.height + solid.recess[1] for solid in several), default=0.0)
    return tallest + LANE + UNDER * any(solid.named == "under" for solid in several)


def _clear(near: Sequence[Solid], column: Sequence[Solid]) -> float:
    """Where a column begins: right of those just before it, and no name close to one."""
    x = max((solid.right + GAP for solid in near), default=0.0)
    for place in ("above", "below"):
        last = max((solid.named_at for solid in near if solid.named == place and solid.name.does), default=-math.inf)
        first = min((solid.named_at for solid in column if solid.named == place and solid.name.does), default=math.inf)
        x = max(x, last + PITCH - first)
    ends = max((s.named_at + s.name.length / 2 for s in near if s.named == "under"), default=-math.inf)
    starts = min((min(s.x, s.named_at - s.name.length / 2) for s in column if s.named == "under"), default=math.inf)
    return max(x, ends + BETWEEN - starts)


def patch(solid: Solid, kernel: tuple[int, ...]) -> tuple[float, float] | None:
    """Which shares of a map's height and width a window covers; None where it covers all, or there is no map."""
    _, height, width = solid.map
    if not height or not kernel or max(kernel) < 2 or joins(solid.stage):
        return None
    return min(kernel[0] / height, 1.0), min(kernel[-1] / (width or height), 1.0)
