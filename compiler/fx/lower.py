"""Lowers the elaborated graph to `torch.fx`: one fx node a layer, explicit transfers between devices."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable
from operator import call, getitem
from typing import Any

import torch
from torch import fx, nn

from archdsl.graph import Graph, Output, header, input_shapes, layer, layers, live, operands
from archdsl.ops import Operator, Target
from archdsl.ops.loss import Loss
from archdsl.ops.merge import folds
from compiler.devices import CPU
from compiler.fx.layers import Recomputed
from compiler.fx.targets import resolve

Places = dict[str | None, torch.device]
KEY = "archdsl"  # under which an fx node's metadata holds the key of the graph's node


def lower(graph: Graph, places: Places, training: bool) -> fx.Graph:
    """The fx graph of a phase: the layers that its outputs depend on, in the order of the spec.

    A layer is one node, but for a sum of n tensors, which is n - 1, and the items taken from an operator's list.
    In training, layers under one @checkpoint are one node that runs them and recomputes them in backward.
    """
    needed = live(graph, training)
    lowering = _Lowering(graph, places, fx.Graph())
    head = header(graph)
    for name in head["inputs"]:
        lowering.values[name, 0] = lowering.fx.placeholder(name)
        lowering.values[name, 0].meta[KEY] = name
    keys = [key for key, node in layers(graph) if key in needed and node["op"] != "input"]
    for region, members in _regions(graph, keys, training):
        if region is None:
            for key in members:
                lowering.node(key)
        else:
            lowering.region(region, members, _used_after(graph, members, needed))
    outputs = [o for o in head["outputs"] if training or o["phase"] == "both"]
    lowering.fx.output(_returned(graph, outputs, lowering))
    return lowering.fx


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

    def __init__(self, graph: Graph, places: Places, into: fx.Graph) -> None:
        self.graph = graph
        self.places = places
        self.fx = into
        self.values: dict[tuple[str, int], fx.Node] = {}
        self.lists: dict[str, fx.Node] = {}  # of layers with several outputs
        self.moved: dict[tuple[str, int, torch.device], fx.Node] = {}

    def node(self, key: str) -> None:
        """Add a layer."""
        node = layer(self.graph, key)
        device = self.places[node["device"]]
        tensors = [self.on(producer, output, device) for producer, output in operands(self.graph, key)]
        target = node["operator"].target(*input_shapes(self.graph, key))
        name = key.replace(".", "_").replace("#", "_use")
        if target.kind == "module":
            made = self.module(node["path"], tensors, name)
        elif target.kind == "function":
            made = self._function(node["operator"], target, tensors, name)
        else:
            made = self.attribute(node["path"], name)
        made.meta[KEY] = key
        if node["operator"].several:
            self.lists[key] = made
        else:
            self.values[key, 0] = made

    def module(self, path: str, tensors: list[fx.Node], name: str) -> fx.Node:
        return self.fx.create_node("call_module", path, tuple(tensors), name=name)

    def attribute(self, path: str, name: str) -> fx.Node:
        return self.fx.create_node("get_attr", path, name=name)

    def _function(self, operator: Operator, target: Target, tensors: list[fx.Node], name: str) -> fx.Node:
        function = resolve(target.name)
        if not folds(operator, tensors):
            given: tuple[Any, ...] = (tensors,) if target.pack else tuple(tensors)
            return self.fx.create_node(
                "call_function", function, (*given, *target.args), dict(target.kwargs), name=name
            )
        made = tensors[0]
        for other in tensors[1:]:
            made = self.fx.create_node("call_function", function, (made, other), name=name)
        return made

    def value(self, key: str, output: int) -> fx.Node:
        """The fx value of a tensor; one of several outputs is taken from their list at its first use."""
        if (key, output) not in self.values:
            part = self.fx.call_function(getitem, (self.lists[key], output))
            part.meta[KEY] = key
            self.values[key, output] = part
        return self.values[key, output]

    def on(self, key: str, output: int, device: torch.device) -> fx.Node:
        """A tensor on a device: itself, or its one copy there."""
        if not self.must_move(key, device):
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

    def must_move(self, key: str, device: torch.device) -> bool:
        """Whether a tensor must be copied to be used on a device."""
        if not header(self.graph)["devices"]:
            return False
        node = layer(self.graph, key)
        if node["op"] == "input":  # the caller's tensors come from anywhere, unless all happens on the CPU
            return any(place.type != "cpu" for place in self.places.values())
        return self.places[node["device"]] != device

    def region(self, name: str, members: list[str], leaving: list[tuple[str, int]]) -> None:
        """Lower layers to a function of their own, called so that their activations are recomputed in backward."""
        inner = _RegionLowering(self, members)
        for key in members:
            inner.node(key)
        results = tuple(inner.value(*value) for value in leaving)
        inner.fx.output(results[0] if len(results) == 1 else results)
        run = Recomputed(name, fx.GraphModule(nn.Module(), inner.fx, name), len(inner.modules))
        called = self.fx.create_node("call_function", run, tuple(inner.given), name=name)
        called.meta[KEY] = members[-1]
        for i, value in enumerate(leaving):
            self.values[value] = called if len(leaving) == 1 else self.fx.call_function(getitem, (called, i))


class _RegionLowering(_Lowering):
    """Lowers a region to a function of its modules and tensors, so that it owns none and any copy of the model can
    run it. `given` is what the outer graph passes, the modules first."""

    def __init__(self, outer: _Lowering, members: list[str]) -> None:
        super().__init__(outer.graph, outer.places, fx.Graph())
        self.given: list[fx.Node] = []
        self.modules: dict[str, fx.Node] = {}  # by path
        self.attributes: dict[str, fx.Node] = {}
        nodes = [layer(self.graph, key) for key in members]
        targets = [layer(self.graph, key)["operator"].target(*input_shapes(self.graph, key)) for key in members]
        for wanted, known in ((("module",), self.modules), (("parameter", "buffer"), self.attributes)):
            for node, target in zip(nodes, targets, strict=True):
                if target.kind in wanted and node["path"] not in known:
                    name = node["path"].replace(".", "_")
                    known[node["path"]] = self._take(outer.attribute(node["path"], f"{name}_{target.kind}"))
        inside = set(members)
        for key, node in zip(members, nodes, strict=True):
            device = self.places[node["device"]]
            for producer, output in operands(self.graph, key):
                moves = self.must_move(producer, device)
                place: Any = (producer, output, device) if moves else (producer, output)
                values: Any = self.moved if moves else self.values
                if producer not in inside and place not in values:
                    values[place] = self._take(outer.on(producer, output, device))  # moved once, not at each run

    def _take(self, value: fx.Node) -> fx.Node:
        self.given.append(value)
        return self.fx.placeholder(value.name)

    def module(self, path: str, tensors: list[fx.Node], name: str) -> fx.Node:
        return self.fx.create_node("call_function", call, (self.modules[path], *tensors), name=name)

    def attribute(self, path: str, name: str) -> fx.Node:
        return self.attributes[path]


def lower_loss(loss: Graph, moved: bool) -> fx.Graph:
    """A loss as an fx graph of the outputs and the target, which is `moved` to the output it is compared with."""
    lowering = _Lowering(loss, {None: CPU}, fx.Graph())
    head = header(loss)
    for name in head["inputs"]:
        lowering.values[name, 0] = lowering.fx.placeholder(name)
    for key, node in layers(loss):
        if node["op"] == "input":
            continue
        if moved and isinstance(node["operator"], Loss):
            output = lowering.values[operands(loss, key)[0]]
            device = lowering.fx.call_function(getattr, (output, "device"))
            lowering.values["target", 0] = lowering.fx.call_method("to", (lowering.values["target", 0], device))
        lowering.node(key)
    result = head["outputs"][0]
    lowering.fx.output(lowering.value(result["node"], result["output"]))
    return lowering.fx
