"""The points of a sweep as lines over one of its names."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, takewhile
from typing import Any, NamedTuple

from archdsl.outline.wording import clip
from archdsl.sweep import Point, written


class SweepLine(NamedTuple):
    """The points that differ in what is on the horizontal axis alone."""

    label: str
    points: tuple[Point, ...]


class Series(NamedTuple):
    """The lines of a sweep over one name, or over its networks, and the values on the axis in their order."""

    name: str | None  # None: the networks
    values: tuple[Any, ...]
    lines: tuple[SweepLine, ...]

    @property
    def numbers(self) -> bool:
        """Whether values have distances."""
        return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in self.values)

    @property
    def places(self) -> dict[Any, float]:
        """Where each value stands."""
        return {_key(value): value if self.numbers else number for number, value in enumerate(self.values)}

    @property
    def doubles(self) -> bool:
        """Whether values grow by a factor: 1, 8, 64."""
        if not self.numbers or len(self.values) < 3 or min(self.values) <= 0:
            return False
        factors = [b / a for a, b in pairwise(sorted(self.values))]
        return bool(min(factors) >= 1.5 and max(factors) / min(factors) < 1.05)

    @property
    def common(self) -> int:
        """How many sizes at the front all shapes have alike."""
        if not all(isinstance(value, tuple) for value in self.values) or len(self.values) < 2:
            return 0
        return len(list(takewhile(lambda sizes: len(set(sizes)) == 1, zip(*self.values, strict=False))))

    @property
    def title(self) -> str:
        """What stands on the axis: `image = 1x3x…`."""
        if self.name is None:
            return "network"
        return f"{self.name} = {written(self.values[0][: self.common])}x…" if self.common else self.name

    @property
    def texts(self) -> list[str]:
        """The values as they stand there."""
        if self.numbers:
            return [f"{value:,}" for value in self.values]
        shown = [value[self.common :] if self.common else value for value in self.values]
        return [written(value) for value in shown]

    def label(self, point: Point) -> str:
        """What tells a point from all others."""
        several = len({other.spec for line in self.lines for other in line.points}) > 1
        said = [f"{name} = {written(value)}" for name, value in point.chosen]
        return clip(", ".join([point.spec, *said] if several else said))

    def place(self, point: Point) -> float:
        """Where a point stands."""
        return self.places[_key(point.spec if self.name is None else dict(point.chosen)[self.name])]


def series(points: Sequence[Point]) -> Series:
    """The points as lines. The first name that takes several values is on the axis; if none does, the networks are."""
    several = len({point.spec for point in points}) > 1
    values: dict[str, dict[Any, Any]] = {}
    for point in points:
        for name, value in point.chosen:
            values.setdefault(name, {})[_key(value)] = value
    varied = [name for name, found in values.items() if len(found) > 1]
    axis = varied[0] if varied else None if several or not values else next(iter(values))
    lines: dict[str, list[Point]] = {}
    for point in points:
        said = [f"{name} = {written(value)}" for name, value in point.chosen if name in varied and name != axis]
        label = ", ".join([point.spec, *said] if several and axis is not None else said)
        lines.setdefault(label, []).append(point)
    found = dict.fromkeys(point.spec for point in points) if axis is None else values[axis].values()
    known = {label: line for label, line in lines.items() if any(point.report is not None for point in line)}
    return Series(axis, tuple(found), tuple(SweepLine(clip(label), tuple(line)) for label, line in known.items()))


def cost(point: Point, total: str) -> int | None:
    """A total of a point; None where the combination cannot be."""
    value = getattr(point.report, total, None)
    return value if isinstance(value, int) else None


def _key(value: Any) -> Any:
    """What stands for a value, which may be a list, in a table."""
    return tuple(map(_key, value)) if isinstance(value, (list, tuple)) else value
