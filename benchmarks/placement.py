"""Compares the splits that `place` finds with those of simple rules and of accelerate's `infer_auto_device_map`, for
the whole zoo at 2, 4 and 8 devices, and writes benchmarks/PLACEMENT.md: `python -m benchmarks.placement`.

All are scored alike, by the seconds of a micro-batch on the slowest device with what it receives and sends, as the
profile predicts them. `--certify` has OR-Tools' CP-SAT look for better splits of small networks, too, which proves in a
way of its own how much better they could be.
"""

from __future__ import annotations

import argparse
import datetime
import logging
import os
import platform
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from pathlib import Path

import torch
from accelerate import __version__ as accelerate_version
from accelerate.utils import get_balanced_memory, infer_auto_device_map

import archdsl
from archdsl.graph import Graph, header
from archdsl.measure.time.gpus import GPUS
from archdsl.placement.bounds import Planner
from archdsl.placement.devices import Cluster, Link, equal_devices
from archdsl.placement.place import place
from archdsl.placement.plan import TrainingConditions
from archdsl.placement.problem import Problem, problem_of
from archdsl.shipped import zoo

HERE = Path(__file__).resolve().parent
DEVICES = (2, 4, 8)
PROFILE = GPUS["a100"]
LINK = Link(300e9, 10e-6)
CONDITIONS = TrainingConditions()
MICRO = CONDITIONS.batch // CONDITIONS.micro_batches
RULES = ("equal layers", "equal weights", "greedy by time", "accelerate")
CERTIFIED = ("lenet5", "lenet5_1998", "alexnet", "siamese", "vgg11", "unet", "resnet18")
CERTIFIED_SECONDS = 30.0


@dataclass(frozen=True)
class Row:
    """A network on some devices: its bottleneck in seconds, by how much a better one could be less, processor seconds
    of the search, and by how many times the splits of the rules are slower."""

    network: str
    layers: int
    devices: int
    bottleneck: float
    gap: float
    spent: float
    slower: Mapping[str, float]


def score(problem: Problem, stages: Sequence[int]) -> float:
    """Seconds of the slowest of stages in a row; tensors are passed on from stage to stage.

    What a rule puts before what it reads, or apart from what it shares weights with, joins the later stage.
    """
    at, before = list(stages), list[int]()
    while at != before:
        before = list(at)
        for v, reads in enumerate(problem.before):
            at[v] = max([at[v], *(at[u] for u in reads)])
        for group in problem.together:
            for v in group:
                at[v] = max(at[u] for u in group)
    loads = [0.0] * (max(at) + 1)
    for v, stage in enumerate(at):
        loads[stage] += problem.times[0].both(v)
    for tensor in problem.tensors:
        cost = LINK.seconds(tensor.bytes + tensor.gradient, 2 if tensor.gradient else 1)
        for stage in range(
            at[tensor.producer] if tensor.producer is not None else 0, max(at[v] for v in tensor.readers)
        ):
            loads[stage] += cost
            loads[stage + 1] += cost
    return max(loads)


def shared_out(values: Sequence[float], devices: int) -> list[int]:
    """Stages in the order of the layers: the next begins where a layer's middle is past its share of the whole."""
    whole, done, stages, stage = sum(values), 0.0, list[int](), 0
    for value in values:
        if done + value / 2 > whole * (stage + 1) / devices and stage < devices - 1:
            stage += 1
        stages.append(stage)
        done += value
    return stages


def by_accelerate(graph: Graph, model: torch.nn.Module, problem: Problem, devices: int) -> list[int]:
    """The stages of accelerate's own device map, with its balanced memory. What the map leaves out, as layers that are
    no modules, is where the layer before it is."""
    memory = get_balanced_memory(model, dict.fromkeys(range(devices), 10**12))
    found = infer_auto_device_map(model, max_memory=memory)
    stages, last = [], 0
    for key in problem.nodes[:-1]:
        path = graph.nodes[key]["path"]
        while path not in found and path:
            path = path.rpartition(".")[0]
        last = found[path] if isinstance(found.get(path), int) else last
        stages.append(last)
    return [*stages, max(stages)]


