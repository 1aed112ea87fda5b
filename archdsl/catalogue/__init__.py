"""Every diagnostic code, once: what it means, why it is reported, and how a spec gets it and gets rid of it."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from archdsl.catalogue import layers, lint, names, reading, shapes, syntax
from archdsl.catalogue._entry import Entry, Level

__all__ = ["CATALOGUE", "Entry", "Level"]

CATALOGUE: Final = MappingProxyType(
    {**reading.ENTRIES, **syntax.ENTRIES, **names.ENTRIES, **layers.ENTRIES, **shapes.ENTRIES, **lint.ENTRIES}
)
