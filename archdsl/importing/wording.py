"""Names of other tools as names of the language."""

from __future__ import annotations

import re
from typing import Final

from archdsl.recovery.parameters import snake

KEYWORDS: Final = frozenset(
    "block network variant import module repeat for if else in output loss device target init assert inline true false"
    " and or not int float bool str list abs min max round ceil floor sqrt log2 len range sum zip enumerate reversed"
    " i x y z N C H W L D".split()
)
LETTERS: Final = frozenset("xyz")  # which a block's tensors are called


def free_name(name: str) -> str:
    """A value's name that is no word of the language."""
    found = snake(re.sub(r"\W", "_", name)) or "value"
    found = found if found[0].isalpha() else f"value_{found}"
    return f"{found}_" if found in KEYWORDS - LETTERS else found
