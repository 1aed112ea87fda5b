"""What is seen of two networks and their differences: boxes in nested groups, and edges. Knows no format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from archdsl.dims import Size
from archdsl.measure.difference import Difference, LayerDiff, Status
from archdsl.measure.difference_text import arrow, costs
from archdsl.measure.table import magnitude
from viz.difference import sayings
from viz.difference.condense import RUN, condense, status
from viz.difference.grouping import Groups, groups
from viz.difference.sayings import Line
from viz.difference.union import SIDES, Side, Union, Wire, unite
from viz.grouping import Branch, preorder
from viz.wording import clip, plain

Arrangement: TypeAlias = Literal["overlaid", "side-by-side"]
ARRANGEMENTS: Final[tuple[Arrangement, ...]] = get_args(Arrangement)
Kind: TypeAlias = Literal["input", "layer", "block", "output"]


@dataclass(frozen=True, slots=True)
class Box:
    """An input, a layer, an output, or several layers drawn as one."""

    id: str
    kind: Kind
    status: Status
    sides: frozenset[Side]  # which of the networks has it
    lines: tuple[Line, ...]
    layers: tuple[LayerDiff, ...] = ()  # that it is drawn for
    repeats: str = ""  # how many groups it stands for


@dataclass(frozen=True, slots=True)
class Group:
    """An open group: some of what is in it differs."""

    id: str
    status: Status
    sides: frozenset[Side]
    lines: tuple[Line, ...]
    items: tuple[Box | Group, ...]
    repeats: str = ""


class Link(NamedTuple):
    """Tensors from box to box, in one network or both."""

    source: str  # ids of boxes
    target: str
    sides: frozenset[Side]


@dataclass(frozen=True, slots=True)
class Comparison:
    difference: Difference
    arrangement: Arrangement
    names: tuple[str, str]
    items: tuple[Box | Group, ...]
    links: tuple[Link, ...]
    counts: Mapping[Status, int]  # of layers
    renamed: int  # layers
    costs: tuple[tuple[str, str, str, str], ...]  # what is counted, in the first, in the second, by how much it differs
    notes: tuple[str, ...]  # on what is no layer: devices, the loss

    def all(self) -> Iterator[Box | Group]:
        """All boxes and groups, each group before what is in it."""
        return preorder(self.items, lambda item: item.items if isinstance(item, Group) else ())

    def boxes(self) -> Iterator[Box]:
        return (item for item in self.all() if isinstance(item, Box))


def build(difference: Difference, arrangement: Arrangement = "overlaid", *, fold: bool = True) -> Comparison:
    """What is to be seen of a difference; without `fold`, every layer of both networks."""
    union = unite(difference)
    grouped = groups(union)
    tree, stand_in = condense(union, grouped.tree) if fold else (grouped.tree, {})
    ids = {key: f"n{i}" for i, key in enumerate(union.parts)}
    seen = dict(_seen(tree, ids))
    sides: dict[Wire, frozenset[Side]] = {}
    for (source, target), where in union.wires.items():
        ends = seen[stand_in.get(source, source)], seen[stand_in.get(target, target)]
        if ends[0] != ends[1] and target not in stand_in:  # what is drawn in its stead is read alike
            sides[ends] = sides.get(ends, frozenset()) | where
    names = [side.name for side in (difference.a, difference.b)]
    return Comparison(
        difference=difference,
        arrangement=arrangement,
        names=(plain(names[0]), plain(names[1])),
        items=tuple(_Writer(union, grouped, ids).items(tree)),
        links=tuple(Link(source, target, where) for (source, target), where in sides.items()),
        counts=Counter(layer.status for layer in difference.layers),
        renamed=sum(layer.renamed for layer in difference.layers),
        costs=tuple(costs(difference, _brief)),
        notes=tuple(_notes(difference)),
    )


def _notes(difference: Difference) -> Iterator[str]:
    if difference.same:
        yield "both are the same architecture"
    for change in difference.interface:
        if change.what not in ("inputs", "outputs"):  # which are boxes
            yield plain(f"{change.what}: {arrow(change)}")


def _brief(number: Size | None) -> str:
    return magnitude(number) if isinstance(number, int) else str(number)


def _seen(tree: Branch, ids: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The id of the box that each part is seen as."""
    for item in tree.items:
        if isinstance(item, str):
            yield item, ids[item]
        elif item.closed:
            yield from ((key, ids[item.keys[0]]) for key in item.keys)
        else:
            yield from _seen(item, ids)


