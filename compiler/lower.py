"""Lowers the elaborated graph to `torch.fx`: one fx node a layer, explicit transfers between devices."""

from __future__ import annotations

import operator
from collections import namedtuple
from collections.abc import Iterable
from typing import Any

import torch
from torch import fx
from torch.utils.checkpoint import checkpoint

from archdsl.graph import Graph, Output, header, layer, layers, live, operands
from archdsl.ops.loss import Loss
from archdsl.ops.merge import folds
from compiler.modules import shapes
from compiler.targets import resolve

Places = dict[str | None, torch.device]
KEY = "archdsl"  # under which an fx node's metadata holds the key of the graph's node


def lower(graph: Graph, places: Places, training: bool) -> tuple[fx.Graph, dict[str, fx.Graph]]:
    """The fx graph of a phase, and by path those of the regions whose activations it recomputes.

    Every layer that an output of the phase depends on becomes one node, in the order of the spec.
    """
    needed = live(graph, training)
    lowering = _Lowering(graph, places, fx.Graph())
    head = header(graph)
    for name in head["inputs"]:
        lowering.values[name, 0] = lowering.fx.placeholder(name)
        lowering.values[name, 0].meta[KEY] = name
    regions: dict[str, fx.Graph] = {}
    keys = [key for key, node in layers(graph) if key in needed and node["op"] != "input"]
    for region, members in _regions(graph, keys, training):
        if region is None:
            for key in members:
                lowering.node(key)
        else:
            path = region.split("#")[0]
            regions[path] = lowering.region(path, members, _used_after(graph, members, needed))
    outputs = [o for o in head["outputs"] if training or o["phase"] == "both"]
    lowering.fx.output(_returned(graph, outputs, lowering))
    return lowering.fx, regions


def _regions(graph: Graph, keys: Iterable[str], training: bool) -> Iterable[tuple[str | None, list[str]]]:
    """Layers in a row that are recomputed together, and those between them (under None)."""
    members: list[str] = []
    current: str | None = None
    for key in keys:
        region = layer(graph, key)["checkpoint"] if training else None
        if region != current and members:
            yield current, members
            members = []
        current = region
        members.append(key)
    if members:
        yield current, members


def _used_after(graph: Graph, members: list[str], needed: set[str]) -> list[tuple[str, int]]:
    """The values made by some layers that others, or the network's outputs, use."""
    inside = set(members)
    used = {(o["node"], o["output"]) for o in header(graph)["outputs"]}
    for key in members:
        for _, consumer, edge in graph.out_edges(key, data=True):
            if consumer in needed and consumer not in inside:
                used.add((key, edge["output"]))
    return [
        value
        for value in sorted(used, key=lambda v: (members.index(v[0]) if v[0] in inside else -1, v[1]))
        if value[0] in inside
    ]


def _returned(graph: Graph, outputs: list[Output], lowering: _Lowering) -> Any:
    """One tensor, or a NamedTuple of several in the order written."""
    values = [lowering.value(o["node"], o["output"]) for o in outputs]
    if len(values) == 1:
        return values[0]
    name = f"{header(graph)['network']}Output"
    kind: Any = namedtuple(name, [o["name"] for o in outputs], module="archdsl")  # type: ignore[misc]
    return kind(*values)


