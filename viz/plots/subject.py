"""What a figure is about: a network, with the conditions of its memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from archdsl.dims import symbols
from archdsl.graph import Graph
from archdsl.measure.memory.memory_report import ALL
from archdsl.measure.memory.timeline import Timeline, timelines
from archdsl.measure.network.analyse import analyse
from archdsl.measure.network.report import Report
from archdsl.measure.run.execution import Hardware
from archdsl.outline.wording import clip, plain

NAME: Final = 28  # characters of a name in a legend


def without_value(name: str, symbols: Sequence[str]) -> str:
    """What is said of a network with sizes left open: figures need numbers."""
    have = "has" if len(symbols) == 1 else "have"
    return f"cannot plot {clip(name)}: {', '.join(symbols)} {have} no value; give the input's shape with --input"


def path_end(path: str, longest: int) -> str:
    """A long path by its last names, which tell more: `…branch2.0.conv`."""
    path = plain(path)
    while len(path) > longest and "." in path:
        path = "…" + path.partition(".")[2]
    return clip(path, longest)


@dataclass(frozen=True)
class Subject:
    graph: Graph
    optimizer: str = "sgd"
    dtype: str = "fp32"
    hardware: Hardware = "cuda"

    @cached_property
    def report(self) -> Report:
        return analyse(self.graph)

    @property
    def name(self) -> str:
        return clip(self.report.variant or self.report.network, NAME)

    @cached_property
    def open_sizes(self) -> list[str]:
        """The symbols of its inputs that have no value."""
        shapes = [shape for _, shape in self.report.inputs]
        return sorted({name for shape in shapes for size in shape for name in symbols(size)})

    @cached_property
    def timelines(self) -> Mapping[str, Timeline]:
        """The memory over time, by device."""
        return timelines(self.graph, optimizer=self.optimizer, dtype=self.dtype, hardware=self.hardware)

    @property
    def devices(self) -> list[str]:
        """The devices that it declares."""
        return [name for name in self.timelines if name != ALL]
