"""The stages of a network as a picture: boxes in a column, and beside each what it gives and costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final
from xml.etree.ElementTree import Element

from archdsl.dims import Size
from archdsl.outline.stages import StageLink, Stages
from archdsl.sheet.units import magnitude
from viz import legend, lettering, palette, theme
from viz.canvas import Canvas
from viz.caption import caption
from viz.figure import Figure
from viz.look import Look
from viz.recolour import Theme
from viz.stages.layout import (
    BARE,
    CLOSE,
    GAP,
    LINE,
    NARROWEST,
    PADDING,
    STACK,
    STACKED,
    WIDE,
    StageBox,
    TableForm,
    called,
    given,
    place,
    times,
    widths,
)

MARGIN: Final = 14.0
COLUMN: Final = 18.0  # between columns
CLOSER: Final = 52.0  # from the end of one to the end of the next, without bars
NARROW: Final = 4.0  # the margin of a figure, which has another where it stands
BAR: Final = (52.0, 3.0)
SPECK: Final = 0.5  # a shorter bar says nothing
INSET: Final = 2.2  # of the second outline of weights that are used again
ASIDE: Final = 20.0  # from the corner of a box, where an edge to another column begins and ends
ARC: Final = 11.0  # how much farther out each arc swings


def draw(stages: Stages, shown: Theme = "light", form: TableForm = WIDE, room: float = math.inf) -> Element:
    """The picture as SVG, in the light colours from which those of a theme are made; the title in lines as wide as
    there is room."""
    canvas = Canvas()
    names = [called(row[0]) if len(row) == 1 and not form.named else "" for row in stages.rows]
    margin = MARGIN if form is WIDE else NARROW
    left = margin + max((lettering.width(text, theme.SMALL) for text in names), default=0.0) + PADDING
    columns = widths(stages, form)
    inner = max(sum(needed) + GAP * (number - 1) for number, needed in columns.items())
    head = caption(stages.title, stages.totals, inner, room - 2 * margin)
    top = head.height + LINE + PADDING
    sides = _sides(stages)
    swings = [ARC * (1 + max((lane for lane, side in sides.values() if side == way), default=-1)) for way in (-1, 1)]
    start = left + swings[0]
    boxes = place(stages, columns, start, inner, top, form)
    colours = palette.colours((stage.colour for stage in stages.all()), stages.devices, shown)

    head.draw(canvas, margin)
    for link in stages.links:
        _link(canvas, boxes[link.source], boxes[link.target], link, sides)
    for number, box in enumerate(boxes):
        with canvas.named(f"part{number}"):
            _box(canvas, box, colours)
    for box, name in zip((b for b in boxes if b.first), names, strict=True):
        canvas.text(
            left - PADDING, box.y + box.height / 2 + 3.3, name, size=theme.SMALL, colour=theme.MUTED, anchor="end"
        )
    if form.costs:
        right = start + inner + swings[1]
        bottom = _total(canvas, stages, boxes, start, right)
    else:
        gap = COLUMN if form.bars else PADDING
        right, bottom = _columns(canvas, stages, boxes, start + inner + swings[1] + gap, start, top, form)
    key = legend.row(_entries(boxes, stages.links, colours), right if form is WIDE else max(right, room - margin))
    canvas.parts.append(key.element(margin - legend.MARGIN, bottom))
    return canvas.page(max(right, key.width - legend.MARGIN, margin + head.width) + margin, bottom + key.height)


def _total(canvas: Canvas, stages: Stages, boxes: Sequence[StageBox], left: float, right: float) -> float:
    """What all cost together, below a table whose boxes say what they cost; and where that ends."""
    bottom = max(box.y + box.height for box in boxes) + GAP
    params = sum(stage.params for stage in stages.all() if not stage.train)
    macs = sum((stage.macs for stage in stages.all() if not stage.train), 0)
    more = sum(stage.params for stage in stages.all() if stage.train)
    whole = "up to the errors" if any(stage.fault for stage in stages.all()) else "in all"
    canvas.line([(left, bottom), (right, bottom)], theme.MUTED, stroke=0.7)
    said = [f"{whole}: {_known(params)} params, {_known(macs)} MACs"]
    said += [f"more in training: {_known(more)} params"] if more else []
    for i, line in enumerate(said):
        canvas.text(left, bottom + LINE * (i + 1), line, size=theme.SMALL, anchor="start", bold=i == 0)
    return bottom + LINE * len(said) + PADDING


def drawings(stages: Stages, look: Look, figure: Figure) -> Iterator[Callable[[], Element]]:
    """Ever narrower pictures, for a figure."""
    room = figure.room[0]
    for table in (stages, *stages.smaller()):
        for form in (WIDE, CLOSE, BARE, STACKED, NARROWEST):
            yield partial(draw, table, look.theme, form, room)


def _entries(
    boxes: Sequence[StageBox], links: Iterable[StageLink], colours: palette.Colours
) -> list[legend.LegendEntry]:
    entries = legend.of_colours(colours)
    entries += [legend.CROSSING] * any(_crosses(boxes[link.source], boxes[link.target]) for link in links)
    entries += [legend.SEVERAL] * any(box.stage.count > 1 for box in boxes)
    entries += [legend.SHARED] * any(box.stage.shared for box in boxes)
    return entries + [legend.TRAINING] * any(box.stage.train for box in boxes)


def _box(canvas: Canvas, box: StageBox, colours: palette.Colours) -> None:
    stage = box.stage
    colour = colours.groups[stage.colour]
    stroke = 1.0
    if stage.device is not None:
        colour, stroke = theme.Colour(colour.fill, colours.devices[stage.device].line), 2.2
    for step in (STACK, STACK / 2) if stage.count > 1 else ():
        canvas.rectangle(box.x + step, box.y + step, box.width, box.height, colour, round=5, stroke=stroke)
    canvas.rectangle(
        box.x, box.y, box.width, box.height, colour,
        round=5, dashed=stage.train, stroke=stroke, says=f"{stage.label}: {stage.shape}",
    )  # fmt: skip
    if stage.shared:
        inner = box.x + INSET, box.y + INSET, box.width - 2 * INSET, box.height - 2 * INSET
        canvas.rectangle(*inner, theme.Colour("none", colour.line), round=3, stroke=stroke / 2)
    middle = box.x + box.width / 2
    y = box.y + (box.height - len(box.lines) * LINE) / 2 + LINE * 0.78
    for i, line in enumerate(box.lines):
        size, ink = (theme.SIZE, theme.INK) if i == 0 else (theme.SMALL, theme.MUTED)
        ink = theme.PAPER if stage.fault else ink
        if i == 0 and stage.count > 1:
            badge = lettering.width(times(stage), size, bold=True) + PADDING
            canvas.text(middle - badge / 2, y, line, size=size)
            end = middle + (lettering.width(line, size) + badge) / 2
            canvas.text(end, y, times(stage), size=size, anchor="end", bold=True)
        else:
            canvas.text(middle, y + i * LINE, line, size=size, colour=ink, bold=bool(stage.fault) and i == 0)


def _sides(stages: Stages) -> dict[StageLink, tuple[int, int]]:
    """For each link that passes rows by: how far out it swings, and to which side. Longer ones swing farther."""
    places = [(n, i, len(row)) for n, row in enumerate(stages.rows) for i in range(len(row))]
    far = [link for link in stages.links if places[link.target][0] > places[link.source][0] + 1]
    far.sort(key=lambda link: (places[link.target][0] - places[link.source][0], link.source))
    found: dict[StageLink, tuple[int, int]] = {}
    for link in far:
        ends = [places[link.source], places[link.target]]
        side = -1 if all(i == 0 for _, i, _ in ends) else 1
        crossed = [
            lane
            for other, (lane, way) in found.items()
            if way == side and places[other.source][0] < ends[1][0] and ends[0][0] < places[other.target][0]
        ]
        found[link] = (max(crossed, default=-1) + 1, side)
    return found


def _crosses(a: StageBox, b: StageBox) -> bool:
    return None not in (a.stage.device, b.stage.device) and a.stage.device != b.stage.device


def _link(canvas: Canvas, a: StageBox, b: StageBox, link: StageLink, sides: dict[StageLink, tuple[int, int]]) -> None:
    colour, stroke = (theme.CROSSING, 1.8) if _crosses(a, b) else (theme.EDGE, 1.0)
    lane, side = sides.get(link, (0, 0))
    if side:
        x = a.x if side < 0 else a.x + a.width
        end = b.x if side < 0 else b.x + b.width
        start, stop = a.y + a.height * 0.7, b.y + b.height * 0.3
        reach = side * (lane + 1) * ARC * 4 / 3
        points = (x, start), (x + reach, start), (end + reach, stop), (end, stop)
        canvas.curve(points, colour, stroke=stroke, dashed=link.train)
        canvas.head((end, stop), "right" if side < 0 else "left", colour)
        return
    low, high = max(a.x, b.x), min(a.x + a.width, b.x + b.width)
    foot = a.y + a.height + STACK * (a.stage.count > 1)
    x = end = (low + high) / 2
    if low >= high:  # neither stands above the other
        right = b.x > a.x
        x, end = (a.x + a.width - ASIDE, b.x + ASIDE) if right else (a.x + ASIDE, b.x + b.width - ASIDE)
    canvas.line([(x, foot), (end, b.y)], colour, stroke=stroke, dashed=link.train)
    canvas.head((end, b.y), "down", colour)


def _columns(
    canvas: Canvas, stages: Stages, boxes: list[StageBox], x: float, left: float, top: float, form: TableForm
) -> tuple[float, float]:
    """What each row gives and costs, with the share of each; the right end and the bottom of all."""
    small = theme.SMALL
    shapes = [given(row) for row in stages.rows]
    whole = "up to the errors" if any(stage.fault for stage in stages.all()) else "in all"
    said = [*(line for lines in shapes for line in lines), "more in training", whole]
    pitch = COLUMN + BAR[0] if form.bars else CLOSER
    places = [x, x + max(lettering.width(text, small) for text in said) + pitch]
    places.append(places[1] + pitch)
    y = top - PADDING - 3
    canvas.text(places[0], y, "output", size=small, colour=theme.MUTED, anchor="start", bold=True)
    costs: list[tuple[str, list[Size]]] = [
        ("params", [sum(s.params for s in row if not s.train) for row in stages.rows]),
        ("MACs", [sum((s.macs for s in row if not s.train), 0) for row in stages.rows]),
    ]
    firsts = [box for box in boxes if box.first]
    bottom = firsts[-1].y + firsts[-1].height + GAP
    for box, lines in zip(firsts, shapes, strict=True):
        first = box.y + box.height / 2 + 3.3 - (len(lines) - 1) * LINE / 2
        for i, line in enumerate(lines):
            canvas.text(places[0], first + i * LINE, line, size=small, anchor="start")
    for (name, figures), end in zip(costs, places[1:], strict=True):
        canvas.text(end, y, name, size=small, colour=theme.MUTED, anchor="end", bold=True)
        most = max(figure if isinstance(figure, int) else 0 for figure in figures) or 1
        for box, figure in zip(firsts, figures, strict=True):
            if figure:
                middle = box.y + box.height / 2
                canvas.text(end, middle + 3.3, _known(figure), size=small, anchor="end")
                bar = BAR[0] * figure / most if isinstance(figure, int) else 0.0
                if bar >= SPECK and form.bars:
                    canvas.rectangle(end - bar, middle + 6, bar, BAR[1], theme.Colour(theme.BAR, "none"))
        canvas.text(end, bottom + LINE, _known(sum(figures, 0)), size=small, anchor="end", bold=True)
    canvas.line([(left, bottom), (places[-1], bottom)], theme.MUTED, stroke=0.7)
    canvas.text(places[0], bottom + LINE, whole, size=small, anchor="start", bold=True)
    more = sum(stage.params for stage in stages.all() if stage.train)
    if more:
        bottom += LINE
        canvas.text(places[0], bottom + LINE, "more in training", size=small, anchor="start")
        canvas.text(places[1], bottom + LINE, magnitude(more), size=small, anchor="end")
    return places[-1], bottom + LINE + PADDING


def _known(figure: Size) -> str:
    """A count, or that it depends on a size left open."""
    return magnitude(figure) if isinstance(figure, int) else "?"
