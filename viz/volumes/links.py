"""How solids are joined: windows and arrows from one column to the next, lines in free lanes, arcs elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from archdsl.outline.stages import StageLink
from viz import theme
from viz.canvas import XY, Canvas
from viz.theme import Colour
from viz.volumes.view import Solid, Volumes, patch

RISE: Final = 14.0  # how much higher each arc rises
SMALLEST: Final = 5.0  # side of a filter that is marked
STEEP: Final = 24.0  # an arrow that climbs more is a line: its head would not lie in its direction
CLEAR: Final = 2.0  # from a line to a name
ROOM: Final = 8.0  # on both sides of a line in a free lane


def behind(canvas: Canvas, volumes: Volumes, peaks: Mapping[StageLink, float]) -> None:
    """The lines that names and solids stand before: all but windows."""
    for link in volumes.links:
        a, b = volumes.solids[link.source], volumes.solids[link.target]
        if link in peaks:
            _arc(canvas, a, b, peaks[link], link)
        elif is_far(volumes, link):
            _lane(canvas, volumes, link)
        elif _window(a, b) is None:
            _arrow(canvas, volumes, link)


def before(canvas: Canvas, volumes: Volumes, links: Iterable[StageLink]) -> None:
    """The windows of links to a solid through which it is read from the column before."""
    for link in links:
        a, b = volumes.solids[link.source], volumes.solids[link.target]
        if not is_far(volumes, link) and (window := _window(a, b)) is not None:
            _draw_window(canvas, a, b, window, link)


def crosses(a: Solid, b: Solid) -> bool:
    """Whether what goes from one to the other goes to another device."""
    return None not in (a.stage.device, b.stage.device) and a.stage.device != b.stage.device


def is_far(volumes: Volumes, link: StageLink) -> bool:
    """Whether a link passes columns by."""
    return volumes.solids[link.target].column > volumes.solids[link.source].column + 1


def peaks(volumes: Volumes, tops: Sequence[float]) -> dict[StageLink, float]:
    """How high each arc rises: above all solids and names that it passes, and the arcs within. A link is an arc
    where there is something in its way."""
    solids = volumes.solids
    far = [link for link in volumes.links if is_far(volumes, link) and not _is_free(volumes, link)]
    far.sort(key=lambda link: (solids[link.target].column - solids[link.source].column, link.source))
    found: dict[StageLink, float] = {}
    for link in far:
        start, stop = solids[link.source].column, solids[link.target].column
        below = [top for solid, top in zip(solids, tops, strict=True) if start <= solid.column <= stop]
        within = [
            peak
            for other, peak in found.items()
            if start <= solids[other.source].column and solids[other.target].column <= stop
        ]
        found[link] = min([*below, *within]) - RISE
    return found


def _is_free(volumes: Volumes, link: StageLink) -> bool:
    """Whether nothing stands in the lane of a link's source, up to the column of its target."""
    source, target = volumes.solids[link.source], volumes.solids[link.target]
    passed = [solid for solid in volumes.solids if source.column < solid.column < target.column]
    return all(not solid.top - ROOM < source.middle < solid.y + solid.height / 2 + ROOM for solid in passed)


def _arc(canvas: Canvas, a: Solid, b: Solid, peak: float, link: StageLink) -> None:
    """A skip from one solid's rear edge to another's, above what stands between."""
    start, end = ((solid.x + solid.width / 2 + solid.recess[0], solid.top) for solid in (a, b))
    control = (8 * peak - start[1] - end[1]) / 6  # lets the middle of the curve touch the peak
    colour, _ = _stroke(a, b)
    canvas.curve((start, (start[0], control), (end[0], control), end), colour, stroke=1.2, dashed=link.train)
    canvas.head(end, "down", colour)


def _stroke(a: Solid, b: Solid) -> tuple[str, float]:
    return (theme.CROSSING, 1.4) if crosses(a, b) else (theme.EDGE, 0.8)


