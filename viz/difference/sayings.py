"""What is written in the boxes of a comparison: for each of the two networks, and for both at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from archdsl.compare.difference import LayerDiff, Status
from archdsl.dims import Shape, show
from archdsl.graph import layer
from archdsl.outline.subnets import Subnet
from archdsl.outline.wording import clip, cost, span, title
from archdsl.presentation.changes import values
from viz.difference.grouping import Groups
from viz.difference.union import SIDES, Union, UnionPart, Which, graph_of

SIGNS: Final = MappingProxyType({"added": "+", "removed": "−", "changed": "~", "follows": "≈", "same": ""})
SIGNED: Final[tuple[Status, ...]] = ("added", "removed", "changed")
LONGEST: Final = 26  # characters of a value
MOST_CHANGES: Final = 4  # that a box for several layers tells

Paths: TypeAlias = tuple[str, str]  # of a group, in both networks


class Saying(NamedTuple):
    """A line of a box."""

    a: str
    b: str
    both: str

    @property
    def differs(self) -> bool:
        return bool(self.a and self.b) and self.a != self.b

    def of(self, side: Which | None) -> str:
        return self.both if side is None else self.a if side == "a" else self.b


NOTHING: Final = Saying("", "", "")


def line(a: str, b: str, what: str = "") -> Saying:
    """What is said in both networks of the same thing: once, or with an arrow."""
    both = f"{a} → {b}" if a and b and a != b else b or a
    return Saying(*(f"{what} {said}".lstrip() if said else "" for said in (a, b, both)))


def plural(number: int, word: str) -> Saying:
    said = f"{number:,} {word}{'' if number == 1 else 's'}"
    return line(said, said)


class Told(NamedTuple):
    """What is said of an item: what it does, what it is called, and in which ways it differs."""

    title: Saying
    name: Saying
    more: tuple[Saying, ...]

    @property
    def lines(self) -> tuple[Saying, ...]:
        return _said(self.title, self.name, *self.more)


def part(union: Union, found: UnionPart, within: Paths) -> Told:
    """What is said of an input, a layer or an output in a group of these paths."""
    if found.diff is None:
        return Told(line(clip(found.a or ""), clip(found.b or "")), NOTHING, _said(_shape(found)))
    more = _said(*_changes(found.diff), *_figures(union, found))
    return Told(_title(union, found), _name(found, within), more)


def group(groups: Groups, branch: Subnet, within: Subnet) -> Told:
    """How the block of a group was called, and what the group is called, or several in a row."""
    firsts = groups.of(branch.path, branch.use)
    lasts = groups.of(branch.last, branch.use) if branch.last else (None, None)
    paths = []
    for first, last, outer in zip(firsts, lasts, groups.paths(within), strict=True):
        label = "" if first is None else span(first.label, last.label) if last is not None else first.label
        paths.append(clip(label.removeprefix(f"{outer}.") if outer else label))
    a, b = (found.call if found is not None else "" for found in firsts)
    was = Saying("", "", f"was {a}") if a and b and a != b else NOTHING
    return Told(Saying(a, b, b or a), line(*paths), _said(was))


def heading(groups: Groups, branch: Subnet, within: Subnet) -> tuple[Saying, ...]:
    """The same of an open group, whose name comes first."""
    title, name, more = group(groups, branch, within)
    return _said(name, title, *more)


def run(union: Union, groups: Groups, branch: Subnet, within: Subnet) -> Saying:
    """From where to where a run goes."""
    names = []
    for side, outer in zip(SIDES, groups.paths(within), strict=True):
        ends = (_called(union, groups, branch.items[end], side, end) for end in (0, -1))
        first, last = (name.removeprefix(f"{outer}.") for name in ends)
        names.append(clip(f"{first} … {last}") if first else "")
    return Saying(names[0], names[1], names[1] or names[0])


def _called(union: Union, groups: Groups, item: str | Subnet, side: Which, end: int) -> str:
    """What the first or last item of a run is called in one network; nothing where this has it not."""
    if isinstance(item, str):
        return union.parts[item].key(side) or ""
    a, b = groups.of(item.last if end and item.last else item.path, item.use)
    found = a if side == "a" else b
    return found.path if found is not None else ""


def total(union: Union, keys: Collection[str], *, several: bool) -> tuple[Saying, ...]:
    """What several layers have and need, and what differs in them where not all of it does alike."""
    each = " each" if several else ""
    costs = []
    parts = [union.parts[key] for key in keys]
    for side in SIDES:
        own = [name for part in parts if part.kind == "layer" and (name := part.key(side)) is not None]
        found = cost(graph_of(union.difference, side), own)
        costs.append(found + each if found else "")
    number = Counter(part.status for part in parts)
    if len(number) == 1 and "changed" not in number:
        return _said(line(*costs))
    changes = dict.fromkeys(change for part in parts if part.diff is not None for change in _changes(part.diff))
    differ = ", ".join(f"{SIGNS[name]}{number[name]:,}" for name in SIGNED if number[name])
    count = line(f"{differ} layers{each}", f"{differ} layers{each}") if differ else NOTHING
    return _said(*(changes if len(changes) <= MOST_CHANGES else ()), line(*costs), count)


def _said(*lines: Saying) -> tuple[Saying, ...]:
    return tuple(line for line in lines if line.both)


def _title(union: Union, found: UnionPart) -> Saying:
    nodes = [
        layer(graph_of(union.difference, side), key) if (key := found.key(side)) is not None else None for side in SIDES
    ]
    a, b = (title(node) if node is not None else "" for node in nodes)
    if nodes[0] is not None and nodes[1] is not None and nodes[0]["op"] != nodes[1]["op"]:
        return line(a, b)
    return Saying(a, b, b or a)  # the parameters that differ have lines of their own


def _name(found: UnionPart, within: Paths) -> Saying:
    """The names in their groups; none where it is that of the operator."""
    assert found.diff is not None
    names = []
    for key, row, outer in zip((found.a, found.b), (found.diff.a, found.diff.b), within, strict=True):
        name = "" if key is None or row is None else key.removeprefix(f"{outer}.") if outer else key
        names.append("" if row is not None and name == row.op else clip(name))
    return line(*names)


def _changes(diff: LayerDiff) -> Iterator[Saying]:
    for change in (*diff.changes, *([diff.inputs] if diff.inputs is not None else [])):
        if change.what != "operator":  # the title says it
            a, b = (clip(value, LONGEST) for value in values(change))
            yield line(a, b, "reads" if change.what == "inputs" else change.what)
    if diff.moved:
        yield line("moved", "moved")


def _figures(union: Union, found: UnionPart) -> Iterator[Saying]:
    """The shape where it differs, else those of weights; shape and cost of what only one network has."""
    assert found.diff is not None
    yield _shape(found)
    if found.diff.status in ("added", "removed"):
        yield line(
            *(cost(graph_of(union.difference, side), [key]) if (key := found.key(side)) else "" for side in SIDES)
        )
    elif found.diff.shape is None and found.diff.status == "follows":
        change = found.diff.weights[0]
        a, b = ("×".join(map(str, sizes)) if sizes is not None else "none" for sizes in (change.a, change.b))
        yield line(a, b, change.what)


def _shape(found: UnionPart) -> Saying:
    if found.status == "same" or (found.shape_a == found.shape_b):
        return NOTHING
    return line(_shown(found.shape_a), _shown(found.shape_b))


def _shown(shape: Shape | None) -> str:
    return show(shape) if shape is not None else ""
