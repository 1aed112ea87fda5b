"""Mermaid: a flowchart that Markdown pages show, on GitHub for one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from archdsl.outline.wording import heading
from viz import palette, recolour, theme
from viz.graph.edges import DrawnEdge
from viz.graph.scene import Box, Group, Scene
from viz.look import Look

VIEWS: Final = ("graph",)
IGNORES: Final = ("engine", "profile", "heat", "width", "font")  # it is laid out where it is read
FLOW: Final = MappingProxyType({"down": "TB", "up": "BT", "right": "LR", "left": "RL"})
SHAPES: Final = MappingProxyType({"input": ("([", "])"), "output": ("([", "])"), "join": ("((", "))")})
# Letters that are plain in a quoted text of Mermaid; all others are written as their numbers.
PLAIN: Final = frozenset(" ,.:/=+-()[]_×−÷·…")


def render(scene: Scene, look: Look) -> bytes:
    """The Mermaid source of a scene."""
    colours = palette.colours((box.colour for box in scene.every_box()), scene.devices, look.theme)
    classes = {name: f"k{i}" for i, name in enumerate(colours.groups)}
    lines = ["---", f'title: "{_title(scene.title)}"', "---", f"flowchart {FLOW[look.direction]}"]
    lines += _items(scene.items, classes, 1)
    lines += [_edge(edge, look) for edge in scene.edges]
    for block in scene.blocks:
        title = f"{block.letter} · {block.title}"
        lines += [
            f"    subgraph open{block.letter}[{text(title, block.varies)}]",
            *_items(block.scene.items, classes, 2),
        ]
        lines += ["    end", *(_edge(edge, replace(look, shapes=False)) for edge in block.scene.edges)]
    ink = recolour.colour(theme.INK, look.theme)
    for name, colour in colours.groups.items():
        fill, line = (recolour.colour(value, look.theme) for value in colour)
        letters = recolour.colour(theme.PAPER, look.theme) if name in ("output", "fault") else ink
        lines.append(f"    classDef {classes[name]} fill:{fill},stroke:{line},color:{letters}")
    for i, (name, colour) in enumerate(colours.devices.items()):
        boxes = [box.id for box in scene.boxes() if box.device == name]
        lines.append(f"    classDef d{i} stroke:{recolour.colour(colour.line, look.theme)},stroke-width:3px")
        lines += [f"    class {','.join(boxes)} d{i}"] if boxes else []
    trained = [box.id for box in scene.boxes() if box.train]
    if trained:
        lines += ["    classDef training stroke-dasharray:4", f"    class {','.join(trained)} training"]
    return ("\n".join(lines) + "\n").encode()


def text(*lines: str) -> str:
    """A quoted text of some lines, in which nothing is HTML, Markdown or syntax."""
    return '"' + "<br/>".join(_escaped(line) for line in lines if line) + '"'


def _escaped(line: str) -> str:
    return "".join(c if c.isalnum() or c in PLAIN else f"#{ord(c)};" for c in line)


def _title(said: str) -> str:
    """Within YAML's quotes, where Mermaid's numbers mean nothing."""
    return "".join(c if c.isalnum() or c in PLAIN else "?" for c in said)


def _items(items: tuple[Box | Group, ...], classes: dict[str, str], depth: int) -> Iterator[str]:
    indent = "    " * depth
    for item in items:
        if isinstance(item, Box):
            begin, end = SHAPES.get(item.kind, ("(", ")"))
            title = f"{item.letter} · {item.title}" if item.letter else item.title
            said = text(f"{title} {item.repeats}".rstrip(), item.name, item.cost or item.fault)
            yield f"{indent}{item.id}{begin}{said}{end}:::{classes[item.colour]}"
        else:
            title = "  ".join(part for part in (*heading(item.path, item.call), item.repeats) if part)
            yield f"{indent}subgraph {item.id}[{text(title)}]"
            yield from _items(item.items, classes, depth + 1)
            yield f"{indent}end"


def _edge(edge: DrawnEdge, look: Look) -> str:
    arrow = "==>" if edge.crossing else "-.->" if edge.train else "-->"
    said = edge.label(look)
    label = f"|{text(said)}|" if said else ""
    return f"    {edge.source} {arrow}{label} {edge.target}"
