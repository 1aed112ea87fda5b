"""Feature maps as a picture: solids in oblique projection, filters on their faces, skips as arcs above."""

from __future__ import annotations

import math
from collections import Counter
from typing import Final
from xml.etree.ElementTree import Element

from viz import legend, lettering, palette, theme
from viz.canvas import Canvas, Point
from viz.stages import Link, Stage, shown
from viz.theme import Colour
from viz.volumes import SEAM, Solid, Volumes, patch

MARGIN: Final = 16.0
ANGLE: Final = -40.0  # of names, in degrees
COS, SIN = 0.766, 0.643  # of that angle
LONGEST: Final = 24  # letters of a block's call; a longer one gives way to the block's name or its own
ALL: Final = -math.inf  # the row of names of all columns of one or two
BEYOND: Final = 12.0  # from a solid to its name
RISE: Final = 14.0  # how much higher each arc rises
SMALLEST: Final = 5.0  # side of a filter that is marked


def draw(volumes: Volumes) -> Element:
    """The picture as SVG."""
    solids = volumes.solids
    colours = palette.colours((solid.stage.colour for solid in solids), volumes.devices)
    feet = _feet(volumes)
    arcs = _arcs(volumes, feet)
    ends = [y + (-1 if solid.above else 1) * _reach(solid) for solid, y in zip(solids, feet, strict=True)]
    left = MARGIN + max((0.0 if solid.above else _length(solid) * COS) - solid.x for solid in solids)
    up = min([*(solid.top for solid in solids), *arcs.values(), *ends])
    down = max([*(solid.y + solid.height / 2 for solid in solids), *ends])
    top = theme.CAPTION * 2 + MARGIN - up

    canvas = Canvas()
    canvas.text(MARGIN, theme.CAPTION * 1.5, volumes.title, size=theme.CAPTION, anchor="start", bold=True)
    body = Canvas()
    for link, peak in arcs.items():
        _arc(body, solids[link.source], solids[link.target], peak, link)
    for i, solid in enumerate(solids):
        for link in (link for link in volumes.links if link.target == i and link not in arcs):
            _link(body, solids[link.source], solid, link)
        with body.named(f"part{i}"):
            _solid(body, solid, colours)
            _name(body, solid, feet[i])
    canvas.shifted(body, left, top)
    right = left + max(
        solid.x + solid.width + max(solid.recess[0], _length(solid) * COS if solid.above else 0.0) for solid in solids
    )
    rule = "Sides follow the square root of channels, heights and widths."
    width = max(right, lettering.width(rule, theme.SMALL) + MARGIN) + MARGIN
    key = legend.row(_entries(volumes, colours), width)
    bottom = top + down
    canvas.parts.append(key.element(MARGIN - legend.MARGIN, bottom))
    canvas.text(MARGIN, bottom + key.height + 6, rule, size=theme.SMALL, colour=theme.MUTED, anchor="start")
    return canvas.page(max(width, key.width + MARGIN), bottom + key.height + MARGIN)


def _entries(volumes: Volumes, colours: palette.Colours) -> list[legend.Entry]:
    entries = legend.of_colours(colours)
    if any(_crosses(volumes.solids[link.source], volumes.solids[link.target]) for link in volumes.links):
        entries.append(legend.CROSSING)
    return entries + [legend.TRAINING] * any(solid.stage.train for solid in volumes.solids)


def _lines(solid: Solid) -> tuple[str, str]:
    times = f" (× {solid.stage.count})" if solid.stage.count > 1 else ""
    return f"{_called(solid.stage)}{times}", shown(solid.stage.sizes)


def _called(stage: Stage) -> str:
    """What a stage does; of a block with a long call, the path if that is a name, or the block's name."""
    if stage.colour != "block" or len(stage.title) <= LONGEST:
        return stage.title
    return stage.title.partition("(")[0] if stage.last or "." in stage.path else stage.path


def _length(solid: Solid) -> float:
    first, second = _lines(solid)
    return max(lettering.width(first, theme.SMALL + 1), lettering.width(second, theme.SMALL))


def _reach(solid: Solid) -> float:
    """How far up or down a solid's name comes."""
    return _length(solid) * SIN + theme.SMALL * 2


def _feet(volumes: Volumes) -> list[float]:
    """The height at which each solid's name begins: beyond all others whose names stand there, so that none covers
    it."""
    beside = Counter(solid.column for solid in volumes.solids)
    places: dict[tuple[bool, float], list[float]] = {}
    keys = [(s.above, s.y - s.recess[1] / 2 if beside[s.column] > 2 else ALL) for s in volumes.solids]
    for key, solid in zip(keys, volumes.solids, strict=True):
        places.setdefault(key, []).append(solid.top if solid.above else solid.y + solid.height / 2)
    return [min(places[key]) - BEYOND / 2 if key[0] else max(places[key]) + BEYOND for key in keys]


