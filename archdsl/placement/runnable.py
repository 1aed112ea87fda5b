"""A plan as it is run: what each process of a pipeline does, read from what `place` made and held against the network.

All that makes a plan unfit is found here, without torch, so that it is said before any process starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from archdsl.graph import Graph, content_hash, header, layer, layers, live, operands
from archdsl.placement.actions import ActionRow
from archdsl.placement.devices import PlacementError
from archdsl.placement.schedule import LATENCY, LIST, SCHEDULES, lists_of
from archdsl.placement.spec_source import SpecSource

REPLICAS: Final = ("ddp", "fsdp")  # how the copies of a pipeline share a step
MOST_NAMED: Final = 2  # layers of a stage, of each end


@dataclass(frozen=True, slots=True)
class RunnablePlan:
    """What runs a pipeline: each device that has stages is a process, in the order of their first stages.

    layers: the keys of each stage's layers. owners: the process of each stage. batch: samples of a step of one
    pipeline; each of several replicas has as many.
    """

    network: str
    source: SpecSource | None
    hash: str
    batch: int
    micro_batches: int
    schedule: str
    dtype: str
    devices: tuple[str, ...]
    owners: tuple[int, ...]
    layers: tuple[tuple[str, ...], ...]

    @property
    def micro_batch(self) -> int:
        """The samples of a micro-batch."""
        return self.batch // self.micro_batches

    @property
    def splits(self) -> bool:
        """Whether the schedule computes gradients of weights apart from those of inputs."""
        return self.schedule != LIST and SCHEDULES[self.schedule].splits

    def lists(self) -> tuple[ActionRow, ...]:
        """What each process does, from first to last. Raises `PlacementError` where the schedule has no such stages."""
        try:
            return lists_of(self.schedule, self.owners, self.micro_batches)
        except ValueError as error:
            raise PlacementError(str(error)) from None

    def stages_of(self, process: int) -> tuple[int, ...]:
        return tuple(s for s, owner in enumerate(self.owners) if owner == process)

    def homes(self) -> dict[str, str]:
        """The device of each layer."""
        of_stages = zip(self.owners, self.layers, strict=True)
        return {key: self.devices[owner] for owner, keys in of_stages for key in keys}

    def described(self, process: int) -> str:
        """The stages of a process in words: `stage 1 (layer2.0.conv1 … layer3.1.relu2, 28 layers)`."""
        return " and ".join(f"stage {s} ({_listed(self.layers[s])})" for s in self.stages_of(process))


def _listed(names: tuple[str, ...]) -> str:
    if not names:
        return "no layers"
    if len(names) <= 2 * MOST_NAMED:
        return ", ".join(names)
    return f"{names[0]} … {names[-1]}, {len(names)} layers"


def runnable(plan: Mapping[str, Any]) -> RunnablePlan:
    """A plan from its plain data (`to_dict()`, or the JSON document). Raises `PlacementError` for what is none."""
    try:
        devices = [str(device["name"]) for device in plan["devices"]]
        stages = [(str(stage["device"]), tuple(map(str, stage["layers"]))) for stage in plan["stages"]]
        batch, micro_batches = plan["batch"], plan["micro_batches"]
        network, hash, schedule = str(plan["network"]), str(plan["hash"]), str(plan["schedule"])
        dtype, source = str(plan["dtype"]), _source(plan.get("spec"))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise PlacementError("this is no plan: `archdsl place -o plan.json` writes one") from None
    if schedule == LATENCY:
        raise PlacementError(
            "the plan is for the latency of one batch, which one process runs: `net.placed(plan).compile(devices = …)`;"
            " several run plans of `--objective throughput`"
        )
    _refuse_counts(batch, micro_batches)
    if schedule != LIST and schedule not in SCHEDULES:
        raise PlacementError(f"the plan's schedule is `{schedule}`; schedules are {', '.join((*SCHEDULES, LIST))}")
    order = list(dict.fromkeys(device for device, _ in stages))
    for missing in sorted(set(order) - set(devices)):
        raise PlacementError(f"the plan has a stage on `{missing}`, which is none of its devices")
    if not stages:
        raise PlacementError("the plan has no stages")
    found = RunnablePlan(
        network,
        source,
        hash,
        batch,
        micro_batches,
        schedule,
        dtype,
        tuple(order),
        tuple(order.index(device) for device, _ in stages),
        tuple(layers for _, layers in stages),
    )
    found.lists()
    return found


def _source(given: Mapping[str, Any] | None) -> SpecSource | None:
    if given is None:
        return None
    inputs = {str(name): tuple(shape) for name, shape in given["inputs"].items()}
    return SpecSource(str(given["address"]), dict(given["settings"]), inputs, dict(given["symbols"]))


def _refuse_counts(batch: object, micro_batches: object) -> None:
    whole = isinstance(batch, int) and isinstance(micro_batches, int) and batch >= 1 and micro_batches >= 1
    if not whole or batch % micro_batches:  # type: ignore[operator]
        raise PlacementError(
            f"a batch of {batch} cannot be cut into {micro_batches} micro-batches of equal size; place it again with "
            "another --batch, and let the data loader drop what is left of the last one"
        )


def refuse_processes(plan: RunnablePlan, processes: int, replicas: str = "ddp") -> None:
    """Raise `PlacementError` where so many processes cannot run the plan."""
    each = len(plan.devices)
    if processes < 1 or processes % each:
        raise PlacementError(
            f"the plan has stages on {each} devices and there {'is' if processes == 1 else 'are'} {processes} "
            f"process{'es' * (processes != 1)}: start {each}, or a multiple of it for several replicas"
        )
    if replicas not in REPLICAS:
        raise PlacementError(f"replicas are {' or '.join(REPLICAS)}, not `{replicas}`")
    if processes > each and replicas == "ddp" and plan.splits:
        raise PlacementError(
            f"torch's DistributedDataParallel computes wrong gradients with the schedule {plan.schedule}, and does not "
            "say so: use replicas = fsdp, or the schedule 1f1b"
        )


def refuse_another_network(plan: RunnablePlan, graph: Graph) -> None:
    """Raise `PlacementError` where the plan was made for another network, or cannot be run with this one."""
    found = content_hash(graph)
    if found != plan.hash:
        raise PlacementError(
            f"the plan was made for another network: the hash of `{plan.network}` was {plan.hash[:12]}…, and that of "
            f"`{header(graph)['network']}` is {found[:12]}…; run `archdsl place` again"
        )
    if plan.dtype != "fp32":
        raise PlacementError(f"the plan is for {plan.dtype}, and stages run in fp32: place it with --dtype fp32")
    stage_of = stages_by_layer(plan)
    needed = {key for key in live(graph, training=True) if layer(graph, key)["op"] != "input"}
    for key in sorted(needed - stage_of.keys()):
        raise PlacementError(f"no stage of the plan has the layer `{key}`")
    for key in sorted(stage_of.keys() - needed):
        raise PlacementError(f"the plan has the layer `{key}`, which the network has not")
    for key, node in layers(graph):
        if key not in needed:
            continue
        for producer, _ in operands(graph, key):
            if stage_of.get(producer, 0) > stage_of[key]:
                raise PlacementError(f"the plan has `{key}` in an earlier stage than `{producer}`, which it reads")
        shares = bool(layer(graph, node["path"])["weights"])
        if shares and stage_of[node["path"]] != stage_of[key]:
            raise PlacementError(f"the plan has `{node['path']}` and `{key}`, which share weights, in two stages")


def stages_by_layer(plan: RunnablePlan) -> dict[str, int]:
    """The stage of each layer. Raises `PlacementError` where a layer has two."""
    found: dict[str, int] = {}
    for s, keys in enumerate(plan.layers):
        for key in keys:
            if key in found:
                raise PlacementError(f"the plan has the layer `{key}` twice")
            found[key] = s
    return found
