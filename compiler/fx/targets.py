"""Resolves the dotted names of operators' targets. They come from operators, never from a spec."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any


@cache
def resolve(name: str) -> Any:
    """What a dotted name like `torch.nn.Conv2d` names."""
    parts = name.split(".")
    for i in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:i]))
        except ModuleNotFoundError:
            continue
        for part in parts[i:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(name)
