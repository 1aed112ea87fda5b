"""Calls that are timed side by side.

They are timed in rounds of one call each, so that whatever else the machine does meets all alike, in an order that is
drawn anew for each round: who comes after whom is then the same for all. Before a call there may be a pause: threads of
torch and of onnxruntime wait for more to do by spinning for some milliseconds, at the cost of who is called next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import torch

PAUSE: Final = 0.03  # seconds
STAGES: Final = ((3, 0.5), (6, 0.15), (12, 0.05), (24, 0.0))  # rounds, and how far behind the best one may stay in
LEAST: Final = 2  # rounds of a stage, whatever they take

TimedCalls: TypeAlias = Mapping[str, Callable[[], Any]]
CallTimes: TypeAlias = dict[str, list[float]]  # seconds of each call, by who is called


def quick(seconds: Sequence[float]) -> float:
    """The time that a quarter of some stay below. What else a machine does only ever adds time, so that this is more
    often the same than the median, and is still reached by many."""
    return sorted(seconds)[len(seconds) // 4]


def interleaved(
    calls: TimedCalls, rounds: int, *, pause: float = PAUSE, seconds: float | None = None, least: int = LEAST
) -> CallTimes:
    """The times of some rounds, after one that is not counted; of fewer, but of `least`, where they would take longer
    than `seconds`."""
    times: CallTimes = {name: [] for name in calls}
    drawn = torch.Generator().manual_seed(0)
    _round(calls, {name: [] for name in calls}, drawn, pause)
    _rounds(calls, times, rounds, drawn, pause, seconds, least)
    return times


def quickest(calls: TimedCalls, seconds: float, *, pause: float = PAUSE) -> tuple[str, CallTimes]:
    """The name of the quickest, and the times by which it was found: in stages (`STAGES`), each with more rounds than
    the last, of those that are not clearly slower than the best so far (successive halving). So the slow cost little,
    and the best are told apart by many rounds. All stages take about `seconds`, or where `LEAST` rounds take longer,
    that."""
    times: CallTimes = {name: [] for name in calls}
    left = dict(calls)
    drawn = torch.Generator().manual_seed(0)
    _round(calls, {name: [] for name in calls}, drawn, pause)
    for rounds, behind in STAGES:
        _rounds(left, times, rounds, drawn, pause, seconds / len(STAGES))
        reached = {name: quick(times[name]) for name in left}
        best = min(reached.values())
        left = {name: left[name] for name, own in reached.items() if own <= (1 + behind) * best}
        if len(left) == 1:
            break
    return next(iter(left)), times


def _rounds(
    calls: TimedCalls,
    times: CallTimes,
    rounds: int,
    drawn: torch.Generator,
    pause: float,
    seconds: float | None,
    least: int = LEAST,
) -> None:
    begun = time.perf_counter()
    for done in range(rounds):
        if seconds is not None and done >= least and time.perf_counter() - begun > seconds:
            return
        _round(calls, times, drawn, pause)


def _round(calls: TimedCalls, times: CallTimes, drawn: torch.Generator, pause: float) -> None:
    names = list(calls)
    for i in torch.randperm(len(names), generator=drawn).tolist():
        if pause:
            time.sleep(pause)
        begun = time.perf_counter()
        calls[names[i]]()
        times[names[i]].append(time.perf_counter() - begun)
