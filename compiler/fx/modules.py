"""The modules of a network: built in the order of the spec, named by its paths, initialised as it says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import fx, nn

from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from archdsl.ops.initialiser import INITIALISERS, Initialiser
from compiler.devices import CPU
from compiler.fx.lower import Places, lower
from compiler.fx.targets import resolve
from compiler.program import Holder, Routine


def build(holders: Iterable[Holder], places: Places, *, seed: int | None = None) -> nn.Module:
    """A module tree with every layer that has one, its parameters on the device it is placed on.

    Weights are drawn on the CPU, layer after layer, so that a seed gives the same network on all devices; but those of
    the device meta, which has no values, are never drawn, nor are any in torch's `FakeTensorMode`. With `seed`, each
    layer's are drawn from it and the layer's path alone, whichever others are built; torch's generator stays as it was.
    """
    root = nn.Module()
    valued = type(torch.empty(0)) is torch.Tensor
    with nullcontext() if seed is None else torch.random.fork_rng(devices=()):
        for holder in holders:
            if seed is not None:
                torch.default_generator.manual_seed(_seed_of(seed, holder.path))
            device = places[holder.device]
            drawn = CPU if valued and device.type != "meta" else device
            with drawn:  # whatever the caller's default is
                built = _module(holder) if holder.target.kind == "module" else _tensor(holder)
            if drawn != device:
                built = built.to(device)
            if isinstance(built, torch.Tensor):
                built = _own(built, holder)
            else:
                built.requires_grad_(not holder.frozen)
            _attach(root, holder.path, built)
    return root


def _seed_of(seed: int, path: str) -> int:
    """The seed of a layer: 64 bits of the SHA-256 of the network's and its path."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{path}".encode()).digest()[:8])


def _module(holder: Holder) -> nn.Module:
    module: nn.Module = _allocate(holder.path, partial(resolve(holder.target.name), **holder.target.kwargs))
    for held in holder.held:
        if isinstance(held.start, Initialiser):
            _fill(module.get_parameter(held.weight.name), held.start)
    return module


def _tensor(holder: Holder) -> torch.Tensor:
    (held,) = holder.held
    if holder.target.kind == "constant":
        make = partial(resolve(holder.target.name), *holder.target.args, **holder.target.kwargs)
        constant: torch.Tensor = _allocate(holder.path, make)
        return constant
    if isinstance(held.start, Routine):
        places: Places = {None: torch.empty(0).device}
        with torch.no_grad():
            made = fx.GraphModule(build(held.start.holders, places), lower(held.start, places))
            value: torch.Tensor = made()
            return value.clone(memory_format=torch.contiguous_format)
    tensor: torch.Tensor = _allocate(holder.path, partial(torch.empty, held.weight.shape))
    if isinstance(held.start, Initialiser):
        _fill(tensor, held.start)
    return tensor


def _own(tensor: torch.Tensor, holder: Holder) -> nn.Parameter | nn.Buffer:
    if holder.target.kind == "parameter":
        return nn.Parameter(tensor, requires_grad=not holder.frozen)
    return nn.Buffer(tensor, persistent=holder.target.kind == "buffer")


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


def _fill(tensor: torch.Tensor, initialiser: Initialiser) -> None:
    kind = INITIALISERS[initialiser.name]
    arguments = dict(zip(kind.arguments, initialiser.args, strict=True))
    resolve(kind.target)(tensor, **dict(kind.options), **arguments)
