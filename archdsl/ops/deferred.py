"""Dataclasses that are made when they are first used.

Every operator is a frozen dataclass, and a network uses few of them. `dataclass` writes and compiles six methods for
each class: for all operators that takes longer than anything else that checking a small spec does.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

C = TypeVar("C", bound=type)

_LOCK = threading.RLock()


@dataclass_transform(frozen_default=True)
def deferred_dataclass(cls: C) -> C:
    """The class, which becomes `@dataclass(frozen=True)` with its first instance, or when its fields are asked for."""
    made: Any = cls
    made.__dataclass_fields__ = _Fields(cls)
    made.__init__ = _first_init(cls)
    return cls


def _make(cls: Any) -> None:
    with _LOCK:
        if isinstance(vars(cls)["__dataclass_fields__"], _Fields):
            del cls.__init__
            dataclass(frozen=True)(cls)


def _first_init(cls: Any) -> Any:
    def first_init(self: Any, *args: Any, **kwargs: Any) -> None:
        _make(cls)
        cls.__init__(self, *args, **kwargs)

    return first_init


class _Fields:
    """The fields of a class that is no dataclass yet: whoever asks for them, `dataclass` of a subclass too, makes it
    one."""

    def __init__(self, cls: type) -> None:
        self._cls = cls

    def __get__(self, instance: object, owner: type) -> Any:
        _make(self._cls)
        return vars(self._cls)["__dataclass_fields__"]
