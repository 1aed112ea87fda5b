"""Runs a network as a pipeline: each process has its stages, and all take every step together."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.pipelining import PipelineStage
from torch.optim import Optimizer

from archdsl.diagnostics import listed
from archdsl.graph import Graph, header
from archdsl.placement.actions import forward_only, unsplit
from archdsl.placement.devices import PlacementError
from archdsl.placement.runnable import RunnablePlan, refuse_another_network, refuse_processes, stages_by_layer
from compiler.distributed import checkpoint, progress
from compiler.distributed.cut import StagePhase, alone, cut
from compiler.distributed.mesh import device_of, processes, replicated, split
from compiler.distributed.metas import metas
from compiler.distributed.pipelining import ListedSchedule
from compiler.distributed.stage import build_stage, merged
from compiler.fx.lower import lower
from compiler.fx.modules import build
from compiler.lowering import assemble
from compiler.program import Routine

Loss = Callable[[Any, Tensor], Tensor]


class Pipeline:
    """What one process has of a network that several run; all of them make it, and call its methods, together.

    stages: the numbers of its stages. first, last: whether it has the first, to which the inputs go, and the last,
    which has the outputs and the loss. replica, replicas: which copy of the pipeline it belongs to, of how many.
    module: its layers, as a tree under the spec's paths. steps: how many were taken.
    """

    def __init__(
        self,
        graph: Graph,
        plan: RunnablePlan,
        mesh: DeviceMesh | None = None,
        *,
        seed: int = 0,
        weights: Path | None = None,
        replicas: str = "ddp",
        loss: Loss | None = None,
    ) -> None:
        """Raises `PlacementError` where the plan does not fit the network or the processes."""
        refuse_another_network(plan, graph)
        refuse_processes(plan, processes() if mesh is None else mesh.size(), replicas)
        pipeline, same = split(mesh, len(plan.devices))
        self.plan, self.seed, self.steps = plan, seed, 0
        self.device = device_of(pipeline)
        self.stages = plan.stages_of(pipeline.get_local_rank())
        self.replica, self.replicas = (0, 1) if same is None else (same.get_local_rank(), same.size())
        self._same = same
        progress.at(plan.described(pipeline.get_local_rank()))

        head, count = header(graph), len(plan.layers)
        values = {**head["least_batch"], **dict.fromkeys(head["batch"], plan.micro_batch)}
        assembly = assemble(graph)
        programs = cut(graph, assembly, stages_by_layer(plan), count, values)
        self._programs = [programs[s] for s in self.stages]
        self.first, self.last = 0 in self.stages, count - 1 in self.stages
        built = [build_stage(program, self.device, seed=seed, weights=weights) for program in self._programs]
        self._modules = [replicated(module, same, replicas) for module in built]
        self.module = merged(built)
        self._loss = loss
        if loss is None and len(head["targets"]) != 1 and assembly.training_loss is not None:
            names = listed([f"`{name}`" for name in head["targets"]]) or "nothing"
            message = f"a step takes one target, but the loss of this network compares with {names}"
            raise PlacementError(f"{message}: give a function, `loss`")
        if loss is None and self.last and assembly.training_loss is not None:
            self._loss = _own_loss(assembly.training_loss, values, self.device)
        self._losses: list[Tensor] = []
        # The first stage is split otherwise: torch leaves all of its backward to the second part.
        whole = {program.index for program in programs if program.index and not program.splits}
        lists, group = unsplit(plan.lists(), whole), pipeline.get_group()

        def staged(phases: Iterable[StagePhase]) -> list[PipelineStage]:
            parts = zip(self.stages, self._modules, phases, strict=True)
            return [
                PipelineStage(module, s, count, self.device, metas(phase.enters), metas(phase.leaves), group=group)
                for s, module, phase in parts
            ]

        training = staged(own.training for own in self._programs)
        inference = staged(own.inference for own in self._programs)
        self._training = ListedSchedule(training, plan.micro_batches, lists, self._share)
        self._inference = ListedSchedule(inference, plan.micro_batches, forward_only(lists), None)

    def parameters(self) -> Iterator[nn.Parameter]:
        """Those of this process's layers, for an optimizer."""
        return self.module.parameters()

    def step(
        self,
        inputs: Tensor | Sequence[Tensor] | None,
        target: Tensor | None,
        *,
        outputs: list[Tensor] | None = None,
    ) -> Tensor | None:
        """Forward and backward over a batch; gradients are added to those that parameters have.

        `inputs` are read where the first stage is, `target` where the last is; elsewhere they may be None. Returns the
        mean loss of the micro-batches where the last stage is, None elsewhere. `outputs` takes the network's outputs
        there. What layers draw, as dropout does, follows from the seed and the number of the step. Raises `ValueError`
        for a batch that is not the plan's.
        """
        given = self._checked(inputs) if self.first else ()
        if self.last and (target is None or len(target) != self.plan.batch):
            raise ValueError(self._another_batch("the target", None if target is None else len(target)))
        self.steps += 1
        progress.begins(self.steps)
        for module in self._modules:
            module.train()
        self._losses.clear()
        told: Mapping[str, Any] = {"target": target} if self.last else {}
        with self._drawing():
            made = self._training.step(*given, **told, return_outputs=outputs is not None)
        progress.ends(self.steps)
        if not self.last:
            return None
        if outputs is not None:
            outputs[:] = [made] if isinstance(made, Tensor) else made
        return torch.stack(self._losses).mean()

    def eval(self, inputs: Tensor | Sequence[Tensor] | None) -> Any:
        """The network's outputs in inference: a tensor, or a NamedTuple of several, where the last stage is; else None.

        `inputs` are read where the first stage is. A batch may be smaller than the plan's, and is filled up; then give
        `inputs` where the last stage is, too, where outputs are cut to their length.
        """
        samples = None if inputs is None else len(_several(inputs)[0])
        given = self._checked([_filled(own, self.plan.batch) for own in _several(inputs)]) if self.first else ()
        for module in self._modules:
            module.eval()
        with torch.no_grad():
            made = self._inference.step(*given)
        if not self.last:
            return None
        values = [value[:samples] for value in ([made] if isinstance(made, Tensor) else made)]
        if len(values) == 1:
            return values[0]
        names = [result.name for result in self._programs[-1].inference.routine.results]
        kind: Any = namedtuple(f"{self.plan.network}Output", names)  # type: ignore[misc]
        return kind(*values)

    def save(self, folder: str | Path, optimizer: Optimizer | None = None) -> None:
        """Write a checkpoint of weights, of the optimizer and of how many steps were taken: a folder in `folder`, which
        the file `latest` there names when all of it is written."""
        state = checkpoint.State(self.module, optimizer, self.steps, self._same)
        checkpoint.save(state, Path(folder))

    def load(self, folder: str | Path, optimizer: Optimizer | None = None) -> int:
        """Go on from the newest complete checkpoint in a folder, whatever stages it was saved from; 0 where there is
        none. Returns the steps that were taken."""
        found = checkpoint.load(Path(folder), self.module, optimizer)
        if found is not None:
            self.steps = found
        return self.steps

    def _share(self, outputs: Any, target: Tensor) -> Tensor:
        """What a micro-batch adds to the loss of a step, which is the mean of all."""
        if self._loss is None:
            raise ValueError("the spec of this network has no `loss` statement: give a function, `loss`")
        loss = self._loss(outputs, target)
        self._losses.append(loss.detach())
        return loss / self.plan.micro_batches

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        """Let layers draw from a seed of this step and these stages; the generators stay as they were."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(hash((self.seed, self.steps, self.stages, self.replica)) & 0x7FFF_FFFF_FFFF_FFFF)
            yield

    def _checked(self, inputs: Tensor | Sequence[Tensor] | None) -> tuple[Tensor, ...]:
        """The inputs, each on the device of the first stage."""
        feeds = self._programs[0].training.routine.feeds
        given = _several(inputs)
        if len(given) != len(feeds):
            names = " and ".join(f"`{feed.name}`" for feed in feeds)
            raise ValueError(f"the network takes {names}: give {len(feeds)} tensors, not {len(given)}")
        for feed, tensor in zip(feeds, given, strict=True):
            if len(tensor) != self.plan.batch:
                raise ValueError(self._another_batch(f"input `{feed.name}`", len(tensor)))
        return tuple(tensor.to(self.device) for tensor in given)

    def _another_batch(self, what: str, samples: int | None) -> str:
        plan = self.plan
        found = "no" if samples is None else samples
        return (
            f"{what} has {found} samples, and the plan cuts a batch of {plan.batch} into {plan.micro_batches} "
            "micro-batches: let the data loader drop the last batch if it is smaller (drop_last)"
        )


def _several(inputs: Tensor | Sequence[Tensor] | None) -> tuple[Tensor, ...]:
    if inputs is None:
        return ()
    return (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)


def _filled(tensor: Tensor, samples: int) -> Tensor:
    """A tensor with so many samples, where it has fewer: the last one again."""
    missing = samples - len(tensor)
    return torch.cat([tensor, tensor[-1:].expand(missing, *tensor.shape[1:])]) if missing > 0 < len(tensor) else tensor


def _own_loss(routine: Routine, values: Mapping[str, int], device: torch.device) -> Loss:
    """The network's own loss of a micro-batch."""
    own, places = alone(routine, values), dict[str | None, torch.device]({None: device})
    module = fx.GraphModule(build(own.holders, places), lower(own, places), "Loss")

    def loss(outputs: Any, target: Tensor) -> Tensor:
        value: Tensor = module(*(outputs if isinstance(outputs, tuple) else (outputs,)), target.to(device))
        return value

    return loss
