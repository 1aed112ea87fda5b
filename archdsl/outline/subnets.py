"""The tree of a network's parts: block instances and labelled sequences, by the paths of the layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from archdsl.graph import Graph, broken, header, layer, layers, live
from archdsl.outline.calls import called
from archdsl.outline.wording import span
from archdsl.phases import Phase

Prefix: TypeAlias = tuple[str, str]  # a path, and "#2" where all below it is a second use
Item = TypeVar("Item")


def preorder(items: Sequence[Item], inside: Callable[[Item], Sequence[Item]]) -> Iterator[Item]:
    """The items of a tree, each before what is inside it; however deep it is."""
    stack = list(reversed(items))
    while stack:
        item = stack.pop()
        yield item
        stack.extend(reversed(inside(item)))


@dataclass(slots=True)
class Subnet:
    """A block instance or a labelled sequence: what lies in it, in the order of the graph."""

    path: str  # as keys of layers begin
    use: str = ""  # "#2" for a second use of a shared module
    call: str = ""  # the block with the arguments that matter,
    block: str = ""  # and its name alone; nothing for a labelled sequence
    depth: int = 0
    keys: list[str] = field(default_factory=list)  # all layers in it, however deep
    items: list[str | Subnet] = field(default_factory=list)
    closed: bool = False  # whether it is drawn as one box
    unit: bool = False  # whether it is one convolution or linear layer with what scales or bends its output
    count: int = 1  # how many groups like it, one after another or side by side, it stands for
    last: str = ""  # the path of the last of these, if there are several
    parallel: bool = False  # whether they stand side by side
    like: str = ""  # the key of the first of equal groups in a row; that one and a single group have none
    order: tuple[str, ...] = ()  # the layers of one of equal groups; those at one place correspond

    @property
    def key(self) -> str:
        """What it is known by: its path, with the use."""
        return f"{self.path}{self.use}"

    @property
    def label(self) -> str:
        label = f"{self.path} {self.use}".rstrip()
        return span(label, self.last) if self.last else label

    @property
    def repeats(self) -> str:
        """How often it occurs; nothing for once."""
        side_by_side = " side by side" if self.parallel else ""
        return f"× {self.count}{side_by_side}" if self.count > 1 else ""


def of_one(group: Subnet) -> bool:
    """Whether a group is a labelled sequence of instances of one block; they may differ in shape and arguments."""
    blocks = {"" if isinstance(item, str) else item.block for item in group.items}
    return not group.block and len(blocks) == 1 and "" not in blocks


def made_of(group: Subnet) -> str:
    """`6 × dense_layer growth 32` for a sequence of one block; without arguments where these differ."""
    if group.call or not of_one(group):
        return ""
    blocks = [item for item in group.items if isinstance(item, Subnet)]
    calls = {block.call for block in blocks}
    return f"{sum(block.count for block in blocks)} × {calls.pop() if len(calls) == 1 else blocks[0].block}"


def kept(graph: Graph, phase: Phase) -> list[str]:
    """The nodes that exist in a phase, in order. Of a broken spec, whose outputs may be missing, all is shown that is
    not for training only."""
    if phase == "training":
        return list(graph)
    if any(broken(graph)):
        return [key for key, node in layers(graph) if node["phase"] == "both"]
    kept = live(graph, training=False) | set(header(graph)["inputs"])
    return [key for key in graph if key in kept]


def subnets(graph: Graph, keys: list[str], *, every: bool = False) -> Subnet:
    """The tree of groups of these layers. Its root stands for the whole network.

    Groups that say nothing are left out, unless `every` one is wanted: those of one layer, and sequences that hold
    nothing beside one inner group.
    """
    blocks = {block.path: block for key in keys for block in layer(graph, key)["blocks"] if not block.inline}
    sizes = Counter(prefix for key in keys for prefix in _uses(graph, key))
    largest: Counter[Prefix] = Counter()  # the size of the largest group within
    for path, use in sizes:
        outer = path.rpartition(".")[0], use
        largest[outer] = max(largest[outer], sizes[path, use])

    def tells(prefix: Prefix) -> bool:
        return sizes[prefix] > 1 and (prefix[0] in blocks or sizes[prefix] > largest[prefix])

    root = Subnet("", keys=list(keys))
    branches: dict[Prefix, Subnet] = {}
    for key in keys:
        parent = root
        for prefix in _prefixes(graph, key, sizes):
            if not (every or tells(prefix)):
                continue
            if prefix not in branches:
                path, use = prefix
                made = blocks.get(path)
                call, block = (called(made), made.block) if made else ("", "")
                branches[prefix] = Subnet(path, use, call, block, parent.depth + 1)
                parent.items.append(branches[prefix])
            parent = branches[prefix]
            parent.keys.append(key)
        parent.items.append(key)
    return root


def _uses(graph: Graph, key: str) -> Iterator[Prefix]:
    """The prefixes of a layer's path, outermost first, each with the use that the layer's key bears."""
    path = layer(graph, key)["path"]
    use = key[len(path) :] if key.startswith(f"{path}#") else ""  # a weight of a layer stands beside it
    segments = path.split(".")
    for end in range(1, len(segments)):
        yield ".".join(segments[:end]), use


def _prefixes(graph: Graph, key: str, sizes: Counter[Prefix]) -> Iterator[Prefix]:
    """The groups a layer lies in. A later use of a shared module is a group of its own, within the module's place.

    The module is the outermost prefix of which every layer is used again: what lies outside is used once.
    """
    for path, use in _uses(graph, key):
        again = use != "" and sizes[path, use] == sizes[path, ""]
        yield path, use if again else ""
