"""What is seen of two networks and their differences: boxes in nested groups, and edges. Knows no format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from archdsl.compare.difference import Difference, Status
from archdsl.outline.sections import Section, preorder
from viz.difference import sayings
from viz.difference.condense import RUN, condense, status
from viz.difference.grouping import Groups, groups
from viz.difference.overview import Overview, overview
from viz.difference.sayings import Line
from viz.difference.union import Side, Union, Wire, unite

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
    overview: Overview
    items: tuple[Box | Group, ...]
    links: tuple[Link, ...]

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
    return Comparison(
        difference=difference,
        arrangement=arrangement,
        overview=overview(difference),
        items=tuple(_Writer(union, grouped, ids).items(tree)),
        links=tuple(Link(source, target, where) for (source, target), where in sides.items()),
    )


def _seen(tree: Section, ids: Mapping[str, str]) -> Iterator[tuple[str, str]]:
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
        self._groups = grouped
        self._ids = ids

    def items(self, tree: Section) -> Iterator[Box | Group]:
        for item in tree.items:
            if isinstance(item, str):
                yield self._part(item, tree)
            elif item.closed:
                yield self._closed(item, tree)
            else:
                yield self._open(item, tree)

    def _part(self, key: str, within: Section) -> Box:
        part = self._union.parts[key]
        lines = sayings.part(self._union, part, self._groups.paths(within)).lines
        return Box(self._ids[key], part.kind, part.status, _sides(self._union, [key]), lines)

    def _closed(self, branch: Section, within: Section) -> Box:
        said: tuple[Line, ...]
        if branch.path == RUN:
            number = sayings.plural(_layers(branch), "layer")
            said = (number, sayings.run(self._union, self._groups, branch, within))
        else:
            said = sayings.group(self._groups, branch, within).lines
        what = status(self._union, branch.keys)
        lines = (*said, *sayings.total(self._union, branch.keys, several=branch.count > 1))
        sides = _sides(self._union, branch.keys)
        return Box(self._ids[branch.keys[0]], "block", what, sides, lines, branch.repeats)

    def _open(self, branch: Section, within: Section) -> Group:
        items = tuple(self.items(branch))
        return Group(
            id=f"cluster_{self._ids[branch.keys[0]]}_{branch.depth}",
            status=status(self._union, branch.keys),
            sides=_sides(self._union, branch.keys),
            lines=sayings.heading(self._groups, branch, within),
            items=items,
            repeats=branch.repeats,
        )


def _layers(branch: Section) -> int:
    return sum(1 if isinstance(item, str) else item.count * _layers(item) for item in branch.items)


def _sides(union: Union, keys: list[str]) -> frozenset[Side]:
    parts = [union.parts[key] for key in keys]
    here = {"a": any(part.a is not None for part in parts), "b": any(part.b is not None for part in parts)}
    return frozenset(side for side in ("a", "b") if here[side])
