"""What the page knows of two networks: plain data for JSON, as `document` has it of one, each item with its status.

An item says in `a` and `b` what it is in each of the networks that has it; beside these, what both have together. Its
figures are how much more the second network has than the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from archdsl.compare.difference import Difference, LayerDiff
from archdsl.dims import Shape, show
from archdsl.graph import header, layer, operands, typed
from archdsl.outline.subnets import Subnet
from archdsl.outline.wording import clip, plain
from archdsl.presentation.changes import values
from viz.difference import condense, sayings
from viz.difference.facts import MEANINGS
from viz.difference.grouping import Groups, groups
from viz.difference.overview import Overview, overview
from viz.difference.sayings import NOTHING as NO_LINE
from viz.difference.sayings import SIGNS, Saying
from viz.difference.union import SIDES, Union, UnionPart, Which, graph_of, places, unite
from viz.html import figures
from viz.html.document import named
from viz.html.facts import Notes, amount, amounts, facts
from viz.html.figures import FIGURES, NOTHING, Cost
from viz.html.paging import ItemPage, Stand, paged
from viz.look import Arrangement, Look

LONGEST: Final = 200  # characters of a value

UnionItem: TypeAlias = str | Subnet | ItemPage[str | Subnet]
Costs: TypeAlias = Mapping[Which, Cost]


@dataclass(frozen=True, slots=True)
class Both:
    """Two networks, and the tree of their groups as the page opens with it."""

    union: Union
    groups: Groups
    tree: Subnet
    arrangement: Arrangement


def build(difference: Difference, arrangement: Arrangement = "overlaid", *, fold: bool = True) -> Both:
    """What a reader is to see of a difference; without `fold`, every layer of both networks from the beginning."""
    union = unite(difference)
    found = groups(union)
    return Both(union, found, condense.mark(union, found.tree) if fold else found.tree, arrangement)


def document(both: Both, look: Look) -> dict[str, Any]:
    """The page's data."""
    told = overview(both.union.difference)
    written = _Writer(both, look)
    written.network(told)
    shown = [{"key": figure.key, "name": named(figure, look), "unit": figure.unit} for figure in FIGURES]
    return {
        "title": told.title,
        "direction": look.direction,
        "shapes": False,  # where they differ, boxes say it
        "figures": [figure | {"name": f"change in {figure['name']}", "signed": True} for figure in shown],
        "colours": [_counted(meaning, told.counts.get(status, 0)) for status, meaning in MEANINGS.items()],
        "devices": [],
        "summary": [],
        "difference": {
            "names": told.names,
            "arrangement": both.arrangement,
            "costs": told.costs,
            "notes": told.notes,
            "figures": shown,
            "statuses": [{"name": name, "sign": SIGNS[name], "means": means} for name, means in MEANINGS.items()],
        },
        "items": [_once(item) for item in written.items],
        **written.notes.data,
        "edges": list(written.edges()),
    }


def _once(item: dict[str, Any]) -> dict[str, Any]:
    """An item that says the same of both networks, which most are, says it once."""
    if "a" not in item or item["a"] != item.get("b"):
        return item
    return {what: said for what, said in item.items() if what not in SIDES} | {"both": item["a"]}


def _counted(meaning: str, layers: int) -> str:
    return f"{meaning} ({layers:,} layer{'' if layers == 1 else 's'})" if layers else meaning


