"""The torch back end: elaborated graph to a `torch.GraphModule` placed on devices.

What the package offers is loaded when it is asked for, so that its modules that need no torch (`program`, `lowering`,
`sizes`) can be used without.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from compiler.bench.calibration import calibrate
    from compiler.bench.stopwatch import measure
    from compiler.fx.compile import compile_graph
    from compiler.fx.model import CompiledNetwork
    from compiler.lowering import assemble
    from compiler.once import run_once
    from compiler.weights import save_weights

__all__ = ["CompiledNetwork", "assemble", "calibrate", "compile_graph", "measure", "run_once", "save_weights"]

HOMES: Final = {
    "CompiledNetwork": "compiler.fx.model",
    "assemble": "compiler.lowering",
    "calibrate": "compiler.bench.calibration",
    "compile_graph": "compiler.fx.compile",
    "measure": "compiler.bench.stopwatch",
    "run_once": "compiler.once",
    "save_weights": "compiler.weights",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module `compiler` has no attribute `{name}`")
    try:
        return getattr(importlib.import_module(HOMES[name]), name)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        raise ImportError(f"archdsl's `compiler` needs {missing}: pip install {missing}") from error
