"""Where a network is from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SpecSource:
    """Where a network is from, so that every process can load it: what `archdsl.load` was given."""

    address: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, tuple[int | None, ...]]
    symbols: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        return {
            "address": self.address,
            "settings": dict(self.settings),
            "inputs": {name: list(shape) for name, shape in self.inputs.items()},
            "symbols": dict(self.symbols),
        }
