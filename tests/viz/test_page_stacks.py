"""Layers stand on top of one another in the page as they do in a drawing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import viz
from archdsl.graph import Graph
from archdsl.network import load
from tests.tools import BROWSER
from tests.viz.chromium import Chromium
from viz.graph import scene, stacking

pytestmark = BROWSER.needed()

CODE = """
block unit(x) {
    y = x -> conv(4, 3, padding = 1) -> batch_norm -> relu -> conv(4, 3, padding = 1) -> batch_norm
    x + y -> relu
}
network Net(x: [2, 4, 16, 16]) {
    device gpu0, gpu1
    a = x -> first: unit() -> max_pool(2) -> conv(8, 3) -> relu -> on1: dropout(0.5) @gpu1
    output main = a -> flatten -> linear(32) -> relu -> linear(32) -> relu -> linear(2)
}
"""
# Boxes as wide and as far left as the one above, with next to nothing between, by what a screen reader says of them.
TOUCHING = """(() => {
    const boxes = [...document.querySelectorAll('.box')].map(box => {
        const shape = box.querySelector('.shape').getBBox()
        return { name: box.getAttribute('aria-label').split(', ')[0], ...shape, x: shape.x, y: shape.y,
                 width: shape.width, height: shape.height }
    })
    const below = box => boxes.find(other => other.x === box.x && other.width === box.width
        && other.y > box.y && other.y - box.y - box.height < 4)
    const later = new Set(boxes.map(below).filter(Boolean))
    return boxes.filter(box => !later.has(box)).map(box => {
        const found = []
        for (let at = box; at; at = below(at)) found.push(at.name)
        return found
    }).filter(stack => stack.length > 1)
})()"""


def drawn(graph: Graph) -> list[list[str]]:
    """The stacks of a drawing in which all blocks are open."""
    return sorted([box.key for box in stack] for stack in stacking.stacks(scene.build(graph)) if len(stack) > 1)


@pytest.mark.parametrize("name", ["net", "alexnet", "vit_b_16"])
def test_the_stacks_of_a_page_are_those_of_a_drawing(
    graph_of: Callable[..., Graph], browser: Chromium, tmp_path: Path, name: str
) -> None:
    graph = graph_of(CODE) if name == "net" else load(name).graph
    (tmp_path / "net.html").write_bytes(viz.render(graph, "html", fold=False))
    browser.open(tmp_path / "net.html", ";open=*")
    boxes = sum(1 for _ in scene.build(graph).boxes())
    browser.until(lambda: browser.press("0"), f"document.querySelectorAll('.box').length === {boxes}")  # all in sight
    found: list[Any] = browser.evaluate(TOUCHING)
    assert sorted(found) == drawn(graph)
    assert len(found) > 2


def test_arrows_walk_through_a_stack_and_no_edge_is_drawn_in_it(
    graph_of: Callable[..., Graph], browser: Chromium, tmp_path: Path
) -> None:
    (tmp_path / "net.html").write_bytes(viz.render(graph_of(CODE), "html"))
    browser.open(tmp_path / "net.html", "first.conv")
    for layer in ("batch_norm", "relu", "conv_2"):
        browser.until(lambda: browser.press("ArrowDown"), f"location.hash === '#first.{layer}'")
    edges = "[...document.querySelectorAll('.edge title')].map(title => title.textContent)"
    assert not any("first.conv → first.batch_norm" in edge for edge in browser.evaluate(edges))
