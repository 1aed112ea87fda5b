"""Names that a variable or function in a file may not take: Python's own, and what the file imports."""

from __future__ import annotations

import keyword
from typing import Final

# Of Python's built-in names those that a spec could say; to hide one would surprise a reader.
BUILT_IN: Final = frozenset(
    """
    abs aiter all anext any ascii bin bool breakpoint bytearray bytes callable chr classmethod compile complex copyright
    credits delattr dict dir divmod enumerate eval exec exit filter float format frozenset getattr globals hasattr hash
    help hex id input int isinstance issubclass iter len license list locals map max memoryview min next object oct open
    ord pow print property quit range repr reversed round set setattr slice sorted staticmethod str sum super tuple type
    vars zip
    """.split()
)
RESERVED: Final = BUILT_IN | frozenset(keyword.kwlist) | {"F", "nn", "torch", "self", "checkpoint", "recompute"}
