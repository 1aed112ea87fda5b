"""The two phases of a network's life, as everything here calls them."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

Phase: TypeAlias = Literal["training", "inference"]  # everything, or what the outputs of inference need

# The methods of torch's modules that switch to them, which people think of.
SYNONYMS: Final = MappingProxyType({"train": "training", "eval": "inference"})


def phase_of(said: Any) -> Any:
    """A phase by its name or that of torch's method; anything else as it is, for whoever checks it."""
    return SYNONYMS.get(said, said) if isinstance(said, str) else said
