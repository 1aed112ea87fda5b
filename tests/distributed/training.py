"""Training that is begun, stopped and gone on with, by pipelines and by one process."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

import archdsl
from archdsl.distributed import pipeline, restore
from tests.distributed.equality import even_plan

BATCH, MICRO_BATCHES = 8, 4


def batch(step: int, replica: int = 0) -> tuple[Tensor, Tensor]:
    """The data of a step, for `small.arch`."""
    generator = torch.Generator().manual_seed(1000 * replica + step)
    return torch.randn(BATCH, 3, 8, 8, generator=generator), torch.randint(0, 5, (BATCH,), generator=generator)


def optimizer_of(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.AdamW(list(parameters), lr=0.01)


def weights_hash(state: dict[str, Tensor]) -> str:
    return hashlib.sha256(b"".join(state[name].cpu().numpy().tobytes() for name in sorted(state))).hexdigest()


def gathered(module: nn.Module) -> dict[str, Tensor]:
    """The weights of all processes' layers, whole."""
    own = {}
    for name, tensor in module.state_dict().items():
        own[name] = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor.clone()
    parts: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(parts, own)
    return {name: tensor for part in parts for name, tensor in part.items()}


def train(spec: str, stages: int, until: int, saved: str, replicas: str = "ddp", schedule: str = "1f1b") -> list[Any]:
    """Go on from what is saved in a folder to a step, and save: the step begun at, the weights' hash, and scores."""
    network = archdsl.load(spec)
    plan = even_plan(network, stages, schedule, 1, BATCH, MICRO_BATCHES)
    pipe = pipeline(plan, network=network, seed=3, replicas=replicas)
    optimizer = optimizer_of(pipe.parameters())
    begun = pipe.load(saved, optimizer)
    for step in range(begun, until):
        optimizer.zero_grad()
        pipe.step(*batch(step, pipe.replica))
        optimizer.step()
    pipe.save(saved, optimizer)
    evaluated = pipe.eval(batch(0)[0])
    scores = None if evaluated is None or pipe.replica else evaluated[0].tolist()
    return [begun, weights_hash(gathered(pipe.module)), scores]


def train_alone(spec: str, until: int, replicas: int = 1) -> nn.Module:
    """The same in one process from the first step on, micro-batch by micro-batch.

    Gradients are the mean of those of replicas; running statistics are of the first.
    """
    model: Any = archdsl.load(spec).compile(seed=3).train()
    optimizer = optimizer_of(model.parameters())
    for step in range(until):
        gradients = []
        for replica in range(replicas):
            kept = {name: tensor.clone() for name, tensor in model.named_buffers()}
            optimizer.zero_grad()
            images, labels = batch(step, replica)
            for image, label in zip(images.chunk(MICRO_BATCHES), labels.chunk(MICRO_BATCHES), strict=True):
                (model.loss(model(image), label) / MICRO_BATCHES).backward()
            gradients.append([parameter.grad for parameter in model.parameters()])
            if replica:
                model.load_state_dict(kept, strict=False)
        for parameter, *parts in zip(model.parameters(), *gradients, strict=True):
            if parts[0] is not None:
                parameter.grad = sum(parts) / replicas
        optimizer.step()
    found: nn.Module = model
    return found


def restored(spec: str, folder: str) -> tuple[int | None, nn.Module]:
    """What one process has of a checkpoint."""
    model = archdsl.load(spec).compile(seed=4)
    taken = restore(folder, model)
    return taken, model
