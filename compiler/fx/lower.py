"""Lowers the program of a phase to `torch.fx`: one fx node a layer, explicit copies between devices."""

from __future__ import annotations

import operator
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from types import MappingProxyType
from typing import Any

import torch
from torch import fx, nn

from archdsl.dims import Atom, Dim, Monomial, Quotient, Size
from compiler.fx.guard import Guard
from compiler.fx.layers import Recomputed, run_module
from compiler.fx.streams import AwaitStreams, OnSideStream, SideStreams
from compiler.fx.targets import resolve
from compiler.program import Holder, Invoke, Reading, Recompute, Ref, Result, Routine, Transfer, sizes_read
from compiler.streams import Await, OnStream, StreamedInstruction

Places = Mapping[str | None, torch.device]
KEY = "archdsl"  # under which an fx node's metadata holds the key of the graph's node


def lower(routine: Routine, places: Places, streamed: Sequence[StreamedInstruction] | None = None) -> fx.Graph:
    """The fx graph of a routine, its devices the real ones of `places`; its steps may be `streamed` over GPUs.

    A layer is one node, but for a sum of n tensors, which is n - 1, and the items taken from a target's list. A region
    that is recomputed is one node, and so are steps on a stream, and the guard before all, which refuses inputs that do
    not fit.
    """
    graph = fx.Graph()
    lowering = _Lowering(graph, places, readings={reading.symbol: reading for reading in routine.readings})
    lowering.owned = {
        holder.device: held.path
        for holder in reversed(routine.holders)
        for held in holder.held
        if held.weight.dtype == "float32"
    }
    for feed in routine.feeds:
        lowering.values[Ref(feed.name)] = graph.placeholder(feed.name)
        lowering.values[Ref(feed.name)].meta[KEY] = feed.name
    given = tuple(lowering.values.values())
    graph.create_node("call_function", Guard(routine.feeds, routine.readings, routine.needs), given, name="inputs_fit")
    lowering.steps(routine.steps if streamed is None else streamed)
    graph.output(_returned(routine.name, routine.results, lowering))
    return graph


def _returned(name: str, results: Sequence[Result], lowering: _Lowering) -> Any:
    """One tensor, or a NamedTuple of several in the order written."""
    values = [lowering.values[result.ref] for result in results]
    if len(values) == 1:
        return values[0]
    names = [result.name for result in results]
    kind: Any = namedtuple(f"{name}Output", names, module="archdsl")  # type: ignore[misc]
    return kind(*values)


