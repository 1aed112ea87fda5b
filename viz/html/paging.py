"""Long groups in pages, so that no opened group draws thousands of boxes at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, Generic, Literal, TypeAlias, TypeVar

MOST: Final = 400  # items of a group that are shown together
PAGE: Final = 100

Item = TypeVar("Item")
# Where an item stands: at the start or the end of the network, outside of pages; or in the stead of the one before.
Stand: TypeAlias = Literal["input", "output", "folded", ""]


@dataclass(frozen=True, slots=True)
class ItemPage(Generic[Item]):
    """Consecutive items of a long group."""

    items: Sequence[Item | ItemPage[Item]]

    @property
    def first(self) -> Item:
        item = self.items[0]
        return item.first if isinstance(item, ItemPage) else item

    @property
    def last(self) -> Item:
        item = self.items[-1]
        return item.last if isinstance(item, ItemPage) else item


def paged(items: Sequence[Item], stand: Callable[[Item], Stand]) -> Sequence[Item | ItemPage[Item]]:
    """The items, in pages (and those in pages) where they are many."""
    units: list[list[Item]] = []
    for item in items:
        if stand(item) == "folded" and units:
            units[-1].append(item)
        else:
            units.append([item])
    short = [[first, *_pages([[item] for item in others])] for first, *others in units]
    if len(short) <= MOST:
        return list(chain(*short))
    ends = [stand(first) for first, *_ in units]
    at = {end: [unit for unit, of in zip(short, ends, strict=True) if of == end] for end in ("input", "", "output")}
    return [*chain(*at["input"]), *_pages(at[""]), *chain(*at["output"])]


def _pages(units: Sequence[Sequence[Item | ItemPage[Item]]]) -> list[Item | ItemPage[Item]]:
    while len(units) > MOST:
        units = [[ItemPage(list(chain(*units[i : i + PAGE])))] for i in range(0, len(units), PAGE)]
    return list(chain(*units))