def _name(canvas: Canvas, solid: Solid, foot: float) -> None:
    first, second = _lines(solid)
    size, small = theme.SMALL + 1, theme.SMALL
    if solid.above:
        x = solid.x + solid.width / 2 + solid.recess[0] / 2
        canvas.line([(x, foot + 3), (x, solid.top + solid.recess[1] / 2)], theme.FINE, stroke=0.5)
        canvas.text(x - 7, foot - 9, first, size=size, anchor="start", turned=ANGLE, rim=True)
        canvas.text(x, foot, second, size=small, colour=theme.MUTED, anchor="start", turned=ANGLE, rim=True)
        return
    x, low = solid.x + solid.width / 2, solid.y + solid.height / 2
    if foot - low > 2 * BEYOND:
        canvas.line([(x, low + 2), (x, foot - 8)], theme.FINE, stroke=0.5)
    canvas.text(x + 3, foot, first, size=size, anchor="end", turned=ANGLE, rim=True)
    canvas.text(x + 10, foot + 8.5, second, size=small, colour=theme.MUTED, anchor="end", turned=ANGLE, rim=True)


def _solid(canvas: Canvas, solid: Solid, colours: palette.Colours) -> None:
    stage = solid.stage
    colour = colours.groups[stage.colour]
    outline, stroke = (colour.line, 0.8) if stage.device is None else (colours.devices[stage.device].line, 1.4)
    across, up = solid.recess
    low, high = solid.y + solid.height / 2, solid.y - solid.height / 2
    dark, pale = mixed(colour.fill, colour.line, 0.16), mixed(colour.fill, theme.PAPER, 0.45)
    for slab in range(solid.slabs):
        x = solid.x + slab * (solid.thickness + SEAM)
        end = x + solid.thickness
        faces = (
            (((x, high), (end, high), (end + across, high - up), (x + across, high - up)), pale),
            (((end, high), (end + across, high - up), (end + across, low - up), (end, low)), dark),
            (((x, low), (x, high), (end, high), (end, low)), colour.fill),
        )
        for corners, fill in faces:
            says = f"{stage.label}: {stage.shape}"
            canvas.polygon(corners, Colour(fill, outline), stroke=stroke, dashed=stage.train, says=says)


def mixed(a: str, b: str, share: float) -> str:
    """A colour with a share of another."""
    parts = [(int(a[i : i + 2], 16), int(b[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(x + (y - x) * share):02x}" for x, y in parts)


def _crosses(a: Solid, b: Solid) -> bool:
    return None not in (a.stage.device, b.stage.device) and a.stage.device != b.stage.device


def _link(canvas: Canvas, a: Solid, b: Solid, link: Link) -> None:
    """From one column to the next: the window that moves over the maps, or an arrow."""
    colour, stroke = (theme.CROSSING, 1.4) if _crosses(a, b) else (theme.EDGE, 0.8)
    aim = (b.x, b.y)
    window = patch(a, b.stage.kernel)
    across, up = a.recess
    end = a.x + a.width
    if window is None or abs(a.y - b.y) > a.height / 2 + b.height:  # an arrow, or a line to another row
        start = (end + across / 2, a.y - up / 2)
        canvas.line([start, aim], colour, stroke=stroke, dashed=link.train)
        if abs(aim[1] - start[1]) < 24:
            canvas.head(aim, "right", colour)
        return
    high = max(window[0] * a.height, min(SMALLEST, a.height))
    wide = max(window[1], min(SMALLEST / max(a.depth, 1.0), 1.0))
    low, left = a.y + high / 2, (1 - wide) / 2
    near, far = (end + across * left, low - up * left), (end + across * (left + wide), low - up * (left + wide))
    corners: list[Point] = [near, (near[0], near[1] - high), (far[0], far[1] - high), far]
    canvas.polygon(corners, Colour(theme.WINDOW, colour), stroke=stroke)
    for corner in (corners[2], far):
        canvas.line([corner, aim], colour, stroke=stroke, dashed=link.train)


def _arcs(volumes: Volumes, feet: list[float]) -> dict[Link, float]:
    """How high each link rises that passes solids by, above all of them and the shorter arcs within."""
    solids = volumes.solids
    far = [link for link in volumes.links if solids[link.target].column > solids[link.source].column + 1]
    far.sort(key=lambda link: (solids[link.target].column - solids[link.source].column, link.source))
    peaks: dict[Link, float] = {}
    for link in far:
        start, stop = solids[link.source].column, solids[link.target].column
        tops = [y - _reach(s) if s.above else s.top for s, y in zip(solids, feet, strict=True)]
        below = [top for solid, top in zip(solids, tops, strict=True) if start <= solid.column <= stop]
        within = [
            peak
            for other, peak in peaks.items()
            if solids[other.source].column < stop and start < solids[other.target].column
        ]
        peaks[link] = min([*below, *within]) - RISE
    return peaks


def _arc(canvas: Canvas, a: Solid, b: Solid, peak: float, link: Link) -> None:
    start, end = ((solid.x + solid.width / 2 + solid.recess[0], solid.top) for solid in (a, b))  # at the rear edges
    control = (8 * peak - start[1] - end[1]) / 6  # lets the middle of the curve touch the peak
    colour = theme.CROSSING if _crosses(a, b) else theme.EDGE
    points = (start, (start[0], control), (end[0], control), end)
    canvas.curve(points, colour, stroke=1.2, dashed=link.train)
    canvas.head(end, "down", colour)
