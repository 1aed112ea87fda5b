"""A placement as a dictionary: the device of each module, where all below a path are on one of the path alone.

That is the form of `device_map` in Hugging Face's accelerate, folded as its `clean_device_map` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

Place = TypeVar("Place")


def folded(devices: Mapping[str, Place]) -> dict[str, Place]:
    """The devices of layers by the shortest paths that say them; by the empty path where there is one device only."""
    alike: dict[str, Place | None] = {}  # by path, the device of all that is below it, if it is one
    for path, device in devices.items():
        for above in _paths(path):
            alike[above] = device if alike.get(above, device) == device else None
    found: dict[str, Place] = {}
    for path, device in devices.items():
        found[next(above for above in _paths(path) if alike[above] is not None)] = device
    return found


def _paths(path: str) -> list[str]:
    """A path and all above it, the empty one first."""
    parts = path.split(".")
    return ["", *(".".join(parts[:count]) for count in range(1, len(parts) + 1))]
