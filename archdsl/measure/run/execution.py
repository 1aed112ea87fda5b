"""What runs in inference or in a training step: layers in order, the tensors they read and make, and whose storage
each tensor has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Final, Literal, TypeAlias

from archdsl.dims import Shape, Size
from archdsl.graph import Graph, Layer, header, layer, layers, operands
from archdsl.measure.run.precision import PRECISIONS, Precision
from archdsl.net_view import NetView
from archdsl.ops._op import Use
from archdsl.ops.dtypes import FLOATING, WIDTHS
from archdsl.ops.source import LayerWeight
from archdsl.ops.strides import Laid, Strides, contiguous
from archdsl.symbolic import where_decided

Hardware: TypeAlias = Literal["cuda", "cpu"]
Tensor: TypeAlias = tuple[str, int]  # the step that makes it, and which of its outputs
Storage: TypeAlias = tuple[str, int, str | None]  # the tensor that it was made for, and the device


@dataclass(frozen=True, slots=True)
class Setting:
    """In which precision and on which kind of device a network runs.

    `by_device` keeps the devices of the spec apart; otherwise all is on one.
    """

    precision: Precision = PRECISIONS["fp32"]
    hardware: Hardware = "cuda"
    by_device: bool = False


SETTING: Final = Setting()


@dataclass(frozen=True, slots=True)
class ExecutionStep:
    """One layer at work."""

    name: str
    node: Layer
    reads: tuple[Tensor, ...]
    makes: tuple[Tensor, ...]
    device: str | None


@dataclass(frozen=True)
class Execution:
    """Steps in order, and of every tensor its shape, its strides, the type and the bytes of an element, and its
    storage."""

    steps: tuple[ExecutionStep, ...]
    shapes: Mapping[Tensor, Shape]
    strides: Mapping[Tensor, Strides]
    types: Mapping[Tensor, str]
    elements: Mapping[Tensor, int]
    sizes: Mapping[Tensor, Size]  # in bytes
    storages: Mapping[Tensor, Storage]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    losses: tuple[Tensor, ...]  # where a gradient begins
    uses: Mapping[str, Use]  # by step
    wanted: Set[Tensor]  # those that need a gradient: a trainable weight goes into them
    training: bool
    setting: Setting

    def storage(self, tensor: Tensor, device: str | None) -> Storage:
        """The storage of a tensor on a device: its own, or that of its copy there."""
        own = self.storages[tensor]
        return own if own[2] == device else (*tensor, device)

    @cached_property
    def due(self) -> Set[Tensor]:
        """The tensors at which a gradient arrives in backward, which begins at the losses."""
        return self.leading_to(self.losses)

    @cached_property
    def held(self) -> Set[Tensor]:
        """The tensors whose part of autograd's graph the outputs and the losses hold after the forward pass."""
        return self.leading_to((*self.outputs, *self.losses))

    def leading_to(self, ends: Iterable[Tensor]) -> Set[Tensor]:
        """The tensors to which a gradient goes back from these."""
        found = {tensor for tensor in ends if tensor in self.wanted}
        for step in reversed(self.steps):
            if not found.isdisjoint(step.makes):
                wanted = self.uses[step.name].wanted
                found.update(read for read, wants in zip(step.reads, wanted, strict=True) if wants)
        return found

    def lowered(self, step: ExecutionStep) -> bool:
        """Whether autocast rounds what a step reads."""
        return self.setting.precision.autocast and step.node["operator"].autocast == "lower"