def rows(name: str) -> list[Row]:
    graph = archdsl.load(name).graph
    values = {**header(graph)["least_batch"], **dict.fromkeys(header(graph)["batch"], MICRO)}
    problem = problem_of(graph, values, [PROFILE], CONDITIONS.dtype, CONDITIONS.optimizer)
    model = archdsl.load(name).compile("meta")
    both = [problem.times[0].both(v) for v in range(len(problem.nodes))]
    found = []
    for devices in DEVICES:
        cluster = Cluster(equal_devices(devices, PROFILE, None), LINK)
        began = time.process_time()
        if header(graph)["devices"]:  # its own marks would be kept
            planner = Planner(problem_of(graph, values, [PROFILE], "fp32", "sgd"), cluster, CONDITIONS.schedule)
            split = planner.solve([devices], CONDITIONS.micro_batches)
            assert split is not None
            bottleneck, gap = split.split.bottleneck, split.gap
        else:
            plan = place(graph, cluster, CONDITIONS)
            bottleneck, gap = plan.bottleneck, plan.gap
        spent = time.process_time() - began
        rules: dict[str, Callable[[], list[int]]] = {
            "equal layers": lambda: shared_out([1.0] * len(both), devices),  # noqa: B023
            "equal weights": lambda: shared_out(list(map(float, problem.parameters)), devices),  # noqa: B023
            "greedy by time": lambda: shared_out(both, devices),  # noqa: B023
            "accelerate": lambda: by_accelerate(graph, model, problem, devices),  # noqa: B023
        }
        slower = {rule: score(problem, make()) / bottleneck for rule, make in rules.items()}
        found.append(Row(name, problem.layers, devices, bottleneck, gap, spent, slower))
    return found


def mean(values: Sequence[float]) -> float:
    """The geometric mean."""
    return exp(sum(map(log, values)) / len(values))


def certified(name: str, devices: int) -> tuple[float, float, float]:
    """A split's bottleneck as `place` finds it, as CP-SAT does, and what CP-SAT proves none can beat: in seconds."""
    from ortools.sat.python import cp_model

    graph = archdsl.load(name).graph
    values = {**header(graph)["least_batch"], **dict.fromkeys(header(graph)["batch"], MICRO)}
    problem = problem_of(graph, values, [PROFILE], CONDITIONS.dtype, CONDITIONS.optimizer)
    cluster = Cluster(equal_devices(devices, PROFILE, None), LINK)
    ours = Planner(problem, cluster, CONDITIONS.schedule).solve([devices], CONDITIONS.micro_batches)
    assert ours is not None
    unit = 1e-9  # seconds are whole numbers of these, rounded

    def ticks(seconds: float) -> int:
        return round(seconds / unit)

    model = cp_model.CpModel()
    # after[v][s]: whether a node is in stage s or a later one; the loss is in the last that is used.
    after = [[model.new_bool_var("") for _ in range(devices)] for _ in problem.nodes]
    for v, own in enumerate(after):
        model.add(own[0] == 1)
        for s in range(1, devices):
            model.add_implication(own[s], own[s - 1])
            for u in problem.before[v]:
                model.add_implication(after[u][s], own[s])
    for group in problem.together:
        for u, v in zip(sorted(group), sorted(group)[1:], strict=False):
            for s in range(devices):
                model.add(after[u][s] == after[v][s])
    loads: list[list[object]] = [[] for _ in range(devices)]
    for v, own in enumerate(after):
        for s in range(devices):
            here = own[s] - own[s + 1] if s + 1 < devices else own[s]
            loads[s].append(ticks(problem.times[0].both(v)) * here)
    for tensor in problem.tensors:
        cost = ticks(LINK.seconds(tensor.bytes + tensor.gradient, 2 if tensor.gradient else 1))
        for s in range(1, devices):  # passed on from s - 1 to s
            passed = model.new_bool_var("")
            for v in tensor.readers:
                if tensor.producer is None:
                    model.add_implication(after[v][s], passed)
                else:
                    model.add_bool_or(after[tensor.producer][s], after[v][s].negated(), passed)
            loads[s - 1].append(cost * passed)
            loads[s].append(cost * passed)
    largest = model.new_int_var(0, ticks(sum(problem.times[0].forward) + sum(problem.times[0].backward)), "")
    for load in loads:
        model.add(largest >= sum(load))  # type: ignore[arg-type]
    model.minimize(largest)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = CERTIFIED_SECONDS
    solver.solve(model)
    return ours.split.bottleneck, solver.objective_value * unit, solver.best_objective_bound * unit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", help="These of the zoo only; then the table is printed, not written.")
    parser.add_argument("--certify", action="store_true", help="Have CP-SAT check small networks, too.")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)  # accelerate says of each device that it is not there
    found = []
    for name in options.networks or zoo():
        found += rows(name)
        print(*(f"{row.network} {row.devices}: gap {row.gap:.4f}, {row.spent:.1f} s" for row in found[-3:]), sep="\n")
    text = "\n".join([*_head(), *_summary(found), *(_certificates() if options.certify else ()), *_tables(found)])
    if options.networks:
        print(text)
    else:
        (HERE / "PLACEMENT.md").write_text(text + "\n", encoding="utf-8")


