"""The types of tensors' elements: which of them operators take, and what comes of them by torch's rules.

There is one of each kind: truth values, integers, floating-point numbers. Whether the last are kept in float32 or in
less is a question of memory and time (`--dtype`), not of what a network is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

# Bytes of an element. Each type is promoted to those after it, as `torch.promote_types` does.
WIDTHS: Final[Mapping[str, int]] = {"bool": 1, "int64": 8, "float32": 4}
FLOATING: Final = "float32"

# What an operator says that it takes, and what that is; an input that declares no type is of the default type of its
# first use, which is the first named here.
TAKEN: Final[Mapping[str, tuple[str, ...]]] = {
    "floating": ("float32",),
    "integers": ("int64",),
    "booleans": ("bool",),
    "numbers": ("float32", "int64"),
    "classes": ("int64", "float32"),
    "anything": ("float32", "int64", "bool"),
}
IN_WORDS: Final[Mapping[str, str]] = {
    "floating": "floating-point numbers",
    "integers": "integers",
    "booleans": "truth values",
    "numbers": "numbers",
    "classes": "class numbers or probabilities",
}


def promoted(types: Sequence[str]) -> str:
    """The type in which tensors of these types, and numbers beside them, are joined."""
    order = list(WIDTHS)
    return max(types, key=order.index, default=FLOATING)


def of_number(number: float) -> str:
    """The type that a number beside a tensor counts as: `x * 2` stays integer where `x * 2.0` does not."""
    return "int64" if isinstance(number, int) else FLOATING


# What an operator says that it gives, if that is no type, by the types of its inputs.
GIVEN: Final[Mapping[str, Callable[[Sequence[str]], str]]] = {
    "same": lambda types: types[0] if types else FLOATING,
    "promoted": promoted,
    "added up": lambda types: promoted([*types, "int64"]),  # sums of truth values are counts
}
