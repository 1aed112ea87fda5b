"""Encoders and decoders as a U: maps shrink on the way down at the left and grow on the way up at the right, and skips
lead straight across."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element

from archdsl.outline.stages import StageLink
from viz import palette, theme
from viz.canvas import Canvas
from viz.caption import caption
from viz.recolour import Theme
from viz.volumes import picture
from viz.volumes.scale import joins
from viz.volumes.view import Solid, Volumes

MARGIN: Final = 4.0
LEVEL: Final = 18.0  # from the name of one to the top of the next below, for an arrow
NAME: Final = 26.0  # from the foot of a solid to that of its name
GAP: Final = 10.0  # between names side by side
ACROSS: Final = 30.0  # a skip is at least so long


class _Level(NamedTuple):
    """Solids of one height: those on the way down and those on the way up; the lowest has the first only."""

    down: tuple[int, ...]
    up: tuple[int, ...]


def is_one(volumes: Volumes) -> bool:
    """Whether skips are nested in one another, with a solid at least beneath each, and all else is a chain."""
    columns = [solid.column for solid in volumes.solids]
    skips = _skips(volumes)
    chain = {(link.source, link.target) for link in volumes.links} - {(link.source, link.target) for link in skips}
    return (
        len(set(columns)) == len(columns)
        and len(skips) >= 2
        and chain == set(pairwise(range(len(columns))))
        and all(b.source > a.source and b.target < a.target for a, b in pairwise(skips))
    )


def _skips(volumes: Volumes) -> list[StageLink]:
    """From the outermost to the innermost."""
    return sorted((link for link in volumes.links if link.target > link.source + 1), key=lambda link: link.source)


def _levels(volumes: Volumes) -> list[_Level]:
    skips = _skips(volumes)
    depth = [sum(link.source < i < link.target for link in skips) for i in range(len(volumes.solids))]
    down = [[i for i, d in enumerate(depth) if d == level and i <= skips[-1].source] for level in range(len(skips))]
    up = [[i for i, d in enumerate(depth) if d == level and i >= skips[-1].target] for level in range(len(skips))]
    found = [_Level(tuple(a), tuple(b)) for a, b in zip(down, up, strict=True)]
    return [*found, _Level(tuple(i for i, d in enumerate(depth) if d == len(skips)), ())]


def draw(volumes: Volumes, shown: Theme, room: float) -> Element:
    """The picture as SVG."""
    solids = volumes.solids
    colours = palette.colours((solid.stage.colour for solid in solids), volumes.devices, shown)
    levels = _levels(volumes)
    left = max(_width([solids[i] for i in level.down]) for level in levels[:-1])
    right = max(_width([solids[i] for i in level.up]) for level in levels[:-1])
    lowest = _width([solids[i] for i in levels[-1].down])
    across = max(ACROSS, room - 2 * MARGIN - left - right, lowest - left / 2 - right / 2 + 2 * GAP)
    canvas = Canvas()
    head = caption(volumes.title, volumes.totals, room, room - 2 * MARGIN)
    head.draw(canvas, MARGIN)
    bottom = head.height + MARGIN
    whole = left + across + right
    placed = list(solids)
    for level in levels[:-1]:
        _place(placed, level.down, MARGIN + left, bottom, at_right=True)
        _place(placed, level.up, MARGIN + left + across, bottom, at_right=False)
        bottom = _bottom(placed, (*level.down, *level.up))
        _align(placed, (*level.down, *level.up), bottom)
        bottom += NAME + LEVEL
    _place(placed, levels[-1].down, MARGIN + (whole - lowest) / 2 + lowest, bottom, at_right=True)
    bottom = _bottom(placed, levels[-1].down)
    _align(placed, levels[-1].down, bottom)
    for link in volumes.links:
        _link(canvas, placed, link, levels)
    for i, solid in enumerate(placed):
        with canvas.named(f"part{i}"):
            picture.draw_solid(canvas, solid, colours)
            picture.draw_name(canvas, solid, solid.bottom + picture.BEYOND)
    return picture.finished(canvas, volumes, colours, MARGIN + whole, bottom + NAME + MARGIN, MARGIN)


def _wide(solid: Solid) -> float:
    """How wide a solid is with its name."""
    return max(solid.width + solid.recess[0], solid.name.length)


def _width(solids: Sequence[Solid]) -> float:
    return sum(map(_wide, solids)) + GAP * (len(solids) - 1) if solids else 0.0


def _place(placed: list[Solid], numbers: Sequence[int], x: float, top: float, *, at_right: bool) -> None:
    """Solids side by side, their upper ends at a height; they end at x, or begin there."""
    x -= _width([placed[i] for i in numbers]) if at_right else 0.0
    for i in numbers:
        solid, wide = placed[i], _wide(placed[i])
        inner = (wide - solid.width - solid.recess[0]) / 2
        placed[i] = replace(solid, x=x + inner, y=top + solid.recess[1] + solid.height / 2, named="under")
        x += wide + GAP


def _bottom(placed: Sequence[Solid], numbers: Sequence[int]) -> float:
    return max(placed[i].bottom for i in numbers)


def _align(placed: list[Solid], numbers: Sequence[int], bottom: float) -> None:
    """Solids of a level stand on one line; joins are at the middle of what stands beside them."""
    tallest = max(placed[i].height + placed[i].recess[1] for i in numbers)
    for i in numbers:
        foot = bottom - (tallest / 2 if joins(placed[i].stage) else placed[i].height / 2)
        placed[i] = replace(placed[i], y=foot)


def _link(canvas: Canvas, placed: Sequence[Solid], link: StageLink, levels: Sequence[_Level]) -> None:
    a, b = placed[link.source], placed[link.target]
    level = {i: number for number, each in enumerate(levels) for i in (*each.down, *each.up)}
    start, aim = (a.x + a.width + a.recess[0] / 2, a.middle), (b.x, b.middle)
    if level[link.source] == level[link.target]:
        aim = b.x, max(b.middle, b.y - b.height * 0.4)
        if abs(aim[1] - start[1]) > 1 and link.target > link.source + 1:
            aim = aim[0], max(min(start[1], b.bottom), b.top)
        canvas.line([start, (aim[0], start[1]) if abs(aim[1] - start[1]) < 1 else aim], theme.EDGE, dashed=link.train)
        canvas.head(aim, "right", theme.EDGE)
    elif level[link.source] < level[link.target]:
        x = a.named_at
        begin = a.bottom + NAME
        if link.target in levels[-1].down:  # around the corner
            canvas.line([(x, begin), (x, b.middle), (b.x, b.middle)], theme.EDGE, dashed=link.train)
            canvas.head((b.x, b.middle), "right", theme.EDGE)
        else:
            turn = begin + (b.top - begin) / 3
            way = [(x, begin), (x, turn), (b.named_at, turn), (b.named_at, b.top)]
            canvas.line(way, theme.EDGE, dashed=link.train)
            canvas.head((b.named_at, b.top), "down", theme.EDGE)
    else:
        x, end = b.named_at, b.bottom + NAME
        first = [start, (x, start[1])] if link.source in levels[-1].down else [(a.named_at, a.top)]
        canvas.line([*first, (x, end)], theme.EDGE, dashed=link.train)
        canvas.head((x, end), "up", theme.EDGE)
