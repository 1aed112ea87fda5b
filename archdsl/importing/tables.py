"""Tables of attention in windows (Liu et al., 2021, arXiv:2103.14030): a graph holds their numbers alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archdsl.ops.foreign import Made


@dataclass(frozen=True, eq=False)
class Table(Made):
    """What makes a table, which is worth a block of its own: its name, and the numbers that tell it from others."""

    name: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)


def relative_positions(flat: list[Any], sizes: list[int]) -> Made | None:
    """Which row of a table of positions belongs to a pair of places in a window: how far down one lies from the other
    times the width of the table, and how far across."""
    places = math.isqrt(len(flat))
    side = math.isqrt(places)
    if side * side != places or places * places != len(flat) or side < 2:
        return None
    wide = 2 * side - 1
    pairs = [(i, j) for i in range(places) for j in range(places)]
    wanted = [(i // side - j // side + side - 1) * wide + i % side - j % side + side - 1 for i, j in pairs]
    if flat != wanted:
        return None
    places_ = Made("arange", {"end": places})
    rows = Made("div", {"scalar": side, "rounding_mode": "floor"}, (places_,))
    # A place is side * row + column; its number in the table is wide * row + column.
    numbers = Made("add", {}, (places_, Made("mul", {"scalar": wide - side}, (rows,))))
    apart = Made("sub", {}, (Made("unsqueeze", {"dim": 1}, (numbers,)), numbers))
    found = Made("add", {"scalar": (side - 1) * (wide + 1)}, (apart,))
    made = found if len(sizes) == 2 else found.then("reshape", shape=sizes)
    return Table(made.operator, made.parameters, made.inputs, name="relative_position_index", numbers={"window": side})


def shifted_windows(flat: list[Any], sizes: list[int]) -> Made | None:
    """Which places of a window may not see each other where windows were shifted around the border: those from other
    sides of it."""
    core = [size for size in sizes if size != 1]
    values = set(flat)
    if len(core) != 3 or core[1] != core[2] or 0 not in values or len(values) != 2:
        return None
    windows, places = math.isqrt(core[0]), core[1]
    side = math.isqrt(places)
    value = min(values)
    for shift in range(1, side):
        if windows * windows == core[0] and side * side == places and flat == _mask(windows, side, shift, value):
            return _masked(windows * side, side, shift, value, sizes)
    return None


def _mask(windows: int, side: int, shift: int, value: float) -> list[float]:
    height = windows * side
    region = [(i >= height - side) + (i >= height - shift) for i in range(height)]
    found = []
    for down in range(windows):
        for across in range(windows):
            own = [3 * region[down * side + i] + region[across * side + j] for i in range(side) for j in range(side)]
            found += [value if a != b else 0.0 for a in own for b in own]
    return found


def _masked(height: int, side: int, shift: int, value: float, sizes: list[int]) -> Table:
    """Of the three parts of each side, by how far a place is from its end: the places of each window that differ."""
    steps = Made("arange", {"end": height}).then("sub", scalar=height)
    behind = [steps.then("ge", scalar=-at).then("to", dtype="int64") for at in (side, shift)]
    rows = Made("add", {}, tuple(behind))
    parts = Made("add", {}, (rows.then("mul", scalar=3).then("unsqueeze", dim=1), rows))
    windows = parts.then("unflatten", dim=1, sizes=[-1, side]).then("unflatten", dim=0, sizes=[-1, side])
    part = windows.then("permute", dims=[0, 2, 1, 3]).then("reshape", shape=[-1, side * side])
    apart = Made("sub", {}, (part.then("unsqueeze", dim=1), part.then("unsqueeze", dim=2)))
    hidden = apart.then("ne", scalar=0)
    made = Made("masked_fill", {"value": value}, (apart.then("to", dtype="float32"), hidden))
    if len(sizes) > 3:
        first = next(dim for dim, size in enumerate(sizes) if size != 1)
        made = made.then("reshape", shape=[-1 if dim == first else size for dim, size in enumerate(sizes)])
    return Table(made.operator, made.parameters, made.inputs, name="shifted_window_mask", numbers={"size": height})
