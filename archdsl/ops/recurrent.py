"""Recurrent layers: torch's modules, of sequences [N, length, features], with a list of outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from archdsl.dims import Shape, Size, product, show
from archdsl.ops._op import (
    Example,
    Kept,
    ShapeError,
    Target,
    Use,
    Weight,
    Weighted,
    known,
    param,
    rank_between,
    same,
)
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.foreign import ForeignCall, ForeignTensor, How, Made, Unreadable, reading
from archdsl.ops.kinds import Boolean, Choice, Integer, Number
from archdsl.ops.linear import linear_copies
from archdsl.ops.sight import Sees, Slide
from archdsl.ops.strides import Laid, Strides, contiguous

HIDDEN: Any = Integer(1)
PROBABILITY: Any = Number(0, 1)


def _states_of(call: ForeignCall, names: Sequence[str]) -> list[ForeignTensor]:
    """The states that a call begins with; those that are 0 go without saying."""
    given = call.get("hx")
    states = [given] if isinstance(given, ForeignTensor) else list(given or ())
    zeros = [one.made_by is not None and one.made_by.name in ("aten.zeros", "aten.new_zeros") for one in states]
    return [] if all(zeros) else states[: len(names)]


def _run_over(operator: str, gates: int, states: Sequence[str], **fixed: Any) -> How:
    """A call of torch that passes over a sequence. Its weights come in a list: of each layer and direction those of
    what it reads, of its state, both biases, and the projection."""

    def how(call: ForeignCall) -> Made:
        if not call.get("batch_first", False):
            raise Unreadable("`batch_first` = False; sequences are [N, length, features] here")
        given, bias = list(call.get("params", ())), bool(call.get("has_biases", True))
        layers, directions = call.get("num_layers", 1), 2 if call.get("bidirectional", False) else 1
        each, rest = divmod(len(given), layers * directions)
        projected = each - (4 if bias else 2)
        if rest or projected not in (0, 1):
            raise Unreadable(f"{len(given)} weights in {layers} layers")
        ends = [f"l{number}{end}" for number in range(layers) for end in ("", "_reverse")[:directions]]
        parts = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if bias else []), "weight_hr"][:each]
        names = [f"{part}_{end}" for end in ends for part in parts]
        rows, width = given[1].shape
        parameters = {
            "hidden_size": int(rows) // gates,
            "num_layers": layers,
            "bias": bias,
            "dropout": float(call.get("dropout", 0.0)),
            "bidirectional": directions == 2,
            **({"proj_size": width} if projected else {}),
            **fixed,
        }
        begins = tuple(_states_of(call, states))
        return Made(operator, parameters, (call.tensor("input"), *begins), dict(zip(names, given, strict=True)))

    return how


class _Recurrent(Weighted):
    """Layers that pass over a sequence, each over what the one before it gives.

    Its outputs are the sequence of the last layer's states, and the last state of each layer and direction. The first
    states, of the same shape, may be given behind the sequence; they are 0 otherwise. What is
    said of backward is that of torch's own kernels: oneDNN and cuDNN keep as much in a workspace of their own.
    """

    hidden_size: int
    num_layers: int
    bias: bool
    dropout: float
    bidirectional: bool
    gates: ClassVar[int] = 1
    states: ClassVar[int] = 0  # values that a step keeps for each of the hidden state, its gates included
    trains: ClassVar[int] = 1  # those that it keeps for the gradients of its weights
    ends: ClassVar[int] = 0  # those that the whole keeps beside them, for these gradients
    module: ClassVar[str]

    inputs: ClassVar[tuple[str, ...]] = ("input", "h")
    optional = 1
    told = -1
    autocast = "lower"
    gives = ("float32",)

    @property
    def projected(self) -> int:
        """Features that the state is projected to; 0 for none."""
        return 0

    @property
    def width(self) -> int:
        """Features of the state that a layer hands on."""
        return self.projected or self.hidden_size

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    def infer_all(self, *inputs: Shape) -> tuple[Shape, ...]:
        shape = inputs[0]
        rank_between(self, shape, 3, 3, "[N, length, features]")
        self._features(shape)
        if self.projected >= self.hidden_size:
            message = f"`proj_size` {self.projected} must be less than `hidden_size` {self.hidden_size}"
            raise ShapeError(message, code="bad-parameter")
        for i, name in enumerate(self.inputs[1 : len(inputs)], 1):
            self._check_begin(name, inputs[i], self._states(shape)[name], i)
        return ((*shape[:2], self.directions * self.width), *self._states(shape).values())

    def _states(self, shape: Shape) -> dict[str, Shape]:
        """The states of all layers and directions, by their names: as given first and as they are last."""
        return {"h": (self.directions * self.num_layers, shape[0], self.width)}

    def _check_begin(self, name: str, found: Shape, wanted: Shape, position: int) -> None:
        if len(found) != len(wanted) or not all(map(same, found, wanted)):
            message = f"`{name}` of `{self.name}` is [layers and directions, N, features], here {show(wanted)}"
            raise ShapeError(f"{message}, found {show(found)}", culprits=(position,))

    def _features(self, shape: Shape) -> int:
        return known(shape[-1], f"the number of input features of `{self.name}`")

    def _layers(self, shape: Shape) -> Iterator[tuple[int, int]]:
        """Each layer's number and the features that it reads."""
        for number in range(self.num_layers):
            yield number, self._features(shape) if number == 0 else self.directions * self.width

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        rows = self.gates * self.hidden_size
        found: list[Weight] = []
        for number, features in self._layers(inputs[0]):
            for reverse in ("", "_reverse")[: self.directions]:
                end = f"l{number}{reverse}"
                found += [Weight(f"weight_ih_{end}", (rows, features)), Weight(f"weight_hh_{end}", (rows, self.width))]
                if self.bias:
                    found += [Weight(f"bias_{part}_{end}", (rows,), "bias") for part in ("ih", "hh")]
                if self.projected:
                    found.append(Weight(f"weight_hr_{end}", (self.projected, self.hidden_size)))
        return tuple(found)

    def _step(self) -> int:
        """Multiply-adds of a step of one layer and direction on its own state, for one sample."""
        return self.gates * self.hidden_size * self.width + self.projected * self.hidden_size

    def _entering(self, shape: Shape) -> int:
        """Multiply-adds of a step of all layers and directions on what they read, for one sample."""
        rows = self.gates * self.hidden_size * self.directions
        return sum(rows * features for _, features in self._layers(shape))

    def macs(self, inputs: Sequence[Shape], output: Shape) -> Size:
        shape = inputs[0]
        return product(shape[:2]) * (self._entering(shape) + self.directions * self.num_layers * self._step())

    def backward_macs(self, inputs: Sequence[Shape], output: Shape, wanted: Sequence[bool], trainable: bool) -> Size:
        shape = inputs[0]
        if not (any(wanted) or trainable):
            return 0
        first = self.gates * self.hidden_size * self.directions * self._features(shape)
        inner = self._entering(shape) - first  # what further layers read wants a gradient in any case
        entering = first * (wanted[0] + trainable) + inner * (1 + trainable)
        runs = self.directions * self.num_layers
        own = runs * self.gates * self.hidden_size * self.width
        projected = runs * self.projected * self.hidden_size
        # To the state before the first step a gradient goes back where it is given, and wants one.
        steps = shape[1] if any(wanted[1:2]) else shape[1] - 1
        back = shape[0] * steps * own + product(shape[:2]) * projected
        return product(shape[:2]) * (entering + trainable * (own + projected)) + back

    def kernels(self, inputs: Sequence[Shape]) -> Size:
        return inputs[0][1] * self.num_layers * self.directions  # one step after the other

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        # For each gate two biases, a sum and a function of it; the state from them.
        each = (2 + 2 * self.bias) * self.gates + 3
        return product(inputs[0][:2]) * self.directions * self.num_layers * self.hidden_size * each

    def keeps(self, use: Use) -> Kept:
        x = use.inputs[0]
        steps = product(x.shape[:2])
        hidden = steps * self.hidden_size
        runs = self.directions * self.num_layers
        # What it begins with is zeros of its own, or what it is given.
        given = self._needed(use)
        values: Size = runs * self.states * hidden - sum(use.inputs[i].values for i in given)
        # It serves the gradient of what it is multiplied by, which nothing else may want in the first step.
        kept = tuple(i for i in given if use.trained or self.num_layers > 1 or use.others_want(i))
        if not use.trained:
            return Kept(kept, values=values + self._dropped(steps))
        values = values + runs * (self.trains * steps + self.ends * x.shape[0]) * self.width
        # Each direction of the first layer reads a copy of its own where samples and positions, in this order, do not
        # lie as if they were one dimension; further layers read what the one before them gives.
        copied = linear_copies(x.permuted((1, 0, 2)), 1, False, True)[0]
        between = (self.num_layers - 1) * steps * self.directions * self.width
        values = values + self.directions * copied + between + self._dropped(steps)
        return Kept(((0,) if copied == 0 else ()) + kept, values=values)

    def _needed(self, use: Use) -> tuple[int, ...]:
        """The positions of the given states that backward needs: states are multiplied by weights."""
        return (1,) if len(use.inputs) > 1 and use.trained else ()

    def _dropped(self, steps: Size) -> Size:
        """Values of the masks of dropout, between layers."""
        between = (self.num_layers - 1) * self.directions * self.width
        return steps * between if 0 < self.dropout < 1 else (self.num_layers - 1 if self.dropout == 1 else 0)

    def layout(self, use: Use, output: Shape) -> Strides | None:
        if output != use.output:
            return contiguous(output)
        positions_first = (output[1], output[0], output[2])
        return Laid(positions_first, contiguous(positions_first)).permuted((1, 0, 2)).strides

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return (Slide(0), None, None) if number == 0 else (None, Slide(0), None)  # the last position sees all

    def target(self, *inputs: Shape) -> Target:
        kwargs = {"input_size": inputs[0][-1], **self.params}
        kwargs = {name: value for name, value in kwargs.items() if name not in ("init", "bias_init")}
        return Target(f"compiler.fx.layers.{self.module}", kwargs)


