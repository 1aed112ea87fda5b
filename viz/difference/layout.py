"""Where the boxes, groups and edges of a comparison stand, by Graphviz. Both arrangements use the same places: side by
side, each network is drawn where it stands among both, so that what corresponds is level."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import graphviz

from viz import dot as dot_language
from viz import engine, layout, lettering, theme
from viz.difference.comparison import Comparison, DiffBox, DiffGroup
from viz.difference.union import Which
from viz.dot import text
from viz.engine import DrawingError
from viz.layout import INCH, Layout
from viz.look import Look

LINE: Final = 13.0  # from one line of a box to the next
PADDING: Final = (11.0, 6.0)
LEAST: Final = 44.0  # the width of a box
ROUND: Final = 22.0  # the diameter of a circle
TITLE: Final = theme.SMALL + 1  # letters of a group's title
MOST_BOXES: Final = 20_000  # more than anyone can look at
# How straight an edge is: the second network is the backbone of the drawing, the first turns off from it.
WEIGHTS: Final = MappingProxyType({"both": "100", "b": "100", "a": "1"})
AIR: Final = 16.0  # beside a title, for an edge that enters


def lay_out(comparison: Comparison, look: Look) -> Layout:
    """Raises `DrawingError` for what is too large."""
    boxes = sum(1 for _ in comparison.boxes())
    if boxes > MOST_BOXES:
        raise DrawingError(f"{boxes} layers are too many for a drawing ({MOST_BOXES} at most); fold what is the same")
    source = _source(comparison, look)
    return layout.read(engine.render(source, format="json0", system=look.engine == "system"))


def is_round(box: DiffBox) -> bool:
    """Whether a box is a circle: a join with a sign of its own and nothing else to say."""
    return box.kind == "layer" and len(box.lines) == 1 and len(box.lines[0].both) == 1


def _source(comparison: Comparison, look: Look) -> str:
    dot = graphviz.Digraph(
        graph_attr={
            **dot_language.layered(look.direction, len(comparison.links)),
            "nodesep": "0.3", "ranksep": "0.26", "fontname": theme.FONT, "fontsize": f"{TITLE:g}",
        },
        node_attr={"shape": "box", "fixedsize": "true", "label": ""},
        edge_attr={"arrowsize": "0.6"},
    )  # fmt: skip
    _write(dot, comparison.items)
    order = {box.id: number for number, box in enumerate(comparison.boxes())}
    for link in comparison.links:
        weight = WEIGHTS["both" if len(link.sides) == 2 else min(link.sides)]
        # What was moved is read backwards in the first network, which must not turn the second around.
        backwards = {"constraint": "false"} if order[link.source] > order[link.target] else {}
        dot.edge(link.source, link.target, id=link.id, weight=weight, **backwards)
    source: str = dot.source
    return source


def _write(dot: graphviz.Digraph, items: tuple[DiffBox | DiffGroup, ...]) -> None:
    for item in items:
        if isinstance(item, DiffBox):
            width, height = _size(item)
            dot.node(item.id, width=f"{width / INCH:.4f}", height=f"{height / INCH:.4f}")
            continue
        with dot.subgraph(name=item.id, graph_attr=_frame(item)) as cluster:
            _write(cluster, item.items)


def _size(box: DiffBox) -> tuple[float, float]:
    if is_round(box):
        return ROUND, ROUND
    wide = 0.0
    for i, line in enumerate(box.lines):
        more = f"  {box.repeats}" if i == 0 and box.repeats else ""
        wide = max([wide, *(lettering.width(said + more, theme.SMALL if i else theme.SIZE) for said in line)])
    return max(LEAST, wide + 2 * PADDING[0]), len(box.lines) * LINE + 2 * PADDING[1]


def _frame(group: DiffGroup) -> dict[str, str]:
    longest = max(lettering.width(said, TITLE) for said in titles(group)) * lettering.BOLD
    blanks = " " * round((longest + AIR) / lettering.width(" ", TITLE))
    lines = [blanks] + [" "] * (len(titles(group)) - 1)
    return {"label": text(*lines, left=True), "labeljust": "l", "margin": "10"}


def titles(group: DiffGroup, side: Which | None = None) -> list[str]:
    """The lines of a group's title in one network or both; the number of repeats stands in the first."""
    first, *others = (line.of(side) for line in group.lines)
    return [f"{first}  {group.repeats}".rstrip(), *others]