class _Writer:
    """Makes boxes and groups of a tree."""

    def __init__(self, union: Union, grouped: Groups, ids: Mapping[str, str]) -> None:
        self._union = union
        self._origins = grouped.origins
        self._ids = ids

    def items(self, tree: Branch) -> Iterator[Box | Group]:
        for item in tree.items:
            if isinstance(item, str):
                yield self._part(item, tree)
            elif item.closed:
                yield self._closed(item, tree)
            else:
                yield self._open(item, tree)

    def _part(self, key: str, within: Branch) -> Box:
        part = self._union.parts[key]
        lines = sayings.part(self._union, part, self._paths(within))
        return Box(self._ids[key], part.kind, part.status, _sides(self._union, [key]), lines, self._layers([key]))

    def _closed(self, branch: Branch, within: Branch) -> Box:
        said = self._run(branch, within) if branch.path == RUN else self._titles(branch, within)
        if branch.path != RUN and len(said) > 1:
            said = (said[1], said[0], *said[2:])  # a block is known by its call
        what = status(self._union, branch.keys)
        lines = (*said, *sayings.total(self._union, branch.keys, several=branch.count > 1))
        sides = _sides(self._union, branch.keys)
        return Box(self._ids[branch.keys[0]], "block", what, sides, lines, self._layers(branch.keys), branch.repeats)

    def _layers(self, keys: Iterable[str]) -> tuple[LayerDiff, ...]:
        return tuple(diff for key in keys if (diff := self._union.parts[key].diff) is not None)

    def _run(self, branch: Branch, within: Branch) -> tuple[Line, ...]:
        """How many layers a run has, and from where to where it goes."""
        names = []
        for side, outer in zip(SIDES, self._paths(within), strict=True):
            first, last = (self._name(branch.items[end], side, end).removeprefix(f"{outer}.") for end in (0, -1))
            names.append(clip(f"{first} … {last}") if first else "")
        return sayings.plural(_layers(branch), "layer"), Line(names[0], names[1], names[1] or names[0])

    def _name(self, item: str | Branch, side: Side, end: int) -> str:
        """What the first or last item of a run is called in one network; nothing where this has it not."""
        if isinstance(item, str):
            return self._union.parts[item].key(side) or ""
        path = item.last if end and item.last else item.path
        a, b = self._origins.get((path, item.use), (None, None))
        found = a if side == "a" else b
        return found.path if found is not None else ""

    def _open(self, branch: Branch, within: Branch) -> Group:
        items = tuple(self.items(branch))
        return Group(
            id=f"cluster_{self._ids[branch.keys[0]]}_{branch.depth}",
            status=status(self._union, branch.keys),
            sides=_sides(self._union, branch.keys),
            lines=self._titles(branch, within),
            items=items,
            repeats=branch.repeats,
        )

    def _titles(self, branch: Branch, within: Branch) -> tuple[Line, ...]:
        """What a group is called and how its block was called, in both networks."""
        firsts = self._origins[branch.path, branch.use]
        lasts = self._origins.get((branch.last, branch.use), (None, None)) if branch.last else (None, None)
        return sayings.group(firsts, lasts, self._paths(within))

    def _paths(self, branch: Branch) -> tuple[str, str]:
        """The paths of a group in both networks."""
        a, b = self._origins.get((branch.path, branch.use), (None, None))
        return a.path if a else "", b.path if b else ""


def _layers(branch: Branch) -> int:
    return sum(1 if isinstance(item, str) else item.count * _layers(item) for item in branch.items)


def _sides(union: Union, keys: list[str]) -> frozenset[Side]:
    parts = [union.parts[key] for key in keys]
    here = {"a": any(part.a is not None for part in parts), "b": any(part.b is not None for part in parts)}
    return frozenset(side for side in ("a", "b") if here[side])