class _Writer:
    def __init__(self, both: Both, look: Look) -> None:
        self._both = both
        self._union = both.union
        compared = {"a": both.union.difference.a, "b": both.union.difference.b}
        self._known = {side: figures.measure(of.graph, look.profile, of.report) for side, of in compared.items()}
        self._order = {key: number for number, key in enumerate(both.union.parts)}
        self._taken = {part.b for part in both.union.parts.values()} | {
            b.path for _, b in both.groups.origins.values() if b
        }
        self._places: dict[str, int] = {}  # of parts and groups, by their keys
        self.items: list[dict[str, Any]] = []
        self.notes = Notes()

    def network(self, told: Overview) -> None:
        tree = self._both.tree
        root = self._entry("network", Saying(*told.names, told.title))
        self._close(root, tree.keys, self._children(self._paged(tree), 0, tree))

    def edges(self) -> Iterator[list[Any]]:
        """From which item to which, what flows, and in which of the networks if only in one."""
        found: dict[tuple[int, int], dict[Which, str]] = {}
        for side in SIDES:
            graph = graph_of(self._union.difference, side)
            own = {name: self._places[key] for name, key in places(self._union.parts, side).items()}
            for key in graph:
                for source, output in operands(graph, key):
                    producer = layer(graph, source)
                    shape = typed(producer["outputs"][output], producer["dtypes"][output])
                    found.setdefault((own[source], own[key]), {})[side] = shape
            for end in header(graph)["outputs"]:
                shared = self._places.get(f"={end['name']}")
                place = self._places[f"-={end['name']}"] if shared is None else shared
                found.setdefault((own[end["node"]], place), {})[side] = typed(end["shape"], end["dtype"])
        for ends, shapes in found.items():
            sides = "".join(shapes) if len(shapes) == 1 else ""
            yield [*ends, " → ".join(dict.fromkeys(shapes.values())), 0, 0, 0, sides]

    def _paged(self, tree: Subnet) -> Sequence[UnionItem]:
        return paged(tree.items, self._stand)

    def _stand(self, item: str | Subnet) -> Stand:
        if isinstance(item, Subnet):
            return "folded" if item.like else ""
        kind = self._union.parts[item].kind
        return "" if kind == "layer" else kind

    def _children(self, items: Sequence[UnionItem], parent: int, within: Subnet) -> Costs:
        costs = [self._item(item, parent, within) for item in items]
        return {side: figures.total(cost[side] for cost in costs) for side in SIDES}

    def _item(self, item: UnionItem, parent: int, within: Subnet) -> Costs:
        """Writes an item and what is in it; what all of it costs in the two networks."""
        if isinstance(item, str):
            return self._part(item, parent, within)
        place = len(self.items)
        if isinstance(item, ItemPage):
            names = [self._called(end) for end in (item.first, item.last)]
            entry = self._entry("page", sayings.line(*[" … ".join(names)] * 2), parent=parent)
            keys, inside = _keys(item), item.items
        elif item.path == condense.RUN:
            entry = self._entry("page", sayings.run(self._union, self._both.groups, item, within), parent=parent)
            keys, inside = item.keys, self._paged(item)
        else:
            call, name, more = sayings.group(self._both.groups, item, within)
            paths = sayings.line(*self._both.groups.paths(item))
            entry = self._entry("group", paths, parent=parent, paths=paths, name=name, call=call, more=more)
            keys, inside, within = item.keys, self._paged(item), item
            self._places[item.key] = place
        first = item.first if isinstance(item, ItemPage) else item
        if isinstance(first, Subnet) and first.like:
            entry["of"] = self._places[first.like]
        costs = self._children(inside, place, within)
        if isinstance(item, Subnet) and item.order:
            entry["alike"] = [self._places[key] for key in item.order]
        self._close(entry, keys, costs)
        return costs

    def _part(self, key: str, parent: int, within: Subnet) -> Costs:
        part = self._union.parts[key]
        title, name, more = sayings.part(self._union, part, self._both.groups.paths(within))
        paths = sayings.line(*(plain(name) if name is not None else "" for name in (part.a, part.b)))
        self._places[key] = len(self.items)
        entry = self._entry(self._kind(part), title, parent=parent, paths=paths, name=name, more=more)
        entry |= {"status": part.status, "order": self._order[key]}
        costs: dict[Which, Cost] = {}
        for side in SIDES:
            costs[side] = NOTHING
            own = part.key(side)
            if own is None:
                continue
            graph = graph_of(self._union.difference, side)
            if part.kind == "output":
                entry[side]["outputs"] = [show(part.shape(side))]
                continue
            entry[side] |= facts(graph, own, self._known[side], self.notes)
            if part.kind == "layer":
                costs[side] = self._known[side].cost(own)
        shapes = [", ".join(entry[side]["outputs"]) for side in SIDES if side in entry]
        entry["outputs"] = [" → ".join(dict.fromkeys(shapes))]
        if part.diff is not None:
            entry |= {"op": entry["b" if "b" in entry else "a"]["op"], **_change(costs)}
            entry["changes"] = list(_changes(part.diff))
        return costs

    def _kind(self, part: UnionPart) -> str:
        if part.kind != "layer":
            return part.kind
        side: Which = "a" if part.b is None else "b"
        own = layer(graph_of(self._union.difference, side), part.name)
        return "join" if own["operator"].group == "merge" else "layer"

    def _entry(
        self, kind: str, title: Saying, *, parent: int | None = None, paths: Saying = NO_LINE, name: Saying = NO_LINE,
        call: Saying = NO_LINE, more: Sequence[Saying] = (),
    ) -> dict[str, Any]:  # fmt: skip
        """A new item with what is said of it, in both networks together and in each that it is in."""
        path = paths.b or paths.a
        if not paths.b and path in self._taken:
            path = f"-{path}"  # another layer's path in the second network
        entry: dict[str, Any] = {"parent": parent, "kind": kind, "path": path}
        for side in (None, *SIDES):
            if side is None or title.of(side):
                said: dict[str, Any] = {
                    "title": title.of(side),
                    "name": name.of(side),
                    "call": call.of(side),
                    "label": paths.of(side),
                }
                lines = [line.of(side) for line in more if line.of(side)]
                said = {what: text for what, text in (said | {"more": lines}).items() if text}
                entry |= said if side is None else {side: said}
        self.items.append(entry)
        return entry

    def _close(self, entry: dict[str, Any], keys: Sequence[str], costs: Costs) -> None:
        """What is told of a group once all in it is known."""
        parts = [self._union.parts[key] for key in keys]
        inner = [part for part in parts if part.kind == "layer"]
        entry |= {"status": condense.status(self._union, keys), "layers": len(inner), **_change(costs)}
        for which, several in (("total", False), ("each", True)):
            lines = sayings.total(self._union, keys, several=several)
            entry[which] = [line.both for line in lines]
            for side in SIDES:
                if side in entry:
                    entry[side][which] = [line.of(side) for line in lines if line.of(side)]
        for side in SIDES:
            if any(part.key(side) is not None for part in parts):
                layers = sum(part.key(side) is not None for part in inner)
                entry.setdefault(side, {}).update(amounts(costs[side]), layers=layers)

    def _called(self, item: str | Subnet) -> str:
        path = item.path if isinstance(item, Subnet) else self._union.parts[item].name
        return clip(path.rpartition(".")[2])


def _keys(page: ItemPage[str | Subnet]) -> list[str]:
    found: list[str] = []
    for item in page.items:
        found += _keys(item) if isinstance(item, ItemPage) else [item] if isinstance(item, str) else item.keys
    return found


def _change(costs: Costs) -> dict[str, Any]:
    """How much more the second network has of each figure."""
    return {
        figure.key: None if None in (a, b) else 0 if a == b else amount(b - a)  # type: ignore[operator]
        for figure, a, b in zip(FIGURES, costs["a"], costs["b"], strict=True)
    }


def _changes(diff: LayerDiff) -> Iterator[list[str]]:
    """What of a layer is another, beside its parameters and figures."""
    inputs = [diff.inputs] if diff.inputs is not None else []
    for change in (*diff.changes, *inputs, *diff.weights):
        if change.what != "operator":
            a, b = map(_sizes, (change.a, change.b)) if change in diff.weights else values(change)
            yield [change.what, clip(a, LONGEST), clip(b, LONGEST)]
    if diff.moved:
        yield ["place", "before", "moved"]


def _sizes(shape: Shape | None) -> str:
    return "none" if shape is None else "×".join(map(str, shape)) or "scalar"
