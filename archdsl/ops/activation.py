"""Activations: one value in, one value out (softmax: along one dimension)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from archdsl.dims import Shape, Size, product, show
from archdsl.ops._op import (
    Example,
    Kept,
    Operator,
    ShapeError,
    Target,
    Use,
    Weight,
    Weighted,
    index_dim,
    known,
    param,
    parameters,
    same,
)
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.foreign import ForeignCall, Made, Reads, reading
from archdsl.ops.kinds import MAX_INT, Choice, Integer, Number
from archdsl.ops.sight import Sees, Slide, pointwise
from archdsl.ops.strides import Laid, Lies, Strides, contiguous, elementwise


class _Activation(Operator):
    """An activation without weights: the module of torch with the same parameters."""

    module: ClassVar[str]
    pointwise = True
    saves = ("input",)
    lies: ClassVar[Lies] = "elementwise"

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output)  # a function of a value is one, however it is computed

    def target(self, *inputs: Shape) -> Target:
        return Target(f"torch.nn.{self.module}", self.params)

    def idiom(self, *inputs: Shape) -> str | None:
        chosen = [p.name for p in parameters(type(self)) if getattr(self, p.name) != p.default]
        return f"F.{self.name}({', '.join(['{0}', *(f'{name}={{{name}}}' for name in chosen)])})"


def _example(step: str) -> tuple[Example, ...]:
    return (Example(step, ((2, 8, 5, 5),), (2, 8, 5, 5)),)


def _slopes(call: ForeignCall) -> int:
    (slopes,) = call.tensor("weight").shape
    return slopes if isinstance(slopes, int) else 1


def _clipped(call: ForeignCall) -> Made:
    """torch has `relu6` as a `hardtanh`."""
    low, high = call.get("min_val", -1.0), call.get("max_val", 1.0)
    x = (call.tensor("self"),)
    return Made("relu6", {}, x) if (low, high) == (0, 6) else Made("hardtanh", {"min_val": low, "max_val": high}, x)


@deferred_dataclass
class Relu(_Activation, group="activation"):
    """max(x, 0)."""

    module = "ReLU"
    saves = ("output",)
    reads = ("aten.relu onnx.Relu",)
    examples = _example("relu")


@deferred_dataclass
class Relu6(_Activation, group="activation"):
    """min(max(x, 0), 6)."""

    module = "ReLU6"
    reads = ("aten.relu6",)
    examples = _example("relu6")


@deferred_dataclass
class LeakyRelu(_Activation, group="activation"):
    """x where positive, negative_slope · x elsewhere."""

    negative_slope: float = param(Number(), "slope for negative values", 0.01)
    module = "LeakyReLU"
    reads = (
        "aten.leaky_relu",
        Reads("onnx.LeakyRelu", {"negative_slope": "alpha"}),
    )
    examples = _example("leaky_relu(0.2)")


@deferred_dataclass
class Prelu(Weighted, group="activation"):
    """x where positive, a · x elsewhere, with a learnt (He et al., 2015, arXiv:1502.01852)."""

    num_parameters: int = param(Integer(1), "1, or the number of channels", 1)

    takes_default_init = False
    pointwise = True
    saves = ("input",)
    autocast = "lower"
    lies = "elementwise"
    reads = (Reads("aten.prelu", {"num_parameters": _slopes}, weights={"weight": "weight"}),)
    examples = (*_example("prelu"), *_example("prelu(8)"))

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if self.num_parameters == 1:
            return shape
        channels = known(shape[1], "the number of channels of `prelu`") if len(shape) > 1 else 1
        if self.num_parameters != channels:
            raise ShapeError(
                f"`num_parameters` must be 1 or the number of channels, {channels}; found {self.num_parameters}",
                code="bad-parameter",
                culprits=((0, 1),),
                instead={"num_parameters": channels},
            )
        return shape

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output)

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return (Weight("weight", (self.num_parameters,)),)

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output)  # the gradient of the slope, before it is added up

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.nn.PReLU", {"num_parameters": self.num_parameters})


@deferred_dataclass
class Elu(_Activation, group="activation"):
    """x where positive, alpha · (eˣ − 1) elsewhere."""

    alpha: float = param(Number(), "scale for negative values", 1.0)
    module = "ELU"
    reads = (
        Reads("aten.elu", expects={"scale": 1, "input_scale": 1}),
        "onnx.Elu",
    )
    examples = _example("elu")


@deferred_dataclass
class Gelu(_Activation, group="activation"):
    """x · Φ(x) (Hendrycks and Gimpel, 2016, arXiv:1606.08415)."""

    approximate: str = param(Choice(("none", "tanh")), "approximation of Φ", "none")
    module = "GELU"
    reads = ("aten.gelu onnx.Gelu",)
    examples = _example("gelu(approximate = tanh)")


@deferred_dataclass
class Silu(_Activation, group="activation"):
    """x · sigmoid(x), also called swish."""

    module = "SiLU"
    reads = ("aten.silu onnx.Swish",)
    examples = _example("silu")


@deferred_dataclass
class Hardswish(_Activation, group="activation"):
    """x · min(max(x + 3, 0), 6) / 6."""

    module = "Hardswish"
    reads = ("aten.hardswish onnx.HardSwish",)
    examples = _example("hardswish")


@deferred_dataclass
class Hardsigmoid(_Activation, group="activation"):
    """min(max(x + 3, 0), 6) / 6."""

    module = "Hardsigmoid"
    reads = (
        "aten.hardsigmoid",
        Reads("onnx.HardSigmoid", ignored=("alpha", "beta")),
    )
    examples = _example("hardsigmoid")


@deferred_dataclass
class Sigmoid(_Activation, group="activation"):
    """1 / (1 + e⁻ˣ)."""

    module = "Sigmoid"
    saves = ("output",)
    reads = ("aten.sigmoid onnx.Sigmoid",)
    examples = _example("sigmoid")

    def idiom(self, *inputs: Shape) -> str:
        return "torch.sigmoid({0})"


@deferred_dataclass
class Tanh(_Activation, group="activation"):
    """Hyperbolic tangent."""

    module = "Tanh"
    saves = ("output",)
    reads = ("aten.tanh onnx.Tanh",)
    examples = _example("tanh")

    def idiom(self, *inputs: Shape) -> str:
        return "torch.tanh({0})"


@deferred_dataclass
class Mish(_Activation, group="activation"):
    """x · tanh(log(1 + eˣ)) (Misra, 2019, arXiv:1908.08681)."""

    module = "Mish"
    reads = ("aten.mish onnx.Mish",)
    examples = _example("mish")


@deferred_dataclass
class Selu(_Activation, group="activation"):
    """1.0507 · elu(x, 1.6733), which keeps mean 0 and variance 1 (Klambauer et al., 2017, arXiv:1706.02515)."""

    module = "SELU"
    reads = ("aten.selu",)
    examples = _example("selu")


@deferred_dataclass
class Celu(_Activation, group="activation"):
    """x where positive, alpha · (e^(x / alpha) − 1) elsewhere (Barron, 2017, arXiv:1704.07483)."""

    alpha: float = param(Number(), "where negative values end; not 0", 1.0)
    module = "CELU"
    reads = ("aten.celu",)
    examples = _example("celu(2)")

    def infer(self, *inputs: Shape) -> Shape:
        if self.alpha == 0:
            raise ShapeError("`alpha` must not be 0", code="bad-parameter")
        return inputs[0]


@deferred_dataclass
class Hardtanh(_Activation, group="activation"):
    """x, kept between two bounds."""

    min_val: float = param(Number(), "lower bound", -1.0)
    max_val: float = param(Number(), "upper bound, greater than the lower one", 1.0)
    module = "Hardtanh"
    reads = (reading("aten.hardtanh", _clipped),)
    examples = _example("hardtanh(-2, 2)")

    def infer(self, *inputs: Shape) -> Shape:
        if self.max_val <= self.min_val:
            message = f"`max_val` {self.max_val:g} must be greater than `min_val` {self.min_val:g}"
            raise ShapeError(message, code="bad-parameter")
        return inputs[0]


@deferred_dataclass
class Logsigmoid(_Activation, group="activation"):
    """Logarithm of sigmoid."""

    module = "LogSigmoid"
    reads = ("aten.log_sigmoid",)
    examples = _example("logsigmoid")

    def keeps(self, use: Use) -> Kept:
        # On the CPU also the exponential in it.
        return Kept((0,), values=product(use.output) if use.hardware == "cpu" else 0)

    def layout(self, use: Use, output: Shape) -> Strides | None:
        return contiguous(output) if use.hardware == "cpu" else elementwise(use.inputs, output)


@deferred_dataclass
class Glu(_Activation, group="activation"):
    """The first half times sigmoid of the second half of a dimension (Dauphin et al., 2017, arXiv:1612.08083)."""

    dim: int = param(Integer(-MAX_INT), "the dimension that is halved", -1)
    pointwise = False
    module = "GLU"
    reads = ("aten.glu",)
    examples = (Example("glu(1)", ((2, 8, 5, 5),), (2, 4, 5, 5)), Example("glu", ((2, 6),), (2, 3)))

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        dim = index_dim(self.dim, len(shape), "`dim`")
        if not same(shape[dim] % 2, 0):
            message = f"dimension {dim} of {show(shape)} does not divide into two halves"
            raise ShapeError(message, code="groups", culprits=((0, dim),))
        return (*shape[:dim], shape[dim] // 2, *shape[dim + 1 :])

    def layout(self, use: Use, output: Shape) -> Strides | None:
        return elementwise([Laid(output, use.inputs[0].strides)], output)

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return 2 * product(output)  # the sigmoid and the product

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        halved = self.dim % len(output)
        return tuple(Slide(dim, ordered=dim != halved) for dim in range(len(output)))


@deferred_dataclass
class Softplus(_Activation, group="activation"):
    """log(1 + e^(beta · x)) / beta, linear above the threshold."""

    beta: float = param(Number(0, above=True), "sharpness", 1.0)
    threshold: float = param(Number(), "beta · x from which on it is linear", 20.0)
    module = "Softplus"
    autocast = "float32"
    reads = ("aten.softplus onnx.Softplus",)
    examples = _example("softplus")


class _Softmax(_Activation):
    """Normalisation along one dimension."""

    dim: int
    saves = ("output",)
    autocast = "float32"
    lies = "in order"

    def infer(self, *inputs: Shape) -> Shape:
        index_dim(self.dim, len(inputs[0]), "`dim`")
        return inputs[0]

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return 3 * product(output)  # the exponential, the sum, the division

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return pointwise(inputs[0], output, mixed=(self.dim,))

    def target(self, *inputs: Shape) -> Target:
        return Target(f"torch.nn.{self.module}", {"dim": self.dim})


DIM: Any = Integer(-MAX_INT)


@deferred_dataclass
class Softmax(_Softmax, group="activation"):
    """eˣ divided by its sum along a dimension."""

    dim: int = param(DIM, "the dimension that sums to 1")
    module = "Softmax"
    reads = (
        Reads("aten.softmax aten._softmax", ignored=("dtype", "half_to_float")),
        Reads("onnx.Softmax", {"dim": "axis"}, {"dim": -1}),
    )
    examples = (Example("softmax(dim = 1)", ((2, 10),), (2, 10)), Example("softmax(-1)", ((2, 4, 9),), (2, 4, 9)))


@deferred_dataclass
class Softmin(_Softmax, group="activation"):
    """e⁻ˣ divided by its sum along a dimension."""

    dim: int = param(DIM, "the dimension that sums to 1")
    module = "Softmin"
    examples = (Example("softmin(dim = 1)", ((2, 10),), (2, 10)),)

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return 4 * product(output)  # also the change of sign

    def scratch(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output)  # the input with its sign changed

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(output)  # its gradient


@deferred_dataclass
class LogSoftmax(_Softmax, group="activation"):
    """Logarithm of softmax."""

    dim: int = param(DIM, "the dimension whose exponentials sum to 1")
    module = "LogSoftmax"
    reads = (
        Reads("aten.log_softmax aten._log_softmax", ignored=("dtype", "half_to_float")),
        Reads("onnx.LogSoftmax", {"dim": "axis"}, {"dim": -1}),
    )
    examples = (Example("log_softmax(dim = 1)", ((2, 10),), (2, 10)),)
