"""A network that an engine runs, called as its module is."""

from __future__ import annotations

import sys
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor

from archdsl.diagnostics import an_object
from archdsl.dims import numbers
from archdsl.graph import Graph, header, layer
from archdsl.measure.time.engine_trial import EngineTrial
from archdsl.net_view import NetView
from archdsl.presentation.engines import text
from compiler.engines.kept import keep, kept, place
from compiler.engines.table import lacks
from compiler.engines.task import EngineCall, EngineDtype, Task, flat
from compiler.engines.trial import ALL, built, trial
from compiler.export.trace import sample
from compiler.fx.guard import Guard
from compiler.fx.model import CompiledNetwork
from compiler.program import Feed

MOST_SHAPES: Final = 8  # for which an engine is built at a time


class InferenceNetwork:
    """A network in inference, run by an engine.

    It is called as the module is, with the same inputs by place or by name, and returns the same: a tensor, or a
    NamedTuple of several. Engines are built for one size of the inputs: for another, they are built anew when it comes
    first, and kept for the last `MOST_SHAPES` of them. What the network does not take is refused as the module does.

    `model` is the module, whose weights the engines have copied: what is loaded into it later changes nothing here.
    `trials` are the tables by which "auto" has chosen, by the shapes of inputs.
    """

    def __init__(self, model: CompiledNetwork, graph: Graph, engine: str, precision: EngineDtype) -> None:
        """Raises `ImportError` for an engine that is not installed."""
        missing = None if engine == "auto" else lacks(engine)
        if missing is not None:
            raise ImportError(f"the engine {engine}: {missing}")
        self.model = model.eval()
        self.engine = engine
        self.precision = precision
        self.trials: dict[tuple[tuple[int, ...], ...], EngineTrial] = {}
        self.running: dict[tuple[tuple[int, ...], ...], str] = {}  # the engine by the shapes of inputs
        self._graph = graph
        self._guard = guard_of(model)
        self._names = [feed.name for feed in self._guard.feeds]
        self._runs: OrderedDict[tuple[tuple[int, ...], ...], EngineCall] = OrderedDict()
        (output,) = model.graph.find_nodes(op="output")
        self._kind: Any = type(output.args[0]) if isinstance(output.args[0], tuple) else None

    def __call__(self, *given: Tensor, **named: Tensor) -> Any:
        inputs = self._inputs(given, named)
        self._guard(*inputs)
        inputs = tuple(_as_taken(feed, x) for feed, x in zip(self._guard.feeds, inputs, strict=True))
        shapes = tuple(tuple(x.shape) for x in inputs)
        if shapes not in self._runs:
            self.take(inputs, self.build(inputs))
        self._runs.move_to_end(shapes)
        with torch.no_grad():
            made = self._runs[shapes](inputs)
        return self._kind(*made) if self._kind is not None else made[0]

    def take(self, inputs: tuple[Tensor, ...], run: EngineCall) -> None:
        """Run inputs of these sizes so."""
        self._runs[tuple(tuple(x.shape) for x in inputs)] = run
        if len(self._runs) > MOST_SHAPES:
            self._runs.popitem(last=False)

    def prepare(self, batch: int) -> None:
        """Build for the sizes that the network declares, before the first call; nothing where some are open."""
        inputs = declared(self.model, self._graph, batch)
        if inputs is not None:
            self(*inputs)

    def build(self, inputs: tuple[Tensor, ...]) -> EngineCall:
        """What runs inputs of these sizes: by the engine, or eagerly, with a warning, where that fails."""
        task = Task(self.model, inputs, self.precision, torch.get_num_threads())
        shapes = tuple(tuple(x.shape) for x in inputs)
        wanted = [self.engine, "eager"]
        if self.engine == "auto":
            found = kept(place(self._graph, task))
            if found is None:
                return self._tried(task, shapes)
            self.trials[shapes] = found
            wanted = [*found.ranked, "eager"]
        for name in dict.fromkeys(wanted):
            try:
                run, _ = built(name, task)
            except RuntimeError as error:
                warnings.warn(f"the engine {name} failed, and another runs instead: {error}", RuntimeWarning, 4)
                continue
            self.running[shapes] = name
            return run
        return self._module(shapes)

    def _module(self, shapes: tuple[tuple[int, ...], ...]) -> EngineCall:
        """The module itself in fp32, where no engine is left: in bf16 even torch may be too far from it."""
        self.running[shapes] = "module"
        return lambda inputs: flat(self.model(*inputs))

    def _tried(self, task: Task, shapes: tuple[tuple[int, ...], ...]) -> EngineCall:
        """The quickest of a trial, whose table is printed and kept."""
        found, runs = trial(name_of(self._graph), ALL, task, self._names)
        print(text(found), file=sys.stderr, end="")
        for one in found.times:
            if one.note.startswith("failed"):
                warnings.warn(f"the engine {one.engine} {one.note}", RuntimeWarning, 5)
        self.trials[shapes] = found
        if not runs:
            return self._module(shapes)
        keep(place(self._graph, task), found)
        self.running[shapes] = found.chosen
        return runs[found.chosen]

    def _inputs(self, given: Sequence[Tensor], named: dict[str, Tensor]) -> tuple[Tensor, ...]:
        """The inputs in their order. Raises `TypeError` as a call of a function does."""
        if len(given) > len(self._names):
            raise TypeError(f"the network takes {len(self._names)} inputs, found {len(given)}")
        found = dict(zip(self._names, given, strict=False))
        for name, tensor in named.items():
            if name in found or name not in self._names:
                problem = "is given twice" if name in found else f"is no input: they are {', '.join(self._names)}"
                raise TypeError(f"`{name}` {problem}")
            found[name] = tensor
        missing = [name for name in self._names if name not in found]
        if missing:
            raise TypeError(f"missing input: {', '.join(missing)}")
        for name in self._names:
            if not isinstance(found[name], Tensor):
                raise TypeError(f"input `{name}` is a tensor, found {an_object(found[name])}")
        return tuple(found[name] for name in self._names)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {name_of(self._graph)}, engine {self.engine}, {self.precision}>"


