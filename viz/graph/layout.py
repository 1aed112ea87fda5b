"""Where the boxes, frames, titles and edges of a graph stand. Graphviz is told their sizes only, not what they look
like."""

from __future__ import annotations

import sys
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import graphviz
import networkx as nx

from archdsl.outline.wording import clip, heading
from viz import dot as dot_language
from viz import engine, layout, lettering, theme
from viz.canvas import XY
from viz.dot import text
from viz.graph import boxes, labels
from viz.graph.edges import WEIGHTS, DrawnEdge
from viz.graph.scene import Box, Group, Scene
from viz.graph.stacking import LayerStack
from viz.layout import INCH, Layout
from viz.look import Look

TITLE: Final = 10.0  # letters of a frame's title
TITLE_LINE: Final = 12.0
INSIDE: Final = 8.0  # from a frame to what is in it
# Graphviz leaves more room between ranks than is needed. Where data flows down, it is given heights so much larger, and
# what it gives is drawn so much lower.
STRETCH: Final = 1.55


APART: Final = 0.2  # inches between boxes side by side
FAR: Final = 5  # levels, from which on an edge leads past others
# Where an edge leaves a stack and enters one: at its last layer and its first. Else it would aim at the middle one.
PORTS: Final = MappingProxyType({"down": ("s", "n"), "up": ("n", "s")})
ENTER: Final = "enter"  # where data comes from and goes to, in a part of a drawing
LEAVE: Final = "leave"


@dataclass(frozen=True, slots=True)
class StackLink:
    """Edges that bring the same from one stack to another, drawn as one."""

    id: str
    source: str  # ids of stacks: those of their first boxes
    target: str
    edge: DrawnEdge
    count: int  # how often the target reads it

    def label(self, look: Look) -> str:
        """What is written beside it."""
        said = self.edge.label(look)
        return f"{said} × {self.count}" if said and self.count > 1 else said


@dataclass(frozen=True, slots=True)
class Section:
    """What is laid out together: a scene, or a part of it that is a column of its own."""

    items: tuple[Box | Group, ...]
    stacks: tuple[LayerStack, ...]
    links: tuple[StackLink, ...]


def links(scene: Scene, stacks: Sequence[LayerStack]) -> tuple[StackLink, ...]:
    """The edges between stacks."""
    of = {box.id: stack[0].id for stack in stacks for box in stack}
    counts: dict[tuple[str, str, DrawnEdge], int] = {}
    for edge in scene.edges:
        ends = of[edge.source], of[edge.target]
        if ends[0] != ends[1]:
            counts[*ends, edge] = counts.get((*ends, edge), 0) + 1
    return tuple(StackLink(f"e{i}", *key, count) for i, (key, count) in enumerate(counts.items()))


def titles(group: Group, within: str = "") -> list[str]:
    """The lines of a frame's title: its path within the frame around it, and the block's call."""
    name = clip(group.path.removeprefix(f"{within}.") if within else group.path)
    lines = heading(name, group.call)
    lines[-1] = f"{lines[-1]}  {group.repeats}".rstrip()
    return lines


def inner(group: Group) -> str:
    """How the paths of all in a group begin."""
    return group.key.partition("#")[0]


def lay_out(part: Section, look: Look, apart: float = APART) -> Layout:
    """Labels of edges far past others run along them, where they are straight for long enough: beside one another they
    would need much room, and bend the edges. Raises `DrawingError` for what is too large."""
    across = look.direction in ("right", "left")
    stretch, axis = (1.0, 0) if across else (STRETCH, 1)
    long = _long(part, look)
    while True:
        source = _source(part, look, stretch, long, apart)
        placed = layout.read(engine.render(source, format="json0", system=look.engine == "system"), stretch)
        runs = {id: placed.curves[id].run(axis) for id in long}
        straight = {id: width for id, width in long.items() if width < abs(runs[id][1][axis] - runs[id][0][axis])}
        if straight == long:
            break
        long = straight
    along = {id: replace(placed.curves[id], label=_middle(*run), along=True) for id, run in runs.items()}
    placed = replace(placed, curves={**placed.curves, **along})
    shown = {link.id: link.label(look) for link in part.links if link.id in placed.curves}
    groups = _groups(part.items)
    solid = [at for name, at in placed.places.items() if name not in groups]
    return labels.made_room(placed, {id: said for id, said in shown.items() if said}, solid)


def _groups(items: Sequence[Box | Group]) -> set[str]:
    """The ids of all groups."""
    found: set[str] = set()
    for item in items:
        if isinstance(item, Group):
            found |= {item.id, *_groups(item.items)}
    return found


