"""A stage as a module: its own layers, the graphs of both phases, and what keeps autograd within it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, fx, nn

from compiler.distributed.cut import StagePhase, StageProgram
from compiler.fx.lower import Places, lower
from compiler.fx.model import CompiledNetwork
from compiler.fx.modules import build

META = torch.device("meta")


class _Enter(torch.autograd.Function):
    """A tensor as it is; its gradient in order in memory, as sending needs it."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return tensor.detach()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient.contiguous()


class _Leave(torch.autograd.Function):
    """A tensor in order in memory, and of its own: zero-bubble schedules cut what leaves off its graph in place."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return tensor.detach().contiguous()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


def enter(tensor: Tensor) -> Tensor:
    """What a stage receives, as its layers read it."""
    entered: Tensor = _Enter.apply(tensor)  # type: ignore[no-untyped-call]
    return entered


def leave(tensor: Tensor) -> Tensor:
    """What a stage makes, as it is sent."""
    left: Tensor = _Leave.apply(tensor)  # type: ignore[no-untyped-call]
    return left


def leave_alone(tensor: Tensor) -> Tensor:
    """The same where no gradient comes back."""
    return tensor.detach().contiguous()


def build_stage(
    program: StageProgram, device: torch.device, *, seed: int = 0, weights: Path | None = None
) -> CompiledNetwork:
    """The module of a stage, with no layer but its own.

    Weights are drawn from `seed` as `net.compile(seed=…)` does, or read from a .safetensors file, of which nothing else
    is read. Raises `ValueError` where that does not fit, and `SpecError` where memory is short.
    """
    places: Places = {None: device}
    if weights is None:
        root = build(program.holders, places, seed=seed)
    else:
        root = build(program.holders, {None: META})
        root.load_state_dict(_read(weights, root, device), assign=True)
    phases = (program.training, program.inference)
    training, inference = (_bounded(lower(phase.routine, places), phase, program) for phase in phases)
    return CompiledNetwork(root, {True: training, False: inference}, {})


def _bounded(graph: fx.Graph, phase: StagePhase, program: StageProgram) -> fx.Graph:
    """Put what enters and leaves a stage through its boundary, and return a plain tuple, as torch's runtime wants."""
    inputs = [node for node in graph.nodes if node.op == "placeholder"]
    output = next(node for node in graph.nodes if node.op == "output")
    if not program.first:
        for node, crossing in zip(inputs, phase.enters, strict=True):
            if crossing.gradient:
                with graph.inserting_after(inputs[-1]):
                    entered = graph.call_function(enter, (node,))
                node.replace_all_uses_with(entered, delete_user_cb=lambda user, own=entered: user is not own)
    returned = output.args[0]
    values = list(returned) if isinstance(returned, tuple) else [returned]
    if not program.last:
        with graph.inserting_before(output):
            values = [
                graph.call_function(leave if crossing.gradient else leave_alone, (value,))
                for value, crossing in zip(values, phase.leaves, strict=True)
            ]
    output.args = (values[0] if len(values) == 1 else tuple(values),)
    return graph


def _read(file: Path, root: nn.Module, device: torch.device) -> dict[str, Tensor]:
    """The tensors of a stage in a file of all."""
    wanted = root.state_dict()
    try:
        with safe_open(file, framework="pt", device=str(device)) as opened:
            missing = sorted(wanted.keys() - set(opened.keys()))
            if missing:
                raise ValueError(f"`{file}` has no `{missing[0]}`")
            found = {name: opened.get_tensor(name) for name in wanted}
    except (OSError, SafetensorError) as error:
        raise ValueError(f"cannot read weights from `{file}`: {error}") from None
    for name, tensor in found.items():
        if tensor.shape != wanted[name].shape:
            raise ValueError(
                f"`{name}` is {list(tensor.shape)} in `{file}`, and {list(wanted[name].shape)} in the network"
            )
        if tensor.dtype != wanted[name].dtype:
            found[name] = tensor.to(wanted[name].dtype)
    return found


def merged(modules: Iterable[nn.Module]) -> nn.Module:
    """The stages of a process as one tree under the spec's paths; tensors and layers are theirs."""
    root = nn.Module()
    for module in modules:
        _merge(root, module)
    return root


def _merge(into: nn.Module, module: nn.Module) -> None:
    into._parameters.update(module._parameters)
    into._buffers.update(module._buffers)
    for name, child in module._modules.items():
        if type(child) is not nn.Module:  # a layer; what is a plain module is on the way to layers
            into.add_module(name, child)
            continue
        inner = into._modules.get(name)
        if inner is None:
            inner = nn.Module()
            into.add_module(name, inner)
        _merge(inner, child)
