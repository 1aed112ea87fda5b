"""In a picture of the graph, each edge begins at the box of the layer that makes the tensor and ends at its reader's:
told by the coordinates of the SVG alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import HealthCheck, given, settings

import viz
from archdsl.graph import Graph, header, operands
from archdsl.pipeline import load_graph
from tests.generate.agreement import graph_of as generated_graph
from tests.generate.networks import Generated, generated
from viz.graph import layout

SVG = "{http://www.w3.org/2000/svg}"
NEAR = 2.5  # points: the width of a stroke, and what a box for several stands out
SHORTCUT = """
network Net(x: [N, 8, 8, 8]) {
    y = x -> conv(8, 3, padding = 1) -> batch_norm -> relu
    main = y -> conv(8, 3, padding = 1) -> batch_norm -> relu -> conv(8, 3, padding = 1) -> batch_norm
    y + main -> relu
}
"""

Place = tuple[float, float]


class Area(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def is_at(self, place: Place) -> bool:
        x, y = place
        return self.left - NEAR <= x <= self.right + NEAR and self.top - NEAR <= y <= self.bottom + NEAR


def placed(element: Element, x: float = 0.0, y: float = 0.0) -> Iterator[tuple[Element, float, float]]:
    """All elements, each with how far the groups around it shift it."""
    shift = re.match(r"translate\(([-\d.]+) ([-\d.]+)\)", element.get("transform", ""))
    if shift:
        x, y = x + float(shift[1]), y + float(shift[2])
    yield element, x, y
    for inner in element:
        yield from placed(inner, x, y)


def title(element: Element) -> str:
    return (element.findtext(f"{SVG}title") or "").partition(": ")[0]


def area(node: Element, x: float, y: float) -> Area:
    """What a box covers, with the boxes behind it."""
    sides = []
    for shape in node:
        at = {name: float(value) for name, value in shape.attrib.items() if re.fullmatch(r"-?[\d.]+", value)}
        if shape.tag == f"{SVG}rect":
            sides.append((at["x"] + x, at["y"] + y, at["x"] + at["width"] + x, at["y"] + at["height"] + y))
        elif shape.tag == f"{SVG}ellipse":
            radius = at["rx"]
            sides.append((at["cx"] - radius + x, at["cy"] - radius + y, at["cx"] + radius + x, at["cy"] + radius + y))
    lefts, tops, rights, bottoms = zip(*sides, strict=True)
    return Area(min(lefts), min(tops), max(rights), max(bottoms))


class Edge(NamedTuple):
    source: str
    target: str
    begin: Place
    tip: Place
    along: tuple[Place, ...]  # points on its curves


class Drawing(NamedTuple):
    """What is drawn where: boxes and frames by what they are called, and edges."""

    boxes: dict[str, list[Area]]
    frames: list[tuple[str, Area]]
    edges: list[Edge]

    def astray(self) -> list[str]:
        """The edges that touch another box than that of their layer."""
        found = [
            f"{edge.source} → {edge.target} begins elsewhere"
            for edge in self.edges
            if not any(box.is_at(edge.begin) for box in self.boxes[edge.source])
        ]
        return found + [
            f"{edge.source} → {edge.target} ends elsewhere"
            for edge in self.edges
            if not any(box.is_at(edge.tip) for box in self.boxes[edge.target])
        ]


def curve(corners: list[Place]) -> Iterator[Place]:
    """Points on cubic Bézier curves that follow one another."""
    for i in range(0, len(corners) - 1, 3):
        for t in (step / 12 for step in range(13)):
            weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
            x, y = (sum(w * c[axis] for w, c in zip(weights, corners[i : i + 4], strict=True)) for axis in (0, 1))
            yield x, y


def drawn(graph: Graph, **options: Any) -> Drawing:
    boxes: dict[str, list[Area]] = {}
    frames: list[tuple[str, Area]] = []
    edges: list[Edge] = []
    drawing = list(placed(ElementTree.fromstring(viz.render(graph, "svg", blocks=False, **options))))
    turns = {title(element) for element, _, _ in drawing if element.get("class") == "turn"}  # on from another column
    for element, x, y in drawing:
        if element.get("class") == "node":
            boxes.setdefault(title(element), []).append(area(element, x, y))
        elif element.get("class") == "cluster":
            frames.append((title(element), area(element, x, y)))
        elif element.get("class") == "edge" and title(element) not in turns:
            path, head = element.find(f"{SVG}path"), element.find(f"{SVG}polygon")
            assert path is not None
            along = [float(number) for number in re.findall(r"-?[\d.]+", path.attrib["d"])]
            begin, tip = along[:2], along[-2:]
            if head is not None:  # where a tensor enters a frame there is none
                tip = [float(number) for number in re.findall(r"-?[\d.]+", head.attrib["points"])[:2]]
            source, target = title(element).split(" → ")
            corners = [(a + x, b + y) for a, b in zip(along[::2], along[1::2], strict=True)]
            edges.append(
                Edge(source, target, (begin[0] + x, begin[1] + y), (tip[0] + x, tip[1] + y), tuple(curve(corners)))
            )
    assert edges
    return Drawing(boxes, frames, edges)


def astray(graph: Graph, **options: Any) -> list[str]:
    return drawn(graph, **options).astray()


ALL: dict[str, Any] = {"depth": None, "fold": False}


@pytest.mark.parametrize("direction", ["down", "up"])
@pytest.mark.parametrize("network", ["cifar_resnet20", "vit_tiny_16", "googlenet", "unet", "siamese", "alexnet"])
def test_edges_of_shipped_networks_touch_their_layers(network: str, direction: str) -> None:
    assert astray(load_graph(network), direction=direction) == []
    assert astray(load_graph(network), direction=direction, depth=None) == []


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(generated())
def test_edges_of_generated_networks_touch_their_layers(net: Generated) -> None:
    assert astray(generated_graph(net.text, net.shapes), **ALL) == []


def test_the_edges_are_those_of_the_graph(graph_of: Callable[..., Graph]) -> None:
    graph = graph_of(SHORTCUT)
    drawing = ElementTree.fromstring(viz.render(graph, "svg", shapes="all", **ALL))
    drawn = Counter(title(element) for element in drawing.iter() if element.get("class") == "edge")
    read = Counter(f"{source} → {key}" for key in graph for source, _ in operands(graph, key))
    ends = Counter(f"{output['node']} → {output['name']}" for output in header(graph)["outputs"])
    assert drawn == read + ends


def test_an_edge_from_the_middle_of_a_stack_is_found(
    graph_of: Callable[..., Graph], monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = graph_of(SHORTCUT)
    assert astray(graph, **ALL) == []
    monkeypatch.setattr(layout, "PORTS", {"down": ("e", "n")})
    assert astray(graph, **ALL)


RESIDUALS = """
block residual(x: [N, C, H, W]) { x + (x -> conv(C, 3, padding = 1) -> relu -> conv(C, 3, padding = 1)) -> relu }
network Net(x: [N, 8, 8, 8]) { x -> conv(8, 1) -> body: { repeat 12 { residual } } -> conv(8, 1) }
"""
FORMS = [
    *("cifar_resnet20", "vit_tiny_16", "bert_tiny", "llama_260k", "moe_small", "wavenet"),
    *("swin_t", "gpt2", "clip_small", "vae_mnist", "ddpm_cifar10", "lstm_classifier"),
]


def entering(drawing: Drawing) -> list[str]:
    """The tensors that cross the border of a frame inwards more than once."""
    found = []
    for name, frame in drawing.frames:
        inward = Counter(e.source for e in drawing.edges if frame.is_at(e.tip) and not frame.is_at(e.begin))
        found += [f"{source} into {name}" for source, times in inward.items() if times > 1]
    return found


def leaving(drawing: Drawing) -> list[str]:
    """The edges between two boxes of a frame that leave it on their way."""
    return [
        f"{edge.source} → {edge.target} out of {name}"
        for name, frame in drawing.frames
        for edge in drawing.edges
        if frame.is_at(edge.begin) and frame.is_at(edge.tip) and not all(map(frame.is_at, edge.along))
    ]


@pytest.mark.parametrize("network", FORMS)
def test_a_tensor_enters_a_frame_once_and_a_residual_stays_in_its_own(network: str) -> None:
    drawing = drawn(load_graph(network))
    assert drawing.astray() == []
    assert entering(drawing) == []
    assert leaving(drawing) == []


def test_a_residual_of_a_repeat_begins_where_its_frame_does(graph_of: Callable[..., Graph]) -> None:
    drawing = drawn(graph_of(RESIDUALS))
    (point,) = (edge.target for edge in drawing.edges if edge.source == "conv")
    assert point == "body.0 … 11"
    assert sorted(edge.target for edge in drawing.edges if edge.source == point) == ["body.0.add", "body.0.conv"]
    assert entering(drawing) == leaving(drawing) == []


def test_edges_over_such_points_are_those_of_the_graph(graph_of: Callable[..., Graph]) -> None:
    graph = graph_of(RESIDUALS.replace("12", "3"))
    edges = drawn(graph, shapes="all", **ALL).edges
    before = {edge.target: edge.source for edge in edges if edge.target not in graph}
    led = Counter((before.get(edge.source, edge.source), edge.target) for edge in edges if edge.target in graph)
    assert led == Counter((source, key) for key in graph for source, _ in operands(graph, key))
