"""The forms of blocks that a drawing shows closed: each is drawn once, open, beside the backbone.

Instances of a block that differ in numbers alone have one form, in which the numbers are symbols: `conv 1×1, 4·width`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from archdsl.columns import constant
from archdsl.diagnostics import Instance
from archdsl.graph import Graph, broken, header, layer
from archdsl.outline.calls import called
from archdsl.outline.folding import Folded, StandIn
from archdsl.outline.structure import Structure, form
from archdsl.outline.subnets import Subnet, preorder
from archdsl.outline.symbols import StaticNames, known, symbol, symbols
from archdsl.outline.wording import title
from viz import fitting

MOST: Final = 6  # forms, which have colours that can be told apart
INSIDE: Final = 30  # boxes of one; what has more is a picture of its own
SEEN: Final = 10  # how much more a form says of the backbone than of others
LETTERS: Final = "ABCDEF"


@dataclass(frozen=True, slots=True)
class BlockForm:
    """A form of a block: one that stands for all of its kind."""

    letter: str
    title: str
    varies: str  # the parameters that differ, with their values
    part: Subnet  # what is in it, as it is drawn
    groups: frozenset[str]  # the keys of all that have this form
    said: Mapping[str, str]  # what a layer or block is called, by its key, where numbers differ
    entries: Mapping[str, str]  # what it reads from outside, and what it calls it
    exits: tuple[str, ...]  # the layers that are read outside, where that is not plain to see
    several: bool  # whether it stands for more than one
    weight: int  # how much it says: the layers that are in all of them, more if the backbone shows it


@dataclass(frozen=True, slots=True)
class _Member:
    """An instance of a block in the drawing."""

    part: Subnet
    structure: Structure
    instance: Instance

    @property
    def sign(self) -> tuple[str, str]:
        """What those of one form have in common."""
        return self.part.block, self.structure.digest


def backbone(graph: Graph, fitted: Folded, whole: Subnet) -> Subnet:
    """The tree with all blocks closed and all sequences open, if a page can hold that and enough is left; else what
    fits."""
    closed = fitting.untangle(graph, Folded(_blocks_closed(whole), fitted.stand_in))
    enough = fitting.size(closed) >= fitting.FEWEST and fitting.fits(graph, closed, fitted.stand_in)
    return closed if enough else fitted.tree


def _blocks_closed(tree: Subnet) -> Subnet:
    items = [
        item if isinstance(item, str) else replace(item, closed=True) if item.block else _blocks_closed(item)
        for item in tree.items
    ]
    return replace(tree, items=items)


def _flat(tree: Subnet) -> Iterator[str | Subnet]:
    """What is in a tree, without frames around open sequences."""
    for item in tree.items:
        if isinstance(item, str) or item.closed or item.count > 1:
            yield item
        else:
            yield from _flat(item)


def forms(graph: Graph, tree: Subnet, whole: Folded) -> tuple[BlockForm, ...]:
    """The forms of the closed blocks of a tree, and of those that are closed in them, in the order in which they come,
    as many as can be told apart. `whole` is the tree with all open."""
    if any(broken(graph)):
        return ()
    members = {part.key: member for part in _groups(whole.tree) if (member := _member(graph, part)) is not None}
    found: dict[tuple[str, str], BlockForm] = {}
    waiting = deque(closed(tree))
    seen: Counter[tuple[str, str]] = Counter()
    for part in waiting:
        if part.key in members:
            seen[members[part.key].sign] += SEEN * len(part.keys) * part.count
    while waiting and len(found) < MOST:
        own = members.get(waiting.popleft().key)
        if own is None or own.sign in found:
            continue
        others = [each for each in members.values() if each.sign == own.sign and each is not own]
        form = _form(graph, LETTERS[len(found)], whole.stand_in, [own, *others])
        if fitting.size(form.part) <= INSIDE:
            found[own.sign] = replace(form, weight=form.weight + seen[own.sign])
            waiting.extend(closed(form.part))
    return tuple(found.values())


def _form(graph: Graph, letter: str, stand_in: StandIn, members: Sequence[_Member]) -> BlockForm:
    own = members[0]
    instances = [each.instance for each in members]
    names = known(instances)
    order = own.structure.order
    alike = {key: [each.structure.order[i] for each in members] for i, key in enumerate(order)}
    part = fitting.untangle(graph, Folded(_blocks_closed(replace(own.part, closed=False)), stand_in))
    part = replace(part, items=list(_flat(part)), count=1, last="")
    said: dict[str, str] = {}
    for item in preorder(part.items, lambda item: () if isinstance(item, str) or item.closed else item.items):
        if isinstance(item, Subnet):
            if item.closed and item.block and (text := _called(graph, item, alike[item.keys[0]], names)):
                said[item.key] = text
        elif differs := symbols(graph, alike[item], names):
            said[item] = title(layer(graph, item), differs)
    within = set(part.keys)
    read = {source for key in part.keys for source in graph.pred[key]}
    ends = {output["node"] for output in header(graph)["outputs"]}
    exits = tuple(key for key in part.keys if key in ends or not within.issuperset(graph.succ[key]))
    plain = len(exits) == 1 and not read.intersection(exits)
    varies = " · ".join(f"{name} {values}" for name, values in names.varying())
    return BlockForm(
        letter=letter,
        title=part.call if len({each.instance.call for each in members}) == 1 else part.block,
        varies=varies,
        part=part,
        groups=frozenset(each.part.key for each in members),
        said=said,
        entries=_entries(own),
        exits=() if plain else exits,
        several=len(members) > 1,
        weight=sum(len(each.part.keys) * each.part.count for each in members),
    )


def _called(graph: Graph, part: Subnet, heads: Sequence[str], names: StaticNames) -> str:
    """What a block within a form is called, where its arguments differ."""
    around = [[each for each in layer(graph, key)["blocks"] if not each.inline] for key in heads]
    level = next(i for i, each in enumerate(around[0]) if each.path == part.path)
    instances = [each[level] for each in around]
    differ = [one for one in known(instances).parameters if not constant(one.values)]
    return called(instances[0], {one.name: symbol(one.values, names) for one in differ}) if differ else ""


def _entries(own: _Member) -> dict[str, str]:
    """What a block reads from outside, by the names that it has there."""
    names: dict[str, str] = {}
    for name, binding in (own.instance.made.scope.bindings if own.instance.made else {}).items():
        if not isinstance(binding.value, list):
            names.setdefault(getattr(binding.value, "node", ""), name)
            continue
        for i, value in enumerate(binding.value):
            names.setdefault(getattr(value, "node", ""), f"{name} {i}")
    return {source: names.get(source, "x") for source, _ in own.structure.entries}


def _member(graph: Graph, part: Subnet) -> _Member | None:
    if not part.block:
        return None
    blocks = layer(graph, part.keys[0])["blocks"]
    instance = next((each for each in blocks if each.path == part.path and not each.inline), None)
    return None if instance is None else _Member(part, form(graph, part.keys), instance)


def _groups(tree: Subnet) -> Iterator[Subnet]:
    """All groups in a tree."""
    every = preorder(tree.items, lambda item: () if isinstance(item, str) else item.items)
    return (item for item in every if isinstance(item, Subnet))


def closed(tree: Subnet) -> Iterator[Subnet]:
    """The blocks that are drawn as one box."""
    shown = preorder(tree.items, lambda item: () if isinstance(item, str) or item.closed else item.items)
    return (item for item in shown if isinstance(item, Subnet) and item.closed and item.block)


def _holds_blocks(tree: Subnet) -> bool:
    """Whether there is nothing but blocks in a sequence."""
    return all(isinstance(item, Subnet) and bool(item.block) for item in tree.items)
