"""What fits into a memory: the largest batch, the largest input, and what recomputation would buy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from archdsl.dims import numbers, show, symbols
from archdsl.errors import SpecError
from archdsl.graph import Graph, header, layer
from archdsl.measure.memory.cheapest import Candidate, candidates, cheapest
from archdsl.measure.memory.ledger import Peak, inference
from archdsl.measure.memory.search import MOST, largest
from archdsl.measure.memory.training import at_rest, training
from archdsl.measure.network import cost
from archdsl.measure.run.execution import Hardware, Runs, Setting
from archdsl.measure.run.optimizer import OPTIMIZERS
from archdsl.measure.run.precision import PRECISIONS
from archdsl.net_view import NetView
from archdsl.rewrite.recompute import recomputing, regions
from archdsl.symbolic import solutions

Shapes: TypeAlias = dict[str, tuple[int, ...]]
Chosen: TypeAlias = Mapping[str, Sequence[int | None]]  # None: a size that stays as the spec says


class Unfit(Exception):
    """What was asked has no answer for this network."""


@dataclass(frozen=True)
class Conditions:
    """How a network runs, and in how much memory: bytes by device, or under None for one device that does all."""

    memory: Mapping[str | None, int]
    optimizer: str = "sgd"
    dtype: str = "fp32"
    hardware: Hardware = "cuda"
    inference: bool = False

    @property
    def setting(self) -> Setting:
        return Setting(PRECISIONS[self.dtype], self.hardware, by_device=None not in self.memory)

    def peaks(self, net: NetView) -> dict[str | None, Peak]:
        """What a network without symbols needs on each device."""
        runs = Runs(net, self.setting)
        if not self.inference:
            return training(runs.training, OPTIMIZERS[self.optimizer]).peaks
        weights = at_rest(runs.inference)
        return {
            device: Peak(None if peak.bytes is None else peak.bytes + weights.get(device, 0), peak.layer, peak.phase)
            for device, peak in inference(runs.inference).peaks.items()
        }

    def excess(self, peaks: Mapping[str | None, Peak]) -> int:
        """By how many bytes a device has too little at most; negative where all have enough."""
        found = []
        for device, peak in peaks.items():
            assert isinstance(peak.bytes, int), "no symbols are left"
            if device in self.memory:
                found.append(peak.bytes - self.memory[device])
        return max(found, default=-1)


@dataclass(frozen=True, slots=True)
class Fitting:
    """One case: the inputs, whether they fit, and what each device needs. `blocks` are recomputed, at a cost of
    `macs` in a forward pass's `all_macs`."""

    name: str
    inputs: Shapes
    fits: bool
    peaks: Mapping[str | None, Peak]
    batch: int
    blocks: tuple[str, ...] = ()
    macs: int = 0
    all_macs: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {
            "case": self.name,
            "fits": self.fits,
            "batch": self.batch,
            "inputs": {name: list(shape) for name, shape in self.inputs.items()},
            "peaks": [
                {"device": device, "bytes": peak.bytes, "layer": peak.layer or None, "phase": peak.phase}
                for device, peak in self.peaks.items()
            ],
            "checkpoint": list(self.blocks),
            "recomputed_macs": self.macs,
        }


@dataclass
class _Open:
    """A graph whose batch is open, and what it needs at the values of the batch's symbols that were tried."""

    graph: Graph
    conditions: Conditions
    tried: dict[int, Mapping[str | None, Peak]] = field(default_factory=dict)

    @cached_property
    def net(self) -> NetView:
        return NetView(self.graph)

    def at(self, number: int) -> NetView:
        return self.net.at(dict.fromkeys(self.net.header["batch"], number))

    def peaks(self, number: int) -> Mapping[str | None, Peak]:
        if number not in self.tried:
            self.tried[number] = self.conditions.peaks(self.at(number))
        return self.tried[number]

    def excess(self, number: int) -> int:
        return self.conditions.excess(self.peaks(number))


