"""What is written at solids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from archdsl.outline.stage import Stage, shown
from viz import lettering, theme
from viz.volumes.scale import joins

LONGEST: Final = 20  # letters of a block's call; a longer one gives way to the block's name or its own
ROOM: Final = 28  # letters of a layer with what is said of it; more of that is left out
FIRST: Final = theme.SMALL + 1  # the size of the first line
SECOND: Final = theme.SMALL


class SolidName(NamedTuple):
    """What a stage does, and what it gives; nothing for a join."""

    does: str
    gives: str

    @property
    def length(self) -> float:
        return max(lettering.width(self.does, FIRST), lettering.width(self.gives, SECOND))


def names(stages: Sequence[Stage]) -> list[SolidName]:
    """The names of stages. Those of one block are called in the same way: by their calls, or if one of these is long,
    by their paths where all are plain names, else as the block."""
    blocks: dict[str, list[Stage]] = {}
    for stage in stages:
        if stage.colour == "block":
            blocks.setdefault(stage.does, []).append(stage)
    long = {block for block, alike in blocks.items() if any(len(stage.title) > LONGEST for stage in alike)}
    own = {block for block in long if not any(stage.last or "." in stage.path for stage in blocks[block])}
    return [_name(stage, long, own) for stage in stages]


def _name(stage: Stage, long: set[str], own: set[str]) -> SolidName:
    if joins(stage):
        return SolidName("", "")
    said, block = _short(stage.title), stage.does
    if stage.colour == "block" and block in long:
        said = stage.path if block in own and stage.count == 1 else block
    times = f" × {stage.count}" if stage.count > 1 else ""
    return SolidName(f"{said}{times}", shown(stage.sizes))


def _short(title: str) -> str:
    """A title that is not too long, with as much of what is said as there is room for."""
    parts = title.split(", ")
    while len(parts) > 1 and len(", ".join(parts)) > ROOM:
        parts = [*parts[:-2], "…"] if parts[-1] == "…" else [*parts[:-1], "…"]
    return ", ".join(parts)
