"""A user's own operators: classes in a Python file that the user names. A spec can never make archdsl run code."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError


def load_operators(path: str | os.PathLike[str]) -> None:
    """Run a Python file whose classes derive from `archdsl.ops.Operator`; specs can use them from then on.

    The file is imported under its name without `.py`, so that a `Target` may name what is in it. Loading it again does
    nothing. Raises `SpecError` where it cannot be imported or defines what exists already.
    """
    file = Path(path).resolve()
    name = file.stem
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(file):
        return
    if loaded is not None or not name.isidentifier():
        raise _error(f"`{path}` cannot be imported as `{name}`: the name is taken or no identifier", path)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise _error(f"`{path}` is no Python file", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's file raises is told, not passed on
        del sys.modules[name]
        raise _error(f"`{path}` cannot be imported: {type(error).__name__}: {error}", path) from error


def _error(message: str, path: str | os.PathLike[str]) -> SpecError:
    return SpecError([Diagnostic("bad-operators", message, place=os.fspath(path))])
