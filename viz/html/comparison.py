"""The page of a comparison: its drawings, and what is told of each box, in one file that needs nothing beside it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, get_args
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from archdsl.dims import Shape, Size, show
from archdsl.measure.difference import LayerDiff
from archdsl.measure.difference_text import arrow, values
from archdsl.measure.report import Row, field
from viz import recolour
from viz.canvas import Canvas
from viz.difference import facts, picture
from viz.difference.comparison import ARRANGEMENTS, Box, Comparison, build
from viz.difference.sayings import SIGNS
from viz.formats import Look
from viz.html.inline import allowed, filled, read, script
from viz.html.page import as_json
from viz.html.themes import PAGE
from viz.wording import clip

SCRIPTS: Final = ("dom", "camera", "comparison")
MOST_LAYERS: Final = 800  # that are drawn one by one as well
ZOOM: Final = 1.3  # from a drawing on paper to one on a screen
LISTED: Final = 60  # layers of a box for several
LONGEST: Final = 200  # characters of a value
OF_PAGE: Final = ("paper", "panel", "rule", "ink", "muted", "accent")


def render(comparison: Comparison, look: Look) -> bytes:
    """The page of a comparison: overlaid and side by side, with what differs alone and, if not too many, all layers."""
    details = {"folded": True}
    if len(comparison.difference.layers) <= MOST_LAYERS:
        details["whole"] = False
    drawn: list[Element] = []
    boxes = {}
    for detail, fold in details.items():
        for arrangement in ARRANGEMENTS:
            shown = build(comparison.difference, arrangement, fold=fold)
            boxes[detail] = {box.id: _box(box) for box in shown.boxes()}
            drawn.append(_picture(shown, look, detail))
    legend = [(facts.swatch(status), text) for status, text in facts.legend(comparison)]
    style = "\n".join(_colours([*drawn, *(swatch for swatch, _ in legend)])) + read("page.css") + read("comparison.css")
    code = script(SCRIPTS)
    policy = f"default-src 'none'; script-src {allowed(code)}; style-src {allowed(style)}"
    title = " → ".join(comparison.names)
    data = {
        "title": title,
        "names": comparison.names,
        "direction": look.direction,
        "arrangement": comparison.arrangement,
        "costs": comparison.costs,
        "notes": comparison.notes,
        "meanings": dict(facts.MEANINGS),
        "boxes": boxes,
    }
    return filled(
        "comparison.html",
        {
            "policy": policy,
            "title": html.escape(title),
            "style": style,
            "pictures": "".join(_written(picture) for picture in drawn),
            "legend": "".join(f"<span>{_written(swatch)}{html.escape(text)}</span>" for swatch, text in legend),
            "data": as_json(data),
            "script": code,
        },
    )


def _picture(comparison: Comparison, look: Look, detail: str) -> Element:
    drawing, width, height = picture.networks(comparison, look)
    sheet = Canvas()
    size = {"data-width": f"{width * ZOOM:.0f}", "data-height": f"{height * ZOOM:.0f}", "transform": f"scale({ZOOM:g})"}
    sheet.grouped(drawing, {"data-arrangement": comparison.arrangement, "data-detail": detail, **size})
    return sheet.parts[0]


def _written(element: Element) -> str:
    text: str = ElementTree.tostring(element, encoding="unicode")
    return text


def _colours(drawn: list[Element]) -> Iterator[str]:
    """The colours of the page in its themes, and those of the drawings where they are not the light ones."""
    found = {part.get(name, "") for drawing in drawn for part in drawing.iter() for name in recolour.COLOURED}
    for name in get_args(recolour.Theme):
        root = f':root[data-theme="{name}"]'
        said = "; ".join(f"--{field}: {recolour.colour(PAGE[field], name)}" for field in OF_PAGE)
        yield f"{root} {{ color-scheme: {'dark' if name == 'dark' else 'light'}; {said} }}"
        for light in sorted(value for value in found if name != "light" and re.fullmatch("#[0-9a-f]{6}", value)):
            for property in recolour.COLOURED:
                turned = recolour.colour(light, name)
                yield f'{root} [{property}="{light}"] {{ {property}: {turned} }}'


def _box(box: Box) -> dict[str, Any]:
    """What the panel tells of a box: both networks' values, or, of several layers, those that differ."""
    told: dict[str, Any] = {"title": box.lines[0].both, "status": box.status, "layers": [], "more": 0}
    if len(box.layers) == 1:
        return told | {"rows": [list(row) for row in _layer(box.layers[0])]}
    differ = [layer for layer in box.layers if layer.status != "same"]
    said = [[SIGNS[layer.status], *_short(layer)] for layer in differ[:LISTED]]
    rows = [[line.a, line.b] for line in box.lines[1:]]
    return told | {"rows": [["", *row] for row in rows], "layers": said, "more": max(0, len(differ) - LISTED)}


def _layer(diff: LayerDiff) -> Iterator[tuple[str, str, str]]:
    """What is known of a layer in both networks."""
    a, b = diff.a, diff.b
    yield "path", a.path if a else "", b.path if b else ""
    yield "operator", clip(diff.step_a, LONGEST), clip(diff.step_b, LONGEST)
    for change in (*diff.changes, *([diff.inputs] if diff.inputs is not None else [])):
        if change.what != "operator":
            before, after = values(change)
            yield change.what.replace("_", " "), clip(before, LONGEST), clip(after, LONGEST)
    for what, shown in FIGURES.items():
        yield what, shown(a) if a else "", shown(b) if b else ""
    for change in diff.weights:
        yield change.what, _sizes(change.a), _sizes(change.b)
    if diff.moved:
        yield "place", "before", "moved"


def _short(diff: LayerDiff) -> tuple[str, str]:
    """A layer that differs in one line: its path, and how."""
    row = diff.b if diff.b is not None else diff.a
    said = [arrow(change) if change.what == "operator" else f"{change.what} {arrow(change)}" for change in diff.changes]
    if diff.shape is not None:
        said.append(f"{show(diff.shape.a)} → {show(diff.shape.b)}")
    return row.path if row else "", clip(", ".join(said) or diff.step_b or diff.step_a, LONGEST)


def _count(number: Size) -> str:
    return f"{number:,}" if isinstance(number, int) else str(number)


def _sizes(shape: Shape | None) -> str:
    return "none" if shape is None else "×".join(map(str, shape)) or "scalar"


FIGURES: Final[Mapping[str, Callable[[Row], str]]] = MappingProxyType(
    {
        "output": lambda row: show(row.shape),
        "parameters": lambda row: _count(row.params),
        "MACs": lambda row: _count(row.macs),
        "receptive field": lambda row: field(row.field),
    }
)
