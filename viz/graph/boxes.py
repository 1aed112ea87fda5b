"""How boxes of a graph are lettered, how large they are for it, and how they look."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Final

from archdsl.outline.wording import wrapped
from viz import lettering, theme
from viz.canvas import Anchor, Canvas
from viz.graph.scene import Box
from viz.graph.stacking import LayerStack
from viz.layout import Rectangle
from viz.palette import Colours
from viz.theme import Colour

LINE: Final = 12.5  # from one line of a box to the next
PADDING: Final = (8.0, 3.5)
BETWEEN: Final = 10.0  # an operator and the name beside it
LEAST: Final = 40.0  # the width of a box
ROUND: Final = 20.0  # the diameter of a circle
POINT: Final = 3.6  # the diameter of where data enters a frame
TOUCH: Final = 1.5  # between the layers of a stack
STEP: Final = 2.5  # from one to the next where a box stands for several
WIDEST: Final = 26  # characters of a line
BESIDE: Final = 30  # characters of a line with a name beside the operator
BADGE: Final = 12.0  # the side of a letter's square
LONG, MOST_LINES = 36, 5  # of what is wrong with a step


@dataclass(frozen=True, slots=True)
class Lettered:
    """The lines of a box: what it does in large letters, what is said of it in small ones, and perhaps its name beside
    the first."""

    large: tuple[str, ...]
    small: tuple[str, ...] = ()
    beside: str = ""

    @property
    def width(self) -> float:
        first = lettering.width(self.large[0], theme.SIZE)
        if self.beside:
            first += BETWEEN + lettering.width(self.beside, theme.SMALL)
        others = [lettering.width(line, theme.SIZE) for line in self.large[1:]]
        return max(
            LEAST, 2 * PADDING[0] + max(first, *others, *(lettering.width(s, theme.SMALL) for s in self.small), 0)
        )

    @property
    def height(self) -> float:
        return (len(self.large) + len(self.small)) * LINE + 2 * PADDING[1]


def lettered(box: Box) -> Lettered:
    """The lines of a box."""
    if box.kind == "fault":
        head = f"{box.name}: {box.title}" if box.name else box.title
        return Lettered((head,), tuple(wrapped(box.fault, LONG, MOST_LINES)))
    title = f"{box.title}  {box.repeats}".rstrip()
    if box.kind == "block":
        said = " · ".join(said for said in (box.name, box.amount or box.cost) if said)
        return Lettered((title,), (said,) if said else ())
    large = titled(title) if box.kind in ("layer", "join") else (title,)
    if not box.name or len(large[0]) + len(box.name) <= BESIDE:
        return Lettered(large, (box.amount,) if box.amount else (), beside=box.name)
    return Lettered(large, tuple(said for said in (box.name, box.amount) if said))


def is_round(box: Box) -> bool:
    """Whether a box is a circle: a join with a sign of its own."""
    return box.kind == "join" and len(box.title) == 1


def size(stack: LayerStack) -> tuple[float, float]:
    """The width and the height of boxes on top of one another."""
    if stack[0].kind == "entry":
        return POINT, POINT
    if is_round(stack[0]):
        return ROUND, ROUND
    lines = [lettered(box) for box in stack]
    behind = 2 * STEP if stack[0].repeats else 0.0  # of those that stand behind the first
    high = sum(each.height for each in lines) + TOUCH * (len(stack) - 1)
    return max(each.width for each in lines) + behind, high + behind


def draw(canvas: Canvas, stack: LayerStack, place: Rectangle, colours: Colours, *, upwards: bool = False) -> None:
    """Draw boxes on top of one another, the last at the top where data flows up, each a group that bears its name."""
    y = place.y
    for box in reversed(stack) if upwards else stack:
        lines = lettered(box)
        height = place.height if len(stack) == 1 else lines.height
        drawn = Canvas()
        _draw(drawn, box, Rectangle(place.x, y, place.width, height), lines, colours, len(stack) > 1)
        canvas.grouped(drawn, {"class": "node"}, says=f"{box.key}: {box.fault}" if box.fault else box.key)
        y += height + TOUCH


def _draw(canvas: Canvas, box: Box, place: Rectangle, lines: Lettered, colours: Colours, stacked: bool) -> None:
    middle = place.x + place.width / 2, place.y + place.height / 2
    if box.kind == "entry":
        canvas.circle(*middle, POINT / 2, Colour(theme.EDGE, theme.EDGE), stroke=0)
        return
    if box.repeats:
        place = Rectangle(place.x, place.y, place.width - 2 * STEP, place.height - 2 * STEP)
    colour, ink, stroke = colours.groups[box.colour], theme.INK, 1.0
    if box.kind in ("fault", "output"):
        ink = theme.PAPER
    if box.kind in ("input", "output"):
        stroke = 1.5
    if box.kind == "output" and box.train:  # dashes cannot be seen around a dark box
        colour, ink = Colour(theme.PAPER, colour.line), theme.INK
    if box.shade:
        colour, ink = Colour(box.shade, colour.line), box.ink
    if box.device is not None:
        colour, stroke = Colour(colour.fill, colours.devices[box.device].line), 2.2
    if is_round(box):
        canvas.circle(*middle, ROUND / 2, colour, stroke=stroke, dashed=box.train)
    else:
        ends = box.kind in ("input", "output", "join")
        for step in (2 * STEP, STEP) if box.repeats else ():
            _outline(canvas, place.moved(step, step), colour, stroke, box.train, ends)
        _outline(canvas, place, colour, stroke, box.train, ends)
        if box.shared:
            _outline(canvas, place.within(2.2), Colour("none", colour.line), 1.0, box.train, ends)
    if box.letter:
        badge(canvas, place.x, place.y, box.letter, colours.groups[box.colour])
    quiet = ink if box.kind == "fault" or box.shade else theme.MUTED
    _letter(canvas, lines, place, ink, quiet, left=stacked or bool(lines.beside), loud=box.kind == "fault")


def badge(canvas: Canvas, x: float, y: float, letter: str, colour: Colour) -> None:
    """The letter by which a closed block refers to the open one, around a point."""
    half = BADGE / 2
    canvas.rectangle(x - half, y - half, BADGE, BADGE, Colour(colour.line, colour.line), round=3)
    canvas.text(x, y + theme.SMALL * 0.36, letter, size=theme.SMALL, colour=theme.PAPER, bold=True)


def _outline(canvas: Canvas, place: Rectangle, colour: Colour, stroke: float, dashed: bool, ends: bool) -> None:
    round = place.height / 2 if ends else 4.5
    canvas.rectangle(
        place.x, place.y, place.width, place.height, colour, round=round, dashed=dashed, stroke=stroke
    )  # fmt: skip


def _letter(canvas: Canvas, lines: Lettered, place: Rectangle, ink: str, quiet: str, *, left: bool, loud: bool) -> None:
    anchor: Anchor = "start" if left else "middle"
    x = place.x + (PADDING[0] if left else place.width / 2)
    y = place.y + place.height / 2 - (len(lines.large) + len(lines.small)) * LINE / 2 + LINE * 0.8
    if lines.beside:
        end = place.x + place.width - PADDING[0]
        canvas.text(end, y, lines.beside, size=theme.SMALL, colour=quiet, anchor="end")
    for line in lines.large:
        canvas.text(x, y, line, colour=ink, anchor=anchor, bold=loud)
        y += LINE
    for line in lines.small:
        canvas.text(x, y - 0.5, line, size=theme.SMALL, colour=quiet, anchor=anchor)
        y += LINE


def titled(title: str) -> tuple[str, ...]:
    """A long title in lines: the operator, then what is said of it."""
    if len(title) <= WIDEST:
        return (title,)
    operator, _, rest = title.partition(" ")
    return (operator, *textwrap.wrap(rest, WIDEST))
