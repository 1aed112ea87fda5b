"""From the elaborated graph to what is seen: boxes in nested groups, and edges. Knows no format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast, get_args

from archdsl.dims import Shape, show
from archdsl.graph import Broken, Graph, broken, header, layer, layers, live, operands
from viz import grouping
from viz.wording import clip, plain, title

Kind: TypeAlias = Literal["input", "layer", "join", "output", "fault"]
# In a chain, a tensor feeds one layer that reads nothing else. The main way past a shortcut is the first of the two.
Role: TypeAlias = Literal["chain", "main", "side"]
Shown: TypeAlias = Literal["train", "eval"]


@dataclass(frozen=True, slots=True)
class Box:
    """A layer, an input or an output; or a step of a broken spec that cannot be."""

    id: str
    kind: Kind
    key: str  # of the node; for an output, its name
    title: str  # what it does
    name: str  # what it is called, within its group; empty where the title says it already
    colour: str  # its colour group
    device: str | None = None
    train: bool = False  # exists in training only
    shared: bool = False  # has the weights of an earlier box
    fault: str = ""  # what is wrong with it


@dataclass(frozen=True, slots=True)
class Group:
    """A block instance or a labelled sequence, with all that lies in it."""

    id: str
    path: str
    call: str  # how the block was called; empty for a sequence
    device: str | None  # where all of it is, if on one device
    train: bool  # whether all of it exists in training only
    items: tuple[Box | Group, ...]


@dataclass(frozen=True, slots=True)
class Edge:
    """A tensor on its way."""

    source: str  # ids of boxes
    target: str
    shape: str
    news: bool  # whether a reader has not seen this shape on the way here
    crossing: bool  # from one device to another
    train: bool
    role: Role


@dataclass(frozen=True, slots=True)
class Scene:
    title: str
    items: tuple[Box | Group, ...]
    edges: tuple[Edge, ...]
    devices: tuple[str, ...]
    graph: Graph  # what it shows, for what is not to be seen at a glance

    def boxes(self) -> Iterator[Box]:
        """All boxes, whatever group they are in."""
        stack = list(reversed(self.items))
        while stack:
            item = stack.pop()
            if isinstance(item, Group):
                stack.extend(reversed(item.items))
            else:
                yield item


def build(graph: Graph, phase: Shown = "train") -> Scene:
    """The scene of a graph: everything for "train", what the live outputs need for "eval".

    Of a broken spec, whose outputs may be missing, all is shown that is not for training only.
    """
    if phase not in get_args(Shown):
        raise ValueError(f"unknown phase {phase!r}; known are {', '.join(get_args(Shown))}")
    head = header(graph)
    if phase == "train":
        kept = set(graph)
    elif any(broken(graph)):
        kept = {key for key, node in layers(graph) if node["phase"] == "both"}
    else:
        kept = live(graph, training=False) | set(head["inputs"])
    keys = [key for key in graph if key in kept]
    ids = {key: f"n{i}" for i, key in enumerate(keys)}
    tree = grouping.groups(graph, keys)
    outputs = [o for o in head["outputs"] if phase == "train" or o["phase"] == "both"]
    ends = [
        Box(f"o{i}", "output", o["name"], clip(o["name"]), "", "output", train=o["phase"] == "train")
        for i, o in enumerate(outputs)
    ]
    edges = [edge for key in keys for edge in _edges(graph, key, ids)]
    for end, output in zip(ends, outputs, strict=True):
        edges.append(Edge(ids[output["node"]], end.id, show(output["shape"]), True, False, end.train, "chain"))
    name = head["variant"] or head["network"]
    caption = name if name == head["network"] else f"{name} ({head['network']})"
    return Scene(plain(caption), (*_items(graph, tree, ids), *ends), tuple(edges), head["devices"], graph)


def _items(graph: Graph, tree: grouping.Branch, ids: dict[str, str]) -> tuple[Box | Group, ...]:
    return tuple(
        _box(graph, item, ids[item], tree.path) if isinstance(item, str) else _group(graph, item, ids)
        for item in tree.items
    )


def _group(graph: Graph, tree: grouping.Branch, ids: dict[str, str]) -> Group:
    items = _items(graph, tree, ids)
    devices = {item.device for item in items}
    return Group(
        id=f"cluster_{ids[tree.first]}_{tree.depth}",
        path=plain(tree.label),
        call=clip(tree.call),
        device=devices.pop() if len(devices) == 1 else None,
        train=all(item.train for item in items),
        items=items,
    )


def _box(graph: Graph, key: str, id: str, within: str) -> Box:
    node = layer(graph, key)
    if node["op"] == "input":
        return Box(id, "input", key, clip(key), "", "input")
    if "fault" in node:
        name = key.removeprefix(f"{within}.") if within else key
        name = "" if name == node["op"] else clip(name)
        return Box(id, "fault", key, clip(node["op"]), name, "fault", fault=plain(cast(Broken, node)["fault"].message))
    operator = node["operator"]
    shared = key != node["path"] and bool(layer(graph, node["path"])["weights"])
    name = clip(key.removeprefix(f"{within}.") if within else key)
    return Box(
        id=id,
        kind="join" if operator.group == "merge" else "layer",
        key=key,
        title=title(node),
        name="" if name == node["op"] or (operator.group == "merge" and not shared) else name,
        colour=operator.group,
        device=node["device"],
        train=node["phase"] == "train",
        shared=shared,
    )


def _edges(graph: Graph, key: str, ids: dict[str, str]) -> Iterator[Edge]:
    node = layer(graph, key)
    inputs = operands(graph, key)
    for position, (source, output) in enumerate(inputs):
        producer = layer(graph, source)
        shape = producer["outputs"][output]
        yield Edge(
            source=ids[source],
            target=ids[key],
            shape=show(shape),
            news=graph.out_degree(source) > 1 or _changes(graph, source, shape),
            crossing=None not in (producer["device"], node["device"]) and producer["device"] != node["device"],
            train=producer["phase"] == "train" or node["phase"] == "train",
            role=_role(graph, source, key, position),
        )


def _role(graph: Graph, source: str, target: str, position: int) -> Role:
    ways, parts = graph.out_degree(source), graph.in_degree(target)
    if ways == parts == 1:
        return "chain"
    first = position == 0 and next(iter(graph.succ[source])) == target
    return "main" if first and ways <= 2 and parts <= 2 else "side"


def _changes(graph: Graph, key: str, shape: Shape) -> bool:
    """Whether a layer's output has not the shape of what it reads."""
    return all(edge["shape"] != shape for _, _, edge in graph.in_edges(key, data=True))
