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


def astray(graph: Graph, **options: Any) -> list[str]:
    """The edges that touch another box than that of their layer."""
    boxes: dict[str, list[Area]] = {}
    edges: list[tuple[str, str, Place, Place]] = []
    drawing = list(placed(ElementTree.fromstring(viz.render(graph, "svg", **options))))
    turns = {title(element) for element, _, _ in drawing if element.get("class") == "turn"}  # on from another column
    for element, x, y in drawing:
        if element.get("class") == "node":
            boxes.setdefault(title(element), []).append(area(element, x, y))
        elif element.get("class") == "edge" and title(element) not in turns:
            path, head = element.find(f"{SVG}path"), element.find(f"{SVG}polygon")
            assert path is not None
            assert head is not None
            begin, tip = (
                [float(number) for number in re.findall(r"-?[\d.]+", said)[:2]]
                for said in (path.attrib["d"], head.attrib["points"])
            )
            source, target = title(element).split(" → ")
            edges.append((source, target, (begin[0] + x, begin[1] + y), (tip[0] + x, tip[1] + y)))
    assert edges
    found = [f"{a} → {b} begins elsewhere" for a, b, begin, _ in edges if not any(c.is_at(begin) for c in boxes[a])]
    return found + [f"{a} → {b} ends elsewhere" for a, b, _, tip in edges if not any(c.is_at(tip) for c in boxes[b])]


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
