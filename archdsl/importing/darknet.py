"""The door for darknet's .cfg: routes with groups, shortcuts, pooling with its own border, several outputs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from archdsl.dims import symbol
from archdsl.importing.layers import ConfiguredNetwork, image_sizes
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


# What changes what a layer computes and is no operator here: 0 and 1 are the values with which nothing happens.
UNREAD: Final[Mapping[str, tuple[str, ...]]] = {
    "convolutional": ("antialiasing", "share_index", "binary", "xnor", "bin_output", "deform", "rotate", "stretch",
                      "sway", "stretch_sway", "coordconv", "assisted_excitation"),
    "connected": ("xnor",),
    "maxpool": ("antialiasing", "maxpool_depth"),
    "softmax": ("tree",),
    "dropout": ("dropblock",),
    "shortcut": ("weights_type",),
    "route": ("stream",),
    "upsample": ("reverse",),
}  # fmt: skip


@dataclass(frozen=True)
class CfgSection:
    """A section of a configuration, with its file and the line that it begins in."""

    kind: str
    place: str
    line: int
    options: dict[str, str]

    def fault(self, message: str) -> Unusable:
        return Unusable(f"{self.place}:{self.line}: in [{self.kind}] {message}")

    def number(self, name: str, default: int, least: int = 0) -> int:
        found = next(iter(self.numbers(name)), default)
        if found < least:
            raise self.fault(f"`{name}` is {found}, which is less than {least}")
        return found

    def numbers(self, name: str) -> list[int]:
        said = [one.strip() for one in self.options.get(name, "").split(",")]
        if not all(re.fullmatch(r"[-+]?\d{1,9}", one) for one in said if one):
            raise self.fault(f"`{name}` = {self.options[name]} is no number")
        return [int(one) for one in said if one]

    def share(self, name: str, default: float) -> float:
        try:
            return float(self.options.get(name, default))
        except ValueError:
            raise self.fault(f"`{name}` = {self.options[name]} is no number") from None


def read(path: Path, name: str, shapes: Mapping[str, Sequence[int]] | None = None) -> ReadProgram:
    """The network of a file; `shapes` has that of `image`, if it is to be another. Raises `Unusable` and
    `NotImported`."""
    return network(path.read_text(encoding="utf-8"), name, str(path), shapes)


def network(text: str, name: str, place: str = "", shapes: Mapping[str, Sequence[int]] | None = None) -> ReadProgram:
    """The network of a text."""
    sections = parsed(text, place)
    if not sections or sections[0].kind not in ("net", "network"):
        raise Unusable(f"{place}:1: a configuration begins with [net]")
    return _Net(sections, name, place, shapes or {}).reading()


def parsed(text: str, place: str) -> list[CfgSection]:
    found: list[CfgSection] = []
    for number, line in enumerate(text.splitlines(), 1):
        said = line.split("#")[0].split(";")[0].strip()
        if not said:
            continue
        if said.startswith("["):
            if not said.endswith("]"):
                raise Unusable(f"{place}:{number}: `{said}` has no `]`")
            found.append(CfgSection(said[1:-1].strip(), place, number, {}))
            continue
        name, equals, value = said.partition("=")
        if not equals or not found:
            raise Unusable(f"{place}:{number}: `{said}` is neither [section] nor name=value")
        found[-1].options[name.strip()] = value.strip()
    return found


class _Net:
    def __init__(self, sections: list[CfgSection], name: str, place: str, shapes: Mapping[str, Sequence[int]]) -> None:
        head, *self.sections = sections
        self.layers = ConfiguredNetwork(name)
        size = [head.number("channels", 3), head.number("height", 0), head.number("width", 0)]
        self.head, self.sized = head, 0 not in (sizes := image_sizes(shapes, size, place))
        self.last = self.layers.input("image", (symbol("N"), *sizes))
        self.values: list[ForeignTensor] = []

    def reading(self) -> ReadProgram:
        missing = Counter(f"darknet's [{one.kind}]" for one in self.sections if one.kind not in READERS)
        missing += Counter(
            f"darknet's `{name}` in [{one.kind}]" for one in self.sections for name in UNREAD.get(one.kind, ())
            if one.options.get(name, "0") not in ("0", "none")
        )  # fmt: skip
        if missing:
            raise NotImported([Missing(what, "", "", count) for what, count in missing.items()])
        for section in self.sections:
            self.last = READERS[section.kind](self, section)
            self.values.append(self.last)
        if not self.layers.outputs:
            self.layers.outputs.append(("output", self.last))
        return self.layers.reading()

    def add(self, operator: str, parameters: Mapping[str, Any], *given: ForeignTensor, path: str = "") -> ForeignTensor:
        if not self.sized:
            raise self.head.fault("there are no `height` and `width`: say them, or --input image=1x3x416x416")
        return self.layers.add(operator, parameters, given, path)

    def at(self, section: CfgSection, index: int) -> ForeignTensor:
        """The value of a layer, counted from here where negative."""
        place = index if index >= 0 else len(self.values) + index
        if not 0 <= place < len(self.values):
            raise section.fault(f"layer {index} is not before this one")
        return self.values[place]

    def several(self, section: CfgSection, name: str) -> list[ForeignTensor]:
        """The values of the layers that an option names."""
        found = [self.at(section, index) for index in section.numbers(name)]
        if not found:
            raise section.fault(f"`{name}` is missing")
        return found

    def activated(self, section: CfgSection, value: ForeignTensor, default: str = "linear") -> ForeignTensor:
        word = section.options.get("activation", default)
        if word not in ACTIVATIONS:
            raise NotImported([Missing(f"darknet's activation {word}", "", "", 1)])
        found = ACTIVATIONS[word]
        return self.add(found[0], found[1], value) if found is not None else value

    def vector(self) -> ForeignTensor:
        return self.last if len(self.last.shape) == 2 else self.add("flatten", {}, self.last)

    def normed(self, section: CfgSection, value: ForeignTensor) -> ForeignTensor:
        """The value behind its norm, if there is one."""
        if not section.number("batch_normalize", 0):
            return value
        return self.add("batch_norm", {}, value, path=f"norm{len(self.values)}")

    # --- sections

    def convolutional(self, section: CfgSection) -> ForeignTensor:
        size, stride = section.number("size", 1, 1), section.number("stride", 1, 1)
        strides = [section.number("stride_y", stride, 1), section.number("stride_x", stride, 1)]
        parameters = {
            "out_channels": section.number("filters", 1, 1),
            "kernel_size": size,
            "stride": stride if strides == [stride, stride] else strides,
            "padding": size // 2 if section.number("pad", 0) else section.number("padding", 0),
            "dilation": section.number("dilation", 1, 1),
            "groups": section.number("groups", 1, 1),
            "bias": not section.number("batch_normalize", 0),
        }
        value = self.add("conv", parameters, self.last, path=f"conv{len(self.values)}")
        return self.activated(section, self.normed(section, value), "logistic")

    def connected(self, section: CfgSection) -> ForeignTensor:
        parameters = {
            "out_features": section.number("output", 1, 1),
            "bias": not section.number("batch_normalize", 0),
        }
        value = self.add("linear", parameters, self.vector(), path=f"fc{len(self.values)}")
        return self.activated(section, self.normed(section, value), "logistic")

    def maxpool(self, section: CfgSection) -> ForeignTensor:
        """darknet's border is `size - 1` in all, half of it, rounded down, before; outside is less than anything."""
        stride = section.number("stride", 1, 1)
        size = section.number("size", stride, 1)
        whole = section.number("padding", size - 1)
        before, after = whole // 2, whole - whole // 2
        known = [one for one in self.last.shape[2:] if isinstance(one, int)]
        last = [(one + whole - size) // stride == (one - size) // stride for one in known]
        parameters = {"kernel_size": size, "stride": None if stride == size else stride}
        if before == 0 and all(last):  # no window reaches over the end
            return self.add("max_pool", parameters, self.last)
        if before == after:
            return self.add("max_pool", {**parameters, "padding": before}, self.last)
        border = {"pad": [before, after, before, after], "value": float("-inf")}
        return self.add("max_pool", parameters, self.add("pad", border, self.last))

    def avgpool(self, section: CfgSection) -> ForeignTensor:
        return self.add("global_avg_pool", {}, self.last)

    def route(self, section: CfgSection) -> ForeignTensor:
        """Layers one behind the other, or the same group of the channels of each."""
        groups, own = section.number("groups", 1, 1), section.number("group_id", 0)
        values = self.several(section, "layers")
        if groups > 1:
            values = [self.group(section, value, groups, own) for value in values]
        return values[0] if len(values) == 1 else self.add("concat", {"dim": 1}, *values)

    def group(self, section: CfgSection, value: ForeignTensor, groups: int, own: int) -> ForeignTensor:
        channels = value.shape[1]
        if own >= groups or not isinstance(channels, int) or channels % groups:
            raise section.fault(f"there is no group {own} of {groups} among {channels} channels")
        size = channels // groups
        end = None if own == groups - 1 else (own + 1) * size
        return self.add("slice", {"start": own * size, "end": end, "dim": 1}, value)

    def shortcut(self, section: CfgSection) -> ForeignTensor:
        value = self.last
        for other in self.several(section, "from"):
            value = self.add("add", {}, other, value)
        return self.activated(section, value)

    def scaled(self, section: CfgSection) -> ForeignTensor:
        """Another layer's channels, or values, times what comes here."""
        if section.number("scale_wh", 0):
            raise NotImported([Missing("darknet's `scale_wh` in [scale_channels]", "", "", 1)])
        return self.activated(section, self.add("mul", {}, self.several(section, "from")[0], self.last))

    def upsample(self, section: CfgSection) -> ForeignTensor:
        if section.share("scale", 1) != 1:
            raise NotImported([Missing("darknet's `scale` in [upsample]", "", "", 1)])
        return self.add("interpolate", {"scale_factor": section.number("stride", 2, 1)}, self.last)

    def dropout(self, section: CfgSection) -> ForeignTensor:
        return self.add("dropout", {"p": section.share("probability", 0.5)}, self.last)

    def softmax(self, section: CfgSection) -> ForeignTensor:
        if section.number("groups", 1) != 1 or section.share("temperature", 1) != 1:
            raise NotImported([Missing("darknet's [softmax] in groups, or with a temperature", "", "", 1)])
        return self.add("softmax", {"dim": 1}, self.vector())

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
    "scale_channels": _Net.scaled,
    "sam": _Net.scaled,
    "upsample": _Net.upsample,
    "dropout": _Net.dropout,
    "softmax": _Net.softmax,
    "yolo": _Net.output,
    "Gaussian_yolo": _Net.output,
    "detection": _Net.output,
    "region": _Net.output,
    "cost": _Net.nothing,
}
