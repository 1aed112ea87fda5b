"""Long groups in pages, so that no opened group draws thousands of boxes at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, TypeAlias

from viz.scene import Box, Group

MOST: Final = 400  # items of a group that are shown together
PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Page:
    """Consecutive items of a long group."""

    items: Sequence[Item]

    @property
    def like(self) -> str:
        """The key of the group that all these are folded into, if they are."""
        first = self.items[0]
        return "" if isinstance(first, Box) else first.like


Item: TypeAlias = Box | Group | Page
Unit: TypeAlias = tuple[Item, ...]  # an item, with the equal groups after it that fold into it


def paged(items: Sequence[Item]) -> Sequence[Item]:
    """The items, in pages (and those in pages) where they are many. Inputs and outputs stay outside."""
    units = [(first, *_pages([(item,) for item in others])) for first, *others in _runs(items)]
    if len(units) <= MOST:
        return list(chain(*units))
    first = [unit for unit in units if _is(unit, "input")]
    last = [unit for unit in units if _is(unit, "output")]
    within = [unit for unit in units if not _is(unit, "input") and not _is(unit, "output")]
    return [*chain(*first), *_pages(within), *chain(*last)]


def _runs(items: Sequence[Item]) -> list[list[Item]]:
    runs: list[list[Item]] = []
    for item in items:
        if isinstance(item, Group) and item.like and runs:
            runs[-1].append(item)
        else:
            runs.append([item])
    return runs


def _pages(units: Sequence[Unit]) -> list[Item]:
    while len(units) > MOST:
        units = [(Page(tuple(chain(*units[i : i + PAGE]))),) for i in range(0, len(units), PAGE)]
    return list(chain(*units))


def _is(unit: Unit, kind: str) -> bool:
    return isinstance(unit[0], Box) and unit[0].kind == kind
