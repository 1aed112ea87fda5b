"""DOT, for Graphviz: whoever has it lays the drawing out, and may change it before."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import graphviz

from archdsl.outline.wording import clip, heading, wrapped
from viz import dot as dot_language
from viz import lettering, palette, recolour, theme
from viz.dot import text
from viz.graph import legend
from viz.graph.boxes import LONG, MOST_LINES, titled
from viz.graph.edges import WEIGHTS, DrawnEdge
from viz.graph.scene import Box, Group, OpenBlock, Scene
from viz.look import Look

AIR: Final = 5  # blanks


VIEWS: Final = ("graph",)
IGNORES: Final = ("engine", "profile", "heat", "width", "font")  # it is laid out where it is read


def render(scene: Scene, look: Look) -> bytes:
    """The DOT file of a scene, with a legend. It needs nothing but Graphviz."""
    return recolour.dot(source(scene, look, with_legend=True), look.theme).encode()


def source(scene: Scene, look: Look, *, with_legend: bool = False) -> str:
    """The scene in DOT. The legend is left out where that of a picture is set beside it."""
    dot = graphviz.Digraph(
        graph_attr={
            **dot_language.layered(look.direction, len(scene.edges)),
            "fontname": theme.FONT,
            "fontsize": f"{theme.SMALL + 1:g}",
            "bgcolor": theme.PAPER,
            "nodesep": "0.25",
            "ranksep": "0.22",
            "pad": "0.15",
        },
        node_attr={
            "shape": "box",
            "fontname": theme.FONT,
            "fontsize": f"{theme.SIZE:g}",
            "fontcolor": theme.INK,
            "margin": "0.11,0.045",
            "height": "0.3",
            "width": "0.6",
        },
        edge_attr={
            "fontname": theme.FONT,
            "fontsize": f"{theme.SMALL:g}",
            "fontcolor": theme.MUTED,
            "color": theme.EDGE,
            "arrowsize": "0.6",
        },
    )
    colours = palette.colours((box.colour for box in scene.every_box()), scene.devices, look.theme)
    _write(dot, scene.items, colours, depth=0)
    for edge in scene.edges:
        _edge(dot, edge, look)
    for block in scene.blocks:
        with dot.subgraph(name=f"cluster_open_{block.letter}", graph_attr=_open(block, colours)) as cluster:
            _write(cluster, block.scene.items, colours, 1)
        for edge in block.scene.edges:
            _edge(dot, edge, replace(look, shapes=False))
    if with_legend:
        _legend(dot, scene, look)
    text: str = dot.source
    return text


def _legend(dot: graphviz.Digraph, scene: Scene, look: Look) -> None:
    """What colours and strokes mean, as boxes in a frame of their own."""
    strokes = {"outline": "2.2", "thick": "2.8"}
    styles = {"dashed": "filled,dashed"}
    with dot.subgraph(name="cluster_legend", graph_attr={"label": "", "color": theme.MUTED, "margin": "6"}) as frame:
        for i, entry in enumerate(legend.entries(scene, look.theme)):
            frame.node(
                f"legend{i}",
                label=text(entry.text),
                style=styles.get(entry.sign, "filled"),
                fillcolor=entry.colour.fill,
                color=entry.colour.line,
                penwidth=strokes.get(entry.sign, "1"),
                peripheries="2" if entry.sign in ("double", "stack") else "1",
                fontsize=f"{theme.SMALL:g}",
                height="0.2",
            )


def _open(block: OpenBlock, colours: palette.Colours) -> dict[str, str]:
    """The frame of a block that is open beside."""
    colour = colours.groups[block.colour]
    return {
        "label": text(f"{block.letter} · {block.title}", block.varies, left=True),
        "labeljust": "l",
        "style": "filled,rounded",
        "fillcolor": theme.pale(colour.fill),
        "color": colour.line,
        "margin": "9",
    }


def _write(dot: graphviz.Digraph, items: tuple[Box | Group, ...], colours: palette.Colours, depth: int) -> None:
    for item in items:
        if isinstance(item, Box):
            dot.node(item.id, **_node(item, colours))
            continue
        with dot.subgraph(name=item.id, graph_attr=_cluster(item, colours, depth)) as cluster:
            _write(cluster, item.items, colours, depth + 1)


def _node(box: Box, colours: palette.Colours) -> dict[str, str]:
    colour = colours.groups[box.colour]
    dashed = ",dashed" if box.train else ""
    attributes = {
        "label": text(*titled(box.title), box.name),
        "style": f"filled,rounded{dashed}",
        "fillcolor": colour.fill,
        "color": colour.line,
    }
    if box.kind == "block":
        # A box for several looks like a stack of them.
        title = f"{box.letter} · {box.title}" if box.letter else box.title
        attributes |= {"label": text(f"{title}  {box.repeats}".rstrip(), box.name, box.cost)}
    if box.kind in ("input", "output"):
        attributes |= {"shape": "oval", "style": f"filled{dashed}", "penwidth": "1.5", "margin": "0.05,0.03"}
    if box.kind == "fault":
        attributes |= {
            "label": text(_head(box), *wrapped(box.fault, LONG, MOST_LINES)),
            "fontcolor": theme.PAPER,
            "penwidth": "2.2",
        }
    if box.kind == "output":
        # Dashes cannot be seen around a dark box.
        attributes |= {"fillcolor": theme.PAPER, "fontcolor": theme.INK} if box.train else {"fontcolor": theme.PAPER}
    if box.kind == "join" and len(box.title) == 1:
        attributes |= {"shape": "circle", "style": f"filled{dashed}", "width": "0.3", "fixedsize": "true"}
    if box.device is not None:
        attributes |= {"color": colours.devices[box.device].line, "penwidth": "2.2"}
    if box.shared:
        attributes["peripheries"] = "2"
    return attributes


def _head(box: Box) -> str:
    """The name and operator of a step that cannot be, above what is wrong with it."""
    return f"{box.name}: {box.title}" if box.name else box.title


def _cluster(group: Group, colours: palette.Colours, depth: int) -> dict[str, str]:
    colour = theme.CLUSTER[depth % len(theme.CLUSTER)]
    if group.device is not None:
        colour = colours.devices[group.device]
    lines = heading(clip(group.path), group.call)
    lines[-1] = f"{lines[-1]}  {group.repeats}".rstrip()
    longest = max(lettering.width(line, 1) for line in lines)
    # Blanks make a frame so wide that an edge may enter beside the title.
    room = " " * round(longest / lettering.width(" ", 1) + AIR)
    return {
        "label": text(lines[0] + room, *lines[1:], left=True),
        "labeljust": "l",
        "style": "filled,rounded,dashed" if group.train else "filled,rounded",
        "fillcolor": colour.fill,
        "color": theme.MUTED if group.train else colour.line,
        "fontcolor": theme.MUTED,
        "margin": "9",
    }


def _edge(dot: graphviz.Digraph, edge: DrawnEdge, look: Look) -> None:
    attributes = {"weight": WEIGHTS[edge.role]}
    if said := edge.label(look):
        attributes["label"] = text(f"  {said} ")
    if edge.crossing:
        attributes |= {"color": theme.CROSSING, "fontcolor": theme.CROSSING, "penwidth": "2.8", "arrowsize": "0.7"}
    if edge.train:
        attributes["style"] = "dashed"
    dot.edge(edge.source, edge.target, **attributes)
