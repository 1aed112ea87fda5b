"""Where tensors come from: inputs, learnt tensors and fixed ones."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.dims import Shape, Size, product
from archdsl.ops._op import Example, Operator, Target, Weight, known, param
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.initialiser import Initialiser
from archdsl.ops.kinds import Init, Integers


@deferred_dataclass
class Input(Operator):
    """An input of the network. It has no name in the language: networks declare their inputs."""

    shape: Shape
    name = "input"
    group = "input"
    inputs = ()

    def infer(self, *inputs: Shape) -> Shape:
        return self.shape

    @property
    def params(self) -> dict[str, object]:
        return {}


@deferred_dataclass
class Unresolved(Operator):
    """What stands, in the graph of a spec with errors, for the operator of a step that has none: of a block that does
    not take its arguments, or of an operator that does not take its parameters. It is in no other graph."""

    name = "unresolved"
    group = "fault"
    inputs = ()

    @property
    def params(self) -> dict[str, object]:
        return {}


class _Random(Operator):
    """Numbers drawn anew at each run, in inference as well, for each value of a tensor. No gradient goes through."""

    inputs = ("like",)
    undifferentiated = (0,)
    pointwise = True
    lies = "elementwise"

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output)

    def target(self, *inputs: Shape) -> Target:
        return Target(f"torch.{self.name}_like", kind="function")


@deferred_dataclass
class Randn(_Random, group="parameter"):
    """Numbers of the normal distribution with mean 0 and variance 1, as many as a tensor has: `randn(like = x)`."""

    reads = ("aten.randn_like",)
    examples = (Example("randn", ((2, 8, 5),), (2, 8, 5)),)


@deferred_dataclass
class Rand(_Random, group="parameter"):
    """Numbers distributed evenly from 0 to 1, as many as a tensor has: `rand(like = x)`."""

    reads = ("aten.rand_like",)
    examples = (Example("rand", ((2, 8, 5),), (2, 8, 5)),)


class _Tensor(Operator):
    """A tensor of the network's own."""

    owns_storage = True
    pointwise = True
    shape: tuple[int, ...]
    inputs = ()

    def infer(self, *inputs: Shape) -> Shape:
        out: tuple[Size, ...] = self.shape
        return tuple(known(size, "a size") for size in out)


@deferred_dataclass
class LayerWeight(_Tensor):
    """A weight that a layer owns, as a tensor for others: `wte.weight`, where `wte` is a module. It has no name in the
    language."""

    shape: tuple[int, ...]
    weight: str
    name = "weight"
    group = "parameter"

    @property
    def params(self) -> dict[str, object]:
        return {"weight": self.weight}

    def target(self, *inputs: Shape) -> Target:
        return Target(self.weight, kind="weight")


class _Kept(Operator):
    """A tensor of the network's own that starts as another, which is worked out once, before the network runs."""

    owns_storage = True
    pointwise = True
    inputs = ("value",)
    group = "parameter"

    def infer(self, *inputs: Shape) -> Shape:
        return tuple(known(size, "a size of what is kept") for size in inputs[0])


@deferred_dataclass
class KeptParameter(_Kept):
    """A learnt tensor that starts at a value."""

    name = "parameter"

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return (Weight("", tuple(known(size, "a size") for size in inputs[0])),)

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.nn.Parameter", kind="parameter")


@deferred_dataclass
class KeptBuffer(_Kept):
    """A fixed tensor of a value, saved with the network."""

    holds: str = "float32"
    name = "buffer"
    takes = ("anything",)

    def typed(self, inputs: Sequence[str]) -> Operator:
        return KeptBuffer(inputs[0])

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return (Weight("", tuple(known(size, "a size") for size in inputs[0]), "buffer", self.holds),)

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.nn.Buffer", kind="buffer")


@deferred_dataclass
class Parameter(_Tensor, group="parameter"):
    """A learnt tensor that is no layer's weight: a class token, a position embedding, a scale.

    Its `state_dict` key is the layer's path itself. `parameter(value)` starts at a tensor that depends on no input and
    no weight.
    """

    kept = KeptParameter

    shape: tuple[int, ...] = param(Integers(1, least=0), "its shape; `[]` for a single number")
    init: Initialiser = param(Init(), "how it starts", Initialiser("zeros"))

    examples = (
        Example("parameter([1, 1, 16], init = normal(0.02))", (), (1, 1, 16)),
        Example("parameter([], init = constant(2.66))", (), ()),
    )

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return (Weight("", self.shape),)

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.nn.Parameter", kind="parameter")


@deferred_dataclass
class Buffer(_Tensor, group="parameter"):
    """A fixed tensor, saved with the network and not trained.

    Its `state_dict` key is the layer's path itself. `buffer(value)` keeps a tensor that depends on no input and no
    weight.
    """

    kept = KeptBuffer

    shape: tuple[int, ...] = param(Integers(1, least=0), "its shape; `[]` for a single number")
    init: Initialiser = param(Init(), "its values", Initialiser("zeros"))

    examples = (Example("buffer([10, 84], init = ones)", (), (10, 84)),)

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return (Weight("", self.shape, "buffer"),)

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.nn.Buffer", kind="buffer")
