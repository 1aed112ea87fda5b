"""The door for Caffe's .prototxt: layers by their types, in-place layers, both phases, pooling that rounds up."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from archdsl.dims import symbol
from archdsl.importing.layers import ConfiguredNetwork
from archdsl.importing.program import Missing, ModuleScope, NotImported
from archdsl.importing.reading import ReadProgram
from archdsl.importing.unusable import Unusable
from archdsl.ops.foreign import ForeignTensor

SPACE = r"\s*(?:#[^\n]*\s*)*"
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?f?"
TOKEN: Final = re.compile(
    rf"""{SPACE}(?:(?P<name>[A-Za-z_][\w.]*)|(?P<number>{NUMBER})|"(?P<text>[^"\n]*)"|'(?P<other>[^'\n]*)'"""
    r"""|(?P<mark>[{}:;,<>\[\]]))"""
)
Message = dict[str, list[Any]]


def read(path: Path, name: str) -> ReadProgram:
    """The network of a file. Raises `Unusable` and `NotImported`."""
    return network(path.read_text(encoding="utf-8"), name, str(path))


def network(text: str, name: str, place: str = "") -> ReadProgram:
    """The network of a text."""
    message = parsed(text, place)
    return _Net(message, str(first(message, "name", name))).reading()


# --- the text format of Protocol Buffers


def parsed(text: str, place: str) -> Message:
    """A message: the values of each field, in order."""
    tokens = list(_tokens(text, place))
    return _message(tokens, 0, None, place)[0]


def _tokens(text: str, place: str) -> Iterator[tuple[str, Any, int]]:
    at = 0
    while text[at:].strip() and not re.fullmatch(r"\s*(#[^\n]*\s*)*", text[at:]):
        match = TOKEN.match(text, at)
        line = text.count("\n", 0, at) + 1
        if match is None:
            raise Unusable(f"{place}:{line}: not the text form of a message: `{text[at:].split()[0][:40]}`")
        kind = match.lastgroup or ""
        found = match[kind]
        if kind == "number":
            found = float(found.rstrip("f")) if re.search(r"[.eE]", found) else int(found.rstrip("f"))
        yield ("text" if kind == "other" else kind), found, line
        at = match.end()


def _message(tokens: Sequence[tuple[str, Any, int]], at: int, closing: str | None, place: str) -> tuple[Message, int]:
    found: Message = {}
    while at < len(tokens):
        kind, value, line = tokens[at]
        if kind == "mark" and value == closing:
            return found, at + 1
        if kind == "mark" and value in ";,":
            at += 1
            continue
        if kind != "name" or at + 1 == len(tokens):
            raise Unusable(f"{place}:{line}: a field's name is expected, found `{value}`")
        at += 1
        if tokens[at][1] == ":" and tokens[at][0] == "mark":
            at += 1
        if at == len(tokens):
            raise Unusable(f"{place}:{line}: the field `{value}` has no value")
        if tokens[at][0] == "mark" and tokens[at][1] in ("{", "<"):
            inner, at = _message(tokens, at + 1, "}" if tokens[at][1] == "{" else ">", place)
            found.setdefault(value, []).append(inner)
        elif tokens[at][0] == "mark":
            raise Unusable(f"{place}:{line}: the field `{value}` has no value")
        else:
            word = tokens[at][1]
            found.setdefault(value, []).append(
                {"true": True, "false": False}.get(word, word) if tokens[at][0] == "name" else word
            )
            at += 1
    if closing is not None:
        raise Unusable(f"{place}: `{closing}` is missing at the end")
    return found, at


def first(message: Mapping[str, Sequence[Any]], name: str, default: Any = None) -> Any:
    values = message.get(name)
    return values[0] if values else default


# --- layers


