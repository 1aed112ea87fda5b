"""A network over several processes: its program cut into stages, run by torch's pipelining.

What cuts (`cut`) needs no torch, so what runs is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compiler.distributed.checkpoint import load
    from compiler.distributed.run import Pipeline
    from compiler.distributed.start import start

__all__ = ["Pipeline", "load", "start"]


def __getattr__(name: str) -> Any:
    if name == "Pipeline":
        from compiler.distributed.run import Pipeline

        return Pipeline
    if name == "load":
        from compiler.distributed.checkpoint import load

        return load
    if name == "start":
        from compiler.distributed.start import start

        return start
    raise AttributeError(f"module `compiler.distributed` has no attribute `{name}`")