class _Lowering:
    """An fx graph while it grows, with the fx value of every tensor and size so far.

    `held` are the values of the modules and tensors, by path, that a region is given, since it owns none.
    """

    def __init__(
        self,
        graph: fx.Graph,
        places: Places,
        *,
        readings: Mapping[str, Reading] = MappingProxyType({}),
        held: Mapping[str, fx.Node] | None = None,
    ) -> None:
        self.graph = graph
        self.places = places
        self.readings = readings
        self.held = held
        self.values: dict[Ref, fx.Node] = {}
        self.copies: dict[tuple[str, int, torch.device], fx.Node] = {}
        self.symbols: dict[str, Any] = {}
        self.sizes: dict[Dim, fx.Node] = {}
        self.owned: dict[str | None, str] = {}  # a weight on each device
        self.side: dict[str, SideStreams] = {}
        self.likes: dict[str | None, fx.Node] = {}  # what constants are made like, on each

    def steps(self, steps: Sequence[StreamedInstruction]) -> None:
        for step in steps:
            if isinstance(step, Invoke):
                self._invoke(step)
            elif isinstance(step, Transfer):
                self._transfer(step)
            elif isinstance(step, Await):
                self._await(step)
            else:
                self._region(step)

    # --- layers

    def _invoke(self, step: Invoke) -> None:
        operands = [self.values[ref] for ref in step.operands]
        made = self._called(step, operands, step.layer.replace(".", "_").replace("#", "_use"))
        made.meta[KEY] = step.layer
        if not step.listed:
            self.values[step.results[0]] = made
            return
        for ref in step.results:
            self.values[ref] = self.graph.call_function(operator.getitem, (made, ref.output))
            self.values[ref].meta[KEY] = step.layer

    def _called(self, step: Invoke, operands: list[fx.Node], name: str) -> fx.Node:
        target, holder = step.target, step.holder
        if holder is not None:
            held = self.held[holder.path] if self.held is not None else None
            if target.kind == "weight":
                if held is not None:
                    return self.graph.create_node("call_function", getattr, (held, target.name), name=name)
                return self.graph.create_node("get_attr", f"{holder.path}.{target.name}", name=name)
            if target.kind != "module":
                return held if held is not None else self.graph.create_node("get_attr", holder.path, name=name)
            if held is not None:
                return self.graph.create_node("call_function", run_module, (held, *operands), name=name)
            return self.graph.create_node("call_module", holder.path, tuple(operands), name=name)
        function = resolve(target.name)
        if step.folds:
            made = operands[0]
            for other in operands[1:]:
                made = self.graph.create_node("call_function", function, (made, other), name=name)
                made.meta[KEY] = step.layer
            return made
        given: tuple[Any, ...] = (operands,) if target.pack else tuple(operands)
        if target.kind == "source":
            given = (self._like(step.results[0].device),)
        arguments = tuple(self._argument(value) for value in target.args)
        named = {key: self._argument(value) for key, value in target.kwargs.items()}
        return self.graph.create_node("call_function", function, (*given, *arguments), named, name=name)

    def _argument(self, value: Any) -> Any:
        """An argument of a target, its open sizes worked out."""
        if isinstance(value, Dim):
            return self.size(value)
        return tuple(map(self._argument, value)) if isinstance(value, (list, tuple)) else value

    def _like(self, device: str | None) -> fx.Node:
        """A tensor on a device, as precise as the network's own: a weight there, else an input."""
        if device not in self.likes:
            feeds = [node for node in self.values.values() if node.op == "placeholder"]
            if device in self.owned:
                name = f"{self.owned[device].replace('.', '_')}_like"
                self.likes[device] = self.graph.create_node("get_attr", self.owned[device], name=name)
            elif device is None and feeds:
                return feeds[0]
            else:
                made: dict[str, Any] = {"device": self.places[device]}
                self.likes[device] = self.graph.create_node("call_function", torch.empty, (0,), made, name="like")
        return self.likes[device]

    # --- sizes

    def _symbol(self, name: str) -> Any:
        """The value of a symbol, read from the size of an input."""
        if name not in self.symbols:
            reading = self.readings[name]
            size = self.graph.call_method("size", (self.values[Ref(reading.feed)], reading.dim))
            if reading.offset != 0:
                size = self.graph.call_function(operator.sub, (size, self.size(reading.offset)))
            if reading.factor != 1:
                size = self.graph.call_function(operator.floordiv, (size, reading.factor))
            self.symbols[name] = size
        return self.symbols[name]

    def size(self, size: Size) -> Any:
        """The value of a size, worked out once."""
        if isinstance(size, int):
            return size
        if size not in self.sizes:
            terms = [self._product(coefficient, monomial) for monomial, coefficient in size.terms]
            self.sizes[size] = reduce(lambda a, b: self.graph.call_function(operator.add, (a, b)), terms)
        return self.sizes[size]

    def _product(self, coefficient: int, monomial: Monomial) -> Any:
        factors = [self._atom(atom) for atom in monomial]
        if coefficient != 1 or not factors:
            factors.insert(0, coefficient)
        return reduce(lambda a, b: self.graph.call_function(operator.mul, (a, b)), factors)

    def _atom(self, atom: Atom) -> Any:
        if isinstance(atom, str):
            return self._symbol(atom)
        if isinstance(atom, Quotient):
            return self.graph.call_function(operator.floordiv, (self._symbol(atom.symbol), atom.classes.step))
        return self.graph.call_function(operator.floordiv, (self.size(atom.numerator), atom.divisor))

    # --- devices

    def _transfer(self, step: Transfer) -> None:
        """Copy a tensor, unless it is on that real device: there, it is itself, or the copy made before."""
        device, value = self.places[step.result.device], self.values[step.source]
        if not self._elsewhere(step.source, device):
            self.values[step.result] = value
            return
        place = (step.source.layer, step.source.output, device)
        if place not in self.copies:
            name = f"{value.name}_to_{str(device).replace(':', '')}"
            # To the CPU it would not be known when a copy has arrived that nobody waits for.
            waiting: dict[str, Any] = {} if device.type == "cpu" else {"non_blocking": True}
            self.copies[place] = self.graph.create_node("call_method", "to", (value, device), waiting, name=name)
            self.copies[place].meta["transfer"] = (step.source.layer, step.source.output)
        self.values[step.result] = self.copies[place]

    def _elsewhere(self, ref: Ref, device: torch.device) -> bool:
        """Whether a tensor may be on another device. The caller's come from anywhere, unless all is on the CPU."""
        if ref.device is None:
            return any(place.type != "cpu" for place in self.places.values())
        return self.places[ref.device] != device

    # --- regions

    def _region(self, step: Recompute | OnStream) -> None:
        """Lower steps to a function of modules, tensors and sizes, called so that backward computes them again, or on
        a stream."""
        graph = fx.Graph()
        held = {holder.path: self._held(holder) for holder in step.holders}
        values = {ref: self.values[ref] for ref in step.enters}
        sizes = {size: self.size(size) for size in sizes_read(step.steps)}
        entering = dict.fromkeys(values.values())  # a tensor and its copy are one on one real device
        given = (*held.values(), *entering, *sizes.values())
        inner = _Lowering(graph, self.places, held={path: _taken(graph, value) for path, value in held.items()})
        taken = {value: _taken(graph, value) for value in entering}
        inner.values = {ref: taken[value] for ref, value in values.items()}
        inner.sizes = {size: _taken(graph, value) for size, value in sizes.items()}
        inner.steps(step.steps)
        results = tuple(dict.fromkeys(inner.values[ref] for ref in step.leaves))  # on one real device some are the same
        graph.output(results[0] if len(results) == 1 else results)
        modules = sum(holder.target.kind == "module" for holder in step.holders)
        run = self._run(step, fx.GraphModule(nn.Module(), graph, step.name), modules)
        called = self.graph.create_node("call_function", run, given, name=step.name)
        called.meta[KEY] = next(last.layer for last in reversed(step.steps) if isinstance(last, Invoke))
        parts = [called] if len(results) == 1 else [self._part(called, i) for i in range(len(results))]
        for ref in step.leaves:
            self.values[ref] = parts[results.index(inner.values[ref])]
            if ref.device is not None:
                self.copies.setdefault((ref.layer, ref.output, self.places[ref.device]), self.values[ref])

    def _run(self, step: Recompute | OnStream, function: fx.GraphModule, modules: int) -> Callable[..., Any]:
        if isinstance(step, Recompute):
            return Recomputed(step.name, function, modules)
        return OnSideStream(step.name, function, modules, self._side(step.gpu), step.stream, step.waits)

    def _await(self, step: Await) -> None:
        tensors = tuple(dict.fromkeys(self.values[ref] for ref in step.tensors))
        self.graph.create_node("call_function", AwaitStreams(self._side(step.gpu), step.streams), tensors)

    def _side(self, gpu: str) -> SideStreams:
        if gpu not in self.side:
            self.side[gpu] = SideStreams(torch.device(gpu))
        return self.side[gpu]

    def _part(self, called: fx.Node, i: int) -> fx.Node:
        return self.graph.call_function(operator.getitem, (called, i))

    def _held(self, holder: Holder) -> fx.Node:
        name = f"{holder.path.replace('.', '_')}_{holder.target.kind}"
        return self.graph.create_node("get_attr", holder.path, name=name)


def _taken(graph: fx.Graph, value: fx.Node) -> fx.Node:
    """What a region calls something that it is given."""
    return graph.placeholder(value.name)