def name_of(graph: Graph) -> str:
    """What a network is called: its variant, or itself."""
    head = header(graph)
    return head["variant"] or head["network"]


def _as_taken(feed: Feed, given: Tensor) -> Tensor:
    """An input as engines take it: on the CPU, in order in memory, and in the type that the network declares."""
    return given.detach().to("cpu", getattr(torch, feed.dtype)).contiguous()


def declared(model: CompiledNetwork, graph: Graph, batch: int) -> tuple[Tensor, ...] | None:
    """Inputs of the sizes that a network declares, the same each time; None where it leaves some open."""
    least = header(graph)["least_batch"]
    net = NetView(graph, {name: max(batch, at_least) for name, at_least in least.items()})
    feeds = guard_of(model).feeds
    shapes = [numbers(net.counted(layer(graph, feed.name)["shape"])) for feed in feeds]
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        found = [sample(f._replace(shape=s), {}) for f, s in zip(feeds, shapes, strict=True) if s is not None]
    return tuple(found) if len(found) == len(feeds) else None


def guard_of(model: CompiledNetwork) -> Guard:
    """What refuses inputs of a model. It knows what the model takes, which may be more than the graph declares."""
    return next(node.target for node in model.graph.nodes if isinstance(node.target, Guard))


def accelerate(
    model: CompiledNetwork, graph: Graph, engine: str, precision: EngineDtype, batch: int
) -> InferenceNetwork:
    """A model that was compiled from a graph, run by an engine, which is built for a batch of this size where the graph
    declares the other sizes. Raises `ImportError` for an engine that is not installed."""
    found = InferenceNetwork(model, graph, engine, precision)
    found.prepare(batch)
    return found


def try_engines(
    model: CompiledNetwork, graph: Graph, engines: Sequence[str], precision: EngineDtype, rounds: int | None = None
) -> EngineTrial | None:
    """Measure engines on a model that was compiled from a graph, anew, and keep the trial where it was of all ("auto");
    None where the graph leaves sizes open."""
    inputs = declared(model.eval(), graph, 1)
    if inputs is None:
        return None
    names = ALL if "auto" in engines else engines
    task = Task(model, inputs, precision, torch.get_num_threads())
    found, _ = trial(name_of(graph), names, task, [feed.name for feed in guard_of(model).feeds], rounds)
    if set(names) >= set(ALL) and found.ranked:
        keep(place(graph, task), found)
    return found
