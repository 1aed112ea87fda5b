"""A stage: a block drawn as one, or a layer with the small ones that follow it; with those like it in a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from archdsl.dims import Shape, Size, show, total
from archdsl.graph import Graph, fault, header, layer
from archdsl.measure.network import cost
from archdsl.net_view import NetView
from archdsl.outline.subnets import Subnet, made_of
from archdsl.outline.wording import clip, plain, span, title

SMALL: Final = frozenset({"normalization", "activation", "regularization", "reshape"})  # follow what they belong to
NEARLY: Final = 0.9  # the share of a map's side that is left where a window without padding moves over it once


@dataclass(frozen=True, slots=True)
class Stage:
    path: str
    last: str  # the path of the last, if there are several
    does: str  # the name of its block or main operator
    title: str  # the same with what is said of it
    more: str  # the small layers that follow, or what a block is made of
    parts: tuple[str, ...]  # the blocks and operators of one occurrence by their names; a block's own are not told
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
    shared: bool  # has the weights of an earlier stage
    groups: frozenset[str]  # of operators, all that it is made of but the small layers that follow
    fault: str = ""  # what is wrong with a step that cannot be
    end: tuple[str, ...] = ()  # of several that were joined, the layers of the last, which alone is read outside

    @property
    def label(self) -> str:
        return span(self.path, self.last) if self.last else self.path


def of_layer(graph: Graph, key: str) -> Stage:
    """A layer, an input, or a step that cannot be, as a stage."""
    node = layer(graph, key)
    wrong = fault(graph, key)
    if wrong is not None:
        return replace(_stage(graph, key, node["op"], clip(node["op"]), "fault", (key,)), fault=plain(wrong.message))
    if node["op"] == "input":
        return _stage(graph, key, key, clip(key), "input", (key,))
    return _stage(graph, key, node["op"], title(node), node["operator"].group, (key,))


def of_block(graph: Graph, group: Subnet) -> Stage:
    """A group as one stage."""
    own = group.path.rpartition(".")[2]
    said = group.call or (made_of(group) if own.isdigit() else "") or clip(own)
    whole = _stage(graph, group.key, group.block or own, said, "block", tuple(group.keys), group.count)
    return replace(
        whole, last=group.last, more=made_of(group) if made_of(group) != said else "", parts=tuple(_parts(graph, group))
    )


def _parts(graph: Graph, group: Subnet) -> Iterator[str]:
    """The names of what is in a group, each as often as it occurs."""
    if group.block:
        yield group.block
        return
    for item in group.items:
        if isinstance(item, str):
            yield layer(graph, item)["op"]
        else:
            yield from tuple(_parts(graph, item)) * item.count


def _stage(graph: Graph, path: str, does: str, said: str, colour: str, keys: tuple[str, ...], count: int = 1) -> Stage:
    nodes = [layer(graph, key) for key in keys]
    devices = {node["device"] for node in nodes}
    batch, net = header(graph)["batch"], NetView(graph)
    macs: Size = 0
    for key in keys:
        macs = macs + cost.macs(net, key) * count
    window = getattr(nodes[0]["operator"], "kernel_size", None) if len(nodes) == 1 else None
    end = next((node for node in reversed(nodes) if node["op"] != "weight"), nodes[-1])  # a lent weight is no result
    sizes = _without_batch(end["shape"], batch)
    again = [key for key, node in zip(keys, nodes, strict=True) if key != node["path"]]
    return Stage(
        path=path,
        last="",
        does=does,
        title=said,
        more="",
        parts=(does,),
        colour=colour,
        keys=keys,
        count=count,
        sizes=sizes,
        shape=_given([shown(_without_batch(shape, batch)) for shape in end["outputs"]]),
        kernel=(window,) * (len(sizes) - 1) if isinstance(window, int) else tuple(window or ()),
        params=sum(cost.params(node) for node in nodes) * count,
        macs=macs,
        device=devices.pop() if len(devices) == 1 else None,
        train=all(node["phase"] == "train" for node in nodes),
        groups=frozenset({colour} if len(nodes) == 1 else (node["operator"].group for node in nodes)),
        shared=any(layer(graph, layer(graph, key)["path"])["weights"] for key in again),
    )


def shown(sizes: Shape) -> str:
    """`64 × 56 × 56`, or `[64, H // 2, W // 2]` where sizes are no single words."""
    return " × ".join(map(str, sizes)) if all(str(size).isalnum() for size in sizes) else show(sizes)


def _given(shapes: Sequence[str]) -> str:
    """What a layer gives that may give several tensors."""
    if shapes and len(set(shapes)) == 1:
        return several(shapes[0], len(shapes))
    return ", ".join(shapes)


def several(shape: str, count: int) -> str:
    """So many tensors of one shape: `2 × (48 × 55 × 55)`."""
    return f"{count} × ({shape})" if count > 1 else shape


def _without_batch(shape: Shape, batch: Sequence[str]) -> Shape:
    """The sizes of what one sample gives; all where the batch is more than the first of them."""
    if len(shape) > 1 and shape[0] == 1:
        return shape[1:]
    if not shape or str(shape[0]) not in batch or any(str(size) in batch for size in shape[1:]):
        return shape
    return shape[1:] or (1,)


def takes_in(stage: Stage, small: Stage) -> bool:
    """Whether a small layer is of the stage that it follows. Of a block it is where it has no weights of its own."""
    if small.colour not in SMALL or stage.colour in ("input", "fault"):
        return False
    return stage.colour != "block" or (stage.count == 1 and small.params == 0)


def with_lent(graph: Graph, stages: Sequence[Stage]) -> Iterator[Stage]:
    """The weights that layers lend are of the stages of these layers."""
    lent: dict[str, tuple[str, ...]] = {}
    for stage in stages:
        if is_lent(graph, stage):
            owner = layer(graph, stage.keys[0])["path"]
            lent[owner] = (*lent.get(owner, ()), *stage.keys)
    for stage in stages:
        if not is_lent(graph, stage):
            own = tuple(weight for key in stage.keys for weight in lent.pop(key, ()))
            yield replace(stage, keys=(*stage.keys, *own)) if own else stage


def is_lent(graph: Graph, stage: Stage) -> bool:
    return stage.does == "weight" and layer(graph, stage.keys[0])["path"] in graph


def taken_in(run: Sequence[Stage], operators: Sequence[str]) -> Stage:
    """A stage with the small layers that follow it, which are told by their operators."""
    first, *small = run
    if not small:
        return first
    parts = tuple(part for stage in run for part in stage.parts)
    return replace(_sum(run), parts=parts, more=" · ".join(filter(None, (first.more, *operators))))


def alike(a: Stage, b: Stage) -> bool:
    """Whether a reader sees no difference between two stages but for their names and costs, and a window's rim."""
    if a.fault or (a.title, a.more, a.colour, a.shared) != (b.title, b.more, b.colour, b.shared):
        return False
    return a.shape == b.shape or (len(a.sizes) == len(b.sizes) > 1 and all(map(_nearly, a.sizes, b.sizes)))