def _head() -> list[str]:
    machine = f"{platform.machine()} with {os.cpu_count()} cores, Python {platform.python_version()}"
    versions = f"{machine}, torch {torch.__version__}, accelerate {accelerate_version}"
    return f"""\
# Splits into stages

Written by `python -m benchmarks.placement` on {datetime.date.today().isoformat()}: {versions}.

Every network of the zoo is split over 2, 4 and 8 devices ({PROFILE.title}, a link of 300 GB/s and 10 µs), in training
with {CONDITIONS.micro_batches} micro-batches of {MICRO}. A split counts by its bottleneck: the seconds of a micro-batch
on the slowest device, with what it receives and sends. Nothing ran on such devices; all figures are predictions.

*Equal layers*, *equal weights* and *greedy by time* cut the layers, in the order of the spec, into equal shares of
their number, their parameters or their predicted times; *accelerate* is `infer_auto_device_map` with
`get_balanced_memory` on the compiled model, which knows sizes and no times. Columns of rules say how many times as long
their bottleneck is; *gap*, by how much at most a better split could be quicker; *seconds*, the processor time of the
whole plan, on a machine that others used too.

""".splitlines()


def _summary(found: Sequence[Row]) -> list[str]:
    lines = [
        f"| geometric mean of {len(found) // len(DEVICES)} | {' | '.join(RULES)} | worst gap | longest search |",
        f"|---|{'--:|' * (len(RULES) + 2)}",
    ]
    for devices in DEVICES:
        of = [row for row in found if row.devices == devices]
        cells = [f"{mean([row.slower[rule] for row in of]):.2f} ×" for rule in RULES]
        gap, spent = max(row.gap for row in of), max(of, key=lambda row: row.spent)
        lines.append(f"| {devices} devices | {' | '.join(cells)} | {gap:.2%} | {spent.spent:.1f} s ({spent.network}) |")
    worse = [row for row in found for rule in RULES if row.slower[rule] < 1 - 1e-9]
    least = min(min(row.slower.values()) for row in found)
    said = f"Worse than a rule: {', '.join(row.network for row in worse)}." if worse else "Never worse than any of them"
    return [*lines, "", f"{said} (the best of theirs takes {least:.4f} times as long).", ""]


def _certificates() -> list[str]:
    lines = [
        "## Checked by another solver",
        "",
        f"OR-Tools' CP-SAT on the same problems, {CERTIFIED_SECONDS:.0f} s for each: the best split that it finds, and",
        "what it proves that none can beat. Its seconds are whole nanoseconds.",
        "",
        "| network | devices | `place` | CP-SAT | proved by CP-SAT |",
        "|---|--:|--:|--:|--:|",
    ]
    for name in CERTIFIED:
        for devices in DEVICES[:2]:
            ours, theirs, bound = certified(name, devices)
            lines.append(f"| {name} | {devices} | {_time(ours)} | {_time(theirs)} | {_time(bound)} |")
            print(lines[-1])
    return [*lines, ""]


def _tables(found: Sequence[Row]) -> list[str]:
    lines = []
    for devices in DEVICES:
        lines += [
            f"## {devices} devices",
            "",
            f"| network | layers | bottleneck | gap | seconds | {' | '.join(RULES)} |",
            f"|---|{'--:|' * (len(RULES) + 4)}",
        ]
        for row in found:
            if row.devices == devices:
                cells = [f"{row.slower[rule]:.2f} ×" for rule in RULES]
                gap = f"{row.gap:.2%}" if row.gap > 1e-9 else "exact"
                own = [row.network, str(row.layers), _time(row.bottleneck), gap, f"{row.spent:.1f}"]
                lines.append(f"| {' | '.join([*own, *cells])} |")
        lines.append("")
    return lines[:-1]


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:,.1f} µs"


if __name__ == "__main__":
    main()
