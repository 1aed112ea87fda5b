"""Whatever can be loaded or has a graph is drawn: in every format, view and focus, and beside any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import viz
from archdsl.compare.difference import Difference
from archdsl.errors import SpecError
from archdsl.graph import Graph, broken, fault
from archdsl.network import Network
from archdsl.phases import Phase
from archdsl.pipeline import load_graph
from tests.generate.agreement import graph_of
from tests.generate.faulty import faulty
from tests.generate.networks import Generated, generated
from viz import formats
from viz.graph import scene
from viz.look import Arrangement, ViewName

FAULTS = Path(__file__).resolve().parents[1] / "faults"
VIEWS = get_args(ViewName)
WAYS = [(name, view) for name in formats.known() for view in VIEWS if name not in ("dot", "mmd") or view == "graph"]
# PNG, PDF and TikZ are made from the SVG, and a page has all views whichever it opens with.
DISTINCT = [("dot", "graph"), ("mmd", "graph"), ("html", "graph"), *(("svg", view) for view in VIEWS)]
# Networks that are unlike in their inputs, outputs, blocks and losses.
UNLIKE = ("lenet5", "resnet18", "googlenet", "siamese", "unet", "vit_tiny_16")
GENERATED = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


def or_up_to_its_faults(load: Callable[[], Graph]) -> Graph | None:
    """The graph of a spec; of one with errors as far as it goes, which may be nowhere."""
    try:
        return load()
    except SpecError as error:
        return error.graph


@cache
def with_faults() -> dict[str, Graph]:
    """The graphs of all faults that leave one."""
    specs = sorted(path for path in FAULTS.iterdir() if path.suffix in (".arch", ".yaml"))
    found = {spec.name: or_up_to_its_faults(lambda spec=spec: load_graph(str(spec))) for spec in specs}  # type: ignore[misc]
    return {name: graph for name, graph in found.items() if graph is not None}


@cache
def shipped(name: str) -> Graph:
    return load_graph(name)


def groups(graph: Graph) -> Iterator[str]:
    """The paths of all blocks and sequences: what layers' paths begin with."""
    found = {key.rpartition("#")[0] or key for key in graph}
    prefixes = {path[:at] for path in found for at, letter in enumerate(path) if letter == "."}
    for path in sorted(prefixes):
        try:
            scene.build(graph, focus=path)
        except ValueError:  # a sequence that is drawn as its only part
            continue
        yield path


def test_faults_of_arguments_and_of_shapes_leave_graphs() -> None:
    assert len(with_faults()) > 30
    codes = {fault(graph, key).code for graph in with_faults().values() for key, _ in broken(graph)}  # type: ignore[union-attr]
    assert {"bad-parameter", "wrong-type", "shape-mismatch", "kernel-too-large"} <= codes


@pytest.mark.parametrize(("name", "view"), DISTINCT)
@pytest.mark.parametrize("phase", get_args(Phase))
def test_every_fault_is_drawn(name: str, view: ViewName, phase: Phase) -> None:
    for graph in with_faults().values():
        assert viz.render(graph, name, view=view, phase=phase)


@pytest.mark.heavy
@pytest.mark.parametrize(("name", "view"), [way for way in WAYS if way not in DISTINCT])
def test_every_fault_is_drawn_in_formats_that_are_made_from_others(name: str, view: ViewName) -> None:
    for graph in with_faults().values():
        assert viz.render(graph, name, view=view)


def blocks_in_focus(network: str) -> None:
    graph = shipped(network)
    paths = list(groups(graph))
    assert paths
    for path in paths:
        for name in ("svg", "html"):
            assert viz.render(graph, name, focus=path), path


@pytest.mark.parametrize("network", ["resnet18", "siamese", "unet"])
def test_every_block_is_drawn_in_focus(network: str) -> None:
    blocks_in_focus(network)


@pytest.mark.heavy
@pytest.mark.parametrize("network", ["googlenet", "vit_tiny_16", "inception_v3", "densenet121", "cifar_resnet20"])
def test_every_block_of_a_large_network_is_drawn_in_focus(network: str) -> None:
    blocks_in_focus(network)


def drawn_in_every_format(difference: Difference) -> None:
    for arrangement in get_args(Arrangement):
        assert viz.render_difference(difference, "svg", arrange=arrangement)
        for fold in (True, False):
            assert viz.render_difference(difference, "html", arrange=arrangement, fold=fold)


@pytest.mark.parametrize(("a", "b"), [("resnet18", "googlenet"), ("siamese", "lenet5")])
def test_unlike_networks_are_compared_in_drawings(a: str, b: str) -> None:
    difference = Network(shipped(a)).diff(Network(shipped(b)))
    drawn_in_every_format(difference)


@pytest.mark.parametrize("name", ["tex", "png", "pdf"])
def test_a_comparison_is_written_in_formats_that_are_made_from_others(name: str) -> None:
    assert viz.render_difference(Network(shipped("lenet5")).diff(Network(shipped("siamese"))), name)


@pytest.mark.heavy
@pytest.mark.parametrize(("a", "b"), list(permutations(UNLIKE, 2)))
def test_any_two_unlike_networks_are_compared_in_drawings(a: str, b: str) -> None:
    drawn_in_every_format(Network(shipped(a)).diff(Network(shipped(b))))


