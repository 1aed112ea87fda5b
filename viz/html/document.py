"""What the page knows of a network: plain data for JSON, in the order of the spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import PurePath
from typing import Any, Final

from archdsl.dims import show
from archdsl.graph import Layer, header, layer
from archdsl.measure.table import count, size
from archdsl.source import Span
from viz import palette
from viz.formats import Look
from viz.html import figures
from viz.html.figures import FIGURES, NOTHING, Amount, Cost, Figure, Figures
from viz.html.paging import Item, Page, paged
from viz.scene import Box, Group, Scene
from viz.wording import clip, plain

EXACT: Final = 2**53 - 1  # the largest integer that a browser reads without rounding
LONGEST_VALUE: Final = 200  # characters of a parameter's value, or of a line of the spec


@dataclass(frozen=True, slots=True)
class Document:
    """The page's data; where the layers and groups of the graph are among its items, by their keys; what they cost."""

    data: dict[str, Any]
    places: Mapping[str, int]
    figures: Figures


def document(scene: Scene, look: Look) -> Document:
    """What the page is told of a scene.

    `items` is the tree of what is drawn, every item after its parent, which it names by its place in the list. Keys
    that an item lacks do not apply to it; a figure of None is unknown, one that depends on a symbol is text. A group
    that can be folded into an equal one before it says in `of` which; all these have their layers in `alike`, those
    that correspond at one place.
    """
    colours = palette.colours((box.colour for box in scene.boxes()), scene.devices)
    written = _Writer(
        scene,
        figures.measure(scene.graph, look.profile),
        colours={name: i for i, name in enumerate(colours.groups)},
        order={key: i for i, key in enumerate(scene.graph)},
    )
    written.network()
    data = {
        "title": scene.title,
        "direction": look.direction,
        "shapes": bool(look.shapes),
        "figures": [{"key": figure.key, "name": _named(figure, look), "unit": figure.unit} for figure in FIGURES],
        "colours": list(colours.groups),
        "devices": list(scene.devices),
        "summary": _summary(written.known),
        "items": written.items,
        "settings": [[list(pair) for pair in pairs] for pairs in written.settings],
        "sources": written.sources,
        "edges": [
            [written.boxes[e.source], written.boxes[e.target], e.shape, int(e.news), int(e.crossing), int(e.train)]
            for e in scene.edges
        ],
    }
    return Document(data, written.places, written.known)


def _named(figure: Figure, look: Look) -> str:
    """A figure's name; that of a time says on what."""
    return f"{figure.name} on {look.profile.title}" if figure.unit == "seconds" else figure.name


