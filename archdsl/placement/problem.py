"""What there is to place: layers with their times and bytes, the tensors between them, and what stays together.

Figures are those of one micro-batch in training. The loss, which reads all outputs, is the last node of every problem;
every other comes before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from archdsl.graph import Graph
from archdsl.measure.memory.training import trainable, weight_bytes
from archdsl.measure.run.execution import Execution, ExecutionStep, Hardware, Setting, Tensor, execution
from archdsl.measure.run.optimizer import OPTIMIZERS
from archdsl.measure.run.precision import PRECISIONS
from archdsl.measure.run.saved import saved, with_regions
from archdsl.measure.time.device_profile import DeviceProfile
from archdsl.measure.time.roofline import Timing, predict
from archdsl.net_view import NetView

LOSS: Final = "loss"  # what the last node is called where a name is shown; it is no layer


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of each node on one kind of device."""

    forward: tuple[float, ...]
    backward: tuple[float, ...]
    update: float = 0.0  # the optimizer's step for all weights
    weights: tuple[float, ...] = ()  # the share of backward that gradients of weights take; none: a half

    def weight_seconds(self, node: int) -> float:
        """Of a node's backward, what its gradients of weights take."""
        return self.backward[node] * (self.weights[node] if self.weights else 0.5)

    def both(self, node: int) -> float:
        return self.forward[node] + self.backward[node]


@dataclass(frozen=True, slots=True)
class Travelling:
    """A tensor that somebody reads.

    `producer` is None for an input of the network. `bytes` go forward, those of its gradient back. `kept` says that a
    layer keeps it for backward anyhow.
    """

    layer: str
    output: int
    producer: int | None
    readers: tuple[int, ...]
    bytes: int
    gradient: int
    kept: bool = False


@dataclass(frozen=True)
class Problem:
    """Nodes in an order in which each follows what it reads.

    at_rest: bytes of weights, gradients and the optimizer's states. kept: bytes of activations that a node keeps for
    backward, for one micro-batch. together: nodes that share weights. parameters: bytes of gradients to be exchanged
    by replicas.
    """

    nodes: tuple[str, ...]
    before: tuple[frozenset[int], ...]
    times: tuple[Times, ...]  # by profile
    at_rest: tuple[int, ...]
    kept: tuple[int, ...]
    parameters: tuple[int, ...]
    tensors: tuple[Travelling, ...]
    together: tuple[frozenset[int], ...] = ()

    @property
    def layers(self) -> int:
        return len(self.nodes) - 1


def problem_of(
    graph: Graph, values: Mapping[str, int], profiles: Sequence[DeviceProfile], dtype: str, optimizer: str
) -> Problem:
    """The problem of a network for a batch, whose symbols have `values`.

    Raises `SpecError` where a size is left open, `ProfileError` where a profile has no rates for the dtype.
    """
    timings = [predict(graph, profile, dtype=dtype, optimizer=optimizer, values=values) for profile in profiles]
    hardware: Hardware = "cuda" if profiles[0].hardware == "cuda" else "cpu"
    run = execution(NetView(graph, values), training=True, setting=Setting(PRECISIONS[dtype], hardware))
    return _Reading(graph, run, OPTIMIZERS[optimizer].states).problem(timings)


def inference_problem_of(
    graph: Graph, values: Mapping[str, int], profiles: Sequence[DeviceProfile], dtype: str
) -> Problem:
    """The same in inference: nothing goes back, and nothing is kept. The loss takes no time, and reads what leaves."""
    timings = [predict(graph, profile, dtype=dtype, values=values) for profile in profiles]
    hardware: Hardware = "cuda" if profiles[0].hardware == "cuda" else "cpu"
    run = execution(NetView(graph, values), training=False, setting=Setting(PRECISIONS[dtype], hardware))
    return _Reading(graph, run, 0).inference_problem(timings)


