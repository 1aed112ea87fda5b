"""Loads the back ends when they are first needed."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

HOME = Path(__file__).resolve().parent.parent


def backend(name: str) -> ModuleType:
    """The package `compiler` or `viz` that lies beside archdsl. Raises `ImportError` where another hides it."""
    module = importlib.import_module(name)
    found = Path(module.__file__ or "").resolve().parent
    if found.parent != HOME:
        raise ImportError(
            f"archdsl needs its own package `{name}`, in {HOME / name}, but Python finds another first:"
            f" {found}. Rename that one, or start Python in another directory."
        )
    return module