@dataclass(slots=True)
class _Writer:
    scene: Scene
    known: Figures
    colours: dict[str, int]
    order: dict[str, int]  # of the layers in the graph: each after what it reads
    items: list[dict[str, Any]] = field(default_factory=list)
    boxes: dict[str, int] = field(default_factory=dict)  # the places of boxes, by their ids
    places: dict[str, int] = field(default_factory=dict)  # of layers and groups, by their keys
    settings: dict[tuple[tuple[str, str], ...], int] = field(default_factory=dict)  # parameters, each set once
    sources: dict[str, dict[str, str]] = field(default_factory=dict)  # the lines that layers are written on

    def network(self) -> None:
        root: dict[str, Any] = {"parent": None, "kind": "network", "path": "", "title": self.scene.title}
        self.items.append(root)
        self._close(root, self._children(self.scene.items, 0))

    def _children(self, items: Sequence[Item], parent: int) -> tuple[Cost, int]:
        below = [self._item(item, parent) for item in paged(items)]
        return figures.total(cost for cost, _ in below), sum(layers for _, layers in below)

    def _item(self, item: Item, parent: int) -> tuple[Cost, int]:
        if isinstance(item, Box):
            return self._box(item, parent)
        entry: dict[str, Any] = {"parent": parent}
        place = len(self.items)
        self.items.append(entry)
        entry |= {"of": self.places[item.like]} if item.like else {}
        if isinstance(item, Page):
            entry |= {"kind": "page", "path": "", "title": f"{_first(item)} … {_last(item)}"}
        else:
            self.places[item.key] = place
            entry |= {"kind": "group", "path": item.path, "title": item.path}
            entry |= {"name": self._within(item.path, parent)}
            entry |= {"call": item.call} if item.call else {}
            entry |= self._marks(item)
        below = self._children(item.items, place)
        if isinstance(item, Group) and item.order:
            entry |= {"alike": [self.places[key] for key in item.order]}
        return self._close(entry, below)

    def _close(self, entry: dict[str, Any], below: tuple[Cost, int]) -> tuple[Cost, int]:
        cost, layers = below
        entry |= {**amounts(cost), "layers": layers}
        return below

    def _box(self, box: Box, parent: int) -> tuple[Cost, int]:
        self.boxes[box.id] = len(self.items)
        if box.kind != "output":
            self.places[box.key] = len(self.items)
        entry: dict[str, Any] = {
            "parent": parent,
            "kind": box.kind,
            "path": plain(box.key),
            "title": box.title,
            "colour": self.colours[box.colour],
            "order": len(self.order) if box.kind == "output" else self.order[box.key],
        }
        self.items.append(entry)
        entry |= {"name": box.name} if box.name else {}
        entry |= {"shared": True} if box.shared else {}
        entry |= {"fault": box.fault} if box.fault else {}
        entry |= self._marks(box)
        if box.kind == "output":
            output = next(o for o in header(self.scene.graph)["outputs"] if o["name"] == box.key)
            entry |= {"outputs": [show(output["shape"])]}
            return NOTHING, 0
        node = layer(self.scene.graph, box.key)
        cost = self.known.cost(box.key)
        entry |= {"op": node["op"], "line": self._line(node["span"]), "outputs": [show(s) for s in node["outputs"]]}
        if box.kind == "input":
            return cost, 0
        entry |= {"dtype": node["dtype"], "settings": self._settings(node), **amounts(cost), **self._seen(box.key)}
        notes = [name for name in ("frozen", "checkpoint") if node.get(name)]
        entry |= {"notes": notes} if notes else {}
        return cost, 1

    def _within(self, path: str, parent: int) -> str:
        """What a group is called within the one around it."""
        while self.items[parent]["kind"] == "page":
            parent = self.items[parent]["parent"]
        return clip(path.removeprefix(f"{self.items[parent]['path']}."))

    def _marks(self, item: Box | Group) -> dict[str, Any]:
        device = {} if item.device is None else {"device": self.scene.devices.index(item.device)}
        return {**device, **({"train": True} if item.train else {})}

    def _seen(self, key: str) -> dict[str, Any]:
        """The receptive field; an empty list where there are no positions."""
        fields = self.known.field(key)
        if fields is None:
            return {"field": None}
        return {"field": [f.size for f in fields], "jump": [_number(f.jump) for f in fields]}

    def _settings(self, node: Layer) -> int:
        pairs = tuple((name, _value(value)) for name, value in node["params"].items())
        return self.settings.setdefault(pairs, len(self.settings))

    def _line(self, span: Span) -> list[Any]:
        # The file's name alone: where it lies is nobody's business, and would change the page from machine to machine.
        name = plain(PurePath(span.source.name).name)
        lines = self.sources.setdefault(name, {})
        number = span.line
        if str(number) not in lines:
            lines[str(number)] = clip(span.source.line(number).strip(), LONGEST_VALUE)
        return [name, number]


def _first(item: Item) -> str:
    return _first(item.items[0]) if isinstance(item, Page) else _called(item)


def _last(item: Item) -> str:
    return _last(item.items[-1]) if isinstance(item, Page) else _called(item)


def _called(item: Box | Group) -> str:
    path = item.path if isinstance(item, Group) else item.key
    return clip(path.rpartition(".")[2])


def amounts(cost: Cost) -> dict[str, Any]:
    """The figures of a layer or group, by their keys."""
    return {figure.key: _amount(amount) for figure, amount in zip(FIGURES, cost, strict=True)}


def _amount(amount: Amount) -> int | float | str | None:
    exact = isinstance(amount, float) or (isinstance(amount, int) and amount <= EXACT)
    return amount if amount is None or exact else str(amount)  # type: ignore[return-value]


def _number(jump: int | Fraction) -> int | str:
    return jump if isinstance(jump, int) else str(jump)


def _value(value: Any) -> str:
    """A parameter's value as a spec would say it."""
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return clip(f"[{', '.join(map(_value, value))}]", LONGEST_VALUE)
    return clip(str(value), LONGEST_VALUE)


def _summary(known: Figures) -> list[list[str]]:
    """The network's totals, as a reader wants them."""
    report = known.report
    if report is None:
        return [["", "This spec has errors: it is shown up to them, and there are no totals."]]
    rows = [
        *(["input", f"{name} {show(shape)}"] for name, shape in report.inputs),
        *(["output", f"{name} {show(shape)}"] for name, shape, _ in report.outputs),
        ["layers", f"{report.layers:,}"],
        ["parameters", count(report.params)],
        ["MACs", count(report.macs)],
        ["weights", size(report.param_bytes)],
        ["activations, peak", size(report.activation_bytes_inference_peak)],
        ["kept for backward", size(report.activation_bytes_training)],
        ["hash", report.hash[:16]],
    ]
    if report.assumed:
        rows.append(["counted for", ", ".join(f"{name} = 1" for name in report.assumed)])
    if report.requires:
        rows.append(["needs", ", ".join(report.requires)])
    return rows
