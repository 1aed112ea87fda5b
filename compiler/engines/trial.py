"""Builds engines for one task, checks what they compute, and measures them side by side."""

from __future__ import annotations

import gc
import math
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor

from archdsl.measure.time.engine_trial import EngineTime, EngineTrial
from compiler.bench.interleaved import interleaved, quick, quickest
from compiler.engines.table import ENGINES, build, lacks
from compiler.engines.task import EngineCall, EngineDtype, Task, flat

TOLERANCE: Final[Mapping[EngineDtype, float]] = MappingProxyType({"fp32": 1e-4, "bf16": 5e-2})
"""How far outputs may be from those of the module in fp32, relative to the largest of each output."""
SECONDS: Final = 8.0  # of measuring, in all
LIBRARIES: Final = ("torch", "onnxruntime", "openvino")


def built(name: str, task: Task, made: EngineCall | None = None) -> tuple[EngineCall, EngineTime]:
    """What runs a task, with what building it took, unless it is `made` already. Raises `RuntimeError` where the engine
    fails, or computes something else."""
    begun = time.perf_counter()
    expected = expected_of(task)
    with torch.no_grad():
        try:
            run = build(name, task) if made is None else made
            found = run(task.inputs)
        except Exception as error:  # whatever an engine raises
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise RuntimeError(reason) from error
    seconds = time.perf_counter() - begun
    off = max((_deviation(a, b) for a, b in zip(expected, found, strict=True)), default=0.0)
    if not off <= TOLERANCE[task.precision]:
        message = f"its outputs are {off:.1e} away from the module's, and {TOLERANCE[task.precision]:g} is allowed"
        raise RuntimeError(message)
    return run, EngineTime(name, None, seconds, off)


def expected_of(task: Task) -> tuple[Tensor, ...]:
    """What the module itself makes, in fp32."""
    with torch.no_grad():
        return flat(task.model(*task.inputs))


def _deviation(expected: Tensor, found: Tensor) -> float:
    if expected.shape != found.shape:
        return math.inf
    if not expected.is_floating_point():
        return float((expected != found).any())
    largest = float(expected.abs().max()) if expected.numel() else 0.0
    apart = float((expected - found.to(expected.dtype)).abs().max()) if expected.numel() else 0.0
    return apart / largest if largest else (math.inf if apart else 0.0)


def trial(
    network: str,
    names: Sequence[str],
    task: Task,
    inputs: Sequence[str],
    rounds: int | None = None,
    made: Mapping[str, EngineCall] = MappingProxyType({}),
) -> tuple[EngineTrial, Mapping[str, EngineCall]]:
    """Measure engines, eager among them, side by side: in so many rounds, or as many as tell which is the quickest.

    Those that are not installed, or fail, are in the table with the reason. What is `made` is built already. Of two
    engines that run the same code one is tried, unless the rounds are given: then all are to be compared.
    """
    runs: dict[str, EngineCall] = {}
    found: dict[str, EngineTime] = {}
    for name in dict.fromkeys(("eager", *names)):
        same = ENGINES[name].same_as
        missing = lacks(name) or (f"not tried: it runs the code of {same}" if same in runs and rounds is None else None)
        if missing is not None:
            found[name] = EngineTime(name, None, None, None, missing)
            continue
        try:
            runs[name], found[name] = built(name, task, made.get(name))
        except RuntimeError as error:
            found[name] = EngineTime(name, None, None, None, f"failed: {error}")
    gc.collect()  # what builders leave behind is not to be collected while a call is timed
    chosen, times = _measured(runs, task, rounds)
    for name, seconds in times.items():
        found[name] = replace(found[name], seconds=quick(seconds), calls=len(seconds))
    shapes = {name: tuple(given.shape) for name, given in zip(inputs, task.inputs, strict=True)}
    conditions = (shapes, task.precision, task.threads, machine(), versions())
    return EngineTrial(network, *conditions, tuple(found.values()), chosen), runs


def _measured(
    runs: Mapping[str, EngineCall], task: Task, rounds: int | None
) -> tuple[str, Mapping[str, Sequence[float]]]:
    """The quickest, or "module" where there is none, and the seconds of the calls of each."""
    if not runs:
        return "module", {}
    calls = {name: partial(run, task.inputs) for name, run in runs.items()}
    with torch.no_grad():
        if rounds is None:
            return quickest(calls, SECONDS)
        times = interleaved(calls, rounds)
    return min(times, key=lambda name: quick(times[name])), times


def machine() -> str:
    """The processor, and how many of its cores this process has."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{platform.system()} {platform.machine()}, {model}, {cores} cores"


def versions() -> dict[str, str]:
    """The versions of the libraries that engines are of, as far as they are installed."""
    found = {}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


ALL: Final = tuple(ENGINES)