def _aim(solid: Solid) -> XY:
    """Where a solid is reached: at the height of its middle, if its front comes as high."""
    return solid.x, max(solid.middle, solid.y - solid.height * 0.4)


def _start(solid: Solid) -> XY:
    """Where an edge leaves a solid: the middle of the face at its right."""
    return solid.x + solid.width + solid.recess[0] / 2, solid.middle


def _window(a: Solid, b: Solid) -> tuple[float, float] | None:
    """Which shares of a map's sides the window covers that is drawn on it; none towards a solid far above or below."""
    return patch(a, b.stage.kernel) if abs(a.y - b.y) <= a.height / 2 + b.height else None


def _arrow(canvas: Canvas, volumes: Volumes, link: StageLink) -> None:
    """An arrow to the next column, or a line to another row: where names stand under solids, between those of the two
    columns."""
    a, b = volumes.solids[link.source], volumes.solids[link.target]
    colour, stroke = _stroke(a, b)
    start, aim = _start(a), _aim(b)
    way = [start, aim]
    if abs(aim[1] - start[1]) >= STEEP and "under" in (a.named, b.named):
        way[1:1] = [
            (max(start[0], _ends(volumes, a.column)), start[1]),
            (min(aim[0], _begins(volumes, b.column)), aim[1]),
        ]
    canvas.line(way, colour, stroke=stroke, dashed=link.train)
    if len(way) > 2 or abs(aim[1] - start[1]) < STEEP:
        canvas.head(aim, "right", colour)


def _ends(volumes: Volumes, column: int) -> float:
    """Where the solids of a column and the names under them end."""
    return max(max(s.right, s.named_at + _reach(s)) for s in volumes.solids if s.column == column)


def _begins(volumes: Volumes, column: int) -> float:
    """Where they begin."""
    return min(min(s.x, s.named_at - _reach(s)) for s in volumes.solids if s.column == column) - CLEAR


def _reach(solid: Solid) -> float:
    return solid.name.length / 2 if solid.named == "under" else 0.0


def _draw_window(canvas: Canvas, a: Solid, b: Solid, window: tuple[float, float], link: StageLink) -> None:
    """The window that moves over the maps, and lines to what it makes."""
    colour, stroke = _stroke(a, b)
    across, up = a.recess
    end = a.x + a.width
    high = max(window[0] * a.height, min(SMALLEST, a.height))
    wide = max(window[1], min(SMALLEST / max(a.depth, 1.0), 1.0))
    low, left = a.y + high / 2, (1 - wide) / 2
    near, far = (end + across * left, low - up * left), (end + across * (left + wide), low - up * (left + wide))
    corners: list[XY] = [near, (near[0], near[1] - high), (far[0], far[1] - high), far]
    canvas.polygon(corners, Colour(theme.WINDOW, colour), stroke=stroke)
    for corner in (corners[2], far):
        canvas.line([corner, _aim(b)], colour, stroke=stroke, dashed=link.train)


def _lane(canvas: Canvas, volumes: Volumes, link: StageLink) -> None:
    """Past columns in a lane where nothing stands, then to the target."""
    a, b = volumes.solids[link.source], volumes.solids[link.target]
    colour, stroke = _stroke(a, b)
    (x, y), aim = _start(a), _aim(b)
    turn = _ends(volumes, b.column - 1)
    end = min(aim[0], _begins(volumes, b.column)) if b.named == "under" else aim[0]
    canvas.line([(x, y), (turn, y)], colour, stroke=stroke, dashed=link.train)
    middle = (turn + end) / 2
    canvas.curve(((turn, y), (middle, y), (middle, aim[1]), (end, aim[1])), colour, stroke=stroke, dashed=link.train)
    if end < aim[0]:
        canvas.line([(end, aim[1]), aim], colour, stroke=stroke, dashed=link.train)
    canvas.head(aim, "right", colour)
