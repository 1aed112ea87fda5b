"""A comparison as a picture: what differs in colour and with a sign, the costs of both, a legend."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element

from archdsl.compare.difference import Status
from viz import lettering, theme
from viz.canvas import XY, Canvas
from viz.difference import facts
from viz.difference.comparison import Comparison, DiffBox, DiffGroup, DiffLink
from viz.difference.layout import LINE, ROUND, TITLE, is_round, lay_out, titles
from viz.difference.sayings import SIGNS
from viz.difference.union import SIDES, Which
from viz.layout import Layout, Rectangle
from viz.look import Look
from viz.theme import Colour

MARGIN: Final = 14.0
GAP: Final = 34.0  # between two networks side by side
HEADING: Final = 24.0  # above each of them
STEP: Final = 2.5  # from one of a stack of boxes to the next


def draw(comparison: Comparison, look: Look) -> Element:
    """The picture as SVG, with its title, costs and legend. Raises `DrawingError` for what is too large."""
    return _framed(comparison, *networks(comparison, look))


def networks(comparison: Comparison, look: Look) -> tuple[Canvas, float, float]:
    """The two networks alone, and the size of their drawing."""
    layout = lay_out(comparison, look)
    if comparison.arrangement == "overlaid":
        return _side(comparison, layout, None)
    return _beside(comparison, layout, across=look.direction in ("down", "up"))


def _framed(comparison: Comparison, drawing: Canvas, width: float, height: float) -> Element:
    """The drawing with its title, and the costs and the legend beside it, or beneath where it is wide."""
    told = facts.draw(comparison.overview)
    canvas = Canvas()
    top = MARGIN + theme.CAPTION * 1.9
    canvas.text(
        MARGIN, MARGIN + theme.CAPTION, comparison.overview.title, size=theme.CAPTION, anchor="start", bold=True
    )
    canvas.shifted(drawing, MARGIN, top)
    beside = height > width
    place = (2 * MARGIN + width, top) if beside else (MARGIN, top + height + MARGIN)
    canvas.shifted(told.canvas, *place)
    right = max(
        MARGIN + width,
        place[0] + told.width,
        MARGIN + lettering.width(comparison.overview.title, theme.CAPTION, bold=True),
    )
    return canvas.page(right + MARGIN, max(top + height, place[1] + told.height) + MARGIN)


def _beside(comparison: Comparison, layout: Layout, *, across: bool) -> tuple[Canvas, float, float]:
    """Both networks, each under its name: one beside the other, or one below the other where data flows across."""
    canvas = Canvas()
    x = y = 0.0
    for side, name in zip(SIDES, comparison.overview.names, strict=True):
        drawing, width, height = _side(comparison, layout, side)
        canvas.text(x + 2, y + theme.SIZE, name, size=theme.SIZE, anchor="start", bold=True)
        canvas.shifted(drawing, x, y + HEADING)
        end = x + width, y + HEADING + height
        x, y = (end[0] + GAP, y) if across else (x, end[1] + GAP)
    return canvas, *end


def _side(comparison: Comparison, layout: Layout, side: Which | None) -> tuple[Canvas, float, float]:
    """One of the networks, or both overlaid, with the size of the drawing."""
    shown = [item for item in comparison.all() if side is None or side in item.sides]
    links = [link for link in comparison.links if side is None or side in link.sides]
    curves = [layout.curves[link.id].points for link in links]
    places = [layout.places[item.id] for item in shown]
    left = min([0.0 if side is None else layout.width, *(p.x for p in places), *(x for c in curves for x, _ in c)])
    right = max([0.0, *(p.x + p.width for p in places), *(x for curve in curves for x, _ in curve)])
    canvas = Canvas()
    frames = [item for item in shown if isinstance(item, DiffGroup)]
    for frame in frames:
        _frame(canvas, frame, layout.places[frame.id])
    for link, curve in zip(links, curves, strict=True):
        _link(canvas, link, curve)
    for frame in frames:
        _heading(canvas, frame, layout.places[frame.id], side)
    for box in shown:
        if isinstance(box, DiffBox):
            drawn = Canvas()
            _box(drawn, box, layout.places[box.id], side)
            canvas.grouped(drawn, {"class": f"part {box.status}", "data-box": box.id})
    moved = Canvas()
    moved.shifted(canvas, facts.RADIUS - left, 0.0)
    return moved, right - left + 2 * facts.RADIUS, layout.height


def _frame(canvas: Canvas, group: DiffGroup, place: Rectangle) -> None:
    line = theme.CHANGES[group.status].line
    fill = theme.CLUSTER[0].fill
    canvas.rectangle(
        place.x, place.y, place.width, place.height, Colour(fill, line), round=8, dashed=group.status == "removed",
        says=group.lines[0].both,
    )  # fmt: skip


def _heading(canvas: Canvas, group: DiffGroup, place: Rectangle, side: Which | None) -> None:
    for i, said in enumerate(titles(group, side)):
        y = place.y + 13 + i * LINE
        wide = lettering.width(said, TITLE, bold=i == 0)
        back = theme.CLUSTER[0].fill
        canvas.rectangle(place.x + 6, y - 9, wide + 4, 12, Colour(back, "none"))
        colour = theme.INK if i == 0 else theme.MUTED
        canvas.text(place.x + 8, y, said, size=TITLE, colour=colour, anchor="start", bold=i == 0)


def _link(canvas: Canvas, link: DiffLink, curve: tuple[XY, ...]) -> None:
    status: Status = "same" if len(link.sides) == 2 else "removed" if "a" in link.sides else "added"
    colour = theme.EDGE if status == "same" else theme.CHANGES[status].line
    canvas.arrow(curve, colour, stroke=theme.CHANGE_STROKES[status], dashed=status == "removed")


def _box(canvas: Canvas, box: DiffBox, place: Rectangle, side: Which | None) -> None:
    colour = theme.CHANGES[box.status]
    stroke, dashed = theme.CHANGE_STROKES[box.status], box.status == "removed"
    says = ", ".join(line.of(side) for line in box.lines if line.of(side))
    middle = place.x + place.width / 2, place.y + place.height / 2
    if is_round(box):
        canvas.circle(*middle, ROUND / 2, colour, stroke=stroke, dashed=dashed, says=says)
    else:
        round = place.height / 2 if box.kind in ("input", "output") and len(box.lines) == 1 else 5.0
        for step in (2 * STEP, STEP) if box.repeats else ():
            canvas.rectangle(
                place.x + step, place.y + step, place.width, place.height, colour, round=round, stroke=stroke,
                dashed=dashed,
            )  # fmt: skip
        canvas.rectangle(
            place.x, place.y, place.width, place.height, colour, round=round, stroke=stroke, dashed=dashed, says=says
        )
    lines = [line for line in box.lines if line.of(side)]
    y = middle[1] - len(lines) * LINE / 2 + LINE * 0.78
    for i, line in enumerate(lines):
        said = f"{line.of(side)}  {box.repeats}".rstrip() if i == 0 else line.of(side)
        ink = theme.INK if i == 0 or line.differs else theme.MUTED
        canvas.text(middle[0], y + i * LINE, said, size=theme.SMALL if i else theme.SIZE, colour=ink)
    if SIGNS[box.status]:
        facts.badge(canvas, place.x, place.y, box.status)
