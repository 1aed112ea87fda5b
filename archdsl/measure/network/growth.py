"""How receptive fields grow from the input on, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from archdsl.dims import Size
from archdsl.measure.network.report import Report, Row


class GrowthLevel(NamedTuple):
    """The layers that stand equally deep: the smallest and the largest of their receptive fields, by dimension.

    On level 0 an input sees itself.
    """

    depth: int  # layers on the longest way from an input, this one included
    smallest: tuple[int, ...]
    largest: tuple[int, ...]


def growth(report: Report) -> list[GrowthLevel]:
    """The levels of inference, from the input on; none where no input has spatial dimensions, or their sizes are open.

    A layer that reads no input (a parameter) sees nothing and stands on no level; where inputs have different
    dimensions, those count that `extents` has.
    """
    rank = len(extents(report))
    depths = dict.fromkeys((name for name, _ in report.inputs), 0)
    found: dict[int, list[tuple[int, ...]]] = {0: [(1,) * rank]}
    for row in report.nodes:
        reads = [depths[producer] for producer in row.inputs if producer in depths]
        if not reads:
            continue
        depths[row.path] = 1 + max(reads)
        if row.field and len(row.field) == rank and row.phase == "both":
            found.setdefault(depths[row.path], []).append(tuple(field.size for field in row.field))
    levels = (GrowthLevel(depth, _each(min, sizes), _each(max, sizes)) for depth, sizes in sorted(found.items()))
    return list(levels) if len(found) > 1 else []


def last_window(report: Report) -> Row | None:
    """The last layer of inference that still has positions of its own, each of which sees a part of the input."""
    return next((row for row in reversed(report.nodes) if row.phase == "both" and row.field and _apart(row)), None)


def _apart(row: Row) -> bool:
    return all(field.jump for field in row.field or ())


def extents(report: Report) -> tuple[Size, ...]:
    """The sizes of an input's spatial dimensions, of the first input that has any."""
    return next((shape[2:] for _, shape in report.inputs if len(shape) > 2), ())


def _each(choose: Callable[[Iterable[int]], int], sizes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(map(choose, zip(*sizes, strict=True)))
