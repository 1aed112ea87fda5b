"""The formats of diagrams, one file each: the module `svg` here writes `.svg`. Adding one is adding a file.

A format is a function `render(subject, look) -> bytes`. Its subject is what a view shows: a scene, stages, volumes.
A module that can write some views only says so in `VIEWS`; one whose readers choose the view, and open and close blocks
themselves, in `OPENS`: its subject is all views. `IGNORES` names the options of a drawing that change nothing in it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, TypeAlias, cast

from archdsl.outline.stages import Stages
from viz.difference.comparison import Comparison
from viz.graph.scene import Scene
from viz.look import Look, ViewName
from viz.volumes.view import Volumes

Drawable: TypeAlias = Scene | Stages | Volumes | Comparison
Renderer: TypeAlias = Callable[[Any, Look], bytes]


@cache
def known() -> tuple[str, ...]:
    """The names of all formats."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def of_view(view: ViewName | Literal["difference"]) -> tuple[str, ...]:
    """The names of the formats that can show a view."""
    return tuple(name for name in known() if view in getattr(_module(name), "VIEWS", (view,)))


def _module(name: str) -> Any:
    return importlib.import_module(f"{__name__}.{name}")


def opens(name: str) -> bool:
    """Whether readers of this format choose the view, and open and close blocks."""
    return bool(getattr(_module(name), "OPENS", False))


def ignored(name: str, view: ViewName | Literal["difference"]) -> tuple[str, ...]:
    """The options that change nothing in a view written in this format."""
    if view in ("stages", "volumes") and not opens(name):
        return ("direction", "shapes", "fold", "depth", "blocks", "focus", "engine", "profile", "heat")
    return getattr(_module(name), "IGNORES", ("profile",))


def find(name: str, view: ViewName | Literal["difference"] = "graph") -> Renderer:
    """The format of this name. Raises `ValueError` for an unknown one, or one that cannot write this view."""
    if name not in known():
        raise ValueError(f"unknown format {name!r}; known are {', '.join(known())}")
    module = _module(name)
    if view not in getattr(module, "VIEWS", (view,)):
        raise ValueError(f"{name} cannot show {view}, only {', '.join(module.VIEWS)}; use svg, png or pdf")
    return cast(Renderer, module.render)
