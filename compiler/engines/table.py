"""Which engines there are, and what each needs to be installed."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from archdsl.extras import EXTRAS
from compiler.engines.task import EngineCall, Task


class EngineNeeds(NamedTuple):
    """An engine: its module, the libraries and programs that it needs, and an engine before it in the table that runs
    the same code, if there is one, with less around it."""

    module: str
    libraries: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()  # any of them
    same_as: str | None = None


COMPILERS: Final = ("g++", "clang++", "c++")
ENGINES: Final[Mapping[str, EngineNeeds]] = MappingProxyType(
    {
        "eager": EngineNeeds("compiler.engines.eager"),
        "aot": EngineNeeds("compiler.engines.aot", programs=COMPILERS),
        "inductor": EngineNeeds("compiler.engines.inductor", programs=COMPILERS, same_as="aot"),
        "onnxruntime": EngineNeeds("compiler.engines.onnxruntime", ("onnxruntime", "onnx", "onnxscript")),
        "openvino": EngineNeeds("compiler.engines.openvino", ("openvino",)),
    }
)


def lacks(name: str) -> str | None:
    """What is not installed that an engine needs, and what installs it; None where nothing is."""
    engine = ENGINES[name]
    missing = [library for library in engine.libraries if importlib.util.find_spec(library) is None]
    if missing:
        return f"{' and '.join(missing)} not installed: pip install 'archdsl[{EXTRAS[missing[0]]}]'"
    if engine.programs and not any(map(shutil.which, engine.programs)):
        return f"no C++ compiler found ({', '.join(engine.programs)}): torch's {name} needs one"
    return None


def build(name: str, task: Task) -> EngineCall:
    """What runs a task by an engine. Raises `Unable`, and whatever the engine raises."""
    run: EngineCall = importlib.import_module(ENGINES[name].module).build(task)
    return run
