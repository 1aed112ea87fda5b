"""Cuts the program of a network into programs of stages. No torch.

Whatever a stage reads of an earlier one enters it from the stage before, which passes on what it does not make itself:
skips are relayed, and heads of training send their logits to the last stage, where the loss is. A stage's program is a
routine like any other, on one device, for micro-batches of one size: its feeds are what enters, its results what
leaves.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from archdsl.dims import Dim, Shape, substitute
from archdsl.graph import Graph
from archdsl.measure.run.execution import Execution, Setting, execution
from archdsl.net_view import NetView, fixed
from compiler.program import Assembly, Feed, Holder, Instruction, Invoke, Recompute, Ref, Result, Routine


class Crossing(NamedTuple):
    """A tensor between two stages: whose output, of which shape and type, and whether a gradient comes back for it."""

    layer: str
    output: int
    shape: Shape
    dtype: str
    gradient: bool


@dataclass(frozen=True, slots=True)
class StagePhase:
    """What a stage runs in a phase: the network's inputs enter the first, its outputs leave the last."""

    routine: Routine
    enters: tuple[Crossing, ...]
    leaves: tuple[Crossing, ...]


@dataclass(frozen=True, slots=True)
class StageProgram:
    """A stage: what it owns, in the order of the network, and what it runs in each phase.

    splits: whether all that it trains depends on something that enters and gets a gradient. Only then do torch's
    schedules that split backward find all gradients of weights, after those of what enters.
    """

    index: int
    count: int
    holders: tuple[Holder, ...]
    training: StagePhase
    inference: StagePhase
    splits: bool

    @property
    def first(self) -> bool:
        return self.index == 0

    @property
    def last(self) -> bool:
        return self.index == self.count - 1


def cut(
    graph: Graph, assembly: Assembly, stage_of: Mapping[str, int], count: int, values: Mapping[str, int]
) -> tuple[StageProgram, ...]:
    """The programs of `count` stages. `stage_of` gives that of each layer, none before one that it reads of.

    `values` are those of the symbols for a micro-batch. What no phase uses is the first stage's.
    """
    net = NetView(graph, values)
    training = _Phase(net, assembly.training, stage_of, count, training=True)
    inference = _Phase(net, assembly.inference, stage_of, count, training=False)
    users: dict[str, int] = {}
    for step in assembly.training.invoked():
        if step.holder is not None:
            users.setdefault(step.holder.path, stage_of[step.layer])
    own: list[list[Holder]] = [[] for _ in range(count)]
    for holder in assembly.holders:
        own[users.get(holder.path, 0)].append(replace(holder, device=None))
    return tuple(
        StageProgram(s, count, tuple(own[s]), training.stage(s), inference.stage(s), training.splits(s))
        for s in range(count)
    )


def alone(routine: Routine, values: Mapping[str, int]) -> Routine:
    """A routine on one device, for sizes that are known: copies to other devices fall away."""
    return replace(
        routine,
        feeds=tuple(feed._replace(shape=fixed(feed.shape, values)) for feed in routine.feeds),
        steps=tuple(_alone(routine.steps, values)),
        results=tuple(result._replace(ref=_here(result.ref)) for result in routine.results),
        readings=(),
        needs=(),
    )


def _alone(steps: Sequence[Instruction], values: Mapping[str, int]) -> Iterator[Instruction]:
    for step in steps:
        if isinstance(step, Recompute):
            inner = tuple(made for made in _alone(step.steps, values) if isinstance(made, Invoke))
            yield Recompute(step.name, inner, *(_each_here(refs) for refs in (step.enters, step.leaves)))
        elif isinstance(step, Invoke):
            args = tuple(_known(argument, values) for argument in step.target.args)
            kwargs = {name: _known(argument, values) for name, argument in step.target.kwargs.items()}
            yield replace(
                step,
                target=replace(step.target, args=args, kwargs=kwargs),
                operands=tuple(map(_here, step.operands)),
                results=tuple(map(_here, step.results)),
                holder=None if step.holder is None else replace(step.holder, device=None),
            )


def _here(ref: Ref) -> Ref:
    return ref._replace(device=None)


def _each_here(refs: Sequence[Ref]) -> tuple[Ref, ...]:
    return tuple(dict.fromkeys(map(_here, refs)))


def _known(argument: Any, values: Mapping[str, int]) -> Any:
    """An argument of a target with numbers for its sizes."""
    if isinstance(argument, Dim):
        return substitute(argument, values)
    if isinstance(argument, (list, tuple)):
        return type(argument)(_known(item, values) for item in argument)
    return argument


