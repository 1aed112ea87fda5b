"""What is seen of two networks and their differences: boxes in nested groups, and edges. Knows no format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from archdsl.compare.difference import Difference, Status
from archdsl.outline.subnets import Subnet, preorder
from viz.difference import sayings
from viz.difference.condense import RUN, condense, status
from viz.difference.grouping import Groups, groups
from viz.difference.overview import Overview, overview
from viz.difference.sayings import Saying
from viz.difference.union import PartWire, Union, Which, unite
from viz.look import Arrangement

ARRANGEMENTS: Final[tuple[Arrangement, ...]] = get_args(Arrangement)
DiffBoxKind: TypeAlias = Literal["input", "layer", "block", "output"]


@dataclass(frozen=True, slots=True)
class DiffBox:
    """An input, a layer, an output, or several layers drawn as one."""

    id: str
    kind: DiffBoxKind
    status: Status
    sides: frozenset[Which]  # which of the networks has it
    lines: tuple[Saying, ...]
    repeats: str = ""  # how many groups it stands for


@dataclass(frozen=True, slots=True)
class DiffGroup:
    """An open group: some of what is in it differs."""

    id: str
    status: Status
    sides: frozenset[Which]
    lines: tuple[Saying, ...]
    items: tuple[DiffBox | DiffGroup, ...]
    repeats: str = ""


class DiffLink(NamedTuple):
    """Tensors from box to box, in one network or both."""

    source: str  # ids of boxes
    target: str
    sides: frozenset[Which]

    @property
    def id(self) -> str:
        return f"{self.source}_{self.target}"


@dataclass(frozen=True, slots=True)
class Comparison:
    difference: Difference
    arrangement: Arrangement
    overview: Overview
    items: tuple[DiffBox | DiffGroup, ...]
    links: tuple[DiffLink, ...]

    def all(self) -> Iterator[DiffBox | DiffGroup]:
        """All boxes and groups, each group before what is in it."""
        return preorder(self.items, lambda item: item.items if isinstance(item, DiffGroup) else ())

    def boxes(self) -> Iterator[DiffBox]:
        return (item for item in self.all() if isinstance(item, DiffBox))


def build(difference: Difference, arrangement: Arrangement = "overlaid", *, fold: bool = True) -> Comparison:
    """What is to be seen of a difference; without `fold`, every layer of both networks."""
    union = unite(difference)
    grouped = groups(union)
    tree, stand_in = condense(union, grouped.tree) if fold else (grouped.tree, {})
    ids = {key: f"n{i}" for i, key in enumerate(union.parts)}
    seen = dict(_seen(tree, ids))
    sides: dict[PartWire, frozenset[Which]] = {}
    for (source, target), where in union.wires.items():
        ends = seen[stand_in.get(source, source)], seen[stand_in.get(target, target)]
        if ends[0] != ends[1] and target not in stand_in:  # what is drawn in its stead is read alike
            sides[ends] = sides.get(ends, frozenset()) | where
    return Comparison(
        difference=difference,
        arrangement=arrangement,
        overview=overview(difference),
        items=tuple(_Writer(union, grouped, ids).items(tree)),
        links=tuple(DiffLink(source, target, where) for (source, target), where in sides.items()),
    )


def _seen(tree: Subnet, ids: Mapping[str, str]) -> Iterator[tuple[str, str]]:
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

    def items(self, tree: Subnet) -> Iterator[DiffBox | DiffGroup]:
        for item in tree.items:
            if isinstance(item, str):
                yield self._part(item, tree)
            elif item.closed:
                yield self._closed(item, tree)
            else:
                yield self._open(item, tree)

    def _part(self, key: str, within: Subnet) -> DiffBox:
        part = self._union.parts[key]
        lines = sayings.part(self._union, part, self._groups.paths(within)).lines
        return DiffBox(self._ids[key], part.kind, part.status, _sides(self._union, [key]), lines)

    def _closed(self, branch: Subnet, within: Subnet) -> DiffBox:
        said: tuple[Saying, ...]
        if branch.path == RUN:
            number = sayings.plural(_layers(branch), "layer")
            said = (number, sayings.run(self._union, self._groups, branch, within))
        else:
            said = sayings.group(self._groups, branch, within).lines
        what = status(self._union, branch.keys)
        lines = (*said, *sayings.total(self._union, branch.keys, several=branch.count > 1))
        sides = _sides(self._union, branch.keys)
        return DiffBox(self._ids[branch.keys[0]], "block", what, sides, lines, branch.repeats)

    def _open(self, branch: Subnet, within: Subnet) -> DiffGroup:
        items = tuple(self.items(branch))
        return DiffGroup(
            id=f"cluster_{self._ids[branch.keys[0]]}_{branch.depth}",
            status=status(self._union, branch.keys),
            sides=_sides(self._union, branch.keys),
            lines=sayings.heading(self._groups, branch, within),
            items=items,
            repeats=branch.repeats,
        )


def _layers(branch: Subnet) -> int:
    return sum(1 if isinstance(item, str) else item.count * _layers(item) for item in branch.items)


def _sides(union: Union, keys: list[str]) -> frozenset[Which]:
    parts = [union.parts[key] for key in keys]
    here = {"a": any(part.a is not None for part in parts), "b": any(part.b is not None for part in parts)}
    return frozenset(side for side in ("a", "b") if here[side])