class _Growing:
    """An execution while its steps are added."""

    def __init__(self, setting: Setting, training: bool, net: NetView) -> None:
        self.net = net
        self.setting = setting
        self.training = training
        self.steps: list[ExecutionStep] = []
        self.shapes: dict[Tensor, Shape] = {}
        self.types: dict[Tensor, str] = {}
        self.elements: dict[Tensor, int] = {}
        self.sizes: dict[Tensor, Size] = {}
        self.storages: dict[Tensor, Storage] = {}
        self.strides: dict[Tensor, Strides] = {}
        self.uses: dict[str, Use] = {}
        self.wanted: set[Tensor] = set()
        # Paths with trainable weights; later uses of a shared layer have none of their own.
        self.trained: set[str] = set()

    def add(self, name: str, node: Layer, reads: tuple[Tensor, ...], device: str | None) -> None:
        makes = tuple((name, i) for i in range(len(node["outputs"])))
        step = ExecutionStep(name, node, reads, makes, device)
        operator = node["operator"]
        for make, shape in zip(makes, node["outputs"], strict=True):
            self.shapes[make] = self.net.counted(shape)
        use = self.uses[name] = self._use(step)
        if use.trained or any(use.wanted):
            self.wanted.update(make for make, dtype in zip(makes, node["dtypes"], strict=True) if dtype == FLOATING)
        for make, dtype in zip(makes, node["dtypes"], strict=True):
            element = self.elements[make] = self._element(step) if dtype == FLOATING else WIDTHS[dtype]
            self.types[make] = dtype
            self.sizes[make] = self.net.elements(self.shapes[make]) * element
            # Where symbols leave it open, the memory of the layer itself is open, too.
            strides = where_decided(partial(operator.layout, use, self.shapes[make]))
            self.strides[make] = contiguous(self.shapes[make]) if strides is None else strides
            aliases = strides is not None and operator.aliases(self.training)
            self.storages[make] = self.storages[reads[0]] if aliases else (*make, device)
            if aliases and self.storages[make][2] != device:
                self.storages[make] = (*reads[0], device)
        self.steps.append(step)

    def _use(self, step: ExecutionStep) -> Use:
        """An operator at work. In inference nothing wants a gradient."""
        node, reads = step.node, step.reads
        if self.training and not node["frozen"] and any(w.role != "buffer" for w in node["weights"]):
            self.trained.add(node["path"])
        aside = node["operator"].undifferentiated
        return Use(
            tuple(Laid(self.shapes[read], self.strides[read]) for read in reads),
            self.shapes[step.makes[0]],
            tuple(read in self.wanted and i not in aside for i, read in enumerate(reads)),
            node["path"] in self.trained,
            tuple(map(reads.index, reads)),
            self.setting.hardware,
            tuple(self.types[read] for read in reads),
        )

    def _element(self, step: ExecutionStep) -> int:
        """The bytes of a floating-point number that a step makes."""
        precision, operator = self.setting.precision, step.node["operator"]
        if not precision.autocast:
            return precision.weight if operator.owns_storage else precision.activation
        if operator.autocast == "lower":
            return precision.activation
        if operator.autocast == "float32":
            return WIDTHS[FLOATING]
        read = [self.elements[read] for read in step.reads if self.types[read] == FLOATING]
        return max(read, default=WIDTHS[FLOATING])


class Runs:
    """The executions of a network in one setting: one for each phase, made when it is first asked for."""

    def __init__(self, net: NetView, setting: Setting = SETTING) -> None:
        self.net = net
        self.setting = setting

    @cached_property
    def inference(self) -> Execution:
        return execution(self.net, training=False, setting=self.setting)

    @cached_property
    def training(self) -> Execution:
        return execution(self.net, training=True, setting=self.setting)


def execution(net: NetView, training: bool, setting: Setting) -> Execution:
    """What runs in a phase. In training the loss is part of it, where the network has one."""
    needed, head, graph = net.live(training), net.header, net.graph
    growing = _Growing(setting, training, net)
    for key, node in net.layers.items():
        if key in needed or node["op"] == "input":
            device = _device(graph, key) if setting.by_device else None
            reads = () if node["operator"].owns_storage else net.operands(key)
            growing.add(key, _as_run(key, node, needed, net), reads, device)
    outputs = tuple((o["node"], o["output"]) for o in head["outputs"] if training or o["phase"] == "both")
    inputs = tuple((name, 0) for name in head["inputs"])
    losses = outputs
    if training and head["loss"] is not None:
        losses, inputs = _add_loss(growing, graph, head["loss"], inputs)
    return Execution(
        tuple(growing.steps),
        growing.shapes,
        growing.strides,
        growing.types,
        growing.elements,
        growing.sizes,
        growing.storages,
        inputs,
        outputs,
        losses,
        growing.uses,
        growing.wanted,
        training,
        setting,
    )


def _as_run(key: str, node: Layer, needed: Set[str], net: NetView) -> Layer:
    """A layer as it runs. A weight that others use is the only one of its layer where that does not run itself."""
    operator, path = node["operator"], node["path"]
    if not isinstance(operator, LayerWeight) or path in needed:
        return node
    return {**node, "weights": tuple(w for w in net.layers[path]["weights"] if w.name == operator.weight)}


def _device(graph: Graph, key: str) -> str | None:
    """Where a layer is; an input is where it is read first."""
    node = layer(graph, key)
    if node["op"] != "input" or not header(graph)["devices"]:
        return node["device"]
    return next((layer(graph, consumer)["device"] for consumer in graph.succ[key]), None)


def _add_loss(
    growing: _Growing, graph: Graph, loss: Graph, inputs: tuple[Tensor, ...]
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Add a loss's steps, on the device of the first output; its value, and the inputs with the target."""
    head = header(graph)
    names: dict[Tensor, Tensor] = {(o["name"], 0): (o["node"], o["output"]) for o in head["outputs"]}
    first = head["outputs"][0]
    device = growing.storages[first["node"], first["output"]][2]
    for key, node in layers(loss):
        if (key, 0) in names:
            continue
        name = f"loss: {key}"
        reads = tuple(names[read] for read in operands(loss, key))
        growing.add(name, node, reads, device)
        names |= {(key, i): (name, i) for i in range(len(node["outputs"]))}
        if node["op"] == "input":
            inputs = (*inputs, (name, 0))
    result = header(loss)["outputs"][0]
    return (names[result["node"], result["output"]],), inputs
