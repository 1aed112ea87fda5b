"""Times a compiled network layer by layer, and as a whole.

In inference every fx node is timed as it runs. In training each layer is cut off from the ones around it: it runs on
detached tensors, and in backward, in the opposite order, on the gradients that have come for its outputs. So forward
and backward of every layer are timed where they stand, with the tensors of a real step.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils._pytree import tree_leaves, tree_map

from archdsl.dims import numbers
from archdsl.graph import Graph, Layer, header, layer
from archdsl.measure.time.measured import Measured
from archdsl.net_view import NetView
from compiler.bench.interleaved import quick
from compiler.fx.lower import KEY
from compiler.fx.model import CompiledNetwork

WARM_UP = 2  # rounds that are not counted


class Stopwatch:
    """Measures seconds on a device."""

    def __init__(self, device: torch.device) -> None:
        self.cuda = device.type == "cuda"
        self._open: list[tuple[Any, Any, Callable[[float], None]]] = []

    @contextmanager
    def timed(self, found: Callable[[float], None]) -> Iterator[None]:
        """Time what is inside. On a GPU the result comes with `finish`, so that nothing waits."""
        if self.cuda:
            start, end = _event(), _event()
            start.record()
            yield
            end.record()
            self._open.append((start, end, found))
        else:
            begun = time.perf_counter()
            yield
            found(time.perf_counter() - begun)

    def finish(self) -> None:
        if self.cuda:
            torch.cuda.synchronize()
        for start, end, found in self._open:
            found(start.elapsed_time(end) / 1000)
        self._open.clear()

    def time(self, run: Callable[[], Any], rounds: int) -> float:
        """The seconds of a run."""
        found: list[float] = []
        for _ in range(rounds + WARM_UP):
            with self.timed(found.append):
                run()
            self.finish()
        return quick(found[WARM_UP:])


def _event() -> Any:
    return torch.cuda.Event(enable_timing=True)


def measure(model: CompiledNetwork, graph: Graph, *, rounds: int = 10, seed: int = 0) -> Measured:
    """Time a model compiled from a graph without open sizes and checkpoints, on random inputs, training and inference.

    The times are those that a quarter of the rounds stay below (`quick`). The model's weights change. Raises what torch
    raises, such as `torch.OutOfMemoryError`.
    """
    device = next((t.device for t in [*model.parameters(), *model.buffers()]), torch.device("cpu"))
    clock = Stopwatch(device)
    generator = torch.Generator().manual_seed(seed)
    given, target = _inputs(graph, generator, device), _target(graph, device)
    inference, inference_total = _inference(model.eval(), given, clock, rounds)
    model.train()
    optimizer = (
        torch.optim.SGD(model.parameters(), lr=1e-6) if any(p.requires_grad for p in model.parameters()) else None
    )
    forward, backward = _training(model, given, clock, rounds) if optimizer else ({}, {})
    updates: list[float] = []

    def step() -> None:
        outputs = model(*given)
        loss = outputs if target is None else model.loss(outputs, target)
        sum(end.sum() for end in tree_leaves(loss)).backward()
        if optimizer is not None:
            with clock.timed(updates.append):
                optimizer.step()
            optimizer.zero_grad()

    step_total = clock.time(step, rounds) if optimizer else 0.0
    update = quick(updates) if updates else 0.0
    return Measured(str(device), rounds, inference, forward, backward, update, inference_total, step_total)


def _inference(
    model: CompiledNetwork, given: list[Tensor], clock: Stopwatch, rounds: int
) -> tuple[dict[str, float], float]:
    rows: list[dict[str, float]] = []
    with torch.inference_mode():
        for _ in range(rounds + WARM_UP):
            rows.append(defaultdict(float))
            _Timed(model, clock, rows[-1]).run(*given)
            clock.finish()
        return _each(rows), clock.time(lambda: model(*given), rounds)


def _training(
    model: CompiledNetwork, given: list[Tensor], clock: Stopwatch, rounds: int
) -> tuple[dict[str, float], dict[str, float]]:
    forward: list[dict[str, float]] = []
    backward: list[dict[str, float]] = []
    for _ in range(rounds + WARM_UP):
        forward.append(defaultdict(float))
        backward.append(defaultdict(float))
        run = _Cut(model, clock, forward[-1])
        outputs = run.run(*given)
        for end in tree_leaves(outputs):
            if end.requires_grad:
                end.grad = torch.ones_like(end)
        run.backward(backward[-1])
        clock.finish()
        model.zero_grad()
    return _each(forward), _each(backward)


def _each(rows: list[dict[str, float]]) -> dict[str, float]:
    """The time of each layer over rounds."""
    counted = rows[WARM_UP:]
    return {key: quick([row[key] for row in counted]) for key in counted[0]}


def key_of(node: fx.Node) -> str | None:
    """The layer that an fx node computes; None for inputs, outputs and copies between devices."""
    if node.op in ("placeholder", "output"):
        return None
    key: str | None = node.meta.get(KEY)
    return key


class _Timed(fx.Interpreter):
    """Runs a model's nodes, and adds the seconds of each to its layer's."""

    def __init__(self, model: CompiledNetwork, clock: Stopwatch, found: dict[str, float]) -> None:
        super().__init__(model)
        self.clock = clock
        self.found = found

    def run_node(self, node: fx.Node) -> Any:
        key = key_of(node)
        if key is None:
            return super().run_node(node)
        args, kwargs = self.fetch_args_kwargs_from_env(node)
        with self.clock.timed(self._adds(self.found, key)):
            return getattr(self, node.op)(node.target, args, kwargs)

    @staticmethod
    def _adds(found: dict[str, float], key: str) -> Callable[[float], None]:
        def add(seconds: float) -> None:
            found[key] += seconds

        return add


class _Cut(_Timed):
    """The same in training, each node cut off from those before it."""

    def __init__(self, model: CompiledNetwork, clock: Stopwatch, found: dict[str, float]) -> None:
        super().__init__(model, clock, found)
        # A layer, what it made, and the same cut off; None for a copy between devices.
        self.steps: list[tuple[str | None, list[Tensor], list[Tensor]]] = []

    def run_node(self, node: fx.Node) -> Any:
        made = super().run_node(node)
        if node.op in ("get_attr", "placeholder", "output"):
            return made  # a weight collects its own gradients
        cut = tree_map(_cut, made)
        pairs = [
            (own, other)
            for own, other in zip(tree_leaves(made), tree_leaves(cut), strict=True)
            if isinstance(own, Tensor) and own.requires_grad
        ]
        if pairs:
            self.steps.append((key_of(node), [own for own, _ in pairs], [other for _, other in pairs]))
        return cut

    def backward(self, found: dict[str, float]) -> None:
        """Take the gradients back that the cut tensors of the outputs have, layer by layer."""
        while self.steps:
            key, made, cut = self.steps.pop()
            ends = [(own, other.grad) for own, other in zip(made, cut, strict=True) if other.grad is not None]
            del cut
            if ends:
                with self.clock.timed(self._adds(found, key)) if key is not None else nullcontext():
                    torch.autograd.backward([own for own, _ in ends], [gradient for _, gradient in ends])


def _cut(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    return value.detach().requires_grad_(value.requires_grad)


def _inputs(graph: Graph, generator: torch.Generator, device: torch.device) -> list[Tensor]:
    """Random inputs of the shapes that the network declares; an index is 0, which every table has."""
    found = []
    for name in header(graph)["inputs"]:
        node = layer(graph, name)
        if node["dtype"] == "float32":
            found.append(torch.randn(_shape(graph, node), generator=generator).to(device))
        else:
            found.append(torch.zeros(_shape(graph, node), dtype=getattr(torch, node["dtype"]), device=device))
    return found


def _target(graph: Graph, device: torch.device) -> dict[str, Tensor] | None:
    """Targets for the network's loss; None where it has no loss."""
    loss = header(graph)["loss"]
    if loss is None:
        return None
    nodes = {name: layer(loss, name) for name in header(graph)["targets"]}
    return {
        name: torch.zeros(_shape(graph, node), dtype=getattr(torch, node["dtype"]), device=device)
        for name, node in nodes.items()
    }


def _shape(graph: Graph, node: Layer) -> tuple[int, ...]:
    """A shape, its batch 1 where it has no value."""
    shape = numbers(NetView(graph).counted(node["shape"]))
    assert shape is not None  # open sizes were refused
    return shape
