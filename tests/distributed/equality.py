"""A pipeline against one process that runs the same micro-batches: what differs, to the last bit."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

import archdsl
from archdsl.dims import numbers
from archdsl.distributed import pipeline
from archdsl.graph import content_hash, header, layer, layers, live
from archdsl.net_view import fixed
from archdsl.network import Network
from archdsl.placement.schedule import LIST, SCHEDULES

LAST_FIRST = ("breadth-first",)  # schedules that go backward from the last micro-batch


def even_plan(
    network: Network, processes: int, schedule: str, each: int, batch: int, micro_batches: int
) -> dict[str, Any]:
    """A plan with as many layers in each stage; for the schedule `list`, as the spec's marks say."""

    graph = network.graph
    needed = live(graph, training=True)
    keys = [key for key, node in layers(graph) if key in needed and node["op"] != "input"]
    owners, stages = list[int](), list[list[str]]()
    if schedule == LIST:
        devices = list(header(graph)["devices"])
        for key in keys:
            device = devices.index(str(layer(graph, key)["device"]))
            if not owners or owners[-1] != device:
                owners.append(device)
                stages.append([])
            stages[-1].append(key)
    else:
        owners = list(SCHEDULES[schedule].owners(processes, each))
        count = len(owners)
        # Layers that share weights stay together, in the first stage.
        start = max((i for i, key in enumerate(keys) if layer(graph, key)["path"] != key), default=0)
        parts = [0 if i <= start else (i - start) * count // (len(keys) - start) for i in range(len(keys))]
        stages = [[key for key, part in zip(keys, parts, strict=True) if part == s] for s in range(count)]
    return {
        "network": header(graph)["network"],
        "hash": content_hash(graph),
        "batch": batch,
        "micro_batches": micro_batches,
        "schedule": schedule,
        "dtype": "fp32",
        "devices": [{"name": f"d{i}"} for i in range(processes)],
        "stages": [{"device": f"d{owner}", "layers": own} for owner, own in zip(owners, stages, strict=True)],
    }


def data(network: Network, batch: int) -> tuple[tuple[Tensor, ...], Tensor]:
    """A batch of random inputs, and a target for its loss."""
    graph = network.graph
    generator = torch.Generator().manual_seed(1)
    sizes = dict.fromkeys(header(graph)["batch"], batch)
    inputs = tuple(
        torch.randn(fixed(layer(graph, name)["shape"], sizes), generator=generator)  # type: ignore[arg-type]
        for name in header(graph)["inputs"]
    )
    loss = header(graph)["loss"]
    assert loss is not None
    shape = fixed(header(graph)["outputs"][0]["shape"], sizes)
    if layer(loss, "target")["dtype"] == "int64":
        samples, classes, *rest = numbers(shape) or ()
        return inputs, torch.randint(0, classes, (samples, *rest), generator=generator)
    return inputs, torch.rand(shape, generator=generator)  # type: ignore[arg-type]


def without_dropout(model: nn.Module) -> nn.Module:
    """One process draws other numbers than several."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


def one_process(
    network: Network, batch: int, micro_batches: int, inputs: Any, target: Tensor, last_first: bool
) -> dict[str, Any]:
    """Losses, gradients, buffers and outputs in training, then outputs in inference.

    Gradients are added up in the order of the micro-batches, or the other way round.
    """
    model: Any = without_dropout(network.compile(seed=3)).train()
    losses, outputs = [], []
    parts = zip(*(given.chunk(micro_batches) for given in inputs), target.chunk(micro_batches), strict=True)
    for *given, wanted in parts:
        made = model(*given)
        losses.append(model.loss(made, wanted))
        if not last_first:
            (losses[-1] / micro_batches).backward()
        outputs.append(made if isinstance(made, tuple) else (made,))
    for loss in reversed(losses) if last_first else ():
        (loss / micro_batches).backward()
    found: dict[str, Any] = {f"gradient of {name}": p.grad for name, p in model.named_parameters()}
    found |= {name: tensor.clone() for name, tensor in model.named_buffers()}
    found["loss"] = torch.stack(losses).mean().detach()
    found |= {f"output {i}": torch.cat(part).detach() for i, part in enumerate(zip(*outputs, strict=True))}
    model.eval()
    with torch.no_grad():
        evaluated = [model(*given) for given in zip(*(g.chunk(micro_batches) for g in inputs), strict=True)]
    several = [made if isinstance(made, tuple) else (made,) for made in evaluated]
    return found | {f"evaluated {i}": torch.cat(part) for i, part in enumerate(zip(*several, strict=True))}


def compare(spec: str, settings: dict[str, Any], shapes: dict[str, Any], batch: int, micro_batches: int,
            schedules: list[tuple[str, int]]) -> dict[str, list[str]]:  # fmt: skip
    """By schedule, the names of all that is not equal to one process's; each has so many stages on a device."""
    network = archdsl.load(spec, inputs=shapes, **settings)
    inputs, target = data(network, batch)
    rank, size = dist.get_rank(), dist.get_world_size()
    orders = {schedule in LAST_FIRST for schedule, *_ in schedules} if rank == 0 else set()
    wanted = {order: one_process(network, batch, micro_batches, inputs, target, order) for order in orders}
    found = {}
    for schedule, each in schedules:
        plan = even_plan(network, size, schedule, each, batch, micro_batches)
        pipe = pipeline(plan, network=network, seed=3)
        without_dropout(pipe.module)
        outputs: list[Tensor] = []
        loss = pipe.step(inputs if pipe.first else None, target if pipe.last else None, outputs=outputs)
        made: dict[str, Any] = {f"gradient of {name}": p.grad for name, p in pipe.module.named_parameters()}
        made |= {name: tensor.clone() for name, tensor in pipe.module.named_buffers()}
        evaluated = pipe.eval(inputs if pipe.first else None)
        assert (loss is None) == (not pipe.last) == (evaluated is None) == (not outputs)
        if pipe.last:
            made["loss"] = loss
            made |= {f"output {i}": tensor.detach() for i, tensor in enumerate(outputs)}
            several = evaluated if isinstance(evaluated, tuple) else (evaluated,)
            made |= {f"evaluated {i}": tensor for i, tensor in enumerate(several)}
        gathered: list[Any] = [None] * size
        dist.gather_object(made, gathered if rank == 0 else None)
        if rank == 0:
            joined = {name: tensor for part in gathered for name, tensor in part.items()}
            expected = wanted[schedule in LAST_FIRST]
            assert joined.keys() == expected.keys(), joined.keys() ^ expected.keys()
            found[f"{schedule} {each}"] = [name for name, tensor in joined.items() if not _same(tensor, expected[name])]
    return found


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    return one is other if one is None or other is None else torch.equal(one, other)