class _Reading:
    """The training run of a network, read for placement."""

    def __init__(self, graph: Graph, run: Execution, states: int) -> None:
        self.run = run
        self.states = states
        self.steps = [step for step in run.steps if step.name in graph and step.node["op"] != "input"]
        self.index = {step.name: i for i, step in enumerate(self.steps)}
        self.inputs = {step.name for step in run.steps if step.node["op"] == "input"}
        self.loss = len(self.steps)

    def problem(self, timings: Sequence[Timing]) -> Problem:
        width = self.run.setting.precision.weight
        trained = [trainable(step.node) * width for step in self.steps]
        rest = [weight_bytes(step.node, self.run.setting) for step in self.steps]
        return Problem(
            nodes=(*self.index, LOSS),
            before=self._before(),
            times=tuple(self._times(timing) for timing in timings),
            at_rest=(*(own + (1 + self.states) * more for own, more in zip(rest, trained, strict=True)), 0),
            kept=self._kept(),
            parameters=(*trained, 0),
            tensors=self._tensors(),
            together=self._together(),
        )

    def inference_problem(self, timings: Sequence[Timing]) -> Problem:
        zeros = (0,) * (self.loss + 1)

        def seconds(timing: Timing) -> Times:
            own = (timing.inference[step.name].seconds if step.name in timing.inference else 0.0 for step in self.steps)
            return Times((*own, 0.0), (0.0,) * (self.loss + 1))

        return Problem(
            nodes=(*self.index, LOSS),
            before=self._before(),
            times=tuple(map(seconds, timings)),
            at_rest=(*(weight_bytes(step.node, self.run.setting) for step in self.steps), 0),
            kept=zeros,
            parameters=zeros,
            tensors=tuple(replace(tensor, gradient=0) for tensor in self._tensors()),
            together=self._together(),
        )

    def _node(self, name: str) -> int:
        """The node of a step; steps of the loss are one."""
        return self.index.get(name, self.loss)

    def _before(self) -> tuple[frozenset[int], ...]:
        found = [
            frozenset(self.index[name] for name, _ in step.reads if name not in self.inputs) for step in self.steps
        ]
        return (*found, frozenset(self.index[name] for name, _ in self.run.outputs if name in self.index))

    def _times(self, timing: Timing) -> Times:
        def seconds(works: Mapping[str, Any]) -> list[float]:
            return [works[step.name].seconds if step.name in works else 0.0 for step in self.steps]

        # The loss is predicted both ways together.
        return Times(
            (*seconds(timing.forward), timing.loss.seconds),
            (*seconds(timing.backward), 0.0),
            timing.update.seconds,
            (*(self._weight_share(step) for step in self.steps), 0.0),
        )

    def _weight_share(self, step: ExecutionStep) -> float:
        """Each gradient of a product is a product of the same size, that of its weights one of them."""
        if not trainable(step.node):
            return 0.0
        inputs = sum(tensor in self.run.wanted for tensor in step.reads)
        return 1 / (1 + inputs)

    def _kept(self) -> tuple[int, ...]:
        """Each storage once, where it was made; those of inputs are not the layers'."""
        kept = [0] * (self.loss + 1)
        seen = set()
        for name, own in with_regions(self.run, saved(self.run)).items():
            kept[self._node(name)] += _number(own.extra)
            for storage, size in own.storages:
                if storage not in seen and storage[0] not in self.inputs:
                    seen.add(storage)
                    kept[self._node(storage[0])] += _number(size)
        return tuple(kept)

    def _tensors(self) -> tuple[Travelling, ...]:
        readers: dict[Tensor, set[int]] = {}
        for step in self.steps:
            for tensor in step.reads:
                readers.setdefault(tensor, set()).add(self.index[step.name])
        for tensor in self.run.outputs:
            readers.setdefault(tensor, set()).add(self.loss)
        storages = {s[:2] for own in with_regions(self.run, saved(self.run)).values() for s, _ in own.storages}
        return tuple(
            Travelling(
                layer=tensor[0],
                output=tensor[1],
                producer=self.index.get(tensor[0]),
                readers=tuple(sorted(found)),
                bytes=_number(self.run.sizes[tensor]),
                gradient=_number(self.run.sizes[tensor]) if tensor in self.run.wanted else 0,
                kept=self.run.storages[tensor][:2] in storages,
            )
            for tensor, found in readers.items()
        )

    def _together(self) -> tuple[frozenset[int], ...]:
        by_path: dict[str, set[int]] = {}
        for step in self.steps:
            uses = by_path.setdefault(step.node["path"], set())
            uses.add(self.index[step.name])
            for lender in self._lenders(step):
                uses |= by_path[lender]
                by_path.update(dict.fromkeys((self.steps[use].node["path"] for use in uses), uses))
        groups = {id(uses): frozenset(uses) for uses in by_path.values()}
        return tuple(uses for uses in groups.values() if len(uses) > 1)

    def _lenders(self, step: ExecutionStep) -> Iterator[str]:
        """The paths of the layers, or tensors, whose weights a layer is lent: it stays with them."""
        lent = getattr(step.node["operator"], "lent", ())
        for producer, _ in step.reads[len(step.reads) - len(lent) :]:
            if producer in self.index and self.steps[self.index[producer]].node["operator"].owns_storage:
                yield self.steps[self.index[producer]].node["path"]


def _number(size: Any) -> int:
    assert isinstance(size, int)  # open sizes were refused with the times
    return size
