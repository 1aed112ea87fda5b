"""The torch back end: elaborated graph to a `torch.GraphModule` placed on devices.

What the package offers is loaded when it is asked for, so that its modules that need no torch (`program`, `lowering`,
`sizes`) can be used without.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from archdsl.extras import not_installed

if TYPE_CHECKING:
    from compiler.bench.calibration import calibrate
    from compiler.bench.stopwatch import measure
    from compiler.engines.inference import InferenceNetwork, accelerate, try_engines
    from compiler.engines.table import ENGINES
    from compiler.export.formats import check_place, export_network, holds_weights
    from compiler.export.hub import folder_of
    from compiler.fx.compile import compile_graph
    from compiler.fx.model import CompiledNetwork
    from compiler.importing.factory import FactoryError, made, subject_of
    from compiler.importing.modules import given, import_modules, sample
    from compiler.importing.proof import prove
    from compiler.lowering import assemble
    from compiler.once import run_once
    from compiler.renaming import read_rename
    from compiler.source.file import source_of
    from compiler.weights import Loaded, Matching, load_weights, read_weights

__all__ = [
    "ENGINES",
    "CompiledNetwork",
    "FactoryError",
    "InferenceNetwork",
    "Loaded",
    "Matching",
    "accelerate",
    "assemble",
    "calibrate",
    "check_place",
    "compile_graph",
    "export_network",
    "folder_of",
    "given",
    "holds_weights",
    "import_modules",
    "load_weights",
    "made",
    "measure",
    "prove",
    "read_rename",
    "read_weights",
    "run_once",
    "sample",
    "source_of",
    "subject_of",
    "try_engines",
]

HOMES: Final = {
    "ENGINES": "compiler.engines.table",
    "CompiledNetwork": "compiler.fx.model",
    "InferenceNetwork": "compiler.engines.inference",
    "Loaded": "compiler.weights",
    "Matching": "compiler.weights",
    "accelerate": "compiler.engines.inference",
    "assemble": "compiler.lowering",
    "calibrate": "compiler.bench.calibration",
    "check_place": "compiler.export.formats",
    "compile_graph": "compiler.fx.compile",
    "export_network": "compiler.export.formats",
    "folder_of": "compiler.export.hub",
    "FactoryError": "compiler.importing.factory",
    "given": "compiler.importing.modules",
    "import_modules": "compiler.importing.modules",
    "prove": "compiler.importing.proof",
    "sample": "compiler.importing.modules",
    "subject_of": "compiler.importing.factory",
    "holds_weights": "compiler.export.formats",
    "load_weights": "compiler.weights",
    "made": "compiler.importing.factory",
    "measure": "compiler.bench.stopwatch",
    "read_rename": "compiler.renaming",
    "read_weights": "compiler.weights",
    "run_once": "compiler.once",
    "try_engines": "compiler.engines.inference",
    "source_of": "compiler.source.file",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module `compiler` has no attribute `{name}`")
    try:
        return getattr(importlib.import_module(HOMES[name]), name)
    except ModuleNotFoundError as error:
        raise not_installed("archdsl's `compiler`", error.name) from error
