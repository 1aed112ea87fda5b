"""What Caffe's layers are as operators, by the definitions of its caffe.proto (https://github.com/BVLC/caffe)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from archdsl.importing.layers import ConfiguredNetwork
from archdsl.importing.program import Missing, ModuleScope, NotImported
from archdsl.importing.prototext import Message
from archdsl.ops.foreign import ForeignTensor


@dataclass(frozen=True)
class CaffeLayer:
    """A layer of a file, with the path that its weights have and the modules around it."""

    kind: str
    name: str
    message: Message
    path: str
    scopes: tuple[ModuleScope, ...] = ()

    @property
    def tops(self) -> list[str]:
        return self.message.texts("top")

    @property
    def bottoms(self) -> list[str]:
        return self.message.texts("bottom")

    def missing(self, reason: str) -> NotImported:
        return NotImported([Missing(f"Caffe's {self.kind}", reason, self.name, 1)])


Bottoms: TypeAlias = Sequence[ForeignTensor]
Reader: TypeAlias = Callable[[ConfiguredNetwork, CaffeLayer, Bottoms], list[ForeignTensor]]
WINDOW: Final = {"kernel_size": "kernel", "stride": "stride", "pad": "pad"}


def window(param: Message, name: str, default: int) -> Any:
    """A size of a kernel: one number for all dimensions, or one for each; or height and width under names of theirs."""
    beginning = WINDOW[name]
    if f"{beginning}_h" in param.fields or f"{beginning}_w" in param.fields:
        return [param.integer(f"{beginning}_h", default), param.integer(f"{beginning}_w", default)]
    values = param.integers(name) or [default]
    return values[0] if len(values) == 1 else values


def only(layer: CaffeLayer, given: Bottoms) -> ForeignTensor:
    """The one tensor that a layer takes."""
    if len(given) != 1:
        raise layer.missing(f"takes one bottom, not {len(given)}")
    return given[0]


def conv(operator: str) -> Reader:
    def how(net: ConfiguredNetwork, layer: CaffeLayer, given: Bottoms) -> list[ForeignTensor]:
        param = layer.message.message("convolution_param")
        dilations = param.integers("dilation") or [1]
        parameters = {
            "out_channels": param.integer("num_output", 0),
            "kernel_size": window(param, "kernel_size", 1),
            "stride": window(param, "stride", 1),
            "padding": window(param, "pad", 0),
            "dilation": dilations[0] if len(dilations) == 1 else dilations,
            "groups": param.integer("group", 1),
            "bias": param.flag("bias_term", True),
        }
        if param.integer("axis", 1) != 1:
            raise layer.missing("along another axis than the second")
        # A bottom for each top: the same filters over several images.
        return [net.add(operator, parameters, [one], layer.path, layer.scopes) for one in given]

    return how


def pooling(net: ConfiguredNetwork, layer: CaffeLayer, given: Bottoms) -> list[ForeignTensor]:
    param = layer.message.message("pooling_param")
    method = param.word("pool", ("MAX", "AVE", "STOCHASTIC"), "MAX")
    if method == "STOCHASTIC":
        raise layer.missing("that draws one of the values")
    kind = "avg_pool" if method == "AVE" else "max_pool"
    if param.flag("global_pooling", False):
        operator = "global_avg_pool" if method == "AVE" else "adaptive_max_pool"
        size = {} if method == "AVE" else {"output_size": 1}
        return [net.add(operator, size, [only(layer, given)], "", layer.scopes)]
    kernel, stride = window(param, "kernel_size", 1), window(param, "stride", 1)
    parameters = {
        "kernel_size": kernel,
        "stride": None if stride == kernel else stride,
        "padding": window(param, "pad", 0),
        "ceil_mode": param.word("round_mode", ("CEIL", "FLOOR"), "CEIL") == "CEIL",
    }
    return [net.add(kind, parameters, [only(layer, given)], "", layer.scopes)]


def product(net: ConfiguredNetwork, layer: CaffeLayer, given: Bottoms) -> list[ForeignTensor]:
    param = layer.message.message("inner_product_param")
    x = only(layer, given)
    axis = param.integer("axis", 1)
    if axis != 1 and axis != len(x.shape) - 1:
        raise layer.missing("along several axes behind the second")
    if axis == 1 and len(x.shape) > 2:
        x = net.add("flatten", {}, [x], "", layer.scopes)
    parameters = {"out_features": param.integer("num_output", 0), "bias": param.flag("bias_term", True)}
    return [net.add("linear", parameters, [x], layer.path, layer.scopes)]


def relu(net: ConfiguredNetwork, layer: CaffeLayer, given: Bottoms) -> list[ForeignTensor]:
    slope = layer.message.message("relu_param").number("negative_slope", 0)
    parameters = {"negative_slope": slope} if slope else {}
    return [net.add("leaky_relu" if slope else "relu", parameters, [only(layer, given)], "", layer.scopes)]


def prelu(net: ConfiguredNetwork, layer: CaffeLayer, given: Bottoms) -> list[ForeignTensor]:
    x = only(layer, given)
    shared = layer.message.message("prelu_param").flag("channel_shared", False)
    parameters = {"num_parameters": 1 if shared or len(x.shape) < 2 else x.shape[1]}
    return [net.add("prelu", parameters, [x], layer.path, layer.scopes)]


def response_norm(net: ConfiguredNetwork, layer: CaffeLayer, given: Bottoms) -> list[ForeignTensor]:
    param = layer.message.message("lrn_param")
    if param.word("norm_region", ("ACROSS_CHANNELS", "WITHIN_CHANNEL"), "ACROSS_CHANNELS") != "ACROSS_CHANNELS":
        raise layer.missing("within channels")
    parameters = {
        "size": param.integer("local_size", 5),
        "alpha": param.number("alpha", 1.0),
        "beta": param.number("beta", 0.75),
        "k": param.number("k", 1.0),
    }
    return [net.add("local_response_norm", parameters, [only(layer, given)], "", layer.scopes)]


def norm(net: ConfiguredNetwork, layer: CaffeLayer, given: Bottoms) -> list[ForeignTensor]:
    param = layer.message.message("batch_norm_param")
    momentum = round(1 - param.number("moving_average_fraction", 0.999), 6)
    parameters = {"eps": param.number("eps", 1e-5), "affine": False, "momentum": momentum}
    return [net.add("batch_norm", parameters, [only(layer, given)], layer.path, layer.scopes)]


def scale(net: ConfiguredNetwork, layer: CaffeLayer, given: Bottoms) -> list[ForeignTensor]:
    """A scale behind a norm belongs to it."""
    last = net.placed[-1] if net.placed else None
    if last is None or last.made.operator != "batch_norm" or list(given) != [last.value]:
        raise layer.missing("that is not behind a BatchNorm")
    shifts = {} if layer.message.message("scale_param").flag("bias_term", False) else {"bias": False}
    parameters = {**last.made.parameters, "affine": True, **shifts}
    net.placed[-1] = replace(last, made=replace(last.made, parameters=parameters))
    return [last.value]


def eltwise(net: ConfiguredNetwork, layer: CaffeLayer, given: Bottoms) -> list[ForeignTensor]:
    param = layer.message.message("eltwise_param")
    operator = {"PROD": "mul", "SUM": "add", "MAX": "maximum"}[param.word("operation", ("PROD", "SUM", "MAX"), "SUM")]
    factors = param.numbers("coeff") or [1] * len(given)
    if len(factors) != len(given) or (operator != "add" and any(one != 1 for one in factors)):
        raise layer.missing("with `coeff`, of which there is one for each term of a sum")
    if len(given) == 2 and list(factors) == [1, -1]:
        return [net.add("sub", {}, given, "", layer.scopes)]
    terms = [x if one == 1 else net.add("mul", {"scalar": float(one)}, [x], "", layer.scopes)
             for x, one in zip(given, factors, strict=True)]  # fmt: skip
    return [net.add(operator, {}, terms, "", layer.scopes)]


def concat(net: ConfiguredNetwork, layer: CaffeLayer, given: Bottoms) -> list[ForeignTensor]:
    param = layer.message.message("concat_param")
    return [net.add("concat", {"dim": param.integer("axis", param.integer("concat_dim", 1))}, given, "", layer.scopes)]


def sliced(net: ConfiguredNetwork, layer: CaffeLayer, given: Bottoms) -> list[ForeignTensor]:
    """Parts of a tensor: between points that are given, or of one size."""
    param = layer.message.message("slice_param")
    x, dim = only(layer, given), param.integer("axis", param.integer("slice_dim", 1))
    if not -len(x.shape) <= dim < len(x.shape) or not isinstance(size := x.shape[dim], int):
        raise layer.missing(f"along axis {dim}")
    points, count = param.integers("slice_point"), len(layer.tops)
    if not points and count and size % count == 0:
        points = [size // count * i for i in range(1, count)]
    if len(points) != count - 1:
        raise layer.missing(f"of {size} values at {len(points)} points for {count} tops")
    ends = zip([0, *points], [*points, None], strict=True)
    return [net.add("slice", {"start": start, "end": end, "dim": dim}, [x], "", layer.scopes) for start, end in ends]


def reshaped(net: ConfiguredNetwork, layer: CaffeLayer, given: Bottoms) -> list[ForeignTensor]:
    param, x = layer.message.message("reshape_param"), only(layer, given)
    sizes = param.message("shape").integers("dim")
    if (
        param.integer("axis", 0) != 0
        or param.integer("num_axes", -1) != -1
        or len(sizes) > len(x.shape) + sizes.count(1)
    ):
        raise layer.missing("of some axes only")
    shape = [x.shape[i] if size == 0 and i < len(x.shape) else size for i, size in enumerate(sizes)]
    return [net.add("reshape", {"shape": shape}, [x], "", layer.scopes)]


def flattened(net: ConfiguredNetwork, layer: CaffeLayer, given: Bottoms) -> list[ForeignTensor]:
    param = layer.message.message("flatten_param")
    parameters = {"start_dim": param.integer("axis", 1), "end_dim": param.integer("end_axis", -1)}
    return [net.add("flatten", parameters, [only(layer, given)], "", layer.scopes)]


def power(net: ConfiguredNetwork, layer: CaffeLayer, given: Bottoms) -> list[ForeignTensor]:
    """(shift + scale · x) to a power."""
    param = layer.message.message("power_param")
    value = only(layer, given)
    steps = (("mul", param.number("scale", 1)), ("add", param.number("shift", 0)))
    for operator, number in steps:
        if number != (operator == "mul"):
            value = net.add(operator, {"scalar": number}, [value], "", layer.scopes)
    exponent = param.number("power", 1)
    return [value if exponent == 1 else net.add("pow", {"exponent": exponent}, [value], "", layer.scopes)]


def plain(operator: str, section: str = "", **names: str) -> Reader:
    """A layer without weights, whose numbers stand in a section under other names."""

    def how(net: ConfiguredNetwork, layer: CaffeLayer, given: Bottoms) -> list[ForeignTensor]:
        param = layer.message.message(section) if section else Message("", 0)
        parameters = {own: param.number(theirs, 0) for own, theirs in names.items() if theirs in param.fields}
        return [net.add(operator, parameters, [only(layer, given)], "", layer.scopes)]

    return how


def softmax(net: ConfiguredNetwork, layer: CaffeLayer, given: Bottoms) -> list[ForeignTensor]:
    axis = layer.message.message("softmax_param").integer("axis", 1)
    return [net.add("softmax", {"dim": axis}, [only(layer, given)], "", layer.scopes)]


def split(net: ConfiguredNetwork, layer: CaffeLayer, given: Bottoms) -> list[ForeignTensor]:
    return [only(layer, given)] * len(layer.tops)


READERS: Final[Mapping[str, Reader]] = {
    "Convolution": conv("conv"),
    "Deconvolution": conv("conv_transpose"),
    "Pooling": pooling,
    "InnerProduct": product,
    "ReLU": relu,
    "PReLU": prelu,
    "LRN": response_norm,
    "BatchNorm": norm,
    "Scale": scale,
    "Eltwise": eltwise,
    "Concat": concat,
    "Slice": sliced,
    "Split": split,
    "Softmax": softmax,
    "Dropout": plain("dropout", "dropout_param", p="dropout_ratio"),
    "Sigmoid": plain("sigmoid"),
    "TanH": plain("tanh"),
    "ELU": plain("elu", "elu_param", alpha="alpha"),
    "AbsVal": plain("abs"),
    "BNLL": plain("softplus"),
    "Clip": plain("clamp", "clip_param", min="min", max="max"),
    "Power": power,
    "Reshape": reshaped,
    "Flatten": flattened,
}

# What the types of Caffe's first layers (`layers { type: CONVOLUTION }`) are called since.
FIRST_NAMES: Final[Mapping[str, str]] = {
    "ABSVAL": "AbsVal", "ACCURACY": "Accuracy", "BNLL": "BNLL", "CONCAT": "Concat", "CONVOLUTION": "Convolution",
    "DATA": "Data", "DECONVOLUTION": "Deconvolution", "DROPOUT": "Dropout", "DUMMY_DATA": "DummyData",
    "ELTWISE": "Eltwise", "EUCLIDEAN_LOSS": "EuclideanLoss", "FLATTEN": "Flatten", "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output", "HINGE_LOSS": "HingeLoss", "IMAGE_DATA": "ImageData", "INFOGAIN_LOSS": "InfogainLoss",
    "INNER_PRODUCT": "InnerProduct", "LRN": "LRN", "MEMORY_DATA": "MemoryData", "MVN": "MVN", "POOLING": "Pooling",
    "POWER": "Power", "RELU": "ReLU", "SIGMOID": "Sigmoid", "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss",
    "SILENCE": "Silence", "SLICE": "Slice", "SOFTMAX": "Softmax", "SOFTMAX_LOSS": "SoftmaxWithLoss", "SPLIT": "Split",
    "TANH": "TanH", "WINDOW_DATA": "WindowData",
}  # fmt: skip
