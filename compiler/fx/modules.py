"""The modules of a network: built in the order of the spec, named by its paths, initialised as it says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn

from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from archdsl.graph import Graph, Layer, input_shapes, layers
from archdsl.ops.initialiser import INITIALISERS, Initialiser
from compiler.devices import CPU
from compiler.fx.targets import resolve


def build(graph: Graph, places: dict[str | None, torch.device]) -> nn.Module:
    """A module tree with every layer that has one, its parameters on the device it is placed on.

    Weights are drawn on the CPU, layer after layer, so that a seed gives the same network on all devices; but those of
    the device meta, which has no values, are never drawn.
    """
    root = nn.Module()
    for key, node in layers(graph):
        if key != node["path"] or node["op"] == "input":
            continue  # a shared layer is built once
        device = places[node["device"]]
        target = node["operator"].target(*input_shapes(graph, key))
        if target.kind == "module":
            with nullcontext() if device.type != "meta" else device:
                module = _allocate(key, partial(resolve(target.name), **target.kwargs))
            _initialise(module, node)
            module.requires_grad_(not node["frozen"])
            _attach(root, node["path"], module.to(device))
        elif target.kind in ("parameter", "buffer"):
            tensor = _allocate(
                key, partial(torch.empty, node["weights"][0].shape, device="meta" if device.type == "meta" else CPU)
            )
            _fill(tensor, node["params"]["init"])
            _attach(root, node["path"], _own(tensor.to(device), target.kind, node["frozen"]))
    return root


def _allocate(key: str, make: Callable[[], Any]) -> Any:
    """A layer's module or tensor. Raises `SpecError` where the machine has not the memory for its weights."""
    try:
        return make()
    except (MemoryError, RuntimeError) as error:
        if "memory" not in str(error).lower() and not isinstance(error, MemoryError):
            raise
        message = f"there is not enough memory for the weights of `{key}`"
        help = "`archdsl report` counts a network's parameters without allocating them"
        raise SpecError([Diagnostic("out-of-memory", message, help=help)]) from None


def _own(tensor: torch.Tensor, kind: str, frozen: bool) -> nn.Parameter | nn.Buffer:
    return nn.Buffer(tensor) if kind == "buffer" else nn.Parameter(tensor, requires_grad=not frozen)


def _attach(root: nn.Module, path: str, what: nn.Module | nn.Parameter | nn.Buffer) -> None:
    """Set what is at a path below the root, with plain modules on the way to it."""
    *parents, name = path.split(".")
    module = root
    for parent in parents:
        inner = getattr(module, parent, None)
        if inner is None:
            inner = nn.Module()
            module.add_module(parent, inner)
        module = inner
    setattr(module, name, what)


def _initialise(module: nn.Module, node: Layer) -> None:
    """Start the weights as the layer says; where it says nothing, they are as torch's module made them."""
    weight: Initialiser | None = getattr(node["operator"], "init", None)
    bias: Initialiser | None = getattr(node["operator"], "bias_init", None)
    if weight is not None and bias is None and getattr(node["operator"], "takes_default_init", True):
        bias = Initialiser("zeros")
    chosen = {"weight": weight, "bias": bias, "buffer": None}
    for own in node["weights"]:
        initialiser = chosen[own.role]
        if initialiser is not None:
            _fill(module.get_parameter(own.name), initialiser)


def _fill(tensor: torch.Tensor, initialiser: Initialiser) -> None:
    kind = INITIALISERS[initialiser.name]
    arguments = dict(zip(kind.arguments, initialiser.args, strict=True))
    resolve(kind.target)(tensor, **dict(kind.options), **arguments)
