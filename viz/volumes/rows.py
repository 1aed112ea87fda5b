"""Solids in rows, as a long line of text is set. What leads from the end of a row to the start of the next is a line
around; what leads elsewhere ends at a letter, and begins again at the same letter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final
from xml.etree.ElementTree import Element

from archdsl.outline.stages import StageLink
from viz import palette, theme
from viz.canvas import XY, Canvas
from viz.caption import caption
from viz.recolour import Theme
from viz.theme import Colour
from viz.volumes import links as volumes_links
from viz.volumes import picture
from viz.volumes.picture import SolidArea
from viz.volumes.view import Solid, Volumes

MARGIN: Final = 4.0
GUTTER: Final = 20.0  # between rows, and beside them, for the lines from one to the next
AROUND: Final = 12.0
RADIUS: Final = 7.5  # of a letter's circle
CORNER: Final = 5.0
EVEN: Final = (0.55, 0.65, 0.75, 0.85, 0.95)  # of the room, which rows fill alike if that makes no more of them
SLACK: Final = 0.65  # the share of a row that is filled at least before it is cut where fewest lines lead on


def draw(volumes: Volumes, shown: Theme, room: float) -> Element:
    """The picture as SVG, as wide as there is room."""
    solids = volumes.solids
    colours = palette.colours((solid.stage.colour for solid in solids), volumes.devices, shown)
    ends = _even(volumes, room - 2 * MARGIN - 2 * AROUND)
    row_of = [sum(solid.column >= end for end in ends[:-1]) for solid in solids]
    inside = [link for link in volumes.links if row_of[link.source] == row_of[link.target]]
    turns = [link for link in volumes.links if link not in inside and _turns(volumes, link, row_of, ends)]
    letters = _letters([link for link in volumes.links if link not in inside and link not in turns])

    canvas, body = Canvas(), Canvas()
    head = caption(volumes.title, volumes.totals, room, room - 2 * MARGIN)
    head.draw(canvas, MARGIN)
    bottom = head.height + MARGIN
    right, placed, gutters = 0.0, list(solids), []
    for _, row in groupby(range(len(solids)), row_of.__getitem__):
        numbers = list(row)
        links = [link for link in inside if link.source in numbers]
        feet, areas, peaks = _measured(volumes, [solids[i] for i in numbers], links)
        left = MARGIN + AROUND - min(area.left for area in areas)
        top = (
            bottom
            + GUTTER
            - min([*(a.top - _tag_room(i, letters) for i, a in zip(numbers, areas, strict=True)), *peaks.values()])
        )
        gutters.append(bottom + GUTTER / 2)
        for i in numbers:
            placed[i] = replace(solids[i], x=solids[i].x + left, y=solids[i].y + top)
        moved = replace(volumes, solids=tuple(placed), links=tuple(links))
        volumes_links.behind(body, moved, {link: peak + top for link, peak in peaks.items()})
        for i, foot in zip(numbers, feet, strict=True):
            volumes_links.before(body, moved, [link for link in moved.links if link.target == i])
            with body.named(f"part{i}"):
                picture.draw_solid(body, placed[i], colours)
                picture.draw_name(body, placed[i], foot + top)
        right = max(right, left + max(area.right for area in areas))
        bottom = top + max(area.bottom for area in areas)
    for number, link in enumerate(turns):
        _turn(canvas, placed[link.source], placed[link.target], link, gutters[row_of[link.target]], right, number)
    canvas.parts += body.parts
    for (number, letter), link in {(link.source, letter): link for link, letter in letters.items()}.items():
        _tag(canvas, placed[number], letter, link, 1, _colour(placed, link))
    arrive: Counter[int] = Counter()
    for link, letter in letters.items():
        arrive[link.target] += 1
        _tag(canvas, placed[link.target], letter, link, -arrive[link.target], _colour(placed, link))
    return picture.finished(canvas, volumes, colours, max(right, room - 2 * MARGIN), bottom + MARGIN, MARGIN)


def _measured(
    volumes: Volumes, row: Sequence[Solid], links: Sequence[StageLink]
) -> tuple[list[float], list[SolidArea], dict[StageLink, float]]:
    """For the solids of a row the feet of their names, what they cover, and how high their arcs rise."""
    levels = {"above": picture.level(row, "above"), "below": picture.level(row, "below")}
    feet = [levels.get(solid.named, solid.bottom + picture.BEYOND) for solid in row]
    areas = [picture.area(solid, foot) for solid, foot in zip(row, feet, strict=True)]
    tops = {id(solid): area.top for solid, area in zip(row, areas, strict=True)}
    every = [tops.get(id(solid), solid.top) for solid in volumes.solids]
    return feet, areas, volumes_links.peaks(replace(volumes, links=tuple(links)), every)


def _even(volumes: Volumes, room: float) -> list[int]:
    """The columns at which rows end: no more rows than are needed, and as even as can be."""
    whole = _cut(volumes, room)
    shares = (_cut(volumes, room * share) for share in EVEN)
    return next((ends for ends in shares if len(ends) == len(whole)), whole)


def _cut(volumes: Volumes, room: float) -> list[int]:
    """The columns at which rows end, each as full as can be, or earlier where fewer lines lead on."""
    columns = [list(column) for _, column in groupby(volumes.solids, lambda solid: solid.column)]
    ends: list[int] = []
    begin = 0
    while begin < len(columns):
        fits = begin + 1
        while fits < len(columns) and _width([s for column in columns[begin : fits + 1] for s in column]) <= room:
            fits += 1
        if fits < len(columns):
            least = begin + max(1, round((fits - begin) * SLACK))
            fits = min(range(fits, least - 1, -1), key=lambda end: _crossing(volumes, end))
        ends.append(fits)
        begin = fits
    return ends


def _width(solids: Sequence[Solid]) -> float:
    areas = [picture.area(solid, 0.0) for solid in solids]
    return max(area.right for area in areas) - min(area.left for area in areas)


def _crossing(volumes: Volumes, end: int) -> int:
    """How many solids before a column are read there or behind it."""
    ends = ((volumes.solids[link.source], volumes.solids[link.target]) for link in volumes.links)
    return len({id(source) for source, target in ends if source.column < end <= target.column})


def _turns(volumes: Volumes, link: StageLink, row_of: Sequence[int], ends: Sequence[int]) -> bool:
    """Whether a link leads from the end of a row to the start of the next, as the first that does."""
    source, target = volumes.solids[link.source], volumes.solids[link.target]
    at_end = source.column + 1 == target.column == ends[row_of[link.source]]
    others = [
        other for other in volumes.links
        if volumes.solids[other.source].column == source.column and volumes.solids[other.target].column == target.column
    ]  # fmt: skip
    return at_end and others[0] == link


def _letters(links: Sequence[StageLink]) -> dict[StageLink, str]:
    """A letter for each, the same for all that leave one solid."""
    sources = sorted({link.source for link in links})
    return {link: _letter(sources.index(link.source)) for link in links}


def _letter(number: int) -> str:
    return chr(ord("a") + number) if number < 26 else str(number - 25)


def _tag_room(number: int, letters: dict[StageLink, str]) -> float:
    """How much room above a solid its letters need."""
    return 3 * RADIUS if any(number in (link.source, link.target) for link in letters) else 0.0


def _colour(placed: Sequence[Solid], link: StageLink) -> str:
    return theme.CROSSING if volumes_links.crosses(placed[link.source], placed[link.target]) else theme.EDGE


def _tag(canvas: Canvas, solid: Solid, letter: str, link: StageLink, place: int, colour: str) -> None:
    """A letter above a solid, or below one that has its name above: at its right where data leaves it, else at its
    left, one beside the other."""
    below = solid.named == "above"
    middle = solid.x + (solid.width + (0.0 if below else solid.recess[0])) / 2
    x = middle + (RADIUS + 1) * (2 * place + (1 if place < 0 else -1))
    y = solid.bottom + 2 * RADIUS if below else solid.top - 2 * RADIUS
    left = solid.x + (0.0 if below else solid.recess[0] / 2)
    foot = min(max(x, left), left + solid.width), solid.bottom if below else solid.top
    canvas.line([(x, y - RADIUS if below else y + RADIUS), foot], colour, stroke=0.8, dashed=link.train)
    if place < 0:
        canvas.head(foot, "up" if below else "down", colour)
    canvas.circle(x, y, RADIUS, Colour(theme.PAPER, colour), stroke=0.8)
    canvas.text(x, y + theme.SMALL * 0.33, letter, size=theme.SMALL)


def _turn(canvas: Canvas, a: Solid, b: Solid, link: StageLink, gutter: float, right: float, number: int) -> None:
    """From the end of a row around to the start of the next."""
    start = a.x + a.width + a.recess[0] / 2, a.middle
    edge, left = right + AROUND / 2, MARGIN + 2
    aim = b.x, max(b.middle, b.y - b.height * 0.4)
    way: list[XY] = [start, (edge, start[1]), (edge, gutter), (left, gutter), (left, aim[1]), aim]
    colour = theme.CROSSING if volumes_links.crosses(a, b) else theme.EDGE
    canvas.line(way, colour, stroke=0.8, dashed=link.train)
    canvas.head(aim, "right", colour)
