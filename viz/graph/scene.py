"""From the elaborated graph to what is seen: boxes in nested groups, and edges. Knows no format."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final, Literal, TypeAlias

from archdsl.graph import Graph, fault, header, layer
from archdsl.outline import folding
from archdsl.outline.subnets import Subnet, kept, made_of, preorder, subnets
from archdsl.outline.wording import clip, cost, name, own_name, plain, title, totals
from archdsl.phases import Phase
from viz import choices, fitting
from viz.graph import edges, forms
from viz.graph.edges import DrawnEdge, Wire
from viz.graph.forms import BlockForm
from viz.look import BlocksBeside, Depth

BoxKind: TypeAlias = Literal["input", "layer", "join", "block", "output", "fault", "entry"]
TERSE: Final = 22  # letters
Fold: TypeAlias = bool | Literal["mark"]


@dataclass(frozen=True, slots=True)
class Box:
    """A layer, an input, an output, a group drawn as one; or a step of a broken spec that cannot be."""

    id: str
    kind: BoxKind
    key: str  # of the node; for an output, its name, for a group its path
    title: str  # what it does
    name: str  # what it is called, within its group; empty where the title says it already
    colour: str  # its colour group
    device: str | None = None
    train: bool = False  # exists in training only
    shared: bool = False  # has the weights of an earlier box
    fault: str = ""  # what is wrong with it
    cost: str = ""  # what a group has and needs
    repeats: str = ""  # how many groups it stands for
    layers: tuple[str, ...] = ()  # the keys of those in a group drawn as one
    unit: str = ""  # the key of the convolution, norm and activation that it is of, which are one stack
    group: str = ""  # the key of a group drawn as one
    letter: str = ""  # of the form of a block that is drawn beside
    amount: str = ""  # what it has of a figure that the scene is coloured by,
    shade: str = ""  # the colour of that,
    ink: str = ""  # and that of the letters on it


@dataclass(frozen=True, slots=True)
class Group:
    """A block instance or a labelled sequence, with all that lies in it."""

    id: str
    path: str
    call: str  # the block with the arguments that matter; empty for a sequence
    device: str | None  # where all of it is, if on one device
    train: bool  # whether all of it exists in training only
    items: tuple[Box | Group, ...]
    repeats: str = ""  # how many groups it stands for
    key: str = ""  # what it is known by: its path, with the use
    like: str = ""  # the key of the equal group before it in whose place it could be folded
    order: tuple[str, ...] = ()  # the keys of its layers; in equal groups, those at one place correspond


@dataclass(frozen=True, slots=True)
class OpenBlock:
    """A block that is closed in a drawing, open beside it."""

    id: str
    letter: str
    title: str
    varies: str  # the parameters in which its instances differ, with their values
    colour: str  # the colour group of its boxes
    weight: int  # how much it says
    scene: Scene


@dataclass(frozen=True, slots=True)
class Scene:
    title: str
    items: tuple[Box | Group, ...]
    edges: tuple[DrawnEdge, ...]
    devices: tuple[str, ...]
    graph: Graph  # what it shows, for what is not to be seen at a glance
    # The same with ever fewer blocks open, where a page cannot hold it
    smaller: Callable[[], Iterable[Scene]] = field(default=tuple, compare=False)
    # And with all closed, and chains in few boxes
    shorter: Callable[[], Iterable[Scene]] = field(default=tuple, compare=False)
    totals: tuple[str, ...] = ()  # what the network has and needs, and what it takes and gives
    blocks: tuple[OpenBlock, ...] = ()  # what stands beside it, which says what closed blocks are
    drawn_as: Mapping[str, str] = field(default_factory=dict)  # layers that are not drawn, and which stand for them
    scale: tuple[tuple[str, str], ...] = ()  # its shades and what they mean, where it is coloured by a figure

    def all(self) -> Iterator[Box | Group]:
        """All boxes and groups, each group before what is in it."""
        return preorder(self.items, lambda item: item.items if isinstance(item, Group) else ())

    def boxes(self) -> Iterator[Box]:
        """All boxes, whatever group they are in."""
        return (item for item in self.all() if isinstance(item, Box))

    def with_open(self, ids: Collection[str]) -> Scene:
        """The same with some of the open blocks, and the first letters for these; none that no closed one refers to."""
        kept = tuple(block for block in self.blocks if block.id in ids)
        if kept == self.blocks:
            return self
        while kept != (told := self._told(kept)):
            kept = told
        letters = dict(zip((block.letter for block in kept), forms.LETTERS, strict=False))
        blocks = []
        for block in kept:
            items = _lettered(block.scene.items, lambda box: letters.get(box.letter, ""))
            letter = letters[block.letter]
            scene = replace(block.scene, items=items)
            blocks.append(replace(block, letter=letter, colour=_coloured(letter), scene=scene))
        items = _lettered(self.items, lambda box: letters.get(box.letter, ""))
        return replace(self, items=items, blocks=tuple(blocks))

    def terse(self) -> Scene:
        """The same without what is said of boxes in small letters; long titles end early."""
        edges = tuple(replace(edge, shape="", moved="") if edge.crossing else edge for edge in self.edges)
        return replace(self, items=tuple(map(_terse, self.items)), edges=edges)

    def _told(self, blocks: Sequence[OpenBlock]) -> tuple[OpenBlock, ...]:
        """Those that a closed block refers to, here or in another of them."""
        letters = {box.letter for box in self.boxes()}
        for block in blocks:
            letters |= {box.letter for box in block.scene.boxes()}
        return tuple(block for block in blocks if block.letter in letters)

    def every_box(self) -> Iterator[Box]:
        """All boxes, those of open blocks too."""
        yield from self.boxes()
        for block in self.blocks:
            yield from block.scene.boxes()


def build(
    graph: Graph, phase: Phase = "training", *, fold: Fold = False, depth: Depth = None, focus: str | None = None,
    blocks: BlocksBeside = False,
) -> Scene:  # fmt: skip
    """The scene of a graph: everything for "training", what the live outputs need for "inference".

    With `fold`, equal groups that follow one another are drawn once, and what is switched off is not; with "mark" they
    all are, and say which are equal.
    Groups nested `depth` deep are drawn as one box,
    with "fit" as many as it takes for a page. `focus` leaves out all but the group or layer of a path and its
    neighbours. With `blocks`, what closed blocks are stands beside: each form once, open; with "fit" where blocks are
    closed for a page to hold the drawing.

    Of a broken spec, whose outputs may be missing, all is shown that is not for training only. Raises `ValueError`
    for an unknown phase or path, and for no depth at all.
    """
    choices.check(phase=phase, depth=depth)
    keys = kept(graph, phase)
    tree = subnets(graph, keys)
    inner = set(keys)
    caption = name(graph)
    if focus is not None:
        part = fitting.find(tree, focus)
        tree = fitting.focus(graph, tree, part)
        inner = {part} if isinstance(part, str) else set(part.keys)
        caption = f"{caption}: {focus}"
        if isinstance(depth, int) and isinstance(part, Subnet):
            depth += part.depth
    if fold == "mark":
        tree = folding.mark(graph, tree)
    folded = folding.fold(graph, tree) if fold is True else folding.Folded(tree, {})
    if fold is True and focus is None:
        folded = folding.without_idle(graph, folded)
    tree, stand_in = folded
    if fold is True:
        tree = folding.units(graph, tree)
        folded = folding.Folded(tree, stand_in)
    whole = tree
    if depth is not None:
        tree = fitting.fit(graph, folded) if depth == "fit" else folding.close(tree, depth)
    if depth is not None or focus is not None:
        tree = fitting.untangle(graph, folding.Folded(tree, stand_in))

    fits = depth == "fit" and focus is None

    def has_beside(tree: Subnet) -> bool:
        return blocks is True or (blocks == "fit" and fits and any(forms.closed(tree)))

    best = tree
    if depth == "fit" and has_beside(tree):
        best = forms.backbone(graph, folding.Folded(tree, stand_in), whole)

    def shown(tree: Subnet) -> Scene:
        beside = forms.forms(graph, tree, folding.Folded(whole, stand_in)) if has_beside(tree) else ()
        return _scene(graph, folding.Folded(tree, stand_in), phase, keys, inner, caption, beside)

    def smaller() -> Iterator[Scene]:
        trees = fitting.smaller(graph, folding.Folded(tree, stand_in))
        return map(shown, trees if best is tree else chain([tree], trees))

    def shorter() -> Iterator[Scene]:
        return map(shown, fitting.shorter(graph, folding.Folded(tree, stand_in)))

    return replace(shown(best), smaller=smaller, shorter=shorter) if fits else shown(best)


def _scene(
    graph: Graph,
    folded: folding.Folded,
    phase: Phase,
    keys: Sequence[str],
    inner: Set[str],
    caption: str,
    beside: Sequence[BlockForm],
) -> Scene:
    """The scene of a tree of groups, of which the layers `inner` are shown, with what stands beside."""
    tree, stand_in = folded
    ids = _ids(tree, {key: f"n{i}" for i, key in enumerate(keys)})
    wires = list(edges.wires(graph, keys, ids, stand_in))
    ends = []
    for i, output in enumerate(header(graph)["outputs"]):
        train = output["phase"] == "train"
        if output["node"] in inner and (phase == "training" or not train):
            ends.append(Box(f"o{i}", "output", output["name"], clip(output["name"]), "", "output", train=train))
            source = ids[stand_in.get(output["node"], output["node"])]
            wires.append(Wire(source, f"o{i}", output["shape"], False, train, dtype=output["dtype"]))
    letters = {group: each.letter for each in beside for group in each.groups}
    items = (*_lettered(_items(graph, tree, ids), lambda box: letters.get(box.group, "")), *ends)
    opened = tuple(_open(graph, each, stand_in, letters) for each in beside)
    return Scene(
        title=plain(caption),
        items=items,
        edges=edges.as_drawn(wires),
        devices=header(graph)["devices"],
        graph=graph,
        totals=totals(graph, inner),
        blocks=opened,
        drawn_as=stand_in,
    )


def _open(graph: Graph, form: BlockForm, stand_in: Mapping[str, str], letters: Mapping[str, str]) -> OpenBlock:
    """The inside of a block as a scene of its own."""
    part = form.part
    ids = _ids(part, {key: f"{form.letter}{i}" for i, key in enumerate(part.keys)})
    sources = {source: f"{form.letter}x{i}" for i, source in enumerate(form.entries)}
    outside = {**sources, **{stand_in.get(source, source): id for source, id in sources.items()}}
    wires = [
        wire._replace(crossing=False, moved="") for wire in edges.wires(graph, part.keys, {**outside, **ids}, stand_in)
    ]
    entries = [Box(id, "input", source, clip(form.entries[source]), "", "input") for source, id in sources.items()]
    exits = []
    for i, key in enumerate(form.exits):
        exits.append(Box(f"{form.letter}o{i}", "output", key, "out", "", "output"))
        wires.append(Wire(ids[stand_in.get(key, key)], exits[-1].id, layer(graph, key)["shape"], False, False))
    items = [
        _in_symbols(item, form, f"{part.path}.")
        for item in _lettered(_items(graph, part, ids), lambda box: letters.get(box.group, ""))
    ]  # fmt: skip
    drawn = tuple(replace(edge, news=False) for edge in edges.as_drawn(wires))
    scene = Scene(form.title, (*entries, *items, *exits), drawn, (), graph)
    return OpenBlock(form.letter, form.letter, form.title, form.varies, _coloured(form.letter), form.weight, scene)


def _coloured(letter: str) -> str:
    return f"block {letter}" if letter else "block"


def _lettered(items: Sequence[Box | Group], letter: Callable[[Box], str]) -> tuple[Box | Group, ...]:
    """Closed blocks with the letters and colours of those that are open beside."""
    found: list[Box | Group] = []
    for item in items:
        if isinstance(item, Group):
            item = replace(item, items=_lettered(item.items, letter))
        elif item.kind == "block":
            item = replace(item, letter=letter(item), colour=_coloured(letter(item)))
        found.append(item)
    return tuple(found)


def _terse(item: Box | Group) -> Box | Group:
    if isinstance(item, Group):
        return replace(item, items=tuple(map(_terse, item.items)), call=clip(item.call, TERSE))
    return replace(item, title=clip(item.title, TERSE), name="", cost="")


def _in_symbols(item: Box | Group, form: BlockForm, within: str) -> Box | Group:
    """What is in a block that stands for several: without what is of one of them only."""
    if isinstance(item, Group):
        items = tuple(_in_symbols(each, form, within) for each in item.items)
        path, key = item.path.removeprefix(within), item.key.removeprefix(within)
        return replace(item, items=items, path=path, key=key, device=None)
    said, name = form.said.get(item.group or item.key, item.title), ""
    if item.kind == "block":
        said, _, name = said.partition(", ")
    return replace(item, title=said, name=name, device=None, cost="")


def boxes(items: Sequence[Box | Group], around: tuple[Group, ...] = ()) -> Iterator[tuple[Box, tuple[Group, ...]]]:
    """All boxes in some items, each with the groups around it, outermost first."""
    for item in items:
        if isinstance(item, Box):
            yield item, around
        else:
            yield from boxes(item.items, (*around, item))


def _ids(tree: Subnet, names: Mapping[str, str]) -> dict[str, str]:
    """For each layer that is drawn the id of its box: that of the group, where this is drawn as one."""
    found = {}
    stack: list[str | Subnet] = [tree]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            found[item] = names[item]
        elif item.closed:
            found.update(dict.fromkeys(item.keys, names[item.keys[0]]))
        else:
            stack.extend(item.items)
    return found


def _items(graph: Graph, tree: Subnet, ids: Mapping[str, str]) -> tuple[Box | Group, ...]:
    found: list[Box | Group] = []
    for item in tree.items:
        if isinstance(item, str):
            found.append(_box(graph, item, ids[item], tree))
        elif item.unit and not item.closed:
            found += _stack(graph, item, ids, tree.path)
        else:
            found.append(_closed(graph, item, ids, tree.path) if item.closed else _group(graph, item, ids))
    return tuple(found)


def _stack(graph: Graph, unit: Subnet, ids: Mapping[str, str], within: str) -> Iterator[Box]:
    """The layers of a convolution with its norm and activation, in no frame: the first bears the name of all."""
    label = unit.label.removeprefix(f"{within}.") if within else unit.label
    for i, key in enumerate(item for item in unit.items if isinstance(item, str)):
        box = _box(graph, key, ids[key], unit)
        yield replace(box, unit=unit.key, name=clip(own_name(label, unit.block)) or box.name if i == 0 else box.name)


def _closed(graph: Graph, tree: Subnet, ids: Mapping[str, str], within: str) -> Box:
    nodes = [layer(graph, key) for key in tree.keys]
    devices = {node["device"] for node in nodes}
    label = tree.label.removeprefix(f"{within}.") if within else tree.label
    does = tree.call or made_of(tree)
    return Box(
        id=ids[tree.keys[0]],
        kind="block",
        key=tree.label,
        title=does or clip(label),
        name=clip(own_name(label, tree.block or tree.path)) if does else "",
        colour="block",
        device=devices.pop() if len(devices) == 1 else None,
        train=all(node["phase"] == "train" for node in nodes),
        cost=cost(graph, tree.keys) + (" each" if tree.count > 1 else ""),
        repeats=tree.repeats,
        layers=tuple(tree.keys),
        group=tree.key if tree.block else "",
    )


def _group(graph: Graph, tree: Subnet, ids: Mapping[str, str]) -> Group:
    items = _items(graph, tree, ids)
    devices = {item.device for item in items}
    return Group(
        id=f"cluster_{items[0].id.removeprefix('cluster_')}_{tree.depth}",
        path=plain(tree.label),
        call=tree.call,
        device=devices.pop() if len(devices) == 1 else None,
        train=all(item.train for item in items),
        items=items,
        repeats=tree.repeats,
        key=tree.key,
        like=tree.like,
        order=tree.order,
    )


def _box(graph: Graph, key: str, id: str, tree: Subnet) -> Box:
    node = layer(graph, key)
    if node["op"] == "input":
        return Box(id, "input", key, clip(key), "", "input")
    name = clip(key.removesuffix(tree.use).removeprefix(f"{tree.path}." if tree.path else ""))
    wrong = fault(graph, key)
    if wrong is not None:
        name = "" if name == node["op"] else name
        return Box(id, "fault", key, clip(node["op"]), name, "fault", fault=plain(wrong.message))
    operator = node["operator"]
    shared = key != node["path"] and bool(layer(graph, node["path"])["weights"])
    name = own_name(name.removesuffix(f".{node['op']}"), node["op"])
    return Box(
        id=id,
        kind="join" if operator.group == "merge" else "layer",
        key=key,
        title=title(node),
        name="" if operator.group == "merge" and not shared else name,
        colour=operator.group,
        device=node["device"],
        train=node["phase"] == "train",
        shared=shared,
    )
