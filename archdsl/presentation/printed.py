"""Figures are plain data and know no text; what a `Network` hands out is the same data in a class that does."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

T = TypeVar("T")


def printed(figures: Any, kind: type[T]) -> T:
    """The figures of a dataclass in a class made from it, which adds how they are shown and no field."""
    return kind(**{field.name: getattr(figures, field.name) for field in fields(figures)})
