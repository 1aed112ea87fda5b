"""Bounds on symbols under which a network's shapes hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from archdsl.dims import Dim, numbers, substitute, symbols
from archdsl.ops.kinds import MAX_INT


def requirements(sizes: Iterable[Dim]) -> Iterator[str]:
    """What symbols must be for sizes to be 0 or more: `H >= 33` where one symbol decides it, `H <= 9` where the size
    becomes less with it, and the whole of it (`H - W >= 2`) where several do."""
    least: dict[str, int] = {}
    most: dict[str, int] = {}
    others: dict[str, None] = {}
    for size in sizes:
        names = symbols(size)
        name = min(names)

        def holds(value: int, size: Dim = size, name: str = name) -> bool:
            worked_out = numbers([substitute(size, {name: value})])
            return worked_out is not None and worked_out[0] >= 0

        if len(names) == 1 and holds(MAX_INT):
            least[name] = max(least.get(name, 1), 1 if holds(1) else _edge(1, MAX_INT, holds))
        elif len(names) == 1 and holds(1):
            most[name] = min(most.get(name, MAX_INT), _edge(MAX_INT, 1, holds))
        else:
            constant = dict(size.terms).get((), 0)
            others[f"{size - constant} >= {-constant}"] = None
    yield from others
    yield from (f"{name} >= {value}" for name, value in sorted(least.items()) if value > 1)
    yield from (f"{name} <= {value}" for name, value in sorted(most.items()))


def _edge(fails: int, holds: int, condition: Callable[[int], bool]) -> int:
    """The last value for which a condition holds, on the way from one that holds to one that does not."""
    while abs(holds - fails) > 1:
        middle = (holds + fails) // 2
        if condition(middle):
            holds = middle
        else:
            fails = middle
    return holds
