"""The figures of published networks: facts.json, read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

_FACTS: Final[dict[str, Any]] = json.loads(Path(__file__).with_name("facts.json").read_text(encoding="utf-8"))

NETWORKS: Final[dict[str, dict[str, Any]]] = _FACTS["networks"]
ALIASES: Final[dict[str, str]] = _FACTS["aliases"]  # a second name of a network


def tensors(variant: str) -> dict[str, tuple[int, ...]]:
    """The shapes of all parameters and buffers by their `state_dict` names."""
    modules = NETWORKS[variant]["tensors"]["modules"]
    if isinstance(modules, str):
        return tensors(modules)
    found: dict[str, tuple[int, ...]] = {}
    for path, text in modules.items():
        if text.startswith("batch_norm "):
            channels = (int(text.split()[1]),)
            for name in ("weight", "bias", "running_mean", "running_var"):
                found[f"{path}.{name}"] = channels
            found[f"{path}.num_batches_tracked"] = ()
        else:
            for tensor in text.split(", "):
                name, shape = tensor.split()
                found[f"{path}.{name}"] = tuple(map(int, shape.split("x")))
    return found