class _Lowering:
    """The fx graph while it grows, with the fx value of every tensor so far."""

    def __init__(self, graph: Graph, places: Places, into: fx.Graph, prefix: str = "") -> None:
        self.graph = graph
        self.places = places
        self.fx = into
        self.prefix = prefix  # of the paths below which this graph's modules are found
        self.values: dict[tuple[str, int], fx.Node] = {}
        self.lists: dict[str, fx.Node] = {}  # of layers with several outputs
        self.moved: dict[tuple[str, int, torch.device], fx.Node] = {}

    def node(self, key: str) -> None:
        """Add a layer."""
        node = layer(self.graph, key)
        device = self.places[node["device"]]
        tensors = [self.on(producer, output, device) for producer, output in operands(self.graph, key)]
        target = node["operator"].target(*shapes(self.graph, key))
        path = node["path"].removeprefix(self.prefix)
        name = key.replace(".", "_").replace("#", "_use")
        if target.kind == "module":
            made = self.fx.create_node("call_module", path, tuple(tensors), name=name)
        elif target.kind == "function":
            function = resolve(target.name)
            if folds(node["operator"], tensors):
                made = tensors[0]
                for other in tensors[1:]:
                    made = self.fx.create_node("call_function", function, (made, other), name=name)
            else:
                given: tuple[Any, ...] = (tensors,) if target.pack else tuple(tensors)
                made = self.fx.create_node(
                    "call_function", function, (*given, *target.args), dict(target.kwargs), name=name
                )
        else:
            made = self.fx.create_node("get_attr", path, name=name)
        made.meta[KEY] = key
        if node["operator"].several:
            self.lists[key] = made
        else:
            self.values[key, 0] = made

    def value(self, key: str, output: int) -> fx.Node:
        """The fx value of a tensor; one of several outputs is taken from their list at its first use."""
        if (key, output) not in self.values:
            part = self.fx.call_function(operator.getitem, (self.lists[key], output))
            part.meta[KEY] = key
            self.values[key, output] = part
        return self.values[key, output]

    def on(self, key: str, output: int, device: torch.device) -> fx.Node:
        """A tensor on a device: itself, or its one copy there."""
        if not self._must_move(key, device):
            return self.value(key, output)
        place = (key, output, device)
        if place not in self.moved:
            value = self.value(key, output)
            made = self.fx.create_node(
                "call_method", "to", (value, device), name=f"{value.name}_to_{str(device).replace(':', '')}"
            )
            made.meta["transfer"] = (key, output)
            self.moved[place] = made
        return self.moved[place]

    def _must_move(self, key: str, device: torch.device) -> bool:
        if not header(self.graph)["devices"]:
            return False
        node = layer(self.graph, key)
        if node["op"] == "input":  # the caller's tensors come from anywhere, unless all happens on the CPU
            return any(place.type != "cpu" for place in self.places.values())
        return self.places[node["device"]] != device

    def region(self, path: str, members: list[str], leaving: list[tuple[str, int]]) -> fx.Graph:
        """Lower layers to a graph of their own, called so that their activations are recomputed in backward."""
        inside = set(members)
        inner = _Lowering(self.graph, self.places, fx.Graph(), f"{path}.")
        given: list[fx.Node] = []
        for key in members:
            device = self.places[layer(self.graph, key)["device"]]
            for producer, output in operands(self.graph, key):
                moves = self._must_move(producer, device)
                known: Any = inner.moved if moves else inner.values
                place = (producer, output, device) if moves else (producer, output)
                if producer not in inside and place not in known:
                    given.append(self.on(producer, output, device))  # moved once, not at each recomputation
                    known[place] = inner.fx.placeholder(f"input_{len(given) - 1}")
        for key in members:
            inner.node(key)
        results = tuple(inner.value(*value) for value in leaving)
        inner.fx.output(results[0] if len(results) == 1 else results)
        module = self.fx.get_attr(path)
        called = self.fx.call_function(checkpoint, (module, *given), {"use_reentrant": False})
        called.meta[KEY] = members[-1]
        for i, value in enumerate(leaving):
            self.values[value] = called if len(leaving) == 1 else self.fx.call_function(operator.getitem, (called, i))
        return inner.fx


def lower_loss(graph: Graph, places: Places, training: bool) -> fx.Graph:
    """The loss as an fx graph of the outputs and the target.

    In inference the terms over outputs that exist in training only are left out of sums.
    """
    loss = header(graph)["loss"]
    assert loss is not None
    head = header(loss)
    lowering = _Lowering(loss, {None: torch.device("cpu")}, fx.Graph())
    present = {name for name in head["inputs"] if training or layer(loss, name)["phase"] == "both" or name == "target"}
    for name in head["inputs"]:
        if name in present:
            lowering.values[name, 0] = lowering.fx.placeholder(name)
    remote = any(place.type != "cpu" for place in places.values())
    for key, node in layers(loss):
        if node["op"] == "input":
            continue
        known = [operand for operand in operands(loss, key) if operand in lowering.values]
        if len(known) == len(operands(loss, key)):
            if remote and isinstance(node["operator"], Loss):
                _bring_target(lowering, known)
            lowering.node(key)
        elif len(known) == 1 and node["op"] == "add":
            lowering.values[key, 0] = lowering.values[known[0]]
    final = head["outputs"][0]["node"]
    if (final, 0) not in lowering.values:
        raise LookupError("the loss needs outputs that exist in training only")
    lowering.fx.output(lowering.values[final, 0])
    return lowering.fx


def _bring_target(lowering: _Lowering, known: list[tuple[str, int]]) -> None:
    """Replace the target by a copy beside the output that it is compared with."""
    output = lowering.values[known[0]]
    device = lowering.fx.call_function(getattr, (output, "device"))
    lowering.values["target", 0] = lowering.fx.call_method("to", (lowering.values["target", 0], device))
