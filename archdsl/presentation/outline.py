"""The layers of a report as a tree of blocks, in which equal neighbours are folded into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from archdsl.dims import Shape, Size
from archdsl.measure.network.report import Report, Row


@dataclass(frozen=True, slots=True)
class Part:
    """A layer, or a block with what is in it; or `times` equal ones in a row, of which it is the first.

    `rows` are its layers, `last` is the path of the last of them. Without `parts` it is a single layer.
    """

    label: str
    path: str
    rows: tuple[Row, ...]
    parts: tuple[Part, ...] = ()
    times: int = 1
    last: str = ""

    @property
    def row(self) -> Row:
        """The layer, or the last of the block."""
        return self.rows[-1]

    @property
    def block(self) -> str | None:
        """The name of the block that it is an instance of, where the spec gives it one."""
        return next((i.call.partition("(")[0] for i in self.rows[0].blocks if i.path == self.path), None)

    @property
    def layers(self) -> int:
        return len(self.rows) * self.times

    @property
    def params(self) -> int:
        return sum(row.params for row in self.rows) * self.times

    @property
    def trainable(self) -> int:
        return sum(row.params for row in self.rows if not row.frozen) * self.times

    @property
    def buffers(self) -> int:
        return sum(row.buffers for row in self.rows) * self.times

    @property
    def macs(self) -> Size:
        return sum((row.macs for row in self.rows), 0) * self.times


def outline(report: Report) -> tuple[Part, ...]:
    """The parts of a network in the order of their first layers, every instance for itself."""
    return _grouped([(row, tuple(row.path.split("."))) for row in report.nodes], 0)


def _grouped(rows: Sequence[tuple[Row, tuple[str, ...]]], level: int) -> tuple[Part, ...]:
    groups: dict[str, list[tuple[Row, tuple[str, ...]]]] = {}
    for row, names in rows:
        groups.setdefault(names[level] if level < len(names) else "", []).append((row, names))
    return tuple(_part(label, found, level) for label, found in groups.items())


def _part(label: str, found: list[tuple[Row, tuple[str, ...]]], level: int) -> Part:
    inside = tuple(row for row, _ in found)
    names = found[0][1]
    single = len(found) == 1 and len(names) <= level + 1
    parts = () if single else _grouped(found, level + 1)
    return Part(label, ".".join(names[: level + 1]), inside, parts)


def folded(report: Report, parts: Iterable[Part]) -> tuple[Part, ...]:
    """Parts with each run of equal neighbours as one. Equal are those with the same operators, parameters, shapes and
    connections, whatever their names."""
    shapes = {row.path: row.shape for row in report.nodes} | dict(report.inputs)

    def fold(parts: Iterable[Part]) -> tuple[Part, ...]:
        found = []
        for _, group in groupby(parts, lambda part: _structure(part.rows, shapes)):
            first, *others = group
            times, last = 1 + len(others), others[-1].path if others else ""
            found.append(replace(first, parts=fold(first.parts), times=times, last=last))
        return tuple(found)

    return fold(parts)


def _structure(rows: Sequence[Row], shapes: Mapping[str, Shape]) -> list[tuple[Any, ...]]:
    """What rows are and how they are connected, without names: inside by position, outside in order of appearance."""
    inside = {row.path: i for i, row in enumerate(rows)}
    outside: dict[str, int] = {}

    def place(producer: str) -> tuple[Any, ...]:
        if producer in inside:
            return (inside[producer],)
        return (outside.setdefault(producer, len(outside)), shapes[producer])

    return [
        (
            row.operator,
            row.shape,
            row.params,
            row.device,
            row.phase,
            row.frozen,
            tuple((*place(producer), output) for producer, output in row.reads),
        )
        for row in rows
    ]
