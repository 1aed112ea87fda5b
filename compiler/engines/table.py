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
    """An engine: its module, and the libraries and programs that it needs."""

    module: str
    libraries: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()  # any of them


COMPILERS: Final = ("g++", "clang++", "c++")
ENGINES: Final[Mapping[str, EngineNeeds]] = MappingProxyType(
    {
        "eager": EngineNeeds("compiler.engines.eager"),
        "inductor": EngineNeeds("compiler.engines.inductor", programs=COMPILERS),
        "aot": EngineNeeds("compiler.engines.aot", programs=COMPILERS),
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