def _nearly(size: Size, later: Size) -> bool:
    return size == later or (isinstance(size, int) and isinstance(later, int) and NEARLY * size <= later <= size)


def repeated(run: Sequence[Stage]) -> Stage:
    """Stages that are alike, in a row, as one, counted."""
    *_, last = run
    if len(run) == 1:
        return last
    return replace(_sum(run), sizes=last.sizes, last=last.last or last.path, count=sum(stage.count for stage in run))


def side_by_side(stages: Sequence[Stage]) -> Stage:
    """Stages that read and feed the same ones as one, which says how many there are."""
    first, last = stages[0], stages[-1]
    if len(stages) == 1:
        return first
    titles = list(dict.fromkeys(stage.title for stage in stages))
    shapes = list(dict.fromkeys(stage.shape for stage in stages))
    return replace(
        _sum(stages),
        last=last.last or last.path,
        title=f"{len(stages)} × {first.does}" if len({stage.does for stage in stages}) == 1 else f"{len(stages)} parts",
        more=titles[0] if len(titles) == 1 else f"{titles[0]} … {titles[-1]}",
        shape=several(shapes[0], len(stages)) if len(shapes) == 1 else f"{shapes[0]} … {shapes[-1]}",
    )


def _sum(run: Sequence[Stage]) -> Stage:
    first, last = run[0], run[-1]
    return replace(
        first,
        keys=tuple(key for stage in run for key in stage.keys),
        shape=last.shape,
        params=sum(stage.params for stage in run),
        macs=total(stage.macs for stage in run),
        end=last.end or last.keys,
    )