class _Net:
    def __init__(self, message: Message, name: str) -> None:
        self.message = message
        self.layers = ConfiguredNetwork(re.sub(r"\W", "_", name))
        self.blobs: dict[str, ForeignTensor] = {}
        self.training: set[str] = set()  # blobs that are there in training only
        self.read_later: set[str] = set()
        self.missing: dict[str, tuple[int, str]] = {}

    def reading(self) -> ReadProgram:
        self._inputs()
        layers = [
            layer for layer in self.message.get("layer", self.message.get("layers", [])) if isinstance(layer, dict)
        ]
        for layer in layers:
            self._layer(layer)
        if self.missing:
            raise NotImported([Missing(f"Caffe's {kind}", "", path, n) for kind, (n, path) in self.missing.items()])
        if not self.layers.inputs or not self.layers.outputs:
            raise NotImported([Missing("the file", "it has no input with a shape, or no output", "", 1)])
        return self.layers.reading()

    def _inputs(self) -> None:
        names = self.message.get("input", [])
        dims = self.message.get("input_dim", [])
        shapes = [shape.get("dim", []) for shape in self.message.get("input_shape", [])] or [
            dims[i : i + 4] for i in range(0, len(dims), 4)
        ]
        for name, shape in zip(names, shapes, strict=False):
            self._input(name, shape)

    def _input(self, name: str, shape: Sequence[int]) -> None:
        self.blobs[name] = self.layers.input(re.sub(r"\W", "_", name), (symbol("N"), *shape[1:]))

    def _layer(self, layer: Message) -> None:
        kind, name = str(first(layer, "type")), str(first(layer, "name", ""))
        phases = [str(rule.get("phase", [""])[0]) for rule in layer.get("include", []) if isinstance(rule, dict)]
        if "TEST" in phases or kind in IGNORED:
            if kind in DATA and not self.layers.inputs and "TEST" not in phases:
                self._data(layer)
            return
        tops, bottoms = layer.get("top", []), layer.get("bottom", [])
        if kind == "Input":
            for top, shape in zip(tops, first(layer, "input_param", {}).get("shape", []), strict=False):
                self._input(top, shape.get("dim", []))
            return
        if kind in DATA:
            self._data(layer)
            return
        if kind in LOSSES:
            self._output(kind, bottoms[0], name)
            return
        reader = READERS.get(kind)
        if reader is None:
            count, path = self.missing.get(kind, (0, name))
            self.missing[kind] = (count + 1, path)
            return
        if any(bottom not in self.blobs for bottom in bottoms):
            if not self.missing:
                raise NotImported([Missing(f"Caffe's {kind}", f"reads `{bottoms[0]}`, which nothing makes", name, 1)])
            return
        path = name.replace("/", ".").replace("-", "_")
        value = reader(self.layers, layer, [self.blobs[one] for one in bottoms], path, _scopes(name))
        if "TRAIN" in phases or any(one in self.training for one in bottoms):
            self.training.update(tops)
        for top in tops:
            self.blobs[top] = value

    def _data(self, layer: Message) -> None:
        crop = first(first(layer, "transform_param", {}), "crop_size", 224)
        self._input(str(first(layer, "top", "data")), [0, 3, crop, crop])

    def _output(self, kind: str, blob: str, name: str) -> None:
        value = self.blobs[blob]
        known = [one for _, one in self.layers.outputs]
        if value not in known:
            self.layers.outputs.append((re.sub(r"\W", "_", blob), value))


def _scopes(name: str) -> list[ModuleScope]:
    """Modules by the part of a name before a slash: `inception_3a/1x1` is in an `inception`."""
    prefix, slash, _ = name.partition("/")
    if not slash:
        return []
    prefix = prefix.replace("-", "_")
    return [ModuleScope(prefix, "caffe." + (re.sub(r"_?\d+[a-z]?$", "", prefix) or prefix))]


def _window(param: Message, name: str, default: int) -> Any:
    """A size of a kernel: one number, or height and width apart."""
    words = {"kernel_size": ("kernel_h", "kernel_w"), "stride": ("stride_h", "stride_w"), "pad": ("pad_h", "pad_w")}[
        name
    ]
    if words[0] in param or words[1] in param:
        return [first(param, words[0], default), first(param, words[1], default)]
    values = param.get(name, [default])
    return values[0] if len(values) == 1 else list(values)


def _conv(operator: str) -> Callable[..., ForeignTensor]:
    def how(
        layers: ConfiguredNetwork, layer: Message, given: list[ForeignTensor], path: str, scopes: list[ModuleScope]
    ) -> ForeignTensor:
        param = first(layer, "convolution_param", {})
        parameters = {
            "out_channels": first(param, "num_output"),
            "kernel_size": _window(param, "kernel_size", 1),
            "stride": _window(param, "stride", 1),
            "padding": _window(param, "pad", 0),
            "dilation": first(param, "dilation", 1),
            "groups": first(param, "group", 1),
            "bias": first(param, "bias_term", True),
        }
        return layers.add(operator, parameters, given, path, scopes)

    return how


def _pooling(
    layers: ConfiguredNetwork, layer: Message, given: list[ForeignTensor], path: str, scopes: list[ModuleScope]
) -> ForeignTensor:
    param = first(layer, "pooling_param", {})
    average = first(param, "pool", "MAX") in ("AVE", 1)
    if first(param, "global_pooling", False):
        operator = "adaptive_avg_pool" if average else "adaptive_max_pool"
        return layers.add(operator, {"output_size": 1}, given, "", scopes)
    kernel, stride = _window(param, "kernel_size", 1), _window(param, "stride", 1)
    parameters = {
        "kernel_size": kernel,
        "stride": None if stride == kernel else stride,
        "padding": _window(param, "pad", 0),
        "ceil_mode": first(param, "round_mode", "CEIL") in ("CEIL", 0),
    }
    return layers.add("avg_pool" if average else "max_pool", parameters, given, "", scopes)


def _product(
    layers: ConfiguredNetwork, layer: Message, given: list[ForeignTensor], path: str, scopes: list[ModuleScope]
) -> ForeignTensor:
    param = first(layer, "inner_product_param", {})
    (x,) = given
    if len(x.shape) > 2:
        x = layers.add("flatten", {}, [x], "", scopes)
    parameters = {"out_features": first(param, "num_output"), "bias": first(param, "bias_term", True)}
    return layers.add("linear", parameters, [x], path, scopes)


