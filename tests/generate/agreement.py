"""What must hold of every network that is valid, from its text to what torch computes."""

from __future__ import annotations

from collections.abc import Mapping
from operator import getitem

import torch
from hypothesis import reject
from torch import fx
from torch.utils.flop_counter import FlopCounterMode

from archdsl.dims import substitute
from archdsl.elaborate import Choices, elaborate
from archdsl.errors import SpecError
from archdsl.graph import Graph, content_hash, layers
from archdsl.lint import lint
from archdsl.measure.network.analyse import analyse
from archdsl.pipeline import convert_source, format_source
from archdsl.program import program
from archdsl.source import Source
from compiler import compile_graph
from tests.conftest import ROOT
from tests.generate.networks import Generated


class Shapes(fx.Interpreter):
    """Runs a model and notes the shape of every layer's output."""

    def __init__(self, model: fx.GraphModule) -> None:
        super().__init__(model)
        self.found: dict[str, tuple[int, ...]] = {}

    def run_node(self, n: fx.Node) -> object:
        value = super().run_node(n)
        further = n.target is getitem and n.args[1] != 0  # of several outputs, the first counts
        if isinstance(value, torch.Tensor) and "archdsl" in n.meta and not further:
            self.found[n.meta["archdsl"]] = tuple(value.shape)
        return value


def graph_of(text: str, shapes: Mapping[str, tuple[int, ...]], name: str = "generated.arch") -> Graph:
    found = program(Source(name, text), ROOT)
    choices = Choices(inputs=shapes)
    return elaborate(found.spec.networks[0], found.definitions, None, choices)


def tensors(graph: Graph, device: str) -> list[torch.Tensor]:
    """Tensors for the inputs of a graph, or of its loss; integers are 0, an index and a class that there always is."""
    found = []
    for name in graph.graph["inputs"]:
        node = graph.nodes[name]
        found.append(torch.zeros(node["shape"], dtype=getattr(torch, node["dtype"]), device=device))
        if node["dtype"] == "float32":
            found[-1].normal_()
    return found


def agree(net: Generated) -> None:
    """Check a network in all that is done with it. Raises `AssertionError`, or what a stage raises."""
    graph = graph_of(net.text, net.shapes)
    report = analyse(graph)
    model = compile_graph(graph)
    assert report.params == sum(p.numel() for p in model.parameters())
    assert report.trainable_params == sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert report.buffers == sum(b.numel() for b in model.buffers())
    state = {
        f"{node['path']}.{w.name}".rstrip(".") for _, node in layers(graph) for w in node["weights"] if w.persistent
    }
    assert state == set(model.state_dict())
    inputs = tensors(graph, "cpu")
    # Batch norm over one value is right in inference only, which lint says.
    outputs = model.train(all(found.diagnostic.code != "batch-of-one" for found in lint([graph])))(*inputs)
    if graph.graph["loss"] is not None:
        count = len(graph.graph["targets"])
        drawn = tensors(graph.graph["loss"], "cpu")[-count:] if count else []
        given = [target.sigmoid() if target.is_floating_point() else target for target in drawn]  # may be probabilities
        loss = model.loss(outputs, dict(zip(graph.graph["targets"], given, strict=True)))
        assert loss.shape == ()
        if loss.requires_grad:
            loss.backward()
    shapes = Shapes(model.eval())
    shapes.run(*inputs)
    expected = {row.path: row.shape for row in report.nodes}
    assert {path: shape for path, shape in shapes.found.items() if path not in net.shapes}.items() <= expected.items()
    with FlopCounterMode(display=False) as counter:
        compile_graph(graph, "meta").eval()(*tensors(graph, "meta"))
    assert counter.get_total_flops() == report.flops
    _same_when_written_otherwise(net, content_hash(graph))
    if net.symbolic:
        _same_with_symbols(net, graph)


def _same_when_written_otherwise(net: Generated, expected: str) -> None:
    source = Source("generated.arch", net.text)
    formatted = format_source(source)
    assert format_source(Source("generated.arch", formatted)) == formatted
    assert content_hash(graph_of(formatted, net.shapes)) == expected
    converted = convert_source(source, "yaml")
    assert content_hash(graph_of(converted, net.shapes, "generated.yaml")) == expected
    back = convert_source(Source("generated.yaml", converted), "text")
    assert content_hash(graph_of(back, net.shapes)) == expected


def _same_with_symbols(net: Generated, graph: Graph) -> None:
    """Shapes worked out with symbols give these numbers when the symbols get their values."""
    try:
        symbolic = graph_of(net.text, {})
    except SpecError as error:
        assert {d.code for d in error.diagnostics} == {"undecided"}
        reject()  # hypothesis draws another, so that as many are held against their numbers as it was asked for
    values = dict(zip("NCHW", net.shapes["x"], strict=True))
    for key, node in layers(symbolic):
        assert tuple(substitute(size, values) for size in node["shape"]) == graph.nodes[key]["shape"], key
    analyse(symbolic)