class _Phase:
    """A phase of the whole network, to be cut."""

    def __init__(
        self, net: NetView, routine: Routine, stage_of: Mapping[str, int], count: int, *, training: bool
    ) -> None:
        self.net = net
        self.routine = alone(routine, net.values)
        self.stage_of = stage_of
        self.count = count
        self.run: Execution = execution(net, training, Setting(hardware="cpu"))
        self.blocks: dict[str, tuple[int, str | None]] = {}  # of each layer, its stage and region
        self.readers: dict[Ref, set[tuple[int, str | None]]] = {}
        for step in self.routine.steps:
            region = step.name if isinstance(step, Recompute) else None
            for inner in step.steps if isinstance(step, Recompute) else (step,):
                if isinstance(inner, Invoke):
                    block = self.blocks[inner.layer] = (stage_of[inner.layer], region)
                    for ref in inner.operands:
                        self.readers.setdefault(ref, set()).add(block)
        self.results = [result.ref for result in self.routine.results]
        self.spans = {ref: span for ref in self._made() if (span := self._span(ref)) is not None}

    def _made(self) -> Iterator[Ref]:
        yield from (Ref(feed.name) for feed in self.routine.feeds)
        for step in self.routine.invoked():
            yield from step.results

    def _span(self, ref: Ref) -> tuple[int, int] | None:
        """The stages where a tensor is made and read last; None for one that nobody reads. Inputs come to the first."""
        made = self.stage_of.get(ref.layer, 0)
        if ref in self.results:
            return made, self.count - 1
        return (made, max(stage for stage, _ in self.readers[ref])) if ref in self.readers else None

    def entering(self, s: int) -> list[Ref]:
        """What enters a stage, in the order in which it was made; behind the last, the results in their own order."""
        if s == 0:
            return [Ref(feed.name) for feed in self.routine.feeds]
        if s == self.count:
            return self.results
        return [ref for ref, (made, last) in self.spans.items() if made < s <= last]

    def stage(self, s: int) -> StagePhase:
        enters, leaves = self.entering(s), self.entering(s + 1)
        names = self._names(enters, s)
        routine = Routine(
            f"{self.routine.name}Stage{s}",
            tuple(Feed(names[ref].layer, *self._shape(ref)) for ref in enters),
            tuple(self._steps(s, names, {*leaves})),
            tuple(Result(self._name_of(ref, i), names.get(ref, ref)) for i, ref in enumerate(leaves)),
            (),
            (),
        )
        return StagePhase(routine, tuple(map(self._crossing, enters)), tuple(map(self._crossing, leaves)))

    def splits(self, s: int) -> bool:
        """Whether all that a stage trains depends on what enters it and gets a gradient."""
        reached = {ref for ref in self.entering(s) if self._crossing(ref).gradient}
        for step in self.routine.invoked():
            if self.stage_of[step.layer] != s:
                continue
            if not reached.isdisjoint(step.operands):
                reached.update(step.results)
            elif step.holder is not None and _trained(step.holder):
                return False
        return True

    def _name_of(self, ref: Ref, i: int) -> str:
        return next((result.name for result in self.routine.results if result.ref == ref), f"leaving{i}")

    def _names(self, enters: Sequence[Ref], s: int) -> dict[Ref, Ref]:
        """What a stage calls what enters it: identifiers that are no layer's name. The network's inputs keep theirs."""
        if s == 0:
            return {ref: ref for ref in enters}
        found: dict[Ref, Ref] = {}
        for ref in enters:
            name = re.sub(r"\W", "_", f"from_{ref.layer}_{ref.output}")
            while name in self.net.layers or Ref(name) in found.values():
                name += "_"
            found[ref] = Ref(name)
        return found

    def _shape(self, ref: Ref) -> tuple[Shape, str]:
        return self.run.shapes[ref.layer, ref.output], self.run.types[ref.layer, ref.output]

    def _crossing(self, ref: Ref) -> Crossing:
        tensor = (ref.layer, ref.output)
        return Crossing(*tensor, *self._shape(ref), gradient=self.run.training and tensor in self.run.due)

    def _steps(self, s: int, names: Mapping[Ref, Ref], leaves: Container[Ref]) -> Iterator[Instruction]:
        for step in self.routine.steps:
            if isinstance(step, Recompute):
                inner = [own for own in step.steps if isinstance(own, Invoke) and self.stage_of[own.layer] == s]
                if inner:
                    yield self._region(step.name, s, inner, names, leaves)
            elif isinstance(step, Invoke) and self.stage_of[step.layer] == s:
                yield _renamed(step, names)

    def _region(
        self, name: str, s: int, inner: Sequence[Invoke], names: Mapping[Ref, Ref], leaves: Container[Ref]
    ) -> Recompute:
        """The part of a region that a stage has."""
        made = [ref for step in inner for ref in step.results]
        enters = dict.fromkeys(ref for step in inner for ref in step.operands if ref not in made)
        leaving = [ref for ref in made if ref in leaves or self.readers.get(ref, set()) - {(s, name)}]
        renamed = tuple(_renamed(step, names) for step in inner)
        return Recompute(name, renamed, tuple(names.get(ref, ref) for ref in enters), tuple(leaving))


def _trained(holder: Holder) -> bool:
    return not holder.frozen and any(held.weight.role != "buffer" for held in holder.held)


def _renamed(step: Invoke, names: Mapping[Ref, Ref]) -> Invoke:
    return replace(step, operands=tuple(names.get(ref, ref) for ref in step.operands))