def loaded(net: Generated, closed: bool) -> Graph | None:
    """The graph of a generated network, its sizes given or left open."""
    return or_up_to_its_faults(lambda: graph_of(net.text, net.shapes if closed else {}))


def generated_network_is_drawn(net: Generated, closed: bool, ways: list[tuple[str, ViewName]]) -> None:
    graph = loaded(net, closed)
    if graph is not None:
        assert all(viz.render(graph, name, view=view) for name, view in ways)


@settings(max_examples=25, **GENERATED)  # type: ignore[arg-type]
@given(st.one_of(generated(), faulty()), st.booleans())
def test_every_generated_network_is_drawn(net: Generated, closed: bool) -> None:
    generated_network_is_drawn(net, closed, DISTINCT)


@pytest.mark.heavy
@settings(max_examples=300, **GENERATED)  # type: ignore[arg-type]
@given(st.one_of(generated(), faulty()), st.booleans())
def test_every_generated_network_is_drawn_in_every_format(net: Generated, closed: bool) -> None:
    generated_network_is_drawn(net, closed, WAYS)


def test_generated_faults_are_faults() -> None:
    """What the tests above draw is broken often enough."""
    counts = {"sound": 0, "faulty": 0}

    @settings(max_examples=40, **GENERATED)  # type: ignore[arg-type]
    @given(faulty())
    def count(net: Generated) -> None:
        graph = loaded(net, True)
        if graph is not None:
            counts["faulty" if any(broken(graph)) else "sound"] += 1

    count()
    assert counts["faulty"] >= 20


def generated_pair_is_compared(a: Generated, b: Generated, closed: bool) -> None:
    first, second = loaded(a, closed), loaded(b, True)
    assert first is not None
    assert second is not None
    drawn_in_every_format(Network(first).diff(Network(second)))


@settings(max_examples=10, **GENERATED)  # type: ignore[arg-type]
@given(generated(), generated(), st.booleans())
def test_any_two_generated_networks_are_compared_in_drawings(a: Generated, b: Generated, closed: bool) -> None:
    generated_pair_is_compared(a, b, closed)


@pytest.mark.heavy
@settings(max_examples=200, **GENERATED)  # type: ignore[arg-type]
@given(generated(), generated(), st.booleans())
def test_any_of_many_generated_pairs_is_compared_in_drawings(a: Generated, b: Generated, closed: bool) -> None:
    generated_pair_is_compared(a, b, closed)


# Small networks that are unusual in one way each.
UNUSUAL = {
    "a batch that is no symbol's own": "network A(x: [2 * N, 8]) { x -> linear(8) }",
    "a batch that must be large": "network A(x: [N, 3, 8, 8]) { x -> slice(3, dim = 0) -> conv(4, 3) -> relu }",
    "a size that is nothing at a batch of one": "network A(x: [N, N - 1]) { x -> relu }",
    "features by the batch": "network A(x: [N, N + 1]) { x -> relu -> relu }",
    "no batch": "network A(x: [8]) { x -> relu }",
    "no layers": "network A(x: [N, 4], y: [N, 4]) { output a = x\n output b = y }",
    "an output of training only": (
        "network A(x: [N, 4]) { output a = x -> linear(3) @train\n output b = x -> linear(2) }"
    ),
    "two outputs of one value": "network A(x: [N, 4]) { y = x -> linear(4)\n output a = y\n output b = y }",
    "an input without readers": "network A(x: [N, 4], y: [N, 4]) { x -> linear(3) }",
    "parts that are not connected": (
        "network A(x: [N, 4], y: [N, 4]) { output a = x -> linear(3)\n output b = y -> linear(3) }"
    ),
    "a scalar": "network A(x: [N, 8]) { x -> mean([0, 1]) }",
    "several tensors of one layer": "network A(x: [N, 8]) { a, b = x -> chunk(2)\n output a = a\n output b = b }",
    "open sizes that are reshaped": "network A(x: [N, T, 64]) { x -> reshape([N, 4, -1]) }",
    "a remainder of a size": "network A(x: [N, 4, H % 5 + 3, 8]) { x -> conv(4, [5, 1]) }",
    "volumes in time": "network A(x: [N, 2, 4, 4, 4]) { x -> conv(4, 3) -> max_pool(2) }",
    "a loss of two outputs": (
        "network A(x: [N, 8]) { output y = x -> linear(8)\n output z = x -> linear(3)\n"
        " loss cross_entropy(y) + cross_entropy(z) }"
    ),
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_unusual_networks_are_drawn(kind: str, graph_of: Callable[..., Graph]) -> None:
    graph = graph_of(UNUSUAL[kind])
    for name, view in DISTINCT:
        for phase in get_args(Phase):
            assert viz.render(graph, name, view=view, phase=phase)


@pytest.mark.parametrize("kind", UNUSUAL)
def test_unusual_networks_are_compared_with_a_usual_one(kind: str, network_of: Callable[..., Network]) -> None:
    usual = network_of("network A(image: [N, 4]) { image -> linear(3) -> relu }")
    drawn_in_every_format(network_of(UNUSUAL[kind]).diff(usual))
    assert str(network_of(UNUSUAL[kind]).diff(usual))
