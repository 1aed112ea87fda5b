"""What runs, as plain data: the steps of a phase, made once from the elaborated graph and lowered by every back end.

An `Assembly` is all there is to a network: what it owns, in the order in which it is built, and a `Routine` for each
phase and each loss. A routine is a list of steps over `Ref`s, each of which is made before it is read:

* `Invoke`: one layer at work, a `Target` called with tensors;
* `Transfer`: a tensor copied to another logical device;
* `Recompute`: steps whose activations are computed again in backward, with what enters and what leaves.

Devices are those that the network declares. Sizes that are known only when the network runs are `Dim`s among the
arguments of a target; `Routine.readings` says how each of their symbols is read from the inputs' sizes.
`compiler/lowering.py` makes an assembly. Nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from archdsl.dims import Dim, Shape
from archdsl.ops import Target, Weight
from archdsl.ops.initialiser import Initialiser


class Ref(NamedTuple):
    """A tensor: which output of which layer (or input) of the graph, and on which device.

    An input is on no device: the caller's tensors come from anywhere. Nor is anything where none is declared.
    """

    layer: str
    output: int = 0
    device: str | None = None


class Held(NamedTuple):
    """A parameter or buffer that a network owns: its key in the `state_dict`, and how it starts.

    Where `start` is None, it is as the module's constructor makes it; a routine takes nothing and gives its values.
    """

    path: str
    weight: Weight
    start: Initialiser | Routine | None


@dataclass(frozen=True, slots=True)
class Holder:
    """What is built once, under a path: a module, or a parameter or buffer of the network's own."""

    path: str
    target: Target
    device: str | None
    frozen: bool
    held: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class Invoke:
    """A layer at work: what its target makes of the operands.

    `holder` is the module that is called, or the tensor that is the result. The result of a target that gives a list
    (`listed`) are its items. A function of two that `folds` joins more of them from the left.
    """

    layer: str  # its key in the graph
    target: Target  # its arguments may hold sizes with symbols
    operands: tuple[Ref, ...]
    results: tuple[Ref, ...]
    holder: Holder | None = None  # of a target that is a weight, the module that has it
    listed: bool = False
    folds: bool = False


@dataclass(frozen=True, slots=True)
class Transfer:
    """A tensor copied to another device as soon as it is made, once for all that read it there."""

    source: Ref
    result: Ref


@dataclass(frozen=True, slots=True)
class Recompute:
    """Steps whose activations are not kept for backward but computed again there."""

    name: str
    steps: tuple[Invoke | Transfer, ...]
    enters: tuple[Ref, ...]  # what is read of what was made before
    leaves: tuple[Ref, ...]  # what is read of it afterwards, copies on other devices among them

    @property
    def holders(self) -> tuple[Holder, ...]:
        """The modules and tensors that it uses: modules first, each once."""
        return tuple(sorted(used(self.steps), key=lambda holder: holder.target.kind != "module"))


Instruction: TypeAlias = Invoke | Transfer | Recompute


class Feed(NamedTuple):
    """An input: its shape, in symbols where sizes are open, and its type as torch spells it."""

    name: str
    shape: Shape
    dtype: str


class Result(NamedTuple):
    """An output: its name, and the tensor that it is."""

    name: str
    ref: Ref


class Reading(NamedTuple):
    """How a symbol is read from the size of an input: it is (size − offset) / factor, and must be whole."""

    symbol: str
    feed: str
    dim: int
    factor: int
    offset: int | Dim  # in symbols that are read before


@dataclass(frozen=True, slots=True)
class Routine:
    """What runs in a phase, or a loss.

    The shapes of `feeds`, and `needs`, are what it takes: sizes that are numbers, symbols that agree, and sizes that
    are 0 or more. For every input that fits them it computes what the spec means; other input is to be refused.
    """

    name: str
    feeds: tuple[Feed, ...]
    steps: tuple[Instruction, ...]
    results: tuple[Result, ...]
    readings: tuple[Reading, ...]
    needs: tuple[Dim, ...]

    def invoked(self) -> Iterator[Invoke]:
        """All layers at work, in order, those that are recomputed included."""
        for step in self.steps:
            for inner in step.steps if isinstance(step, Recompute) else (step,):
                if isinstance(inner, Invoke):
                    yield inner

    @property
    def holders(self) -> tuple[Holder, ...]:
        """The modules and tensors that it uses, each once, in the order of their first use."""
        return tuple(used(self.invoked()))


@dataclass(frozen=True, slots=True)
class Assembly:
    """A network, ready for a back end.

    `holders` are built in this order, whatever phase they are of, so that a seed gives the same weights. `inference` is
    `training` itself where the phases do not differ. A loss takes the outputs of its phase, then the `targets`; that of
    inference is None where nothing is left of it. `aliases` are keys of checkpoints beside those of the `state_dict`,
    each with the key whose weight it is: of layers that are lent it.
    """

    name: str
    devices: tuple[str, ...]
    holders: tuple[Holder, ...]
    training: Routine
    inference: Routine
    training_loss: Routine | None
    inference_loss: Routine | None
    targets: tuple[str, ...]  # what the losses compare with, in the order in which they take it
    aliases: Mapping[str, str]


def used(steps: Iterable[Instruction]) -> Iterable[Holder]:
    """The modules and tensors that layers use, each once, in the order of their first use."""
    used = (step.holder for step in steps if isinstance(step, Invoke) and step.holder is not None)
    return {holder.path: holder for holder in used}.values()


def open_sizes(value: Any) -> Iterator[Dim]:
    """The sizes with symbols in an argument of a target."""
    if isinstance(value, Dim):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from open_sizes(item)


def sizes_read(steps: Iterable[Instruction]) -> tuple[Dim, ...]:
    """The sizes that are to be worked out while steps run, in the order in which they are read first."""
    found: dict[Dim, None] = {}
    for step in steps:
        if isinstance(step, Recompute):
            found |= dict.fromkeys(sizes_read(step.steps))
        elif isinstance(step, Invoke):
            arguments = (*step.target.args, *step.target.kwargs.values())
            found |= dict.fromkeys(size for argument in arguments for size in open_sizes(argument))
    return tuple(found)
