"""The formats of diagrams, one file each: the module `svg` here writes `.svg`. Adding one is adding a file.

A format is a function `render(scene, look) -> bytes`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias, cast

from viz.scene import Scene

Direction: TypeAlias = Literal["down", "up", "right", "left"]


@dataclass(frozen=True, slots=True)
class Look:
    """What a reader may choose: where the data flows to, and whether edges bear shapes.

    With `shapes`, an edge says its tensor's shape where it is news: after a layer that changes it, at a fork, and
    between devices; "all" labels every edge.
    """

    direction: Direction = "down"
    shapes: bool | Literal["all"] = True


Renderer: TypeAlias = Callable[[Scene, Look], bytes]


@cache
def known() -> tuple[str, ...]:
    """The names of all formats."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def find(name: str) -> Renderer:
    """The format of this name. Raises `ValueError` for an unknown one."""
    if name not in known():
        raise ValueError(f"unknown format {name!r}; known are {', '.join(known())}")
    return cast(Renderer, importlib.import_module(f"{__name__}.{name}").render)
