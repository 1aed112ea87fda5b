"""Dataclasses that are made when they are first used.

Every operator is a frozen dataclass, and a network uses few of them. `dataclass` writes and compiles six methods for
each class: for all operators that takes longer than anything else that checking a small spec does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar, dataclass_transform

C = TypeVar("C", bound=type)

# What is asked of an instance first: one that is read from a pickle is asked for nothing else than to be made.
FIRST: Final = ("__init__", "__eq__", "__hash__", "__repr__")
_LOCK = threading.RLock()


@dataclass_transform(frozen_default=True)
def deferred_dataclass(cls: C) -> C:
    """The class, which becomes `@dataclass(frozen=True)` when it is first used, or when its fields are asked for."""
    made: Any = cls
    made.__dataclass_fields__ = _Fields(cls)
    for name in FIRST:
        if name not in vars(cls):
            setattr(cls, name, _first(cls, name))
    return cls


def _make(cls: Any) -> None:
    with _LOCK:
        if isinstance(vars(cls)["__dataclass_fields__"], _Fields):
            for name in FIRST:
                if hasattr(vars(cls)[name], "deferred"):
                    delattr(cls, name)
            dataclass(frozen=True)(cls)


def _first(cls: Any, name: str) -> Callable[..., Any]:
    """A method that makes the class, and is then the one that this has."""

    def first(self: Any, *args: Any, **kwargs: Any) -> Any:
        _make(cls)
        return getattr(cls, name)(self, *args, **kwargs)

    first.deferred = True  # type: ignore[attr-defined]
    return first


class _Fields:
    """The fields of a class that is no dataclass yet: whoever asks for them, `dataclass` of a subclass too, makes it
    one."""

    def __init__(self, cls: type) -> None:
        self._cls = cls

    def __get__(self, instance: object, owner: type) -> Any:
        _make(self._cls)
        return vars(self._cls)["__dataclass_fields__"]
