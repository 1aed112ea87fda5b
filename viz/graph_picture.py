"""The graph view as a picture: Graphviz's drawing with a caption, a legend and names that can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from viz import engine, legend, theme, titles
from viz.canvas import RIM, SVG
from viz.engine import DrawingError
from viz.formats import Look, dot
from viz.scene import Scene

STEP: Final = 2.5  # from one of a stack of boxes to the next
MOST_BOXES: Final = 20_000  # more than anyone can look at


def draw(scene: Scene, look: Look) -> Element:
    """The picture as SVG. Raises `DrawingError` for a scene that is too large."""
    boxes = sum(1 for _ in scene.boxes())
    if boxes > MOST_BOXES:
        raise DrawingError(f"{boxes} layers are too many for a drawing ({MOST_BOXES} at most); {engine.ADVICE}")
    drawing = _parse(engine.render(dot.source(scene, look), system=look.engine == "system"))
    _name(drawing, scene)
    _lift_labels(drawing)
    return _framed(drawing, scene)


def _parse(svg: bytes) -> Element:
    """The drawing without its namespaces: prefixes are all that ElementTree would make of them."""
    plain = re.sub(rb' xmlns(:xlink)?="[^"]*"', b"", svg, count=2)
    return ElementTree.fromstring(plain)


def _name(drawing: Element, scene: Scene) -> None:
    """Say what each part is (browsers show titles), and print names smaller than what they name."""
    boxes = {box.id: box for box in scene.boxes()}
    edges = {f"{edge.source}->{edge.target}": edge for edge in scene.edges}
    several = {item.id for item in scene.all() if item.repeats}
    for part, title in _parts(drawing):
        id = title.text or ""
        if id in several:
            _stack(part)
        if id in boxes:
            box = boxes[id]
            title.text = f"{box.key}: {box.fault}" if box.fault else box.key
            texts = part.findall("text")
            below = texts[1:] if box.kind in ("fault", "block") else texts[-1:] if box.name and len(texts) > 1 else []
            for said in below:
                said.set("font-size", f"{theme.SMALL:g}")
                if box.kind != "fault":
                    said.set("fill", theme.MUTED)
            if box.kind == "fault":
                texts[0].set("font-weight", "bold")
        elif id in edges:
            edge = edges[id]
            title.text = f"{boxes[edge.source].key} → {boxes[edge.target].key}: {edge.shape}"
        else:
            part.remove(title)
    for text in drawing.iter("text"):
        text.set("font-family", theme.FONT_STACK)


def _stack(part: Element) -> None:
    """Copies behind what is drawn once and occurs more often."""
    at, outline = next((i, shape) for i, shape in enumerate(part) if shape.tag in ("path", "polygon"))
    for step in (1, 2):
        copy = Element(outline.tag, {**outline.attrib, "transform": f"translate({step * STEP:g} {step * STEP:g})"})
        part.insert(at, copy)


def _lift_labels(drawing: Element) -> None:
    """Draw the labels of groups and edges last, each with a rim of its background, so that no edge strikes it out."""
    (graph,) = drawing.findall("g")
    kinds = [(part, part.get("class")) for part in graph.findall("g")]
    titles.settle(*([part for part, kind in kinds if kind == wanted] for wanted in ("cluster", "edge")))
    for part, kind in kinds:
        if kind not in ("cluster", "edge"):
            continue
        back = next((shape.get("fill", theme.PAPER) for shape in part if kind == "cluster"), theme.PAPER)
        opacity = "1" if kind == "cluster" else "0.75"
        for text in part.findall("text"):
            part.remove(text)
            text.attrib |= {**RIM, "stroke": back, "stroke-opacity": opacity}
            graph.append(text)


def _parts(drawing: Element) -> Iterator[tuple[Element, Element]]:
    """The groups of the drawing (nodes, edges, clusters, the graph itself), each with its title."""
    for part in list(drawing.iter("g")):
        title = part.find("title")
        if title is not None:
            yield part, title


def _framed(drawing: Element, scene: Scene) -> Element:
    """The drawing with its caption above, and the legend beside it or beneath it, where there is more room."""
    _, _, width, height = (float(x) for x in drawing.attrib["viewBox"].split())
    beside = height > width
    entries = legend.of_scene(scene)
    key = legend.column(entries) if beside else legend.row(entries, width)
    top = theme.CAPTION * 2
    across = width + key.width if beside else max(width, key.width)
    down = top + (max(height, key.height) if beside else height + key.height)
    size = {"width": f"{across:.2f}pt", "height": f"{down:.2f}pt", "viewBox": f"0 0 {across:.2f} {down:.2f}"}
    frame = Element("svg", {"xmlns": SVG, **size})
    SubElement(frame, "rect", {"width": "100%", "height": "100%", "fill": theme.PAPER})
    caption = {"x": "11", "y": f"{theme.CAPTION * 1.5:g}", "font-size": f"{theme.CAPTION:g}", "font-weight": "bold"}
    SubElement(frame, "text", {**caption, "font-family": theme.FONT_STACK, "fill": theme.INK}).text = scene.title
    body = SubElement(frame, "g", {"transform": f"translate({max(across - width, 0) / 2 * (not beside):.2f} {top:g})"})
    body.extend(drawing)
    place = (width, top) if beside else (0.0, top + height)
    frame.append(key.element(*place))
    return frame
