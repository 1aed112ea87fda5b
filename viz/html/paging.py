"""Long groups in pages, so that no opened group draws thousands of boxes at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from viz.scene import Box, Group

MOST: Final = 400  # items of a group that are shown together
PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Page:
    """Consecutive items of a long group."""

    items: Sequence[Item]


Item: TypeAlias = Box | Group | Page


def paged(items: Sequence[Item]) -> Sequence[Item]:
    """The items, in pages (and those in pages) where they are many. Inputs and outputs stay outside."""
    if len(items) <= MOST:
        return items
    ends = [item for item in items if isinstance(item, Box) and item.kind in ("input", "output")]
    within = [item for item in items if item not in ends] if ends else items
    pages = [Page(within[i : i + PAGE]) for i in range(0, len(within), PAGE)]
    first = [end for end in ends if isinstance(end, Box) and end.kind == "input"]
    last = [end for end in ends if isinstance(end, Box) and end.kind == "output"]
    return [*first, *paged(pages), *last]