class Fit:
    """Finds what fits. `build` gives the graph for shapes of the inputs; `graph` is the one that it gives for none, and
    `chosen` are shapes to begin with, but for the batch.

    Raises `Unfit` where no batch is left open, or another size is.
    """

    def __init__(
        self,
        build: Callable[[Chosen], Graph],
        graph: Graph,
        chosen: Mapping[str, tuple[int, ...]],
        conditions: Conditions,
    ) -> None:
        self.batched = batched_inputs(graph)
        if not self.batched:
            raise Unfit("no input begins with a batch size that is left open, as in `image: [N, 3, 224, 224]`")
        self.build = build
        self.chosen: Chosen = {
            name: (None, *shape[1:]) if name in self.batched else shape for name, shape in chosen.items()
        }
        self.graph = build(self.chosen) if chosen else graph
        self.conditions = conditions
        self.least = max(header(self.graph)["least_batch"].values())
        beginning(self._open(self.graph).at(self.least))

    def _open(self, graph: Graph) -> _Open:
        return _Open(graph, self.conditions)

    def largest_batches(self) -> list[Fitting]:
        """The largest batch that fits (where there is none the least that the network takes, which does not), and that
        with every outermost block recomputed, if it is larger."""
        plain = self._open(self.graph)
        most = largest(plain.excess, self.least)
        found = [self.case("largest batch", plain, max(most, self.least), [])]
        blocks = [] if self.conditions.inference else regions(plain.at(self.least))
        if blocks and most < MOST:
            marked = self._open(recomputing(self.graph, blocks))
            more = largest(marked.excess, most + 1)  # a smaller one is of no interest
            if more > most:
                chosen = self._candidates(plain.at(more))
                found.append(self.case("largest batch with every block recomputed", marked, more, chosen))
        return found

    def given_batch(self, batch: int) -> Fitting:
        """A batch, with the cheapest recomputation found that makes it fit, if it needs any. Raises `Unfit` where the
        network takes no such batch."""
        number, name = self._number(batch), f"a batch of {batch}"
        plain = self._open(self.graph)
        if self.conditions.inference or plain.excess(number) <= 0:
            return self.case(name, plain, number, [])

        def excess(graph: Graph) -> int:
            return self._open(graph).excess(number)

        chosen = cheapest(self.graph, self._candidates(plain.at(number)), excess) or []
        return self.case(name, self._open(recomputing(self.graph, chosen)), number, chosen)

    def largest_input(self, batch: int, step: int) -> Fitting | None:
        """The largest input at a batch: all sizes from the third on grow together by `step`; None where the network
        takes no larger one that fits."""
        number = self._number(batch)
        declared = beginning(self._open(self.graph).at(number))

        def grown(steps: int) -> _Open:
            shapes: Chosen = {
                name: (None if name in self.batched else shape[0], *shape[1:2], *(s + steps * step for s in shape[2:]))
                for name, shape in declared.items()
            }
            return self._open(self.build(shapes))

        def excess(steps: int) -> int:
            try:
                return grown(steps).excess(number)
            except SpecError:
                return 1  # it takes no such input

        if all(len(shape) < 3 for shape in declared.values()):
            return None
        steps = largest(excess)
        return self.case("largest input", grown(steps), number, []) if steps else None

    def case(self, name: str, found: _Open, number: int, chosen: Sequence[Candidate]) -> Fitting:
        net, peaks = found.at(number), found.peaks(number)
        inputs = beginning(net)
        forward = numbers(cost.macs(net, key) for key in net.live(training=True) if net.layers[key]["op"] != "input")
        return Fitting(
            name,
            inputs,
            self.conditions.excess(peaks) <= 0,
            peaks,
            inputs[self.batched[0]][0],
            tuple(block.path for block in chosen),
            sum(block.macs for block in chosen),
            sum(forward or ()),
        )

    def _candidates(self, net: NetView) -> list[Candidate]:
        return candidates(net, Runs(net, self.conditions.setting).training)

    def _number(self, batch: int) -> int:
        """What the symbol of a batch is for a batch of this size: 3 for 6 where the spec says `2 * N`."""
        size = layer(self.graph, self.batched[0])["shape"][0]
        assert not isinstance(size, int)
        names = sorted(symbols(size))
        if len(names) > 1:
            raise Unfit(f"the batch of `{self.batched[0]}` is {size}: --batch cannot say what each of {names} is")
        found = solutions(size, batch)
        if not found:
            raise Unfit(f"the batch of `{self.batched[0]}` is {size}, which is {batch} for no {names[0]}")
        if found[0] < self.least:
            raise Unfit(f"a batch of {batch} is too small: the network needs {names[0]} >= {self.least}")
        return found[0]


def beginning(net: NetView) -> Shapes:
    """The inputs' shapes. Raises `Unfit` where sizes are left open."""
    found: Shapes = {}
    for name in net.header["inputs"]:
        shape = net.counted(net.layers[name]["shape"])
        sizes = numbers(shape)
        if sizes is None:
            raise Unfit(f"sizes of `{name}` {show(shape)} are left open: give them with --at or --input")
        found[name] = sizes
    return found


def batched_inputs(graph: Graph) -> list[str]:
    """The inputs whose first size is a batch that is left open."""
    head = header(graph)
    return [name for name in head["inputs"] if not symbols(layer(graph, name)["shape"][0]).isdisjoint(head["batch"])]
