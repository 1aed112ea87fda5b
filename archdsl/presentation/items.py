"""The layers of a report as a tree of blocks, in which equal neighbours are folded into one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archdsl.dims import Size
from archdsl.graph import Graph
from archdsl.measure.network.report import Report, Row
from archdsl.outline.folding import NOTHING, Member, runs
from archdsl.outline.subnets import Subnet, subnets


@dataclass(frozen=True, slots=True)
class ReportItem:
    """A layer, or a block with what is in it; or `times` equal ones in a row, of which it is the first.

    `rows` are its layers, `last` is the path of the last of them, `block` the name of the block that it is an instance
    of, where the spec gives it one. Without `inside` it is a single layer.
    """

    label: str
    path: str
    rows: tuple[Row, ...]
    inside: tuple[ReportItem, ...] = ()
    times: int = 1
    last: str = ""
    block: str = ""

    @property
    def row(self) -> Row:
        """The layer, or the last of the block."""
        return self.rows[-1]

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


def items(graph: Graph, report: Report, *, fold: bool = True) -> tuple[ReportItem, ...]:
    """The items of a network in the order of their first layers; every instance for itself without `fold`.

    Equal are those with the same operators, parameters, shapes and connections, whatever their names.
    """
    rows = {row.path: row for row in report.nodes}

    def within(tree: Subnet) -> Iterable[ReportItem]:
        members = runs(graph, tree.items, of_layers=True) if fold else ([Member(i, NOTHING)] for i in tree.items)
        for first, *others in members:
            item, last = first.item, _key(others[-1].item) if others else ""
            label = _key(item).removeprefix(f"{tree.path}.") if tree.path else _key(item)
            if isinstance(item, str):
                yield ReportItem(label, item, (rows[item],), times=1 + len(others), last=last)
                continue
            inside = tuple(rows[key] for key in item.keys)
            yield ReportItem(label, item.key, inside, tuple(within(item)), 1 + len(others), last, item.block)

    return tuple(within(subnets(graph, list(rows), every=True)))


def _key(item: str | Subnet) -> str:
    return item if isinstance(item, str) else item.key
