"""Loads the back ends when they are first needed."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

HOME = Path(__file__).resolve().parent.parent


def backend(name: str) -> ModuleType:
    """The package `compiler` or `viz` that lies beside archdsl.

    Raises `ImportError` where another package hides it, or where a library that it needs is not installed.
    """
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        raise ImportError(f"archdsl's `{name}` needs {missing}: pip install {missing}") from error
    found = Path(module.__file__ or "").resolve().parent
    if found.parent != HOME:
        raise ImportError(
            f"archdsl needs its own package `{name}`, in {HOME / name}, but Python finds another first:"
            f" {found}. Rename that one, or start Python in another directory."
        )
    return module
