"""Calls are timed side by side, and the quickest is found with few calls of the slow; by a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from compiler.bench import interleaved as timing
from compiler.bench.interleaved import LEAST, STAGES, interleaved, quickest


class Clock:
    """A clock that only calls and pauses move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.called: list[str] = []

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.called.append("pause")
        self.now += seconds

    def calls(self, seconds: Mapping[str, float]) -> dict[str, Callable[[], Any]]:
        def call(name: str) -> None:
            self.called.append(name)
            self.now += seconds[name]

        return {name: partial(call, name) for name in seconds}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(timing, "time", found)
    return found


def test_a_round_calls_each_once_and_the_first_is_not_counted(clock: Clock) -> None:
    times = interleaved(clock.calls({"a": 1.0, "b": 2.0}), 3, pause=0)
    assert times == {"a": [1.0] * 3, "b": [2.0] * 3}
    rounds = [set(clock.called[i : i + 2]) for i in range(0, 8, 2)]
    assert rounds == [{"a", "b"}] * 4


def test_who_comes_after_whom_changes_from_round_to_round_and_is_the_same_each_time(clock: Clock) -> None:
    calls = clock.calls(dict.fromkeys("abc", 1.0))
    interleaved(calls, 11, pause=0)
    first, orders = clock.called[:], {tuple(clock.called[i : i + 3]) for i in range(0, 36, 3)}
    assert len(orders) > 3
    clock.called.clear()
    interleaved(calls, 11, pause=0)
    assert clock.called == first


def test_a_pause_comes_before_every_call_and_is_not_counted(clock: Clock) -> None:
    assert interleaved(clock.calls({"a": 1.0}), 2, pause=5.0) == {"a": [1.0, 1.0]}
    assert clock.called == ["pause", "a"] * 3


def test_rounds_end_when_the_time_is_over_but_not_before_the_least(clock: Clock) -> None:
    assert len(interleaved(clock.calls({"a": 1.0}), 100, pause=0, seconds=6.5)["a"]) == 7
    assert len(interleaved(clock.calls({"a": 1.0}), 100, pause=0, seconds=0.0)["a"]) == LEAST


def test_the_quickest_is_called_often_and_the_slow_seldom(clock: Clock) -> None:
    own = {"best": 1.0, "near": 1.04, "behind": 1.3, "far": 3.0}
    name, times = quickest(clock.calls(own), 1000.0, pause=0)
    rounds = [sum(count for count, _ in STAGES[: n + 1]) for n in range(len(STAGES))]
    assert name == "best"
    assert {who: len(found) for who, found in times.items()} == {
        "best": rounds[3], "near": rounds[3], "behind": rounds[1], "far": rounds[0],
    }  # fmt: skip


def test_one_alone_is_called_no_more_than_the_first_stage_asks(clock: Clock) -> None:
    name, times = quickest(clock.calls({"a": 1.0}), 1000.0)
    assert (name, len(times["a"])) == ("a", STAGES[0][0])


def test_what_else_the_machine_does_in_a_round_does_not_decide(clock: Clock) -> None:
    """Every third call of the best takes ten times as long."""
    count = 0

    def best() -> None:
        nonlocal count
        count += 1
        clock.now += 10.0 if count % 3 == 0 else 1.0

    name, times = quickest({"best": best, **clock.calls({"steady": 1.1})}, 1000.0, pause=0)
    assert name == "best"
    assert max(times["best"]) == 10.0


def test_a_trial_of_slow_calls_takes_about_its_time(clock: Clock) -> None:
    quickest(clock.calls({"a": 1.0, "b": 1.0}), 20.0, pause=0)
    assert clock.now <= 2 * (1 + 20 / 2 + len(STAGES))  # a round over at the end of each stage
