"""Every diagnostic code, once: what it means, why it is reported, and how a spec gets it and gets rid of it."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from archdsl.catalogue import commands, exports, files, layers, limits, lint, names, shapes, syntax, values, yaml
from archdsl.catalogue._entry import Entry, Severity

__all__ = ["CATALOGUE", "FAMILIES", "Entry", "Severity"]

FAMILIES: Final = MappingProxyType(
    {
        "Using a command": commands.ENTRIES,
        "Files and imports": files.ENTRIES,
        "Writing a spec": syntax.ENTRIES,
        "The YAML form": yaml.ENTRIES,
        "Names and definitions": names.ENTRIES,
        "Values and arguments": values.ENTRIES,
        "Shapes and sizes": shapes.ENTRIES,
        "Layers and networks": layers.ENTRIES,
        "Exports and weights": exports.ENTRIES,
        "Limits": limits.ENTRIES,
        "Lint": lint.ENTRIES,
    }
)
"""The codes by what they are about, in the order of a table of contents."""

CATALOGUE: Final = MappingProxyType({code: entry for family in FAMILIES.values() for code, entry in family.items()})
"""What a diagnostic's code stands for."""
