"""Cuts a drawing that is too long for a page into columns side by side, as a long text is set (rows, where data flows
across). It is cut only at edges that alone hold together what comes before and after."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import networkx as nx

from viz import theme
from viz.canvas import XY
from viz.figure import PAGE_HEIGHT, READABLE, Figure
from viz.graph.layout import ENTER, LEAVE, Section, StackLink, lay_out
from viz.graph.scene import Box, Group, boxes
from viz.layout import Layout
from viz.look import Direction, Look

PAGE: Final = (6.5 * 72, PAGE_HEIGHT)  # what is left between the margins of a sheet of letter paper
MOST: Final = 8  # columns
WORTH: Final = 1.25  # how much larger letters must become for a further column
GUTTER: Final = 26.0  # between columns
TURN: Final = 12.0  # above and below them, for the edges from one to the next
CORNER: Final = 6.0  # the radius of a turn
AROUND: Final = 60.0  # for the caption and the legend
FRAME: Final = 50.0  # how much farther from the best place a cut may lie for each frame that it does not cut


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where a drawing may be cut."""

    link: StackLink
    at: float  # how far along
    frames: int  # that it would cut


def letters(width: float, height: float, direction: Direction = "down", figure: Figure | None = None) -> float:
    """How large the smallest letters are when a drawing is put on a page, which is turned where data flows across, or
    as a figure."""
    if figure is not None:
        return figure.letters(width, height)
    page = PAGE if direction in ("down", "up") else PAGE[::-1]
    return theme.SMALL * min(1.0, page[0] / width, page[1] / height)


