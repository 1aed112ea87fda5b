"""Diagrams of elaborated graphs."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from archdsl import validate
from archdsl.compare.difference import Difference
from archdsl.graph import Graph
from archdsl.measure.time.device_profile import DeviceProfile
from archdsl.measure.time.gpus import USUAL
from archdsl.outline.stages import stages_of
from archdsl.own_figures import read_figures
from archdsl.phases import Phase, phase_of
from archdsl.profiles import find_profile
from archdsl.quantities import points
from archdsl.write import write_atomically
from viz import choices, formats
from viz.difference import comparison
from viz.difference.comparison import Comparison
from viz.engine import DrawingError
from viz.figure import FONT, Figure
from viz.formats import Drawable
from viz.graph import scene
from viz.html import both, views
from viz.html.both import Both
from viz.html.views import Views
from viz.look import Arrangement, BlocksBeside, Depth, Direction, Engine, Look, ViewName
from viz.recolour import Theme
from viz.volumes import view as volumes

__all__ = [
    "DrawingError",
    "Look",
    "draw",
    "draw_difference",
    "embed",
    "ignored",
    "known_formats",
    "render",
    "render_difference",
]

known_formats, ignored = formats.known, formats.ignored


def draw(graph: Graph, path: str | os.PathLike[str], **options: Any) -> None:
    """Draw a graph into a file, in the format of its suffix, with the options of `render`.

    Raises `ValueError` for an unknown suffix, `DrawingError` for a graph that is too large, and `OSError`.
    """
    path = validate.file_path("path", path)
    validate.options("a drawing", options, _keywords(render))
    write_atomically(path, render(graph, _format(path), **options))


def draw_difference(difference: Difference, path: str | os.PathLike[str], **options: Any) -> None:
    """Draw two compared networks into a file, in the format of its suffix, with the options of `render_difference`.

    Raises what `draw` raises.
    """
    path = validate.file_path("path", path)
    validate.options("the drawing of a difference", options, _keywords(render_difference))
    write_atomically(path, render_difference(difference, _format(path, "difference"), **options))


def _keywords(function: Callable[..., bytes]) -> list[str]:
    """The options of a function."""
    return [one.name for one in inspect.signature(function).parameters.values() if one.kind is one.KEYWORD_ONLY]


def _format(path: Path, view: ViewName | Literal["difference"] = "graph") -> str:
    """The format of a file by its suffix; where there is none, those that can show the view are named."""
    format = path.suffix.lower().removeprefix(".")
    if format not in formats.known():
        names = ", ".join(f".{name}" for name in formats.of_view(view))
        raise ValueError(f"cannot tell the format of {path.name!r} by its suffix; known are {names}")
    return format


def render(
    graph: Graph,
    format: str,
    *,
    view: ViewName = "graph",
    direction: Direction = "down",
    shapes: bool | Literal["all"] = True,
    phase: Phase = "training",
    fold: bool = True,
    depth: Depth = "fit",
    blocks: BlocksBeside = "fit",
    focus: str | None = None,
    theme: Theme = "light",
    engine: Engine = "embedded",
    profile: str | DeviceProfile = USUAL,
    width: str | None = None,
    font: str | None = None,
    heat: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
) -> bytes:
    """A drawing of a graph, as the bytes of a file.

    `view` is what it shows: the graph, layer by layer; the stages, as the table of a paper; or volumes, feature maps
    as solids. `phase` is "training" for everything, or "inference" for what is left then. `theme` is light, dark, or
    print for black and white.

    The graph has further options. `direction` is where the data flows to: down, up, right or left. `shapes` labels
    edges with the shapes of their tensors. `fold` draws equal blocks in a row once. `depth` is how deep blocks are
    opened, "fit" so that a page can hold them, or None for all. `blocks` shows beside it what closed blocks are, each
    form once; "fit" where blocks are closed for a page. `focus` is the path of a block or layer that is drawn
    with its neighbours only. `engine` is what lays it out: "embedded", or "system" for the `dot` of the system.
    `profile` is the device whose times the page predicts: its name or a file, as for `Network.timing`. `heat` is a
    file of figures of your own for layers, or several, by the first of which the page is coloured: see
    `archdsl.own_figures`.

    `width` makes a figure for a document, so wide: "3.5in", "88mm", "252pt"; `font` is how large its letters are where
    there is room, "8pt" by default. No letters are smaller than 6 points, and the figure is no higher than a page:
    blocks are closed and rows folded until that is so.

    Raises `ValueError` for an unknown format or option, `DrawingError` for a graph that cannot be drawn, or not as a
    figure that can be read, and `SpecError` for a file of figures that cannot be used.
    """
    phase = phase_of(phase)
    choices.check(view=view, direction=direction, shapes=shapes, phase=phase, fold=fold, depth=depth, focus=focus)
    choices.check(theme=theme, engine=engine, profile=profile, blocks=blocks, heat=heat, width=width, font=font)
    if view != "graph" and (focus is not None or isinstance(depth, int)):
        raise ValueError(f"focus and depth are options of the graph, not of {view}")
    if font is not None and width is None:
        raise ValueError("`font` goes with `width`, for a figure")
    renderer = formats.find(format, view)
    if width is not None and {"width", "font"} & set(formats.ignored(format, view)):
        raise ValueError(f"{format} has no width: it is laid out where it is read; use svg, png, pdf or tex")
    files = [heat] if isinstance(heat, (str, os.PathLike)) else heat
    own = tuple(read_figures(Path(file), graph) for file in files)
    subject: Drawable | Views
    if formats.opens(format):
        subject = views.build(graph, phase, fold=fold, focus=focus, first=view)
    elif view == "stages":
        subject = stages_of(graph, phase)
    elif view == "volumes":
        subject = volumes.build(graph, phase)
    else:
        subject = scene.build(graph, phase, fold=fold, depth=depth, focus=focus, blocks=False if own else blocks)
    figure = None if width is None else Figure(points(width) or 0.0, points(font or "") or FONT)
    return renderer(subject, Look(direction, shapes, theme, engine, _found(profile), own, figure))


def render_difference(
    difference: Difference,
    format: str,
    *,
    arrange: Arrangement = "overlaid",
    direction: Direction = "down",
    fold: bool = True,
    theme: Theme = "light",
    engine: Engine = "embedded",
    profile: str | DeviceProfile = USUAL,
) -> bytes:
    """A drawing of what differs between two networks, as the bytes of a file.

    `arrange` is "overlaid" for one graph of both, in which what corresponds is drawn once, or "side-by-side". `fold`
    closes blocks without a difference, draws equal ones in a row once, and runs of unchanged layers as one box where
    a page could not hold them. The others are those of `render`, which says what is raised.
    """
    choices.check(arrange=arrange, direction=direction, fold=fold, theme=theme, engine=engine, profile=profile)
    renderer = formats.find(format, "difference")
    subject: Comparison | Both
    if formats.opens(format):
        subject = both.build(difference, arrange, fold=fold)
    else:
        subject = comparison.build(difference, arrange, fold=fold)
    return renderer(subject, Look(direction, theme=theme, engine=engine, profile=_found(profile)))


def _found(profile: str | DeviceProfile) -> DeviceProfile:
    return find_profile(profile) if isinstance(profile, str) else profile


def embed(graph: Graph, drawing: str | None = None) -> str:
    """The interactive page of a graph as an HTML element, for a notebook; `drawing` is its SVG, for where it cannot be
    laid out."""
    from viz.formats import html

    return html.embed(views.build(graph), Look(), drawing)
