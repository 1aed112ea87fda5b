"""Placed networks on devices that are not there: torch's `FakeTensorMode` computes shapes and devices only, and refuses
tensors of two devices together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from archdsl.dims import substitute
from archdsl.graph import Graph, header, layer
from archdsl.network import Network
from compiler import assemble
from compiler.fx.lower import lower
from compiler.fx.model import CompiledNetwork
from compiler.fx.modules import build

CPU = torch.device("cpu")


def compiled(network: Network, devices: Mapping[str, str]) -> CompiledNetwork:
    """What `compile` makes, in the mode that is in force; weights are made on the CPU and moved, since fake ones of
    other devices cannot be drawn."""
    assembly = assemble(network.graph)
    places: dict[str | None, torch.device] = {name: torch.device(device) for name, device in devices.items()}
    places[None] = CPU
    root = build(assembly.holders, dict.fromkeys(places, CPU))
    homes = {holder.path: places[holder.device] for holder in assembly.holders}
    for path, module in root.named_modules():
        for registry in (module._parameters, module._buffers):
            for name, value in registry.items():
                if value is not None:
                    registry[name] = _moved(value, _home(f"{path}.{name}".removeprefix("."), homes))
    graphs = {True: lower(assembly.training, places), False: lower(assembly.inference, places)}
    losses: dict[int, fx.GraphModule | None] = {}
    for routine, loss in ((assembly.inference, assembly.inference_loss), (assembly.training, assembly.training_loss)):
        if loss is not None:
            made = fx.GraphModule(build(loss.holders, dict.fromkeys(places, CPU)), lower(loss, places), "Loss")
            losses[len(routine.results)] = made
    return CompiledNetwork(root, graphs, losses, assembly.targets, assembly.aliases)


def _home(path: str, homes: Mapping[str, torch.device]) -> torch.device:
    while path and path not in homes:
        path = path.rpartition(".")[0]
    return homes[path]


def _moved(value: Tensor, device: torch.device) -> Tensor:
    moved = value.detach().to(device)
    return nn.Parameter(moved, requires_grad=value.requires_grad) if isinstance(value, nn.Parameter) else moved


def zeros(graph: Graph, name: str, of: Graph | None = None) -> Tensor:
    """An input of a network, or of the loss `of` it, for a batch of two."""
    node, head = layer(of or graph, name), header(graph)
    values = {**head["least_batch"], **dict.fromkeys(head["batch"], 2)}
    shape = [substitute(size, values) for size in node["shape"]]
    assert all(isinstance(size, int) for size in shape)
    return torch.zeros(shape, dtype=getattr(torch, node["dtype"]))  # type: ignore[arg-type]


def train(network: Network, devices: Mapping[str, str]) -> CompiledNetwork:
    """A step of training, forward, with the loss if there is one, and backward; and the loss of inference."""
    graph, loss = network.graph, header(network.graph)["loss"]
    with FakeTensorMode():
        model = compiled(network, devices)
        for training in (False, True):
            made: Any = model.train(training)(*(zeros(graph, name) for name in header(graph)["inputs"]))
            outputs = made if isinstance(made, tuple) else (made,)
            if len(outputs) in model._losses and loss is not None:
                targets = {name: zeros(graph, name, loss) for name in model._targets}
                outputs = (model.loss(made, targets or None),)
        torch.autograd.backward([output.sum() for output in outputs if output.requires_grad])
    return model
