"""networkx's graph classes, without the rest of networkx until it is asked for.

`import networkx` loads all of its algorithms, which takes longer than most specs; a checked network needs none of them.
So a command, whose process is its own, puts `networkx` in place with its classes alone. Whatever else is asked of it
runs its own `__init__` first, in the same module: then it is networkx as ever. Who uses archdsl as a library imports
networkx as usual.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final


class _Unfinished(ModuleType):
    """networkx before its `__init__` has run; the first name that it lacks finishes it.

    It lacks `__path__`, too, so that an import of any part of it finishes it before.
    """

    def __getattr__(self, name: str) -> Any:
        with _LOCK:
            found = self.__dict__
            if type(self) is _Unfinished and not found.get("_begun"):
                found["_begun"] = True
                spec = found["__spec__"]
                found["__path__"] = spec.submodule_search_locations
                spec.loader.exec_module(self)
                self.__class__ = ModuleType  # type: ignore[assignment] # nothing is left of this class
                del found["_begun"]
        if name in found:
            return found[name]
        return getattr(self, name) if type(self) is ModuleType else _missing(name)


@contextmanager
def _no_back_ends() -> Iterator[None]:
    """Keep networkx from looking for back ends of its own among all that is installed, which takes longer than its
    classes do; unless they are chosen, in the environment."""
    if FINDER in sys.modules or any(name.startswith("NETWORKX_") for name in os.environ):
        yield
        return
    nothing: Any = ModuleType(FINDER)
    nothing.entry_points = lambda **_: ()
    sys.modules[FINDER] = nothing
    try:
        yield
    finally:
        del sys.modules[FINDER]


FINDER: Final = "importlib.metadata"
_LOCK = threading.RLock()


def _missing(name: str) -> Any:
    raise AttributeError(f"module 'networkx' has no attribute {name!r}")


def place_classes() -> None:
    """Put networkx in place with its classes, where nobody has imported it yet."""
    if "networkx" in sys.modules:
        return
    spec = importlib.util.find_spec("networkx")
    if spec is None or spec.loader is None:
        return  # who needs it is told by the import
    module = _Unfinished("networkx")
    module.__spec__, module.__loader__, module.__file__ = spec, spec.loader, spec.origin
    found = module.__dict__
    found |= {"__path__": spec.submodule_search_locations, "__package__": "networkx", "_begun": True}
    sys.modules["networkx"] = module
    try:
        import networkx.exception as exception

        found |= {name: getattr(exception, name) for name in exception.__all__}
        with _no_back_ends():
            from networkx.utils import _clear_cache, _dispatchable

        found |= {"_clear_cache": _clear_cache, "_dispatchable": _dispatchable}  # what the classes ask of networkx
        import networkx.classes  # noqa: F401
    except (ImportError, AttributeError):  # a networkx that is built in another way
        for name in [name for name in sys.modules if name.partition(".")[0] == "networkx"]:
            del sys.modules[name]
        return
    del found["_begun"], found["__path__"]