@dataclass(frozen=True, slots=True)
class PageColumn:
    """A part of a drawing with its layout, the upper left corner of it at a point."""

    part: Section
    layout: Layout
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns, and the edges that lead from the end of one to the start of the next: points along Bézier curves."""

    width: float
    height: float
    columns: tuple[PageColumn, ...]
    turns: tuple[tuple[StackLink, tuple[XY, ...]], ...]


def set_out(whole: Section, look: Look) -> Columns:
    """Lay a drawing out, in as few columns as it takes for letters that can be read on a page, or else in those with
    the largest letters. Raises `DrawingError` for what is too large."""
    layout = lay_out(whole, look)
    cuts = _best(whole, layout.turned(look.direction), look)
    if not cuts:
        return Columns(layout.width, layout.height, (PageColumn(whole, layout, 0.0, 0.0),), ())
    parts = list(_parts(whole, cuts))
    layouts = [lay_out(part, look) for part in parts]
    down = [layout.turned(look.direction) for layout in layouts]
    begins = [sum(each.width + GUTTER for each in down[:i]) for i in range(len(down))]
    width, length = begins[-1] + down[-1].width, max(each.height for each in down) + 2 * TURN

    def placed(x: float, y: float) -> XY:
        if look.direction in ("up", "left"):
            y = length - y
        return (x, y) if look.direction in ("down", "up") else (y, x)

    columns = []
    for part, layout, turned, x in zip(parts, layouts, down, begins, strict=True):
        corners = placed(x, TURN), placed(x + turned.width, TURN + turned.height)
        columns.append(PageColumn(part, layout, min(corners[0][0], corners[1][0]), min(corners[0][1], corners[1][1])))
    turns = []
    for i, link in enumerate(cuts):
        end, start = down[i].places[LEAVE], down[i + 1].places[ENTER]
        gutter = begins[i + 1] - GUTTER / 2
        way = [(begins[i] + end.x + end.width / 2, end.y + end.height / 2 + TURN)]
        way += [(way[0][0], down[i].height + 1.5 * TURN), (gutter, down[i].height + 1.5 * TURN), (gutter, TURN / 2)]
        way += [(begins[i + 1] + start.x + start.width / 2, y) for y in (TURN / 2, start.y + start.height / 2 + TURN)]
        turns.append((link, tuple(placed(*point) for point in _rounded(way))))
    size = (width, length) if look.direction in ("down", "up") else (length, width)
    return Columns(*size, tuple(columns), tuple(turns))


def _rounded(way: Sequence[XY]) -> Iterator[XY]:
    """A line with corners as Bézier curves, with round ones."""
    yield way[0]
    at = way[0]
    for corner, after in pairwise(way[1:]):
        before = _toward(corner, at)
        yield from (at, before, before, corner, corner)
        at = _toward(corner, after)
        yield at
    yield from (at, way[-1], way[-1])


def _toward(corner: XY, other: XY) -> XY:
    """The point at which a round corner begins or ends."""
    (x, y), (to_x, to_y) = corner, other
    far = math.hypot(to_x - x, to_y - y)
    share = min(CORNER, far / 2) / far if far else 0.0
    return x + (to_x - x) * share, y + (to_y - y) * share


def _best(whole: Section, down: Layout, look: Look) -> list[StackLink]:
    """Where it is best cut; nowhere, if it fits on a page."""
    cuts = _cuts(whole, down)
    best: tuple[float, list[_Cut]] = (0.0, [])
    for count in range(1, MOST + 1):
        chosen = _spread(cuts, down, count)
        wide, high = _size(chosen, down)
        sides = (high, wide) if look.figure is not None and look.direction in ("left", "right") else (wide, high)
        found = letters(*sides, figure=look.figure)
        if found > WORTH * best[0]:
            best = found, chosen
        if found >= READABLE:
            break
    return [cut.link for cut in best[1]]


def _cuts(part: Section, down: Layout) -> list[_Cut]:
    """The edges on the longest way through the network without which it falls apart, in order."""
    pairs = Counter((link.source, link.target) for link in part.links)
    order = nx.DiGraph(list(pairs))
    bridges = {frozenset(bridge) for bridge in nx.bridges(order.to_undirected())}
    way = set(pairwise(nx.dag_longest_path(order)))
    frames = {box.id: around for box, around in boxes(part.items)}
    found = []
    for link in part.links:
        pair = link.source, link.target
        if pair not in way or pairs[pair] > 1 or frozenset(pair) not in bridges:
            continue
        common = [group for group in frames[link.source] if group in frames[link.target]]
        if not any(group.repeats for group in common):
            above = down.places[link.source]
            found.append(_Cut(link, above.y + above.height, len(common)))
    return sorted(found, key=lambda cut: cut.at)


def _spread(cuts: Sequence[_Cut], down: Layout, count: int) -> list[_Cut]:
    """Where to cut into so many columns, as even as can be."""
    chosen: list[_Cut] = []
    for i in range(1, count):
        target = down.height * i / count
        later = [cut for cut in cuts if not chosen or cut.at > chosen[-1].at]
        if later:
            chosen.append(min(later, key=lambda cut: abs(cut.at - target) + FRAME * cut.frames))
    return chosen


def _size(chosen: Sequence[_Cut], down: Layout) -> tuple[float, float]:
    """About how large the drawing will be in columns."""
    ends = [0.0, *(cut.at for cut in chosen), down.height]
    width = 0.0
    for begin, end in pairwise(ends):
        within = [place for place in down.places.values() if begin < place.y + place.height / 2 <= end]
        width += max(p.x + p.width for p in within) - min(p.x for p in within) + GUTTER if within else 0.0
    return width + AROUND, max(end - begin for begin, end in pairwise(ends)) + AROUND


def _parts(part: Section, cuts: Sequence[StackLink]) -> Iterator[Section]:
    """The columns, each with the edge by which data comes and that by which it goes on."""
    joined: nx.Graph[str] = nx.Graph()
    joined.add_nodes_from(stack[0].id for stack in part.stacks)
    joined.add_edges_from((link.source, link.target) for link in part.links if link not in cuts)
    begun: frozenset[str] = frozenset()
    for before, after in zip([None, *cuts], [*cuts, None], strict=True):
        start = after.source if after else before.target if before else None
        ids = nx.node_connected_component(joined, start) if start else set(joined)
        stacks = tuple(stack for stack in part.stacks if stack[0].id in ids)
        links = [link for link in part.links if link.source in ids and link.target in ids]
        if before:
            links.insert(0, replace(before, source=ENTER))
        if after:
            links.append(replace(after, target=LEAVE))
        items = _of(part.items, {box.id for stack in stacks for box in stack}, begun)
        yield Section(items, stacks, tuple(links))
        begun |= {group.id for _, around in boxes(items) for group in around}


def _of(items: Sequence[Box | Group], ids: set[str], begun: frozenset[str]) -> tuple[Box | Group, ...]:
    """The boxes of these ids in their groups; those that began in an earlier column say so."""
    found: list[Box | Group] = []
    for item in items:
        if isinstance(item, Box):
            if item.id in ids:
                found.append(item)
            continue
        inner = _of(item.items, ids, begun)
        if inner:
            again = replace(item, path=f"{item.path}, continued", call="") if item.id in begun else item
            found.append(replace(again, items=inner))
    return tuple(found)
