"""What fits into a memory: the largest batch, the largest input, and what recomputation would buy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from archdsl.dims import show
from archdsl.errors import SpecError
from archdsl.graph import Graph, header, layer, live
from archdsl.measure.memory.ledger import Peak, inference
from archdsl.measure.memory.training import at_rest, training
from archdsl.measure.run.execution import Hardware, Runs, Setting
from archdsl.measure.run.optimizer import OPTIMISERS
from archdsl.measure.run.precision import PRECISIONS
from archdsl.measure.run.saved import kept_for_backward
from archdsl.net_view import NetView, fixed
from archdsl.rewrite.recompute import Block, blocks, cheapest, forward_macs, recomputing

MOST: Final = 2**24  # of a batch, or of steps of an input's size

Shapes: TypeAlias = dict[str, tuple[int, ...]]


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

    def peaks(self, graph: Graph) -> dict[str | None, Peak]:
        """What a network without symbols needs on each device."""
        runs = Runs(NetView(graph), self.setting)
        if not self.inference:
            return training(runs.training, OPTIMISERS[self.optimizer]).peaks
        weights = at_rest(runs.inference)
        return {
            device: Peak(None if peak.bytes is None else peak.bytes + weights.get(device, 0), peak.layer, peak.phase)
            for device, peak in inference(runs.inference).peaks.items()
        }

    def fits(self, graph: Graph) -> bool:
        """Whether each device has enough."""
        for device, peak in self.peaks(graph).items():
            assert isinstance(peak.bytes, int), "no symbols are left"
            if device in self.memory and peak.bytes > self.memory[device]:
                return False
        return True


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


class Fit:
    """Finds what fits. `build` gives the graph for shapes of the inputs; `shapes` are those to begin with.

    `batched` are the inputs whose first size is the batch.
    """

    def __init__(
        self, build: Callable[[Shapes], Graph], shapes: Shapes, batched: Sequence[str], conditions: Conditions
    ) -> None:
        if not batched:
            raise Unfit("no input begins with a batch size that is left open, as in `image: [N, 3, 224, 224]`")
        self.build = build
        self.shapes = shapes
        self.batched = batched
        self.conditions = conditions

    def largest_batches(self) -> list[Fitting]:
        """The largest batch that fits (where there is none a batch of 1, which does not), and that with every
        outermost block recomputed, if it is larger."""
        plain = largest(lambda n: self.conditions.fits(self.build(self.at(n))))
        found = [self.case("largest batch", self.at(max(plain, 1)), [])]
        if not self.conditions.inference and blocks(self.build(self.at(1))):
            more = largest(lambda n: self.conditions.fits(self._all(self.at(n))))
            if more > plain:
                shapes = self.at(more)
                chosen = blocks(self.build(shapes))
                found.append(self.case("largest batch with every block recomputed", shapes, chosen))
        return found

    def given_batch(self, batch: int) -> Fitting:
        """A batch, with the cheapest recomputation found that makes it fit, if it needs any."""
        shapes = self.at(batch)
        graph = self.build(shapes)
        if self.conditions.inference or self.conditions.fits(graph):
            return self.case(f"a batch of {batch}", shapes, [])
        chosen = cheapest(graph, blocks(graph), self._kept, self.conditions.fits)
        return self.case(f"a batch of {batch}", shapes, chosen or [])

    def largest_input(self, batch: int, step: int) -> Fitting | None:
        """The largest input at a batch: all sizes from the third on grow together by `step`; None where the network
        takes no larger one that fits."""

        def fits(steps: int) -> bool:
            try:
                return self.conditions.fits(self.build(self.at(batch, steps * step)))
            except SpecError:
                return False

        if all(len(shape) < 3 for shape in self.shapes.values()):
            return None
        steps = largest(fits)
        return self.case("largest input", self.at(batch, steps * step), []) if steps else None

    def at(self, batch: int, grown: int = 0) -> Shapes:
        """The inputs' shapes for a batch, their sizes from the third on greater by `grown`."""
        return {
            name: (batch if name in self.batched else shape[0], *shape[1:2], *(s + grown for s in shape[2:]))
            for name, shape in self.shapes.items()
        }

    def case(self, name: str, shapes: Shapes, chosen: Sequence[Block]) -> Fitting:
        graph = recomputing(self.build(shapes), chosen)
        macs = sum(block.macs for block in chosen)
        paths = tuple(block.path for block in chosen)
        fits, peaks = self.conditions.fits(graph), self.conditions.peaks(graph)
        batch = shapes[self.batched[0]][0]
        return Fitting(name, shapes, fits, peaks, batch, paths, macs, forward_macs(graph, live(graph, training=True)))

    def _all(self, shapes: Shapes) -> Graph:
        graph = self.build(shapes)
        return recomputing(graph, blocks(graph))

    def _kept(self, graph: Graph) -> int:
        kept = kept_for_backward(graph, self.conditions.setting)
        assert isinstance(kept, int)
        return kept


def largest(fits: Callable[[int], bool]) -> int:
    """The largest number from 1 on that fits, if all below it do; 0 where 1 does not."""
    if not fits(1):
        return 0
    low = 1
    while low < MOST and fits(low * 2):
        low *= 2
    high = low * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def beginning(graph: Graph, chosen: Mapping[str, tuple[int, ...]]) -> Shapes:
    """The inputs' shapes: as chosen, or as declared, for a batch of 1. Raises `Unfit` where sizes are left open."""
    head = header(graph)
    found: Shapes = {}
    for name in head["inputs"]:
        declared = fixed(layer(graph, name)["shape"], head["least_batch"])
        sizes = [size for size in chosen.get(name, declared) if isinstance(size, int)]
        if len(sizes) < len(declared):
            raise Unfit(f"sizes of `{name}` {show(declared)} are left open: give them with --input")
        found[name] = tuple(sizes)
    return found


def batched_inputs(graph: Graph) -> list[str]:
    """The inputs whose first size is a batch that is left open."""
    head = header(graph)
    return [name for name in head["inputs"] if str(layer(graph, name)["shape"][0]) in head["batch"]]
