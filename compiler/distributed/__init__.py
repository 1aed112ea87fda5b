"""A network over several processes: its program cut into stages, run by torch's pipelining."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from compiler.distributed.checkpoint import load
    from compiler.distributed.run import Pipeline

__all__ = ["Pipeline", "load"]

HOMES: Final = {"Pipeline": "compiler.distributed.run", "load": "compiler.distributed.checkpoint"}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module `compiler.distributed` has no attribute `{name}`")
    return getattr(importlib.import_module(HOMES[name]), name)
