"""A compiled spec beside its reference, with the same weights."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

import archdsl
from archdsl.graph import header
from compiler.fx.model import CompiledNetwork


@dataclass
class Pair:
    """A compiled spec and its reference, which hold the same weights."""

    variant: str
    graph: Any
    model: CompiledNetwork
    reference: nn.Module
    images: list[torch.Tensor]

    def outputs(self, *, training: bool) -> tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]:
        """What both make of the images, from the same seed."""
        found = []
        for module in (self.model, self.reference):
            module.train(training)
            torch.manual_seed(7)
            with torch.no_grad():
                found.append(_several(module(*self.images)))
        return found[0], found[1]


def paired(
    variant: str, images: list[torch.Tensor], reference: nn.Module, checkpoint: Mapping[str, torch.Tensor]
) -> Pair:
    """A variant compiled for images of this size, with all of the checkpoint, and the reference that it is from."""
    network = for_images(variant, [tuple(image.shape) for image in images])
    model = network.compile()
    model.load_state_dict(checkpoint, strict=True)
    return Pair(variant, network.graph, model, reference, images)


def for_images(variant: str, shapes: Sequence[tuple[int, ...]]) -> archdsl.Network:
    """A variant for inputs of these shapes; where the size of its images is a setting, the setting says so."""
    said = header(archdsl.load(variant).graph)
    settings = {"size": shapes[0][-1]} if "size" in said["settings"] else {}
    return archdsl.load(variant, inputs=dict(zip(said["inputs"], shapes, strict=True)), **settings)


def with_weights(module: nn.Module) -> nn.Module:
    """A module on the CPU with values that leave nothing at 0 or 1: every mistake in loading or normalising shows."""
    saved = module.state_dict()
    constants = {name: t.clone() for name, t in module.named_buffers() if name not in saved and not t.is_meta}
    module = module.to_empty(device="cpu")
    for name, tensor in constants.items():
        module.get_buffer(name).copy_(tensor)
    generator = torch.Generator().manual_seed(20)
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():  # num_batches_tracked
            tensor.fill_(3)
        elif name.endswith("running_var") or (tensor.dim() == 1 and name.endswith("weight")):
            tensor.uniform_(0.5, 1.5, generator=generator)
        else:
            bound = (3 / tensor[0].numel()) ** 0.5 if tensor.dim() > 1 else 0.1
            tensor.uniform_(-bound, bound, generator=generator)
    return module


def _several(outputs: Any) -> tuple[torch.Tensor, ...]:
    """The outputs of a module, which returns one, several, or several by name."""
    if isinstance(outputs, torch.Tensor):
        return (outputs,)
    return tuple(outputs.values() if isinstance(outputs, Mapping) else outputs)


class Shapes(fx.Interpreter):
    """Runs a compiled network and notes the shapes that each layer of the spec really makes."""

    def __init__(self, model: fx.GraphModule) -> None:
        super().__init__(model)
        self.found: dict[str, list[tuple[int, ...]]] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        layer = n.meta.get("archdsl")
        if layer is not None and n.target is not operator.getitem:  # a part of a layer's list
            parts = value if isinstance(value, (list, tuple)) else [value]
            self.found[layer] = [tuple(part.shape) for part in parts]
        return value
