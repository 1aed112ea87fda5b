"""A network over several processes: `pipeline` makes this process's part of a plan, and `restore` reads what was saved.

    pipe = archdsl.distributed.pipeline("plan.json", seed=0)
    optimizer = torch.optim.SGD(pipe.parameters(), lr=0.1)
    for images, labels in batches:              # in every process
        optimizer.zero_grad()
        loss = pipe.step(images, labels)        # None but where the last stage is
        optimizer.step()

`archdsl launch plan.json train.py` starts such a script in as many processes as the plan has devices.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.backends import backend
from archdsl.graph import Graph
from archdsl.network import Network
from archdsl.pipeline import load_graph
from archdsl.placement.devices import PlacementError
from archdsl.placement.launched import PLAN
from archdsl.placement.plan import PlacementPlan
from archdsl.placement.reading import read_plan
from archdsl.placement.runnable import RunnablePlan, refuse_another_network, refuse_processes

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.distributed.device_mesh import DeviceMesh
    from torch.optim import Optimizer

    from compiler.distributed.run import Pipeline


def pipeline(
    plan: PlacementPlan | Mapping[str, Any] | str | os.PathLike[str] | None = None,
    mesh: DeviceMesh | None = None,
    *,
    seed: int = 0,
    network: Network | None = None,
    weights: str | os.PathLike[str] | None = None,
    replicas: str = "ddp",
    loss: Callable[[Any, Tensor], Tensor] | None = None,
) -> Pipeline:
    """This process's part of a pipeline; every process of it calls this.

    `plan` is what `net.place` returned, its plain data or a file of it; by default what the script was launched with.
    Its network is loaded from where the plan says, unless `network` is given. `mesh` has a process for each device of
    the plan; in a second dimension ("pp" and "dp" are their names) replicas, which share a step: each computes a batch
    of its own, and gradients are their mean. By default all processes there are. `replicas` is "ddp" or "fsdp". Weights
    are drawn from `seed`, as `net.compile(seed=…)` does, or read from a .safetensors file, of which each process reads
    its part. `loss` takes outputs and target; by default it is the network's own.

    Raises `PlacementError`, a `ValueError`, where plan, network and processes do not fit one another.
    """
    found = read_plan(_launched() if plan is None else plan)
    graph = network.graph if network is not None else load_network(found)
    made: Pipeline = backend("compiler.distributed").Pipeline(
        graph, found, mesh, seed=seed, weights=None if weights is None else Path(weights), replicas=replicas, loss=loss
    )
    return made


def restore(folder: str | os.PathLike[str], model: nn.Module, optimizer: Optimizer | None = None) -> int | None:
    """Read the newest complete checkpoint of a pipeline into a network in one process (`net.compile()`).

    Returns the steps that were taken; None where there is no checkpoint. Raises `ValueError` for another network's.
    """
    taken: int | None = backend("compiler.distributed").load(Path(folder), model, optimizer)
    return taken


def _launched() -> str:
    """The plan that the script was launched with."""
    plan = os.environ.get(PLAN)
    if plan is None:
        raise PlacementError("give a plan, or start the script by `archdsl launch plan.json`")
    return plan


def checked(plan: str, script: str, processes: int) -> RunnablePlan:
    """A plan that so many processes can run a script with.

    Raises `PlacementError` where they cannot, and `SpecError` where its network cannot be loaded.
    """
    found = read_plan(plan)
    refuse_processes(found, processes, "fsdp")  # which kind of replicas is the script's to say
    if not Path(script).is_file():
        raise PlacementError(f"there is no script `{script}`")
    if found.source is not None:  # else the script gives the network
        refuse_another_network(found, load_network(found))
    return found


def load_network(plan: RunnablePlan) -> Graph:
    """The network that a plan is for. Raises `SpecError` where it cannot be loaded."""
    source = plan.source
    if source is None:
        raise PlacementError("the plan does not say where its network is from: give it, `network`")
    return load_graph(source.address, source.settings, source.inputs, source.symbols)