LAYERS = "layers, each over what the one before it gives"
BIAS = "whether there are biases, two of each gate"
DROPOUT = "probability of zeroing a value between layers, in training"
BIDIRECTIONAL = "whether a second run of each layer goes from the end to the start"


@deferred_dataclass
class Lstm(_Recurrent, group="recurrent"):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997): `seq, h, c = lstm(x, 12)`.

    seq are the states of the last layer, [N, length, directions · features]; h and c the last states and cells of each
    layer and direction, [layers · directions, N, features]. The first states and cells may be given in the same form,
    `lstm(x, h, c, 12)`; they are 0 otherwise. Parameters are named as in `torch.nn.LSTM`.
    """

    hidden_size: int = param(HIDDEN, "features of the state")
    num_layers: int = param(Integer(1), LAYERS, 1)
    bias: bool = param(Boolean(), BIAS, True, kw_only=True)
    dropout: float = param(PROBABILITY, DROPOUT, 0.0, kw_only=True)
    bidirectional: bool = param(Boolean(), BIDIRECTIONAL, False, kw_only=True)
    proj_size: int = param(
        Integer(0),
        "features that a state is projected to; 0 for none (Sak et al., 2014, arXiv:1402.1128)",
        0,
        kw_only=True,
    )

    inputs = ("input", "h", "c")
    optional = 2
    gates = 4
    states = 6  # the gates, the cell before, the activation of the cell after
    module = "LongShortTermMemory"
    reads = (reading("aten.lstm", _run_over("lstm", 4, ("h", "c"))),)
    examples = (
        Example("lstm(6)", ((2, 5, 4),), ((2, 5, 6), (1, 2, 6), (1, 2, 6))),
        Example("lstm(6, 2, bidirectional = true)", ((3, 4, 5),), ((3, 4, 12), (4, 3, 6), (4, 3, 6))),
        Example("lstm(6, proj_size = 3, bias = false)", ((2, 5, 4),), ((2, 5, 3), (1, 2, 3), (1, 2, 6))),
        Example("lstm(6)", ((2, 5, 4), (1, 2, 6), (1, 2, 6)), ((2, 5, 6), (1, 2, 6), (1, 2, 6))),
    )

    @property
    def projected(self) -> int:
        return self.proj_size

    def _states(self, shape: Shape) -> dict[str, Shape]:
        states = super()._states(shape)
        return {**states, "c": (*states["h"][:2], self.hidden_size)}

    def infer_all(self, *inputs: Shape) -> tuple[Shape, ...]:
        if len(inputs) == 2:
            raise ShapeError("`lstm` begins with states `h` and cells `c`, or with neither", code="wrong-arity")
        return super().infer_all(*inputs)

    def _needed(self, use: Use) -> tuple[int, ...]:
        return (*super()._needed(use), *range(2, len(use.inputs)))  # cells are multiplied by gates

    def keeps(self, use: Use) -> Kept:
        kept = super().keeps(use)
        # A projection reads what it projects: the state before it.
        projected = self.directions * self.num_layers * product(use.output[:2]) * self.hidden_size
        return kept._replace(values=kept.values + projected) if self.proj_size and use.trained else kept


@deferred_dataclass
class Gru(_Recurrent, group="recurrent"):
    """Gated recurrent units (Cho et al., 2014, arXiv:1406.1078), as torch computes them: `seq, h = gru(x, 12)`, or
    `gru(x, h, 12)` from a first state that is given."""

    hidden_size: int = param(HIDDEN, "features of the state")
    num_layers: int = param(Integer(1), LAYERS, 1)
    bias: bool = param(Boolean(), BIAS, True, kw_only=True)
    dropout: float = param(PROBABILITY, DROPOUT, 0.0, kw_only=True)
    bidirectional: bool = param(Boolean(), BIDIRECTIONAL, False, kw_only=True)

    gates = 3
    states = 6  # the gates, and the new state, the old one and their difference
    module = "GatedRecurrentUnits"
    reads = (reading("aten.gru", _run_over("gru", 3, ("h",))),)
    examples = (
        Example("gru(6)", ((2, 5, 4),), ((2, 5, 6), (1, 2, 6))),
        Example("gru(6, 2, dropout = 0.5)", ((3, 4, 5),), ((3, 4, 6), (2, 3, 6))),
        Example("gru(6, 2)", ((3, 4, 5), (2, 3, 6)), ((3, 4, 6), (2, 3, 6))),
    )


@deferred_dataclass
class Rnn(_Recurrent, group="recurrent"):
    """A recurrent network of one gate (Elman, 1990): `seq, h = rnn(x, 12)`, or `rnn(x, h, 12)` from a first state that
    is given."""

    hidden_size: int = param(HIDDEN, "features of the state")
    num_layers: int = param(Integer(1), LAYERS, 1)
    nonlinearity: str = param(Choice(("tanh", "relu")), "the function of a state", "tanh")
    bias: bool = param(Boolean(), BIAS, True, kw_only=True)
    dropout: float = param(PROBABILITY, DROPOUT, 0.0, kw_only=True)
    bidirectional: bool = param(Boolean(), BIDIRECTIONAL, False, kw_only=True)

    states = 1
    trains = 0  # the state before is the one kept of the step before, but for the first
    ends = 1
    module = "Recurrence"
    reads = (
        reading("aten.rnn_tanh", _run_over("rnn", 1, ("h",))),
        reading("aten.rnn_relu", _run_over("rnn", 1, ("h",), nonlinearity="relu")),
    )
    examples = (
        Example("rnn(6)", ((2, 5, 4),), ((2, 5, 6), (1, 2, 6))),
        Example("rnn(6, nonlinearity = relu, bidirectional = true)", ((3, 4, 5),), ((3, 4, 12), (2, 3, 6))),
        Example("rnn(6)", ((3, 4, 5), (1, 3, 6)), ((3, 4, 6), (1, 3, 6))),
    )
