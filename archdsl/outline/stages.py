"""The table of a paper: what a network is made of, a row a stage.

A stage is one of these, and every layer is in one stage:

* a block that is not opened, or a labelled sequence of one block (`layer3`, six times `bottleneck`);
* a layer with the small ones that follow it and nothing else reads: norms, activations, dropout, reshapes;
* several of these in a row that are alike.

Blocks are opened level by level until the table has `ENOUGH` rows, as long as it fits on a page. A block that occurs
several times in a row is opened nowhere, and neither is one of more than a `FEW` layers that costs nothing: it works
out a table, or a mask. A stage is called by its block's or its first layer's path; a layer that is alone in what
encloses it, by that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from typing import Final

import networkx as nx

from archdsl.graph import Graph, broken, header, layer
from archdsl.measure.network.cost import idle
from archdsl.net_view import NetView
from archdsl.outline import folding
from archdsl.outline.chains import shortened
from archdsl.outline.stage import (
    Stage,
    alike,
    of_block,
    of_layer,
    repeated,
    side_by_side,
    taken_in,
    takes_in,
    with_lent,
)
from archdsl.outline.subnets import Subnet, kept, of_one, preorder, subnets
from archdsl.outline.wording import is_off, name, totals
from archdsl.phases import Phase

ENOUGH: Final = 10  # rows; blocks are opened until there are as many
PAGE: Final = 60  # lines, one between rows; as long as a page holds the table
FEW: Final = 3  # layers, of a block whose shape is as soon seen as its name
MANY: Final = 4  # stages side by side that are told as one, where a table is too wide
FEWEST: Final = 4  # rows that say enough
CHAINS: Final = (4, 12, 25, 50, 200)  # items of a chain that are one stage, where a table is too long
ABREAST: Final = 3  # stages side by side that it is wide enough for


@dataclass(frozen=True, slots=True)
class StageLink:
    """What one stage reads of another."""

    source: int  # positions in the rows' stages, counted through
    target: int
    train: bool


@dataclass(frozen=True, slots=True)
class Stages:
    title: str
    rows: tuple[tuple[Stage, ...], ...]  # those of a row stand side by side
    links: tuple[StageLink, ...]
    devices: tuple[str, ...]
    order: tuple[int, ...]  # for each stage, its place in the order of the graph
    totals: tuple[str, ...] = ()  # what the network has and needs, and what it takes and gives
    stand_in: folding.StandIn = field(default_factory=dict)  # for a layer of a repeat, that of the first
    # Ever shorter tables of the same, where this one is too long
    smaller: Callable[[], Iterable[Stages]] = field(default=tuple, compare=False)

    @property
    def lines(self) -> int:
        """How long the table is: what each row says, and the space below it."""
        return sum(2 + max((stage.more != "") + (len(row) > 1) for stage in row) for row in self.rows)

    @property
    def abreast(self) -> int:
        """How many stages stand side by side at most."""
        return max(map(len, self.rows), default=0)

    def all(self) -> Iterator[Stage]:
        """All of them and the inputs, row by row."""
        return (stage for row in self.rows for stage in row)

    def listed(self) -> list[Stage]:
        """The stages without the inputs, in the order of the graph."""
        placed = sorted(zip(self.order, self.all(), strict=True), key=lambda pair: pair[0])
        return [stage for _, stage in placed if stage.colour != "input"]

    def homes(self) -> dict[str, Stage]:
        """For every layer, the stage that it is in."""
        shown = {key: stage for stage in self.all() for key in stage.keys}
        return shown | {key: shown[first] for key, first in self.stand_in.items()}


def stages_of(graph: Graph, phase: Phase = "training") -> Stages:
    """The stages of a graph."""
    found: list[Stages] = []
    for table in openings(graph, phase, whole=True):
        if found and (table.lines > PAGE or table.abreast > ABREAST):
            break
        found.append(table)
        if len(table.rows) >= ENOUGH:
            break
    *shorter, best = found

    def smaller() -> Iterator[Stages]:
        yield from (table for table in reversed(shorter) if len(table.rows) >= FEWEST)
        for most in CHAINS:
            for table in islice(openings(graph, phase, whole=True, chains=most), 1):
                yield table
                yield gathered(table)

    return replace(best, smaller=smaller)


def gathered(table: Stages) -> Stages:
    """The table with stages side by side that read and feed the same ones as one."""
    stages = list(table.all())
    reads: list[set[int]] = [set() for _ in stages]
    feeds: list[set[int]] = [set() for _ in stages]
    for link in table.links:
        reads[link.target].add(link.source)
        feeds[link.source].add(link.target)
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, stage in enumerate(stages):
        alone = stage.colour == "input" or bool(stage.fault)
        sign = (i,) if alone else (frozenset(reads[i]), frozenset(feeds[i]), stage.train, stage.device)
        groups.setdefault(sign, []).append(i)
    if all(len(group) < MANY for group in groups.values()):
        return table
    whole: list[list[int]] = []
    for group in groups.values():
        whole += [group] if len(group) >= MANY else [[i] for i in group]
    place = {i: position for position, group in enumerate(whole) for i in group}
    links = {(place[link.source], place[link.target]): link.train for link in table.links}
    found = arrange(table.title, table.devices, [side_by_side([stages[i] for i in group]) for group in whole], links)
    assert found is not None  # what reads the same ones does not read one another
    return replace(found, stand_in=table.stand_in, totals=table.totals)


def openings(
    graph: Graph, phase: Phase = "training", *, whole: bool = False, chains: int | None = None
) -> Iterator[Stages]:  # fmt: skip
    """The stages of a graph with ever more blocks opened; there is at least one such table.

    A block that is drawn as a repeat is opened nowhere: one that is both open and closed takes time to be recognised.
    `whole` leaves sequences of one block closed as well; `chains` draws so many items of a chain as one.
    """
    keys = kept(graph, phase)
    tree, stand_in = folding.fold(graph, subnets(graph, keys))
    if chains is not None:
        tree = shortened(graph, folding.Folded(tree, stand_in), chains)
    wrong = frozenset(key for key, _ in broken(graph))
    found = False
    for closed in (frozenset(_repeats(tree)), frozenset[str]()):
        opener = _Opener(graph, NetView(graph), closed, wrong, whole)
        for depth in range(1, folding.deepest(tree) + 1):
            opened = list(with_lent(graph, list(opener.merged(opener.stages(tree, depth)))))
            table = _arranged(graph, _named(opened, keys), keys, stand_in)
            if table is not None:  # else two blocks read one another: they must be opened
                found = True
                yield table
        if found:
            return


def _repeats(tree: Subnet) -> Iterator[str]:
    """The names of blocks that are drawn once for several in a row."""
    branches = [item for item in tree.items if isinstance(item, Subnet)]
    for group in preorder(branches, lambda g: [i for i in g.items if isinstance(i, Subnet)]):
        if group.count > 1 and group.call:
            yield group.block


@dataclass(frozen=True, slots=True)
class _Opener:
    """Makes stages of a tree of groups."""

    graph: Graph
    net: NetView
    closed: Collection[str]  # names of blocks that are not opened
    wrong: frozenset[str]  # steps that cannot be: the groups that hold them are opened
    whole: bool  # whether sequences of one block are not opened

    def stages(self, tree: Subnet, depth: int) -> Iterator[Stage]:
        """The stages in order, each layer one. What stands for several is not opened."""
        for item in tree.items:
            if isinstance(item, str):
                yield of_layer(self.graph, item)
            elif (one := self.single(item)) is not None:
                yield one
            elif self.wrong and not self.wrong.isdisjoint(item.keys):
                yield from self.stages(item, depth)
            elif item.depth >= depth or self.stays_closed(item):
                yield of_block(self.graph, item)
            else:
                yield from self.stages(item, depth)

    def stays_closed(self, group: Subnet) -> bool:
        """Whether a group is opened at no depth."""
        if group.closed or group.count > 1 or group.block in self.closed or (self.whole and of_one(group)):
            return True
        return group.block != "" and len(group.keys) > FEW and idle(self.net, group.keys)

    def single(self, group: Subnet) -> Stage | None:
        """What a group is made of, where that is one layer with its small ones, or equal stages; else None."""
        inner = list(self.merged(self.stages(replace(group, count=1), group.depth + 1)))
        if len(inner) != 1 or inner[0].fault or (inner[0].colour == "block" and inner[0].count == 1):
            return None
        (one,) = inner
        n = group.count
        own = replace(one, path=f"{group.path}{group.use}", last=group.last, count=one.count * n)
        return replace(own, params=one.params * n, macs=one.macs * n)

    def merged(self, stages: Iterator[Stage]) -> Iterator[Stage]:
        """Small layers with what they follow, and equal stages in a row as one."""
        joined = [self.with_small(run) for run in _runs(stages, self.takes_in)]
        return (repeated(run) for run in _runs(joined, self.repeats))

    def with_small(self, run: Sequence[Stage]) -> Stage:
        """A stage with the small layers that follow it."""
        nodes = [layer(self.graph, key) for stage in run[1:] for key in stage.keys]
        return taken_in(run, [node["op"] for node in nodes if not is_off(node)])

    def takes_in(self, run: Sequence[Stage], small: Stage) -> bool:
        return takes_in(run[0], small) and self.follows(run[-1], small)

    def repeats(self, run: Sequence[Stage], later: Stage) -> bool:
        return alike(run[-1], later) and self.follows(run[-1], later)

    def follows(self, a: Stage, b: Stage) -> bool:
        """Whether a stage reads nothing but another, and that is read by nothing else."""
        end = a.end or a.keys
        reads = {source for key in b.keys for source in self.graph.pred[key]} - set(b.keys)
        readers = {reader for key in end for reader in self.graph.succ[key]} - set(end)
        same = (a.device, a.train) == (b.device, b.train)
        return same and bool(reads) and reads <= set(end) and readers <= set(b.keys)


def _runs(stages: Iterable[Stage], joins: Callable[[Sequence[Stage], Stage], bool]) -> Iterator[Sequence[Stage]]:
    """Stages in runs, by whether one joins those before it."""
    run: list[Stage] = []
    for stage in stages:
        if run and not joins(run, stage):
            yield run
            run = []
        run.append(stage)
    if run:
        yield run


def _named(stages: list[Stage], keys: Sequence[str]) -> list[Stage]:
    """Stages of one layer by the shortest path that holds nothing else: `maxpool1` for the only layer in it."""
    sizes = Counter(prefix for key in keys for prefix in _prefixes(key))

    def named(stage: Stage) -> Stage:
        own = Counter(prefix for key in stage.keys for prefix in _prefixes(key))
        alone = (prefix for prefix in _prefixes(stage.path) if own[prefix] == sizes[prefix])
        return replace(stage, path=next(alone, stage.path)) if stage.path in stage.keys and not stage.last else stage

    return [named(stage) for stage in stages]


def _prefixes(path: str) -> Iterator[str]:
    """`a.b.c` is in `a` and `a.b`."""
    parts = path.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts)))


def _arranged(graph: Graph, stages: list[Stage], keys: list[str], stand_in: folding.StandIn) -> Stages | None:
    """The stages in rows, each below all that it reads; None where that cannot be."""
    place = {key: i for i, stage in enumerate(stages) for key in stage.keys}
    links: dict[tuple[int, int], bool] = {}
    for key in keys:
        for source in graph.pred[key] if key in place and key not in stand_in else ():
            a, b = place.get(stand_in.get(source, source)), place[key]
            if a is not None and a != b:
                links[a, b] = links.get((a, b), True) and (stages[a].train or stages[b].train)
    found = arrange(name(graph), header(graph)["devices"], stages, links)
    return None if found is None else replace(found, stand_in=stand_in, totals=totals(graph, keys))


def arrange(
    title: str, devices: tuple[str, ...], stages: Sequence[Stage], links: Mapping[tuple[int, int], bool]
) -> Stages | None:
    """Stages in rows, each below all that it reads, by links between their positions that say whether they only train.
    None where stages read one another."""
    order = nx.DiGraph(list(links))
    order.add_nodes_from(range(len(stages)))
    if not nx.is_directed_acyclic_graph(order):
        return None
    rows: dict[int, int] = {}
    for i in nx.lexicographical_topological_sort(order):
        rows[i] = max((rows[j] + 1 for j in order.pred[i]), default=0)
    for i, stage in enumerate(stages):  # what reads nothing and is no input stands just above its reader
        if not order.pred[i] and stage.colour != "input" and order.succ[i]:
            rows[i] = max(min(rows[j] for j in order.succ[i]) - 1, 0)
    arranged = sorted(range(len(stages)), key=lambda i: (rows[i], stages[i].train, not order.pred[i], i))
    number = {i: position for position, i in enumerate(arranged)}
    return Stages(
        title=title,
        rows=tuple(tuple(stages[i] for i in row) for _, row in groupby(arranged, rows.__getitem__)),
        links=tuple(
            StageLink(*ends) for ends in sorted((number[a], number[b], train) for (a, b), train in links.items())
        ),
        devices=devices,
        order=tuple(arranged),
    )
