"""What the page knows of a network: plain data for JSON, in the order of the spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from archdsl.graph import header, typed
from archdsl.measure.network.growth import extents, last_window
from archdsl.outline.wording import clip, plain
from archdsl.presentation.receptive_field import beside_input
from archdsl.sheet.units import count, size
from viz import palette
from viz.graph import stacking
from viz.graph.scene import Box, Group, Scene
from viz.html import figures
from viz.html.facts import Notes, amounts, facts
from viz.html.faults import told
from viz.html.figures import FIGURES, NOTHING, Cost, Figures, ItemFigure
from viz.html.paging import ItemPage, Stand, paged
from viz.look import Look

SceneItem: TypeAlias = Box | Group | ItemPage[Box | Group]


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
        "figures": [{"key": figure.key, "name": named(figure, look), "unit": figure.unit} for figure in FIGURES],
        "colours": list(colours.groups),
        "devices": list(scene.devices),
        "summary": _summary(written.known),
        **_extents(written.known),
        "items": written.items,
        **written.notes.data,
        **({"faults": wrong} if (wrong := told(scene.graph, written.places)) else {}),
        "edges": [
            [written.boxes[e.source], written.boxes[e.target], e.said, int(e.news), int(e.crossing), int(e.train)]
            for e in scene.edges
        ],
    }
    return Document(data, written.places, written.known)


def named(figure: ItemFigure, look: Look) -> str:
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
    notes: Notes = field(default_factory=Notes)

    def network(self) -> None:
        root: dict[str, Any] = {"parent": None, "kind": "network", "path": "", "title": self.scene.title}
        self.items.append(root)
        self._close(root, self._children(paged(self.scene.items, _stand), 0))

    def _children(self, items: Sequence[SceneItem], parent: int) -> tuple[Cost, int]:
        below = [self._item(item, parent) for item in items]
        return figures.total(cost for cost, _ in below), sum(layers for _, layers in below)

    def _item(self, item: SceneItem, parent: int) -> tuple[Cost, int]:
        if isinstance(item, Box):
            return self._box(item, parent)
        entry: dict[str, Any] = {"parent": parent}
        place = len(self.items)
        self.items.append(entry)
        first = item.first if isinstance(item, ItemPage) else item
        entry |= {"of": self.places[first.like]} if isinstance(first, Group) and first.like else {}
        if isinstance(item, ItemPage):
            entry |= {"kind": "page", "path": "", "title": f"{_called(item.first)} … {_called(item.last)}"}
            below = self._children(item.items, place)
        else:
            self.places[item.key] = place
            entry |= {"kind": "group", "path": item.path, "title": item.path}
            entry |= {"name": self._within(item.path, parent)}
            entry |= {"call": item.call} if item.call else {}
            entry |= self._marks(item)
            below = self._children(paged(item.items, _stand), place)
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
            self.places |= dict.fromkeys((box.key, *box.layers), len(self.items))
        entry: dict[str, Any] = {
            "parent": parent,
            "kind": box.kind,
            "path": plain(box.key),
            "title": box.title,
            "colour": self.colours[box.colour],
            "order": self._order(box),
        }
        self.items.append(entry)
        entry |= {"name": box.name} if box.name else {}
        entry |= {"shared": True} if box.shared else {}
        entry |= {"stacks": True} if box.kind == "layer" and box.colour not in stacking.ALONE else {}
        entry |= {"fault": box.fault} if box.fault else {}
        entry |= self._marks(box)
        if box.kind == "output":
            output = next(o for o in header(self.scene.graph)["outputs"] if o["name"] == box.key)
            entry |= {"outputs": [typed(output["shape"], output["dtype"])]}
            return NOTHING, 0
        if box.kind == "block":
            return self._close(entry, (figures.total(map(self.known.cost, box.layers)), len(box.layers)))
        entry |= facts(self.scene.graph, box.key, self.known, self.notes)
        return self.known.cost(box.key), int(box.kind != "input")

    def _order(self, box: Box) -> int:
        """Where a box stands in the order of the layers: an output after all, a group where its middle is."""
        if box.kind == "output":
            return len(self.order)
        return self.order[box.layers[len(box.layers) // 2] if box.layers else box.key]

    def _within(self, path: str, parent: int) -> str:
        """What a group is called within the one around it."""
        while self.items[parent]["kind"] == "page":
            parent = self.items[parent]["parent"]
        return clip(path.removeprefix(f"{self.items[parent]['path']}."))

    def _marks(self, item: Box | Group) -> dict[str, Any]:
        device = {} if item.device is None else {"device": self.scene.devices.index(item.device)}
        return {**device, **({"train": True} if item.train else {})}


def _called(item: Box | Group) -> str:
    path = item.path if isinstance(item, Group) else item.key
    return clip(path.rpartition(".")[2])


def _stand(item: Box | Group) -> Stand:
    if isinstance(item, Group):
        return "folded" if item.like else ""
    return item.kind if item.kind in ("input", "output") else ""


def _extents(known: Figures) -> dict[str, Any]:
    """The sizes of the input that receptive fields are seen beside, where these are numbers."""
    sizes = extents(known.report) if known.report is not None else ()
    return {"extents": list(sizes)} if sizes and all(isinstance(size, int) for size in sizes) else {}


def _summary(known: Figures) -> list[list[str]]:
    """The network's totals, as a reader wants them."""
    report = known.report
    if report is None:
        return [["", "This spec has errors: it is shown up to them, and there are no totals."]]
    rows = [
        *(["input", said] for said in report.typed_inputs),
        *(["output", said] for said in report.typed_outputs),
        ["layers", f"{report.layers:,}"],
        ["parameters", count(report.params)],
        ["MACs", count(report.macs)],
        ["weights", size(report.param_bytes)],
        ["activations, peak", size(report.activation_bytes_inference_peak)],
        ["kept for backward", size(report.activation_bytes_training)],
        ["hash", report.hash[:16]],
    ]
    last = last_window(report)
    if last is not None:
        rows.insert(-1, ["receptive field", beside_input(last.field, extents(report))])
    if report.assumed:
        rows.append(["counted for", ", ".join(f"{name} = {least}" for name, least in report.least_batch.items())])
    if report.requires:
        rows.append(["needs", ", ".join(report.requires)])
    return rows