def _relu(
    layers: ConfiguredNetwork, layer: Message, given: list[ForeignTensor], path: str, scopes: list[ModuleScope]
) -> ForeignTensor:
    slope = first(first(layer, "relu_param", {}), "negative_slope", 0)
    if slope:
        return layers.add("leaky_relu", {"negative_slope": slope}, given, "", scopes)
    return layers.add("relu", {}, given, "", scopes)


def _lrn(
    layers: ConfiguredNetwork, layer: Message, given: list[ForeignTensor], path: str, scopes: list[ModuleScope]
) -> ForeignTensor:
    param = first(layer, "lrn_param", {})
    if first(param, "norm_region", "ACROSS_CHANNELS") != "ACROSS_CHANNELS":
        raise NotImported([Missing("Caffe's LRN", "within channels", path, 1)])
    parameters = {"size": first(param, "local_size", 5), "alpha": float(first(param, "alpha", 1.0)),
                  "beta": float(first(param, "beta", 0.75)), "k": float(first(param, "k", 1.0))}  # fmt: skip
    return layers.add("local_response_norm", parameters, given, "", scopes)


def _norm(
    layers: ConfiguredNetwork, layer: Message, given: list[ForeignTensor], path: str, scopes: list[ModuleScope]
) -> ForeignTensor:
    param = first(layer, "batch_norm_param", {})
    parameters = {"eps": float(first(param, "eps", 1e-5)), "affine": False,
                  "momentum": round(1 - float(first(param, "moving_average_fraction", 0.999)), 6)}  # fmt: skip
    return layers.add("batch_norm", parameters, given, path, scopes)


def _scale(
    layers: ConfiguredNetwork, layer: Message, given: list[ForeignTensor], path: str, scopes: list[ModuleScope]
) -> ForeignTensor:
    """A scale behind a norm belongs to it."""
    last = layers.placed[-1]
    if last.made.operator != "batch_norm" or given != [last.value]:
        raise NotImported([Missing("Caffe's Scale", "that is not behind a BatchNorm", path, 1)])
    made = last.made
    layers.placed[-1] = type(last)(
        type(made)(made.operator, {**made.parameters, "affine": True}, made.inputs, made.weights),
        last.value,
        last.scopes,
    )
    return last.value


def _eltwise(
    layers: ConfiguredNetwork, layer: Message, given: list[ForeignTensor], path: str, scopes: list[ModuleScope]
) -> ForeignTensor:
    operation = first(first(layer, "eltwise_param", {}), "operation", "SUM")
    operator = {"SUM": "add", "PROD": "mul", "MAX": "maximum", 0: "mul", 1: "add", 2: "maximum"}[operation]
    return layers.add(operator, {}, given, "", scopes)


def _concat(
    layers: ConfiguredNetwork, layer: Message, given: list[ForeignTensor], path: str, scopes: list[ModuleScope]
) -> ForeignTensor:
    param = first(layer, "concat_param", {})
    return layers.add("concat", {"dim": first(param, "axis", first(param, "concat_dim", 1))}, given, "", scopes)


def _plain(operator: str, section: str = "", **names: str) -> Callable[..., ForeignTensor]:
    """A layer without weights, whose parameters stand in a section under other names."""

    def how(
        layers: ConfiguredNetwork, layer: Message, given: list[ForeignTensor], path: str, scopes: list[ModuleScope]
    ) -> ForeignTensor:
        param = first(layer, section, {}) if section else {}
        parameters = {own: first(param, theirs) for own, theirs in names.items() if first(param, theirs) is not None}
        return layers.add(operator, parameters, given, "", scopes)

    return how


def _softmax(
    layers: ConfiguredNetwork, layer: Message, given: list[ForeignTensor], path: str, scopes: list[ModuleScope]
) -> ForeignTensor:
    value = layers.add("softmax", {"dim": first(first(layer, "softmax_param", {}), "axis", 1)}, given, "", scopes)
    layers.outputs.append((str(first(layer, "top", "prob")).replace("/", "_"), value))
    return value


DATA: Final = ("Data", "ImageData", "HDF5Data", "MemoryData", "DummyData", "DATA")
LOSSES: Final = ("SoftmaxWithLoss", "SigmoidCrossEntropyLoss", "EuclideanLoss")
IGNORED: Final = ("Accuracy", "Silence")
READERS: Final[Mapping[str, Callable[..., ForeignTensor]]] = {
    "Convolution": _conv("conv"),
    "Deconvolution": _conv("conv_transpose"),
    "Pooling": _pooling,
    "InnerProduct": _product,
    "ReLU": _relu,
    "LRN": _lrn,
    "BatchNorm": _norm,
    "Scale": _scale,
    "Eltwise": _eltwise,
    "Concat": _concat,
    "Softmax": _softmax,
    "Dropout": _plain("dropout", "dropout_param", p="dropout_ratio"),
    "Sigmoid": _plain("sigmoid"),
    "TanH": _plain("tanh"),
    "ELU": _plain("elu", "elu_param", alpha="alpha"),
    "Flatten": _plain("flatten"),
}
