"""The graph view as a picture: boxes, frames and edges where Graphviz puts them, with a caption and a legend."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final
from xml.etree.ElementTree import Element

from viz import engine, legend, lettering, palette, theme
from viz.canvas import XY, Canvas
from viz.caption import caption
from viz.engine import DrawingError
from viz.figure import READABLE, smallest
from viz.graph import beside, boxes, columns, entries, heat, labels, stacking
from viz.graph import layout as graph_layout
from viz.graph import legend as graph_legend
from viz.graph.beside import BlockPanel
from viz.graph.columns import PageColumn
from viz.graph.layout import LEAVE, TITLE, TITLE_LINE, Section, StackLink
from viz.graph.scene import Box, Group, OpenBlock, Scene
from viz.graph.scene import boxes as scene_boxes
from viz.layout import EdgeCurve, Layout
from viz.look import Look
from viz.palette import Colours
from viz.theme import Colour

MARGIN: Final = 12.0
NARROW: Final = 3.0  # the same in a figure, which has a margin where it stands
BESIDE: Final = 10.0  # from an edge to the feet of letters that run along it
LIFT: Final = 3.0  # of letters above an edge that runs across
FAINT: Final = 5.2  # points of the smallest letters on a page that can still be read
INSIDE: Final = 8.0  # from the frame of an open block to what is in it
AROUND: Final = 70.0  # above and below, for the caption and the legend
CLOSE: Final = 0.12  # inches between boxes side by side in it
HEAD: Final = 20.0  # of its title
VARIES: Final = 30  # letters of a line of what varies, at least
MOST_BOXES: Final = 20_000  # more than anyone can look at


def draw(scene: Scene, look: Look) -> Element:
    """The picture as SVG; of a scene with whose letters a page would be too small to read, a smaller one, or that
    without shapes, if it can be read. Raises `DrawingError` for a scene that is too large."""
    picture = _drawn(scene, look)
    if _readable(picture, look):
        return picture
    ways = [look, replace(look, shapes=False)] if look.shapes is True else [look]
    others = (_drawn(other, way) for way in ways for other in (scene, *scene.smaller()))
    return next((other for other in others if _readable(other, look)), picture)


def drawings(scene: Scene, look: Look) -> Iterator[Callable[[], Element]]:
    """Ever smaller pictures of a scene, for a figure: with fewer blocks open, then without shapes, and across where
    many things stand side by side. Raises what `draw` raises."""
    ways = [look, replace(look, direction="right")] if look.direction == "down" else [look]
    scenes = [scene, *scene.smaller(), *scene.shorter()]
    for one in scenes:
        for way in ways:
            yield partial(_with_blocks, one, way)
            if look.shapes is True:
                yield partial(_drawn, one, replace(way, shapes=False))
    for one in scenes:
        for way in ways:
            yield partial(_drawn, one.terse(), replace(way, shapes=False))


def _with_blocks(scene: Scene, look: Look) -> Element:
    """The picture, without shapes where that makes room for open blocks."""
    picture = _drawn(scene, look)
    if scene.blocks and look.shapes is True and look.figure is not None and not _open_blocks(picture):
        other = _drawn(scene, replace(look, shapes=False))
        if _open_blocks(other) and smallest(other, look.figure) >= READABLE:
            return other
    return picture


def _open_blocks(picture: Element) -> bool:
    return any(part.get("class") == "open-block" for part in picture.iter())


def _readable(picture: Element, look: Look) -> bool:
    width, height = (float(picture.get(side, "0").removesuffix("pt")) for side in ("width", "height"))
    return columns.letters(width, height, look.direction) >= FAINT


def _drawn(scene: Scene, look: Look) -> Element:
    scene = entries.entered(heat.shaded(scene, look.heat[0], look.theme) if look.heat else scene)
    shown = {box.id: box for box in scene.boxes()}
    if len(shown) > MOST_BOXES:
        raise DrawingError(f"{len(shown)} layers are too many for a drawing ({MOST_BOXES} at most); {engine.ADVICE}")
    stacks = stacking.stacks(scene) if look.shapes != "all" else tuple((box,) for box in shown.values())
    page = columns.set_out(Section(scene.items, stacks, graph_layout.links(scene, stacks)), look)

    margin = MARGIN if look.figure is None else NARROW

    def letters(width: float, height: float) -> float:
        return columns.letters(width + 2 * margin, height + AROUND, look.direction, look.figure)

    panels = [_panel(block, look) for block in scene.blocks]
    size, least = (page.width, page.height), FAINT if look.figure is None else READABLE
    kept = {panel.block.id for panel in beside.chosen(size, panels, letters, least)}
    scene, laid = scene.with_open(kept), {panel.block.id: panel for panel in panels}
    panels = [replace(laid[block.id], block=block) for block in scene.blocks]
    shown = {box.id: box for box in scene.boxes()}
    colours = palette.colours((box.colour for box in scene.every_box()), scene.devices, look.theme)
    canvas = Canvas()
    for column in page.columns:
        drawn = Canvas()
        _part(drawn, column, look, colours, shown)
        canvas.shifted(drawn, column.x, column.y)
    for turn in page.turns:
        _edge(canvas, *turn, shown, "turn")
    places: list[XY] = []
    if panels:
        size, places = beside.arrange(size, [panel.size for panel in panels], letters)
    for panel, place in zip(panels, places, strict=True):
        canvas.shifted(_open(panel, look, colours), *place)
    return _framed(scene, canvas, *size, look)


def _panel(block: OpenBlock, look: Look) -> BlockPanel:
    layout = graph_layout.lay_out(_section(block.scene), replace(look, shapes=False), CLOSE)
    lines = tuple(textwrap.wrap(block.varies, max(VARIES, round(layout.width / 4.8))))
    title = boxes.BADGE + 5 + lettering.width(block.title, theme.SIZE, bold=True)
    width = max(layout.width, title, *(lettering.width(line, theme.SMALL) for line in lines)) + 2 * INSIDE
    top = INSIDE + HEAD + TITLE_LINE * len(lines)
    return BlockPanel(block, layout, lines, top, (width, top + layout.height + INSIDE))


def _section(scene: Scene) -> Section:
    stacks = stacking.stacks(scene)
    return Section(scene.items, stacks, graph_layout.links(scene, stacks))


def _open(panel: BlockPanel, look: Look, colours: Colours) -> Canvas:
    """An open block in a frame of its colour."""
    block, (width, height) = panel.block, panel.size
    canvas, inner, framed = Canvas(), Canvas(), Canvas()
    colour = colours.groups[block.colour]
    fill = theme.pale(colour.fill)
    if look.theme == "print":  # the grey of a closed block is darker than those of what is in it
        fill = theme.pale(theme.pale(fill))
    canvas.rectangle(0, 0, width, height, Colour(fill, colour.line), round=7)
    boxes.badge(canvas, INSIDE + boxes.BADGE / 2, INSIDE + boxes.BADGE / 2, block.letter, colour)
    canvas.text(INSIDE + boxes.BADGE + 5, INSIDE + 10.5, block.title, anchor="start", bold=True)
    for i, line in enumerate(panel.lines):
        y = INSIDE + boxes.BADGE + TITLE_LINE * (i + 1)
        canvas.text(INSIDE, y, line, size=theme.SMALL, colour=theme.MUTED, anchor="start")
    shown = {box.id: box for box in block.scene.boxes()}
    column = PageColumn(_section(block.scene), panel.layout, 0.0, 0.0)
    _part(inner, column, replace(look, shapes=False), colours, shown)
    canvas.shifted(inner, (width - panel.layout.width) / 2, panel.top)
    framed.grouped(canvas, {"class": "open-block"})
    return framed


def _part(canvas: Canvas, column: PageColumn, look: Look, colours: Colours, shown: dict[str, Box]) -> None:
    part, layout = column.part, column.layout
    _frames(canvas, part.items, layout, colours, 0)
    for link in part.links:
        id = f"{link.id}_{LEAVE}" if link.target == LEAVE else link.id
        _edge(canvas, link, layout.curves[id].points, shown, "edge")
    for stack in part.stacks:
        boxes.draw(
            canvas,
            tuple(shown[box.id] for box in stack),
            layout.places[stack[0].id],
            colours,
            upwards=look.direction == "up",
        )
    _titles(canvas, part.items, layout, "")
    for link in part.links:
        _label(canvas, link, layout.curves.get(link.id), look)


def _frames(
    canvas: Canvas, items: Sequence[Box | Group], layout: Layout, colours: Colours, depth: int
) -> None:  # fmt: skip
    for item in items:
        if isinstance(item, Box):
            continue
        colour = theme.CLUSTER[depth % len(theme.CLUSTER)]
        if item.device is not None:
            colour = colours.devices[item.device]
        if item.train:
            colour = Colour(colour.fill, theme.MUTED)
        drawn = Canvas()
        for step in (2 * boxes.STEP, boxes.STEP, 0) if item.repeats else (0,):
            at = layout.places[item.id].moved(step, step)
            drawn.rectangle(at.x, at.y, at.width, at.height, colour, round=7, dashed=item.train)
        canvas.grouped(drawn, {"class": "cluster"}, says=item.path)
        _frames(canvas, item.items, layout, colours, depth + 1)


def _titles(canvas: Canvas, items: Sequence[Box | Group], layout: Layout, within: str) -> None:
    for item in items:
        if isinstance(item, Box):
            continue
        place = layout.places[f"{item.id}_title"]
        high = replace(place, y=layout.places[item.id].y + graph_layout.INSIDE)
        free = not any(
            layout.places[box.id].overlaps(high) for box, _ in scene_boxes(item.items) if box.id in layout.places
        )
        drawn = Canvas()
        for i, line in enumerate(graph_layout.titles(item, within)):
            y = (high if free else place).y + TITLE_LINE * (i + 0.75)
            drawn.text(place.x, y, line, size=TITLE, colour=theme.MUTED, anchor="start")
        canvas.grouped(drawn, {"class": "title"})
        _titles(canvas, item.items, layout, graph_layout.inner(item))


def _edge(canvas: Canvas, link: StackLink, points: Sequence[XY], shown: dict[str, Box], kind: str) -> None:
    edge = link.edge
    drawn = Canvas()
    colour, stroke = (theme.CROSSING, 2.4) if edge.crossing else (theme.EDGE, 1.0)
    if len(points) % 3 == 1:  # it goes on elsewhere
        drawn.curve(points, colour, stroke=stroke, dashed=edge.train)
    else:
        drawn.arrow(points, colour, stroke=stroke, dashed=edge.train, head=1.6 if edge.crossing else 1.0)
    says = f"{shown[edge.source].key} → {shown[edge.target].key}: {edge.shape}"
    canvas.grouped(drawn, {"class": kind}, says=says)


def _label(canvas: Canvas, link: StackLink, curve: EdgeCurve | None, look: Look) -> None:
    label = link.label(look)
    if label and curve is not None and curve.label is not None:
        x, y = curve.label
        across = look.direction in ("right", "left")
        if across:
            y -= LIFT
        colour = theme.CROSSING if link.edge.crossing else theme.MUTED
        if curve.along:
            x, y, turned = (x, y, 0.0) if across else (x + BESIDE, y, -90.0)
            canvas.text(x, y, label, size=theme.SMALL, colour=colour, turned=turned, rim=True)
        else:
            canvas.text(x + labels.RIGHT, y + labels.FOOT, label, size=theme.SMALL, colour=colour, rim=True)


def _framed(scene: Scene, drawing: Canvas, width: float, height: float, look: Look) -> Element:
    """The drawing with its caption above, and the legend beside it or beneath it, whichever leaves larger letters."""
    entries = graph_legend.entries(scene, look.theme)
    margin = MARGIN if look.figure is None else NARROW
    room = math.inf if look.figure is None else max(width, look.figure.room[0] - 2 * margin)
    head = caption(scene.title, scene.totals, width, room)
    top = head.height
    row = legend.row(entries, max(width, head.width, 240.0) if look.figure is None else room)
    column = legend.column(entries)
    beside = max(width + column.width, head.width) + 2 * margin, top + max(height, column.height) + margin
    beneath = max(width, row.width, head.width) + 2 * margin, top + height + row.height + margin
    is_beside = look.figure is None and (
        columns.letters(*beside, look.direction) >= columns.letters(*beneath, look.direction)
    )
    key, size = (column, beside) if is_beside else (row, beneath)
    left = margin if look.figure is None else (size[0] - width) / 2
    canvas = Canvas()
    head.draw(canvas, margin)
    canvas.shifted(drawing, left, top)
    canvas.parts.append(key.element(*((margin + width, top) if is_beside else (0.0, top + height))))
    return canvas.page(*size)
