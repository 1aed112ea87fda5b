"""The formats of diagrams, one file each: the module `svg` here writes `.svg`. Adding one is adding a file.

A format is a function `render(subject, look) -> bytes`. Its subject is what a view shows: a scene, stages, volumes.
A module that can write some views only says so in `VIEWS`; one whose readers choose the view, and open and close blocks
themselves, in `OPENS`: its subject is all views. `IGNORES` names the options of a drawing that change nothing in it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias, cast

from archdsl.measure.time.device_profile import DeviceProfile
from archdsl.measure.time.gpus import GPUS, USUAL
from archdsl.outline.stages import Stages
from viz.difference.comparison import Comparison
from viz.graph.scene import Scene
from viz.recolour import Theme
from viz.volumes.view import Volumes

Direction: TypeAlias = Literal["down", "up", "right", "left"]
Engine: TypeAlias = Literal["embedded", "system"]


@dataclass(frozen=True, slots=True)
class Look:
    """What a reader may choose: where the data flows to, whether edges bear shapes, which colours, whose layout, and
    the device that times are predicted for.

    With `shapes`, an edge says its tensor's shape where it is news: after a layer that changes it, at a fork, and
    between devices; "all" labels every edge.
    """

    direction: Direction = "down"
    shapes: bool | Literal["all"] = True
    theme: Theme = "light"
    engine: Engine = "embedded"
    profile: DeviceProfile = GPUS[USUAL]


Subject: TypeAlias = Scene | Stages | Volumes | Comparison
View: TypeAlias = Literal["graph", "stages", "volumes"]
Renderer: TypeAlias = Callable[[Any, Look], bytes]


@cache
def known() -> tuple[str, ...]:
    """The names of all formats."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def opens(name: str) -> bool:
    """Whether readers of this format choose the view, and open and close blocks."""
    return bool(getattr(importlib.import_module(f"{__name__}.{name}"), "OPENS", False))


def ignored(name: str, view: View | Literal["difference"]) -> tuple[str, ...]:
    """The options that change nothing in a view written in this format."""
    if view in ("stages", "volumes") and not opens(name):
        return ("direction", "shapes", "fold", "depth", "focus", "engine", "profile")
    return getattr(importlib.import_module(f"{__name__}.{name}"), "IGNORES", ("profile",))


def find(name: str, view: View | Literal["difference"] = "graph") -> Renderer:
    """The format of this name. Raises `ValueError` for an unknown one, or one that cannot write this view."""
    if name not in known():
        raise ValueError(f"unknown format {name!r}; known are {', '.join(known())}")
    module = importlib.import_module(f"{__name__}.{name}")
    if view not in getattr(module, "VIEWS", (view,)):
        raise ValueError(f"{name} cannot show {view}, only {', '.join(module.VIEWS)}; use svg, png or pdf")
    return cast(Renderer, module.render)
