"""The views that the page shows as pictures, as data: the page's script makes the elements when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from xml.etree.ElementTree import Element

from archdsl.outline.stage import Stage
from archdsl.outline.stages import StageLink
from archdsl.outline.wording import clip
from viz.html import figures
from viz.html.document import Document
from viz.html.facts import amounts
from viz.html.themes import variable
from viz.html.views import Refused, Views
from viz.recolour import COLOURED
from viz.stages import picture as stages_picture
from viz.volumes import picture as volumes_picture


@dataclass(frozen=True, slots=True)
class Picture:
    data: dict[str, Any]
    colours: frozenset[str]  # light ones, that it refers to


def pictures(views: Views, known: Document) -> dict[str, Picture]:
    """The pictures by the names of their views; of one that cannot be, the reason."""
    found = {}
    if isinstance(views.stages, Refused):
        found["stages"] = Picture({"refused": views.stages.reason}, frozenset())
    else:
        drawing = stages_picture.draw(views.stages)
        found["stages"] = _picture(drawing, "down", views.stages.all(), views.stages.links, views, known)
    if isinstance(views.volumes, Refused):
        found["volumes"] = Picture({"refused": views.volumes.reason}, frozenset())
    else:
        drawing = volumes_picture.draw(views.volumes)
        shown = (solid.stage for solid in views.volumes.solids)
        found["volumes"] = _picture(drawing, "right", shown, views.volumes.links, views, known)
    return found


def _picture(
    drawing: Element, direction: str, shown: Iterable[Stage], links: Iterable[StageLink], views: Views, known: Document
) -> Picture:
    _, _, width, height = (float(number) for number in drawing.attrib["viewBox"].split())
    colours: set[str] = set()
    hidden: dict[str, list[str]] = {}
    for key, stand_in in views.stand_in.items():
        hidden.setdefault(stand_in, []).append(key)
    data = {
        "width": width,
        "height": height,
        "direction": direction,
        "parts": [_part(stage, hidden, known) for stage in shown],
        "links": [[link.source, link.target] for link in links],
        "drawing": [_element(part, colours) for part in drawing],
    }
    return Picture(data, frozenset(colours))


def _part(stage: Stage, hidden: Mapping[str, list[str]], known: Document) -> dict[str, Any]:
    """What a stage stands for, and what it costs."""
    # A stage that is a whole sequence has all its layers, and those that others stand for among them: each counts once.
    keys = list(dict.fromkeys(key for one in stage.keys for key in (one, *hidden.get(one, ()))))
    times = f" × {stage.count}" if stage.count > 1 else ""
    said = " · ".join(text for text in (stage.title, stage.more) if text)
    return {
        # The path of a stage may be that of a sequence that holds nothing else, which the graph draws as its layer.
        "item": next(known.places[path] for path in (stage.path, *keys) if path in known.places),
        "layers": [known.places[key] for key in keys],
        "path": clip(stage.label),
        "title": f"{said}{times}",
        "outputs": [stage.shape],
        **({} if stage.colour == "input" else amounts(figures.total(known.figures.cost(key) for key in keys))),
        **({"train": True} if stage.train else {}),
    }


DROPPED: Final = frozenset({"font-family"})  # the page has it in its style sheet


def _element(part: Element, colours: set[str]) -> list[Any]:
    """An element as a list: its name, its attributes, and what it holds. Titles give way to the page's own tip."""
    attributes = {}
    for name, value in part.attrib.items():
        if name in COLOURED and value.startswith("#"):
            colours.add(value)
            value = variable(value)
        if name not in DROPPED:
            attributes[name] = value
    return [part.tag, attributes, *([part.text] if part.text else []), *_inner(part, colours)]


def _inner(part: Element, colours: set[str]) -> Iterator[list[Any]]:
    return (_element(inner, colours) for inner in part if inner.tag != "title")