def _long(part: Section, look: Look) -> dict[str, float]:
    """Edges that lead past many boxes and bear a label, with the width of this."""
    levels = _levels(part)
    past = [link for link in part.links if {link.source, link.target} <= levels.keys() - {ENTER, LEAVE}]
    labels = {link.id: link.label(look) for link in past if levels[link.target] - levels[link.source] >= FAR}
    return {id: lettering.width(label, theme.SMALL) for id, label in labels.items() if label}


def _middle(a: XY, b: XY) -> XY:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2


def _source(part: Section, look: Look, stretch: float, long: Container[str], apart: float) -> str:
    dot = graphviz.Digraph(
        graph_attr={
            **dot_language.layered(look.direction, len(part.links)),
            "nodesep": f"{apart:g}",
            "ranksep": "0.16",
        },
        node_attr={"shape": "box", "fixedsize": "true", "label": ""},
        edge_attr={"arrowsize": "0.55", "fontname": theme.FONT, "fontsize": f"{theme.SMALL:g}"},
    )
    across = look.direction in ("right", "left")
    tops = {stack[0].id: stack for stack in part.stacks}
    _write(dot, part.items, {id: boxes.size(stack) for id, stack in tops.items()}, _levels(part), stretch)
    for end, rank in ((ENTER, "source"), (LEAVE, "sink")):
        if any(end in (link.source, link.target) for link in part.links):
            with dot.subgraph(graph_attr={"rank": rank}) as row:
                row.node(end, shape="point", width="0.01", height="0.01")
    for link in part.links:
        attributes = {"id": link.id, "weight": WEIGHTS[link.edge.role]}
        label = link.label(look)
        if label and link.id not in long:
            # Edges between devices are thick and cross one another: their labels have the room of two lines.
            attributes["label"] = text(f"  {label} ", *[" "] * link.edge.crossing)
        if len(tops.get(link.source, ())) > 1 and not across:
            attributes["tailport"] = PORTS[look.direction][0] + ("e" if link.edge.role == "side" else "")
        if len(tops.get(link.target, ())) > 1 and not across:
            attributes["headport"] = PORTS[look.direction][1]
        if _enters(tops.get(link.target)):
            attributes["arrowhead"] = "none"
        if _enters(tops.get(link.source)) and not across:
            attributes["tailport"] = PORTS[look.direction][0]
        if link.source == ENTER:
            attributes["tailclip"] = "false"
        if link.target == LEAVE:
            attributes |= {"headclip": "false", "arrowhead": "none", "label": "", "id": f"{link.id}_{LEAVE}"}
        dot.edge(link.source, link.target, **attributes)
    source: str = dot.source
    return source


def _enters(stack: LayerStack | None) -> bool:
    return stack is not None and stack[0].kind == "entry"


def _write(
    dot: graphviz.Digraph, items: Sequence[Box | Group], sizes: Mapping[str, tuple[float, float]],
    levels: Mapping[str, int], stretch: float, within: str = "",
) -> tuple[int, str]:  # fmt: skip
    """Write boxes and frames. Gives the level of what stands highest, and the outermost node of its row."""
    highest = (sys.maxsize, "")
    for item in items:
        if isinstance(item, Group):
            with dot.subgraph(name=item.id, graph_attr={"margin": f"{INSIDE:g}"}) as frame:
                level, beside = _write(frame, item.items, sizes, levels, stretch, inner(item))
                name = f"{item.id}_title"
                lines = titles(item, within)
                wide = max(lettering.width(line, TITLE) for line in lines)
                _node(frame, name, wide, len(lines) * TITLE_LINE * stretch)
            # In one row with what stands highest in the frame: there no edge can strike the title out.
            with dot.subgraph(graph_attr={"rank": "same"}) as row:
                row.edge(name, beside, style="invis", weight="0")
            found = level, name
        elif item.id in sizes:
            _node(dot, item.id, sizes[item.id][0], sizes[item.id][1] * stretch)
            found = levels[item.id], item.id
        else:
            continue  # it is not the first of its stack
        highest = min(highest, found, key=lambda each: each[0])
    return highest


def _node(dot: graphviz.Digraph, name: str, width: float, height: float) -> None:
    dot.node(name, width=f"{width / INCH:.4f}", height=f"{height / INCH:.4f}")


def _levels(part: Section) -> dict[str, int]:
    """How far down each stack will stand: below all that it reads, and what reads nothing just above its readers."""
    order = nx.DiGraph([(link.source, link.target) for link in part.links])
    order.add_nodes_from(stack[0].id for stack in part.stacks)
    levels: dict[str, int] = {}
    for id in nx.topological_sort(order):
        levels[id] = max((levels[source] + 1 for source in order.pred[id]), default=0)
    for id in order:
        if not order.pred[id] and order.succ[id]:
            levels[id] = min(levels[reader] for reader in order.succ[id]) - 1
    return levels
