"""The door for Caffe's .prototxt: both phases, in-place layers, data and losses; the layers are in `caffe`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from archdsl.dims import symbol
from archdsl.importing.caffe import FIRST_NAMES, READERS, CaffeLayer
from archdsl.importing.caffe_losses import LOSSES, OTHERS, LossTerm, endings, term
from archdsl.importing.layers import ConfiguredNetwork
from archdsl.importing.program import Missing, ModuleScope, NotImported
from archdsl.importing.prototext import Message, parsed
from archdsl.importing.reading import ReadProgram
from archdsl.importing.wording import free_name
from archdsl.ops.foreign import ForeignTensor

DATA: Final = ("Data", "ImageData", "HDF5Data", "MemoryData", "DummyData", "WindowData", "AnnotatedData")
LEFT_OUT: Final = ("Accuracy", "Silence", "HDF5Output")
PHASES: Final = ("TRAIN", "TEST")
Shapes = Mapping[str, Sequence[int]]


def read(path: Path, name: str, shapes: Shapes | None = None) -> ReadProgram:
    """The network of a file; `shapes` are those of its inputs, where the file does not say them. Raises `Unusable` and
    `NotImported`."""
    return network(path.read_text(encoding="utf-8"), name, str(path), shapes)


def network(text: str, name: str, place: str = "", shapes: Shapes | None = None) -> ReadProgram:
    """The network of a text."""
    message = parsed(text, place)
    return _Net(message, message.text("name") or name, shapes or {}).reading()


class _Net:
    def __init__(self, message: Message, name: str, shapes: Shapes) -> None:
        self.message = message
        self.shapes = shapes
        self.net = ConfiguredNetwork(re.sub(r"\W", "_", name))
        self.blobs: dict[str, dict[str, ForeignTensor]] = {phase: {} for phase in PHASES}
        self.drawn: dict[str, ForeignTensor] = {}  # what dropout is given, by the name of what it gives
        self.labels: set[str] = set()  # blobs that data layers have beside images
        self.unread: dict[str, ForeignTensor] = {}  # blobs that no layer has read yet
        self.missing: dict[str, tuple[int, str]] = {}
        self.left_out: Counter[str] = Counter()
        self.losses: list[CaffeLayer] = []

    def reading(self) -> ReadProgram:
        layers = [_layer(one) for one in [*self.message.messages("layer"), *self.message.messages("layers")]]
        kept = [(one, phases) for one in layers if (phases := self._phases(one))]
        judged = {blob for one, _ in kept if one.kind in (*LOSSES, *OTHERS, *LEFT_OUT) for blob in one.bottoms[1:]}
        read = {blob for one, _ in kept if one.kind not in (*LOSSES, *OTHERS, *LEFT_OUT) for blob in one.bottoms}
        self.labels = judged - read
        self._inputs()
        for layer, phases in kept:
            self._add(layer, phases)
        if self.missing:
            raise NotImported([Missing(f"Caffe's {kind}", "", path, n) for kind, (n, path) in self.missing.items()])
        return self._finished()

    def _phases(self, layer: CaffeLayer) -> list[str]:
        """The phases that a layer is there in, by its rules."""
        state = self.message.message("state")
        level, stages = state.integer("level", 0), set(state.texts("stage"))
        include, exclude = layer.message.messages("include"), layer.message.messages("exclude")
        if include and exclude:
            raise layer.message.fault(f"`{layer.name}` has rules of both kinds, `include` and `exclude`")

        def meets(rule: Message, phase: str) -> bool:
            return (
                rule.word("phase", PHASES, phase) == phase
                and rule.integer("min_level", level) <= level <= rule.integer("max_level", level)
                and stages.issuperset(rule.texts("stage"))
                and stages.isdisjoint(rule.texts("not_stage"))
            )

        return [
            phase for phase in PHASES
            if (any(meets(one, phase) for one in include) if include else not any(meets(one, phase) for one in exclude))
        ]  # fmt: skip

    # --- inputs

    def _inputs(self) -> None:
        names = self.message.texts("input")
        dims = self.message.integers("input_dim")
        shapes = [one.integers("dim") for one in self.message.messages("input_shape")]
        shapes = shapes or [dims[i : i + 4] for i in range(0, len(dims), 4)]
        for i, name in enumerate(names):
            self._input(name, shapes[i] if i < len(shapes) else [])

    def _input(self, name: str, shape: Sequence[int]) -> None:
        """Put an input down. Raises `NotImported` where nothing says its sizes."""
        if name in self.labels or name in self.blobs["TRAIN"]:
            return
        own = free_name(name)
        given = self.shapes.get(own, self.shapes.get(name, shape))
        if len(given) < 2 or not all(isinstance(size, int) and size > 0 for size in given[1:]):
            reason = f"the file does not say its sizes: say them with --input {own}=1x3x224x224"
            raise NotImported([Missing(f"the input {name}", reason, "", 1)])
        value = self.net.input(own, (symbol("N"), *given[1:]))
        for blobs in self.blobs.values():
            blobs[name] = value

    def _data(self, layer: CaffeLayer) -> None:
        """Images have the sizes that they are cut to; other sizes are in a data base that is not here."""
        images = layer.message.message("transform_param")
        grey = images.flag("force_gray", False) or layer.message.message("image_data_param").all("is_color") == [False]
        crop = images.integer("crop_size", 0) or layer.message.message("window_data_param").integer("crop_size", 0)
        size: list[int] = [0, 1 if grey else 3, crop, crop] if crop else []
        loaded = layer.message.message("image_data_param")
        if not size and "new_height" in loaded.fields and "new_width" in loaded.fields:
            size = [0, 1 if grey else 3, loaded.integer("new_height", 0), loaded.integer("new_width", 0)]
        held = layer.message.message("memory_data_param")
        if not size and held.fields:
            size = [0, *(held.integer(name, 0) for name in ("channels", "height", "width"))]
        made = layer.message.message("dummy_data_param")
        shapes = [one.integers("dim") for one in made.messages("shape")]
        for i, top in enumerate(layer.tops):
            if top not in self.labels:
                self._input(top, shapes[i] if i < len(shapes) else size if i == 0 else [])

    # --- layers

    def _add(self, layer: CaffeLayer, phases: list[str]) -> None:
        if layer.kind == "Input":
            shapes = [one.integers("dim") for one in layer.message.message("input_param").messages("shape")]
            for i, top in enumerate(layer.tops):
                self._input(top, shapes[min(i, len(shapes) - 1)] if shapes else [])
        elif layer.kind in DATA:
            self._data(layer)
        elif layer.kind in LEFT_OUT or phases == ["TEST"]:
            self.left_out[layer.kind] += 1
        elif layer.kind in LOSSES or layer.kind in OTHERS:
            self.losses.append(layer)
        elif layer.kind not in READERS:
            count, path = self.missing.get(layer.kind, (0, layer.name))
            self.missing[layer.kind] = (count + 1, path)
        elif not self.missing:
            self._made(layer, phases)

    def _made(self, layer: CaffeLayer, phases: list[str]) -> None:
        if not layer.bottoms or not layer.tops:
            raise layer.message.fault(f"`{layer.name}` has no {'top' if layer.bottoms else 'bottom'}")
        given = [self._given(layer, blob, phases) for blob in layer.bottoms]
        values = READERS[layer.kind](self.net, layer, given)
        if layer.kind == "Dropout":
            self.drawn[values[0].name] = given[0]
        if "TEST" not in phases:
            self.net.training.add(layer.path)
        for blob in layer.bottoms:
            self.unread.pop(blob, None)
        for top, value in zip(layer.tops, values, strict=False):
            self.unread[top] = value
            for phase in phases:
                self.blobs[phase][top] = value

    def _given(self, layer: CaffeLayer, blob: str, phases: list[str]) -> ForeignTensor:
        """What a layer reads, which is one value in both phases but for dropout."""
        for phase in phases:
            if blob not in self.blobs[phase]:
                raise layer.missing(f"reads `{blob}`, which nothing makes in the phase {phase}")
        found = [self.blobs[phase][blob] for phase in phases]
        if len({self._undrawn(value).name for value in found}) > 1:
            raise layer.missing(f"reads another `{blob}` in training than in testing")
        return found[0]

    def _undrawn(self, value: ForeignTensor) -> ForeignTensor:
        while value.name in self.drawn:
            value = self.drawn[value.name]
        return value

    # --- outputs and losses

    def _finished(self) -> ReadProgram:
        names = {blob: free_name(blob) for blob in self.unread}
        if not self.net.inputs or not names:
            raise NotImported([Missing("the file", "it has no input with a shape, or no output", "", 1)])
        self.net.outputs += [(names[blob], value) for blob, value in self.unread.items()]
        terms = [found for layer in self.losses if (found := self._term(layer, names)) is not None]
        only = {i for i, blob in enumerate(names) if blob not in self.blobs["TEST"]}
        said = ", ".join(f"{count} {kind}" for kind, count in self.left_out.items())
        reading = self.net.reading()
        program = replace(
            reading.program,
            comment=f"Left out of the file: {said}" if said else "",
            endings=tuple(endings(terms, list(names.values()))),
            only_training=frozenset(only),
        )
        return replace(reading, program=program)

    def _term(self, layer: CaffeLayer, names: Mapping[str, str]) -> LossTerm | None:
        """A term of the loss, of an output; what the language has not is left out."""
        blobs = layer.bottoms
        if len(blobs) > 1 and blobs[0] in names and (blobs[1] in self.made_labels or blobs[1] in names):
            value = self.unread[blobs[0]]
            found = term(layer, names[blobs[0]], value.shape, names.get(blobs[1]) or free_name(blobs[1]))
            if found is not None:
                return found
        self.left_out[layer.kind] += 1
        return None

    @property
    def made_labels(self) -> set[str]:
        """Labels that a data layer or an input of the file makes."""
        tops = {top for one in [*self.message.messages("layer"), *self.message.messages("layers")]
                for top in one.texts("top")}  # fmt: skip
        return self.labels & (tops | set(self.message.texts("input")))


def _layer(message: Message) -> CaffeLayer:
    if "layer" in message.fields:
        raise message.fault("a layer of Caffe's very first form: `upgrade_net_proto_text` makes it one of today's")
    kind, name = message.text("type"), message.text("name")
    path = re.sub(r"[^\w.]", "_", name.replace("/", ".")).strip(".") or "layer"
    return CaffeLayer(FIRST_NAMES.get(kind, kind), name, message, re.sub(r"\.+", ".", path), _scopes(name))


def _scopes(name: str) -> tuple[ModuleScope, ...]:
    """Modules by the part of a name before a slash: `inception_3a/1x1` is in an `inception`."""
    prefix, slash, _ = name.partition("/")
    if not slash or not prefix:
        return ()
    prefix = re.sub(r"\W", "_", prefix)
    return (ModuleScope(prefix, "caffe." + (re.sub(r"_?\d+[a-z]?$", "", prefix) or prefix)),)
