"""The table of a paper: what a network is made of, a row a stage.

A stage is a block drawn as one, or a layer with the small ones that follow it (norms, activations, dropout); equal
stages in a row are one. Blocks are opened until the table says enough, as long as it fits on a page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import networkx as nx

from archdsl.dims import Shape, Size, show
from archdsl.graph import Graph, broken, header, layer
from archdsl.measure import cost
from viz import folding, grouping
from viz.scene import Shown, kept, name
from viz.wording import clip, clip_call, span, title

ENOUGH: Final = 10  # rows; blocks are opened until there are as many
PAGE: Final = 60  # lines, one between rows; as long as a page holds the table
ABREAST: Final = 3  # stages side by side that it is wide enough for
SMALL: Final = frozenset({"normalization", "activation", "regularization", "reshape"})  # follow what they belong to
WHOLE: Final = frozenset({"input", "block"})  # take in nothing


@dataclass(frozen=True, slots=True)
class Stage:
    path: str
    last: str  # the path of the last, if there are several
    title: str
    more: str  # the small layers that follow
    colour: str  # its colour group
    keys: tuple[str, ...]  # the layers of one occurrence
    count: int
    sizes: tuple[Size, ...]  # of what its main layer gives, without the batch
    shape: str  # of what it gives in the end
    kernel: tuple[int, ...]  # of the window that a convolution or pooling moves over its input
    params: int  # of all occurrences
    macs: Size
    device: str | None
    train: bool
    end: tuple[str, ...] = ()  # of several that were joined, the layers of the last, which alone is read outside

    @property
    def label(self) -> str:
        return span(self.path, self.last) if self.last else self.path


@dataclass(frozen=True, slots=True)
class Link:
    """What one stage reads of another."""

    source: int  # positions in the rows' stages, counted through
    target: int
    train: bool


@dataclass(frozen=True, slots=True)
class Stages:
    title: str
    rows: tuple[tuple[Stage, ...], ...]  # those of a row stand side by side
    links: tuple[Link, ...]
    devices: tuple[str, ...]

    @property
    def lines(self) -> int:
        """How long the table is: what each row says, and the space below it."""
        return sum(2 + max((stage.more != "") + (len(row) > 1) for stage in row) for row in self.rows)

    def all(self) -> Iterator[Stage]:
        return (stage for row in self.rows for stage in row)


def build(graph: Graph, phase: Shown = "train") -> Stages:
    """The stages of a graph. Raises `ValueError` for that of a spec with errors."""
    if any(broken(graph)):
        raise ValueError("only the graph view shows a spec with errors")
    keys = kept(graph, phase)
    tree, stand_in = folding.fold(graph, grouping.groups(graph, keys))
    found: Stages | None = None
    for depth in range(1, folding.deepest(tree) + 1):
        stages = list(_merged(graph, _stages(graph, tree, depth)))
        arranged = _arranged(graph, stages, keys, stand_in)
        if arranged is None:  # two blocks that read one another: they must be opened
            continue
        if found is not None and (arranged.lines > PAGE or max(map(len, arranged.rows)) > ABREAST):
            break
        found = arranged
        if len(found.rows) >= ENOUGH:
            break
    assert found is not None  # with all blocks open, nothing can read one another
    return found


def _stages(graph: Graph, tree: grouping.Branch, depth: int) -> Iterator[Stage]:
    """The stages of a tree of groups in order, each layer one. What stands for several is not opened."""
    for item in tree.items:
        if isinstance(item, str):
            node = layer(graph, item)
            is_input = node["op"] == "input"
            said, colour = (clip(item), "input") if is_input else (title(node), node["operator"].group)
            yield _stage(graph, item, "", said, colour, (item,), 1)
        elif (one := _single(graph, item)) is not None:
            yield one
        elif item.depth >= depth or item.count > 1:
            yield _block(graph, item)
        else:
            yield from _stages(graph, item, depth)


def _single(graph: Graph, group: grouping.Branch) -> Stage | None:
    """What a group is made of, where that is one layer with its small ones, or equal stages; None for other groups."""
    inner = list(_merged(graph, _stages(graph, replace(group, count=1), group.depth + 1)))
    if len(inner) != 1 or (inner[0].colour == "block" and inner[0].count == 1):
        return None
    (one,) = inner
    n = group.count
    own = replace(one, path=f"{group.path}{group.use}", last=group.last, count=one.count * n)
    return replace(own, params=one.params * n, macs=one.macs * n)


def _block(graph: Graph, group: grouping.Branch) -> Stage:
    """A group as one stage."""
    said = group.call or group.path.rpartition(".")[2]
    keys = tuple(group.keys)
    return _stage(graph, f"{group.path}{group.use}", group.last, clip_call(said), "block", keys, group.count)


def _stage(graph: Graph, path: str, last: str, said: str, colour: str, keys: tuple[str, ...], count: int) -> Stage:
    nodes = [layer(graph, key) for key in keys]
    devices = {node["device"] for node in nodes}
    ones = dict.fromkeys(header(graph)["batch"], 1)
    macs: Size = 0
    for key in keys:
        macs = macs + cost.macs_at(graph, key, ones) * count
    first = nodes[0]
    window = getattr(first["operator"], "kernel_size", None) if len(nodes) == 1 else None
    sizes = _without_batch(nodes[-1]["shape"], header(graph)["batch"])
    return Stage(
        path=path,
        last=last,
        title=said,
        more="",
        colour=colour,
        keys=keys,
        count=count,
        sizes=sizes,
        shape=_given([shown(_without_batch(shape, header(graph)["batch"])) for shape in nodes[-1]["outputs"]]),
        kernel=(window,) * (len(sizes) - 1) if isinstance(window, int) else tuple(window or ()),
        params=sum(cost.params(node) for node in nodes) * count,
        macs=macs,
        device=devices.pop() if len(devices) == 1 else None,
        train=all(node["phase"] == "train" for node in nodes),
    )


def shown(sizes: Shape) -> str:
    """`64 × 56 × 56`, or `[64, H // 2, W // 2]` where sizes are no single words."""
    return " × ".join(map(str, sizes)) if all(str(size).isalnum() for size in sizes) else show(sizes)


def _given(shapes: Sequence[str]) -> str:
    """What a layer gives that may give several tensors."""
    if len(set(shapes)) == 1:
        return several(shapes[0], len(shapes))
    return ", ".join(shapes)


def several(shape: str, count: int) -> str:
    """So many tensors of one shape: `2 × (48 × 55 × 55)`."""
    return f"{count} × ({shape})" if count > 1 else shape


def _without_batch(shape: Shape, batch: Sequence[str]) -> Shape:
    return shape[1:] if len(shape) > 1 and (str(shape[0]) in batch or shape[0] == 1) else shape


def _merged(graph: Graph, stages: Iterator[Stage]) -> Iterator[Stage]:
    """Small layers with what they follow, and equal stages in a row as one."""
    joined: list[Stage] = []
    for stage in stages:
        before = joined[-1] if joined else None
        if before and stage.colour in SMALL and before.colour not in WHOLE and _follows(graph, before, stage):
            said = (before.more, *(layer(graph, key)["op"] for key in stage.keys))
            more = " · ".join(filter(None, said))
            joined[-1] = replace(_sum(before, stage), more=more)
        else:
            joined.append(stage)
    last: Stage | None = None
    for stage in joined:
        if last and _said(last) == _said(stage) and _follows(graph, last, stage):
            last = replace(_sum(last, stage), last=stage.last or stage.path, count=last.count + stage.count)
            continue
        if last:
            yield last
        last = stage
    if last:
        yield last


def _said(stage: Stage) -> tuple[str, ...]:
    """What a reader sees of a stage, but for its name and cost."""
    return stage.title, stage.more, stage.shape, stage.colour


def _sum(a: Stage, b: Stage) -> Stage:
    params, macs = a.params + b.params, a.macs + b.macs
    return replace(a, keys=a.keys + b.keys, shape=b.shape, params=params, macs=macs, end=b.end or b.keys)


def _follows(graph: Graph, a: Stage, b: Stage) -> bool:
    """Whether a stage reads nothing but another, and that is read by nothing else."""
    end = a.end or a.keys
    reads = {source for key in b.keys for source in graph.pred[key]} - set(b.keys)
    readers = {reader for key in end for reader in graph.succ[key]} - set(end)
    return bool(reads) and reads <= set(end) and readers <= set(b.keys) and (a.device, a.train) == (b.device, b.train)


def _arranged(graph: Graph, stages: list[Stage], keys: list[str], stand_in: folding.StandIn) -> Stages | None:
    """The stages in rows, each below all that it reads; None where that cannot be."""
    place = {key: i for i, stage in enumerate(stages) for key in stage.keys}
    links: dict[tuple[int, int], bool] = {}
    for key in keys:
        for source in graph.pred[key] if key in place and key not in stand_in else ():
            a, b = place.get(stand_in.get(source, source)), place[key]
            if a is not None and a != b:
                links[a, b] = links.get((a, b), True) and (stages[a].train or stages[b].train)
    return arrange(name(graph), header(graph)["devices"], stages, links)


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
    height = max(rows.values(), default=0) + 1
    return Stages(
        title=title,
        rows=tuple(tuple(stages[i] for i in arranged if rows[i] == row) for row in range(height)),
        links=tuple(Link(*ends) for ends in sorted((number[a], number[b], train) for (a, b), train in links.items())),
        devices=devices,
    )
