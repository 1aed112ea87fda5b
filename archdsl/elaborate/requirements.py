"""Lower bounds on symbols under which a network's shapes hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archdsl.dims import Dim, substitute, symbols
from archdsl.ops.kinds import MAX_INT


def requirements(sizes: Iterable[Dim]) -> Iterator[str]:
    """What symbols must be at least for every size to be 1 or more: `H >= 33` where one symbol decides it."""
    least: dict[str, int] = {}
    for size in sizes:
        names = symbols(size)
        if len(names) != 1:
            yield f"{size} >= 1"
            continue
        name = names.pop()
        low, high = 0, 1
        while high < MAX_INT and not _positive(size, name, high):
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if _positive(size, name, middle) else (middle, high)
        least[name] = max(least.get(name, 1), high)
    yield from (f"{name} >= {value}" for name, value in sorted(least.items()) if value > 1)


def _positive(size: Dim, name: str, value: int) -> bool:
    worked_out = substitute(size, {name: value})
    return isinstance(worked_out, int) and worked_out >= 1
