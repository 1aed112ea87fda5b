"""Who works with whom: the processes of a pipeline, those that have the same stages, and the device of each."""

from __future__ import annotations

import os
from typing import Final

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from archdsl.placement.devices import PlacementError
from compiler.fx.model import CompiledNetwork

PIPELINE: Final = "pp"  # the dimensions of a mesh, as torch's own examples call them
REPLICAS: Final = "dp"


def processes() -> int:
    """How many processes there are; one alone begins a group of its own, torchrun's join that of their environment."""
    if not dist.is_initialized():
        if "RANK" in os.environ:
            store, rank, world = next(rendezvous("env://"))
            # torchrun keeps its store when it starts all again, and with it the addresses of processes that are gone.
            attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
            own = dist.PrefixStore(f"archdsl/{attempt}", store)  # type: ignore[attr-defined]
            dist.init_process_group(_backend(), store=own, rank=rank, world_size=world)
        else:
            dist.init_process_group(_backend(), store=dist.HashStore(), rank=0, world_size=1)  # type: ignore[attr-defined]
    return dist.get_world_size()


def _backend() -> str:
    return "nccl" if _device_type() == "cuda" else "gloo"


def _device_type() -> str:
    """CUDA, where each process of this machine can have a device of its own."""
    return "cuda" if torch.cuda.device_count() >= int(os.environ.get("LOCAL_WORLD_SIZE", "1")) else "cpu"


def split(mesh: DeviceMesh | None, devices: int) -> tuple[DeviceMesh, DeviceMesh | None]:
    """The mesh of the own pipeline, and that of the processes that have the same stages, where there are replicas.

    Without a mesh, ranks that follow one another are replicas of the same stages. Raises `PlacementError` for a mesh
    that does not fit the plan.
    """
    if mesh is None:
        shape = (devices, processes() // devices)
        mesh = init_device_mesh(_device_type(), shape, mesh_dim_names=(PIPELINE, REPLICAS))
    names = mesh.mesh_dim_names or ()
    if mesh.ndim == 1:
        found, replicas = mesh, None
    elif mesh.ndim == 2 and set(names) == {PIPELINE, REPLICAS}:
        found, replicas = mesh[PIPELINE], mesh[REPLICAS]
    else:
        raise PlacementError(
            f'a mesh has one dimension, or two with the names "{PIPELINE}" (stages) and "{REPLICAS}" (replicas); '
            f"this one has {mesh.ndim} with the names {', '.join(names) or 'of nothing'}"
        )
    if found.size() != devices:
        raise PlacementError(f"the plan has stages on {devices} devices, and the mesh {found.size()} for them")
    return found, replicas if replicas is not None and replicas.size() > 1 else None


def device_of(mesh: DeviceMesh) -> torch.device:
    """The device of this process: on a machine with several, the one of its local rank."""
    if mesh.device_type != "cuda":
        return torch.device(mesh.device_type)
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", dist.get_rank() % torch.cuda.device_count())))
    torch.cuda.set_device(device)
    return device


def replicated(module: CompiledNetwork, mesh: DeviceMesh | None, how: str) -> nn.Module:
    """A stage that adds up its gradients with its replicas': as a whole each ("ddp"), or a share each ("fsdp")."""
    if mesh is None or not any(parameter.requires_grad for parameter in module.parameters()):
        return module
    if how == "fsdp":
        fully_shard(module, mesh=mesh)
        # The module has a class of FSDP's now: called fx's way, it would call itself without end when its graph changes
        type(module).__call__ = nn.Module.__call__  # type: ignore[method-assign]
        return module
    return DistributedDataParallel(module, process_group=mesh.get_group())
