"""Diagrams of elaborated graphs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, get_args

from archdsl.graph import Graph
from archdsl.write import write_atomically
from viz import formats, scene
from viz.engine import DrawingError
from viz.formats import Direction, Look
from viz.scene import Depth, Shown

__all__ = ["DrawingError", "Look", "draw", "known_formats", "render"]

known_formats = formats.known


def draw(
    graph: Graph,
    path: str | os.PathLike[str],
    *,
    direction: Direction = "down",
    shapes: bool | Literal["all"] = True,
    phase: Shown = "train",
    fold: bool = True,
    depth: Depth = "fit",
    focus: str | None = None,
) -> None:
    """Draw a graph into a file, in the format of its suffix.

    Raises `ValueError` for an unknown suffix, `DrawingError` for a graph that is too large, and `OSError`.
    """
    path = Path(path)
    format = path.suffix.lower().removeprefix(".")
    if format not in formats.known():
        names = ", ".join(f".{name}" for name in formats.known())
        raise ValueError(f"cannot tell the format of {path.name!r} by its suffix; known are {names}")
    data = render(graph, format, direction=direction, shapes=shapes, phase=phase, fold=fold, depth=depth, focus=focus)
    write_atomically(path, data)


def render(
    graph: Graph,
    format: str,
    *,
    direction: Direction = "down",
    shapes: bool | Literal["all"] = True,
    phase: Shown = "train",
    fold: bool = True,
    depth: Depth = "fit",
    focus: str | None = None,
) -> bytes:
    """A drawing of a graph, as the bytes of a file.

    `direction` is where the data flows to: down, up, right or left. `shapes` labels edges with the shapes of their
    tensors. `phase` is "train" for everything, or "eval" for what is left in inference.

    Raises `ValueError` for an unknown format, direction or phase, and `DrawingError` for a graph that is too large.
    """
    for what, value, known in (("direction", direction, get_args(Direction)), ("phase", phase, get_args(Shown))):
        if value not in known:
            raise ValueError(f"no {what} is called {value!r}; known are {', '.join(known)}")
    renderer = formats.find(format)
    return renderer(scene.build(graph, phase, fold=fold, depth=depth, focus=focus), Look(direction, shapes))
