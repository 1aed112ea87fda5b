"""Compares how long schedules take in the simulation with what torch needs for them, in processes whose stages sleep,
and writes benchmarks/SCHEDULES.md: `python -m benchmarks.schedules`. Ends with 1 where one is more than 10 % off.

Stages only sleep, so that there may be more processes than cores; but nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.pipelining import PipelineStage
from torch.multiprocessing.spawn import spawn

from archdsl.placement.actions import ActionRow, single
from archdsl.placement.schedule import SCHEDULES
from archdsl.placement.simulate import StageCost, simulate
from compiler.distributed.pipelining import ListedSchedule

HERE = Path(__file__).resolve().parent
MICRO_BATCHES = 8
STEPS = 3  # of which the first, in which connections are made, does not count
WIDTH = 4
MOST = 0.1  # that the simulation may be off
SHAPES = {"even": (1.0, 1.0, 1.0), "uneven": (1.6, 1.0, 1.0)}  # by stage, again and again


class _Inputs(torch.autograd.Function):
    """Sleeps forward, and for the gradients of inputs."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, forward: float, backward: float) -> Tensor:
        ctx.seconds = backward
        time.sleep(forward)
        return tensor * 1.0

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        time.sleep(ctx.seconds)
        return gradient * 1.0, None, None


class _Weights(torch.autograd.Function):
    """Sleeps for the gradients of weights."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, backward: float) -> Tensor:
        ctx.seconds = backward
        return tensor * 1.0

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        time.sleep(ctx.seconds)
        return gradient * 1.0, None


class _Sleeper(nn.Module):
    """A stage that takes so many seconds forward, for gradients of inputs, and for those of weights."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.weight, self.seconds = nn.Parameter(torch.zeros(WIDTH)), seconds

    def forward(self, tensor: Tensor) -> Tensor:
        weighted: Tensor = _Weights.apply(self.weight, self.seconds)  # type: ignore[no-untyped-call]
        made: Tensor = _Inputs.apply(tensor, self.seconds, self.seconds)  # type: ignore[no-untyped-call]
        return made + weighted


@dataclass(frozen=True)
class Case:
    """A schedule for so many processes, and the seconds of each of its stages."""

    schedule: str
    shape: str
    lists: tuple[ActionRow, ...]
    seconds: tuple[float, ...]

    def simulated(self) -> float:
        """The first stage's inputs need no gradients."""
        costs = [StageCost(each, each if s == 0 else 2 * each, weights=each) for s, each in enumerate(self.seconds)]
        return simulate(self.lists, costs).seconds


def cases(devices: int, unit: float) -> list[Case]:
    """All schedules with as few stages on a device as they can have; several share the time that one has."""
    found = []
    for name, schedule in SCHEDULES.items():
        lists = schedule.lists(devices, schedule.least, MICRO_BATCHES)
        for shape, factors in SHAPES.items():
            stages = range(devices * schedule.least)
            seconds = tuple(unit * factors[s % len(factors)] / schedule.least for s in stages)
            found.append(Case(name, shape, lists, seconds))
    return found


def measured(case: Case) -> float:
    """Seconds of a step, of several the least; every process runs this."""
    count = len(case.seconds)
    own = sorted({action.stage for action in single(case.lists[dist.get_rank()])})
    stages = []
    for s in own:
        received = torch.empty(1, WIDTH, device="meta").requires_grad_(s > 0)
        made = torch.empty(1, WIDTH, device="meta").requires_grad_()
        sleeper = _Sleeper(case.seconds[s])
        stages.append(
            PipelineStage(sleeper, s, count, torch.device("cpu"), input_args=(received,), output_args=(made,))
        )
    running = ListedSchedule(stages, MICRO_BATCHES, case.lists, lambda output, target: output.sum())
    given = (torch.randn(MICRO_BATCHES, WIDTH),) if 0 in own else ()
    target: dict[str, Any] = {"target": torch.randn(MICRO_BATCHES, WIDTH)} if count - 1 in own else {}
    taken = []
    for _ in range(STEPS):
        dist.barrier()
        began = time.perf_counter()
        running.step(*given, **target)
        dist.barrier()
        taken.append(time.perf_counter() - began)
    return min(taken[1:])


def _process(rank: int, devices: int, unit: float, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=devices)
    lines = []
    for case in cases(devices, unit):
        seconds = measured(case)
        if rank == 0:
            print(f"{case.schedule}, {case.shape}: {case.simulated():.3f} s, measured {seconds:.3f} s", flush=True)
            lines.append(f"{case.schedule}\t{case.shape}\t{case.simulated()}\t{seconds}\n")
    if rank == 0:
        Path(folder, "found").write_text("".join(lines), encoding="utf-8")
    dist.destroy_process_group()


def table(lines: Sequence[str], devices: int, unit: float) -> tuple[str, float]:
    """The page, and by how much the worst is off."""
    rows, worst = [], 0.0
    for line in lines:
        schedule, shape, *figures = line.split("\t")
        simulated, seconds = map(float, figures)
        off = seconds / simulated - 1
        worst = max(worst, abs(off))
        rows.append(f"| {schedule} | {shape} | {simulated:.2f} | {seconds:.2f} | {off:+.1%} |")
    return (
        f"""\
# Schedules, simulated and run

Written by `python -m benchmarks.schedules` on {datetime.datetime.now(datetime.UTC).date()}: torch
{torch.__version__}, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, a shared machine.
{devices} processes on gloo, {MICRO_BATCHES} micro-batches. Stages sleep: where a device has one, {unit * 1000:.0f} ms
forward, as long for the gradients of inputs and as long for those of weights; where it has several, they share that.
Uneven is every third stage 1.6 times as long. Seconds of a step.

| schedule | stages | simulated | measured | off by |
|---|---|---:|---:|---:|
"""
        + "\n".join(rows)
        + f"\n| **worst** | | | | **{worst:.1%}** |\n",
        worst,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument(
        "--unit", type=float, default=0.08, help="seconds of a device's share of a micro-batch, forward"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        spawn(_process, (given.processes, given.unit, folder), nprocs=given.processes)
        lines = Path(folder, "found").read_text(encoding="utf-8").splitlines()
    text, worst = table(lines, given.processes, given.unit)
    (HERE / "SCHEDULES.md").write_text(text, encoding="utf-8")
    return int(worst > MOST)


if __name__ == "__main__":
    sys.exit(main())
