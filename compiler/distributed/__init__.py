"""A network over several processes: its program cut into stages, run by torch's pipelining.

What cuts (`cut`) needs no torch, so what runs is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compiler.distributed.checkpoint import load
    from compiler.distributed.run import Pipeline

__all__ = ["Pipeline", "load"]


def __getattr__(name: str) -> Any:
    if name == "Pipeline":
        from compiler.distributed.run import Pipeline

        return Pipeline
    if name == "load":
        from compiler.distributed.checkpoint import load

        return load
    raise AttributeError(f"module `compiler.distributed` has no attribute `{name}`")
