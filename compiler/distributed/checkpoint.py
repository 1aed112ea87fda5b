"""Checkpoints of a pipeline, under the spec's paths: what some stages save, others load, or one process.

A folder of checkpoints has a folder for each, written by torch.distributed.checkpoint, and the file `latest`, which
names the newest that is complete: it is replaced when all of a checkpoint is on the disk, so that a process may be
killed at any time. Tensors that processes have a part of are stored in parts, those that several have alike once.

Torch describes a checkpoint by a pickle: load none that you have not written.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.metadata import STORAGE_TYPES, TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load as load_tensors
from torch.distributed.checkpoint.state_dict_saver import save as save_tensors
from torch.distributed.device_mesh import DeviceMesh
from torch.optim import Optimizer

from archdsl.write import write_atomically

LATEST: Final = "latest"


@dataclass(frozen=True, slots=True)
class State:
    """What is saved: layers under the spec's paths, their optimizer, the steps taken; `same` have the same layers."""

    module: nn.Module
    optimizer: Optimizer | None
    steps: int
    same: DeviceMesh | None = None


def save(state: State, folder: Path) -> None:
    """Write a checkpoint of all processes. The running statistics of replicas are those of the first."""
    if state.same is not None:
        for buffer in state.module.buffers():
            dist.broadcast(buffer, group=state.same.get_group(), group_src=0)
    name = f"step-{state.steps:08d}"
    if _first():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder / name, ignore_errors=True)  # what was begun, and not finished
    _wait()
    tensors = dict(_weights(state.module)) | dict(_states(state.module, state.optimizer))
    with _alone_if_meant():
        save_tensors(tensors, checkpoint_id=folder / name, no_dist=not dist.is_initialized())
    if _first():
        write_atomically(folder / LATEST, f"{name}\n".encode())
    _wait()


def latest(folder: Path) -> Path | None:
    """The newest complete checkpoint in a folder; None where there is none."""
    try:
        return folder / (folder / LATEST).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None


def load(folder: Path, module: nn.Module, optimizer: Optimizer | None = None) -> int | None:
    """Read the newest complete checkpoint of a folder into layers, whole or some stages, and their optimizer.

    Returns the steps that were taken; None where there is no checkpoint. Raises `ValueError` where it has not what is
    asked of it.
    """
    found = latest(folder)
    if found is None:
        return None
    stored = FileSystemReader(found).read_metadata().state_dict_metadata
    tensors = dict(_weights(module))
    missing = sorted(tensors.keys() - stored.keys())
    if missing:
        raise ValueError(f"the checkpoint `{found}` has no `{missing[0]}`: it is another network's")
    states = dict(_empty_states(module, optimizer, stored))
    with _alone_if_meant():
        load_tensors({**tensors, **states}, checkpoint_id=found, no_dist=not dist.is_initialized())
    if optimizer is not None:
        names = dict(module.named_parameters())
        for key, tensor in states.items():
            path, _, what = key.removeprefix(_STATE).rpartition(":")
            optimizer.state[names[path]][what] = tensor
    return int(found.name.rpartition("-")[2])


_STATE: Final = "optimizer:"


def _weights(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters and buffers, as they are: what is loaded is written into them."""
    for name, parameter in module.named_parameters():
        yield name, parameter.detach()
    yield from module.named_buffers()


def _states(module: nn.Module, optimizer: Optimizer | None) -> Iterator[tuple[str, Tensor]]:
    """What the optimizer keeps for each parameter, under the parameter's path."""
    if optimizer is None:
        return
    for name, parameter in module.named_parameters():
        for what, value in optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                yield f"{_STATE}{name}:{what}", value


def _empty_states(
    module: nn.Module, optimizer: Optimizer | None, stored: dict[str, STORAGE_TYPES]
) -> Iterator[tuple[str, Tensor]]:
    """Tensors for what a checkpoint has of an optimizer's states, each like its parameter or of a shape of its own."""
    if optimizer is None:
        return
    parameters = dict(module.named_parameters())
    for key, found in stored.items():
        path, _, _ = key.removeprefix(_STATE).rpartition(":")
        if not key.startswith(_STATE) or path not in parameters or not isinstance(found, TensorStorageMetadata):
            continue
        parameter = parameters[path].detach()
        if found.size == parameter.shape:
            yield key, torch.zeros_like(parameter, dtype=found.properties.dtype)
        else:
            yield key, torch.zeros(found.size, dtype=found.properties.dtype)


@contextmanager
def _alone_if_meant() -> Iterator[None]:
    """Torch warns where one process works alone, although it was told."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"torch\.distributed is disabled", category=UserWarning)
        yield


def _first() -> bool:
    return not dist.is_initialized() or dist.get_rank() == 0


def _wait() -> None:
    if dist.is_initialized():
        dist.barrier()
