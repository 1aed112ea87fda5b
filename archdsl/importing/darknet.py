"""The door for darknet's .cfg: routes with groups, shortcuts, pooling with its own border, several outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from archdsl.dims import symbol
from archdsl.importing.layers import ConfiguredNetwork
from archdsl.importing.program import Missing, NotImported
from archdsl.importing.reading import ReadProgram
from archdsl.importing.unusable import Unusable
from archdsl.ops.foreign import ForeignTensor

# What comes behind a convolution, by darknet's word: an operator and its parameters.
ACTIVATIONS: Final[Mapping[str, tuple[str, Mapping[str, Any]] | None]] = {
    "linear": None,
    "leaky": ("leaky_relu", {"negative_slope": 0.1}),
    "relu": ("relu", {}),
    "relu6": ("relu6", {}),
    "mish": ("mish", {}),
    "swish": ("silu", {}),
    "logistic": ("sigmoid", {}),
    "tanh": ("tanh", {}),
    "elu": ("elu", {}),
    "selu": ("selu", {}),
}


@dataclass(frozen=True)
class CfgSection:
    """A section of a configuration, with the line that it begins in."""

    kind: str
    line: int
    options: Mapping[str, str]

    def number(self, name: str, default: int) -> int:
        return int(float(self.options.get(name, default)))

    def numbers(self, name: str) -> list[int]:
        return [int(one) for one in self.options[name].split(",") if one.strip()]


def read(path: Path, name: str) -> ReadProgram:
    """The network of a file. Raises `Unusable` and `NotImported`."""
    return network(path.read_text(encoding="utf-8"), name, str(path))


def network(text: str, name: str, place: str = "") -> ReadProgram:
    """The network of a text."""
    sections = parsed(text, place)
    if not sections or sections[0].kind not in ("net", "network"):
        raise Unusable(f"{place}:1: a configuration begins with [net]")
    return _Net(sections, name, place).reading()


def parsed(text: str, place: str) -> list[CfgSection]:
    found: list[tuple[str, int, dict[str, str]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        said = line.split("#")[0].split(";")[0].strip()
        if not said:
            continue
        if said.startswith("["):
            if not said.endswith("]"):
                raise Unusable(f"{place}:{number}: `{said}` has no `]`")
            found.append((said[1:-1].strip(), number, {}))
            continue
        name, equals, value = said.partition("=")
        if not equals or not found:
            raise Unusable(f"{place}:{number}: `{said}` is neither [section] nor name=value")
        found[-1][2][name.strip()] = value.strip()
    return [CfgSection(*one) for one in found]


class _Net:
    def __init__(self, sections: list[CfgSection], name: str, place: str) -> None:
        head, *self.sections = sections
        self.layers = ConfiguredNetwork(name)
        self.place = place
        size = (head.number("channels", 3), head.number("height", 416), head.number("width", 416))
        self.last = self.layers.input("image", (symbol("N"), *size))
        self.values: list[ForeignTensor] = []

    def reading(self) -> ReadProgram:
        missing: dict[str, int] = {}
        for section in self.sections:
            if section.kind not in READERS:
                missing[section.kind] = missing.get(section.kind, 0) + 1
        if missing:
            raise NotImported([Missing(f"darknet's [{kind}]", "", "", count) for kind, count in missing.items()])
        for section in self.sections:
            try:
                self.last = READERS[section.kind](self, section)
            except (ValueError, KeyError, IndexError) as error:
                what = f"an option is missing or no number ({error})"
                raise Unusable(f"{self.place}:{section.line}: in [{section.kind}] {what}") from None
            self.values.append(self.last)
        if not self.layers.outputs:
            self.layers.outputs.append(("output", self.last))
        return self.layers.reading()

    def add(self, operator: str, parameters: Mapping[str, Any], *given: ForeignTensor, path: str = "") -> ForeignTensor:
        return self.layers.add(operator, parameters, given, path)

    def at(self, index: int) -> ForeignTensor:
        """The value of a layer, counted from here where negative."""
        place = index if index >= 0 else len(self.values) + index
        if not 0 <= place < len(self.values):
            raise IndexError(f"layer {index} is not before this one")
        return self.values[place]

    def activated(self, section: CfgSection, value: ForeignTensor) -> ForeignTensor:
        word = section.options.get("activation", "linear")
        if word not in ACTIVATIONS:
            raise NotImported([Missing(f"darknet's activation {word}", "", "", 1)])
        found = ACTIVATIONS[word]
        return self.add(found[0], found[1], value) if found is not None else value

    # --- sections

    def convolutional(self, section: CfgSection) -> ForeignTensor:
        size, number = section.number("size", 1), len(self.values)
        normed = bool(section.number("batch_normalize", 0))
        parameters = {
            "out_channels": section.number("filters", 1),
            "kernel_size": size,
            "stride": section.number("stride", 1),
            "padding": size // 2 if section.number("pad", 0) else section.number("padding", 0),
            "dilation": section.number("dilation", 1),
            "groups": section.number("groups", 1),
            "bias": not normed,
        }
        value = self.add("conv", parameters, self.last, path=f"conv{number}")
        value = self.add("batch_norm", {}, value, path=f"norm{number}") if normed else value
        return self.activated(section, value)

    def connected(self, section: CfgSection) -> ForeignTensor:
        value = self.last if len(self.last.shape) == 2 else self.add("flatten", {}, self.last)
        value = self.add("linear", {"out_features": section.number("output", 1)}, value, path=f"fc{len(self.values)}")
        return self.activated(section, value)

    def maxpool(self, section: CfgSection) -> ForeignTensor:
        """darknet's border is `size - 1` in all, half of it, rounded down, before."""
        stride = section.number("stride", 1)
        size = section.number("size", stride)
        whole = section.number("padding", size - 1)
        before, after = whole // 2, whole - whole // 2
        height, width = self.last.shape[2:]
        if (
            stride == size
            and whole == size - 1
            and all(isinstance(one, int) and one % size == 0 for one in (height, width))
        ):
            return self.add("max_pool", {"kernel_size": size}, self.last)
        if before == after:
            return self.add("max_pool", {"kernel_size": size, "stride": stride, "padding": before}, self.last)
        border = {"pad": [before, after, before, after], "value": float("-inf")}
        padded = self.add("pad", border, self.last)
        return self.add("max_pool", {"kernel_size": size, "stride": stride}, padded)

    def avgpool(self, section: CfgSection) -> ForeignTensor:
        return self.add("flatten", {}, self.add("adaptive_avg_pool", {"output_size": 1}, self.last))

    def route(self, section: CfgSection) -> ForeignTensor:
        values = [self.at(index) for index in section.numbers("layers")]
        value = values[0] if len(values) == 1 else self.add("concat", {"dim": 1}, *values)
        groups, own = section.number("groups", 1), section.number("group_id", 0)
        if groups == 1:
            return value
        size = int(value.shape[1]) // groups  # type: ignore[arg-type]
        end = None if own == groups - 1 else (own + 1) * size
        return self.add("slice", {"start": own * size, "end": end, "dim": 1}, value)

    def shortcut(self, section: CfgSection) -> ForeignTensor:
        value = self.last
        for index in section.numbers("from"):
            value = self.add("add", {}, self.at(index), value)
        return self.activated(section, value)

    def upsample(self, section: CfgSection) -> ForeignTensor:
        return self.add("interpolate", {"scale_factor": section.number("stride", 2)}, self.last)

    def dropout(self, section: CfgSection) -> ForeignTensor:
        return self.add("dropout", {"p": float(section.options.get("probability", 0.5))}, self.last)

    def softmax(self, section: CfgSection) -> ForeignTensor:
        return self.add("softmax", {"dim": 1}, self.last)

    def output(self, section: CfgSection) -> ForeignTensor:
        """What finds objects in what comes here is no part of the network."""
        self.layers.outputs.append((f"output{len(self.layers.outputs) + 1}", self.last))
        return self.last

    def nothing(self, section: CfgSection) -> ForeignTensor:
        return self.last


READERS: Final[Mapping[str, Callable[[_Net, CfgSection], ForeignTensor]]] = {
    "convolutional": _Net.convolutional,
    "connected": _Net.connected,
    "maxpool": _Net.maxpool,
    "avgpool": _Net.avgpool,
    "route": _Net.route,
    "shortcut": _Net.shortcut,
    "upsample": _Net.upsample,
    "dropout": _Net.dropout,
    "softmax": _Net.softmax,
    "yolo": _Net.output,
    "region": _Net.output,
    "cost": _Net.nothing,
}
