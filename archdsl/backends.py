"""Loads the back ends when they are first needed."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from archdsl.extras import not_installed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HOME = Path(__file__).resolve().parent.parent


class Plot(Protocol):
    """A plot, as `viz.plots` makes it. A notebook shows it; `figure` is matplotlib's."""

    figure: Figure

    def render(self, format: str) -> bytes: ...

    def save(self, path: str | os.PathLike[str]) -> None: ...

    def _repr_svg_(self) -> str: ...


def installed(library: str, what: str) -> ModuleType:
    """A library that a plain install leaves out. Raises `ImportError`, which says what installs it for `what`."""
    try:
        return importlib.import_module(library)
    except ModuleNotFoundError as error:
        raise not_installed(what, error.name) from error


def backend(name: str) -> ModuleType:
    """The package `compiler`, `viz` or `viz.plots` that lies beside archdsl.

    Raises `ImportError` where another package hides it, or where a library that it needs is not installed.
    """
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise not_installed(f"archdsl's `{name}`", error.name) from error
    found = Path(module.__file__ or "").resolve().parent
    home = HOME.joinpath(*name.split("."))
    if found != home:
        raise ImportError(
            f"archdsl needs its own package `{name}`, in {home}, but Python finds another first:"
            f" {found}. Rename that one, or start Python in another directory."
        )
    return module
