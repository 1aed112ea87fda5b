"""Schedules: what each device does, in which order, and how long it waits."""

from __future__ import annotations

import pytest

from archdsl.placement.actions import ActionRow, PipelineAction, forward_only, in_flight, single
from archdsl.placement.list_schedule import by_list
from archdsl.placement.rounds import gpipe, interleaved, one_forward_one_backward, zero_bubble
from archdsl.placement.schedule import SCHEDULES, lists_of
from archdsl.placement.simulate import StageCost, simulate
from tests.placement import torch_lists

SIZES = [(2, 4), (3, 3), (4, 8), (4, 16), (8, 32)]


def seconds(rows: tuple[ActionRow, ...], stages: int, each: int = 1, weights: float = 1.0) -> float:
    """Of stages that take 1 forward, 1 for gradients of inputs and `weights` for those of weights, cut in `each`."""
    cost = StageCost(1 / each, (1 + weights) / each, weights=weights / each)
    return simulate(rows, [cost] * stages).seconds


@pytest.mark.parametrize(("stages", "micro"), SIZES)
@pytest.mark.parametrize("schedule", [gpipe, one_forward_one_backward])
def test_a_flush_costs_the_stages_but_one(schedule: object, stages: int, micro: int) -> None:
    """(p − 1) (F + B): Huang et al., 2019, and Narayanan et al., 2021, section 2.2."""
    assert callable(schedule)
    assert seconds(schedule(stages, 1, micro), stages) == pytest.approx((micro + stages - 1) * 3)


@pytest.mark.parametrize(("stages", "micro"), [size for size in SIZES if size[1] % size[0] == 0])
@pytest.mark.parametrize("each", [2, 3])
def test_interleaving_divides_the_bubble(stages: int, micro: int, each: int) -> None:
    """(p − 1) (F + B) / v: Narayanan et al., 2021, section 2.2."""
    found = seconds(interleaved(stages, each, micro), stages * each, each)
    assert found == pytest.approx(micro * 3 + (stages - 1) * 3 / each)


@pytest.mark.parametrize(("stages", "micro"), [size for size in SIZES if size[1] > size[0]])
def test_zero_bubble_waits_for_what_cannot_be_split(stages: int, micro: int) -> None:
    """(p − 1) (F + B − W): Qi et al., 2023, section 2.2, table 1."""
    assert seconds(zero_bubble(stages, 1, micro), stages) == pytest.approx(micro * 3 + (stages - 1))


# Every schedule with as few stages on each device as can be.
CASES = [
    (name, devices, micro)
    for name, schedule in SCHEDULES.items()
    for devices, micro in SIZES
    if schedule.refusal(devices, schedule.least, micro) is None
]


def some_lists(name: str, devices: int, micro: int) -> tuple[int, tuple[ActionRow, ...]]:
    """How many stages there are, and the lists."""
    schedule = SCHEDULES[name]
    return devices * schedule.least, schedule.lists(devices, schedule.least, micro)


@pytest.mark.parametrize(("stages", "micro"), SIZES)
@pytest.mark.parametrize("name", [name for name, schedule in SCHEDULES.items() if schedule.least == 1])
def test_stage_has_as_many_micro_batches_in_flight_as_is_said(name: str, stages: int, micro: int) -> None:
    found, schedule = in_flight(SCHEDULES[name].lists(stages, 1, micro)), SCHEDULES[name]
    assert all(found[s] <= schedule.in_flight(stages - s, stages, micro) for s in range(stages))
    assert found[0] == schedule.in_flight(stages, stages, micro)


@pytest.mark.parametrize(("name", "devices", "micro"), CASES)
def test_every_micro_batch_goes_forward_and_back_once_on_every_stage(name: str, devices: int, micro: int) -> None:
    stages, lists = some_lists(name, devices, micro)
    done = [action for row in lists for action in single(row)]
    parts = [a._replace(kind=kind) for a in done for kind in ("IW" if a.kind == "B" else a.kind)]  # type: ignore[arg-type]
    wanted = {PipelineAction(s, kind, m) for s in range(stages) for kind in ("F", "I", "W") for m in range(micro)}
    assert len(parts) == len(wanted)
    assert set(parts) == wanted
    assert any(a.kind == "W" for a in done) == SCHEDULES[name].splits


@pytest.mark.parametrize(("name", "devices", "micro"), CASES)
def test_no_list_waits_for_ever_and_no_stage_for_what_is_not_made(name: str, devices: int, micro: int) -> None:
    stages, lists = some_lists(name, devices, micro)
    end = {span.action: span.end for span in simulate(lists, [StageCost(1, 2, send=0.3, send_back=0.2)] * stages).spans}
    for span in simulate(lists, [StageCost(1, 2, send=0.3, send_back=0.2)] * stages).spans:
        s, kind, m = span.action
        before = {"F": (s - 1, "F"), "B": (s + 1, "I"), "I": (s + 1, "I"), "W": (s, "I")}[kind]
        if 0 <= before[0] < stages:
            made = end.get(PipelineAction(before[0], before[1], m), end.get(PipelineAction(before[0], "B", m)))  # type: ignore[arg-type]
            assert made is not None
            assert made <= span.start


@pytest.mark.parametrize("name", SCHEDULES)
def test_lists_for_owners_are_those_of_the_schedule_whichever_device_is_first(name: str) -> None:
    schedule = SCHEDULES[name]
    owners, lists = schedule.owners(3, schedule.least), schedule.lists(3, schedule.least, 6)
    assert lists_of(name, owners, 6) == lists
    assert lists_of(name, [2 - device for device in owners], 6) == lists[::-1]


def test_owners_that_a_schedule_does_not_have_are_refused() -> None:
    with pytest.raises(ValueError, match="zbv has no stages with the owners 0, 1, 0, 1"):
        lists_of("zbv", [0, 1, 0, 1], 4)
    with pytest.raises(ValueError, match="1f1b takes 1 stages on a device, not 2"):
        lists_of("1f1b", [0, 1, 0, 1], 4)


def test_evaluation_is_what_goes_forward() -> None:
    lists = lists_of("dualpipev", [0, 1, 1, 0], 4)
    forward = forward_only(lists)
    assert sum(map(len, forward)) == 4 * 4
    assert all(isinstance(entry, PipelineAction) and entry.kind == "F" for row in forward for entry in row)


@pytest.mark.parametrize("owners", [[0, 1, 0, 1], [0, 1, 2, 2, 1, 0], [0, 0, 1], [0]])
def test_stages_may_have_any_owners(owners: list[int]) -> None:
    rows = by_list(owners, 6)
    run = simulate(rows, [StageCost(1, 1)] * len(owners))
    assert sum(map(len, rows)) == 2 * 6 * len(owners)
    assert all(owners[action.stage] == device for device, row in enumerate(rows) for action in single(row))
    assert run.seconds <= 2 * 6 * len(owners)


def test_lists_that_wait_for_one_another_are_found() -> None:
    rows = (
        (PipelineAction(0, "F", 0), PipelineAction(0, "B", 0)),
        (PipelineAction(1, "B", 0), PipelineAction(1, "F", 0)),
    )
    with pytest.raises(ValueError, match="for ever: 0B0, 1B0"):
        simulate(rows, [StageCost(1, 1)] * 2)


def test_a_link_carries_one_tensor_at_a_time() -> None:
    run = simulate(gpipe(2, 1, 3), [StageCost(1, 1, send=5, send_back=0), StageCost(1, 1)])
    arrived = [span.start for span in run.spans if span.action.stage == 1 and span.action.kind == "F"]
    assert arrived == [6, 11, 16]


def test_memory_over_time_follows_what_is_in_flight() -> None:
    costs = [StageCost(1, 1, kept=10), StageCost(1, 1, kept=7)]
    first, second = simulate(one_forward_one_backward(2, 1, 3), costs).memory(costs)
    assert max(held for _, held in first) == 20
    assert max(held for _, held in second) == 7
    assert first[-1][1] == second[-1][1] == 0


def test_interleaving_needs_whole_rounds() -> None:
    with pytest.raises(ValueError, match="no whole rounds of 4 devices"):
        interleaved(4, 2, 9)


@pytest.mark.parametrize(
    ("name", "devices", "each", "micro", "said"),
    [
        ("interleaved", 4, 2, 9, "needs whole rounds of micro-batches for 4 devices; 8 would do, not 9"),
        ("dualpipev", 4, 2, 6, "needs as many micro-batches as stages, 8, not 6"),
        ("zbv", 4, 3, 6, "takes 2 stages on a device, not 3"),
        ("interleaved", 4, 1, 8, "takes 2 or more stages on a device, not 1"),
    ],
)
def test_what_a_schedule_refuses_has_a_way_out(name: str, devices: int, each: int, micro: int, said: str) -> None:
    assert SCHEDULES[name].refusal(devices, each, micro) == said


# --- against torch


@pytest.mark.parametrize("name", ["gpipe", "1f1b"])
@pytest.mark.parametrize("stages", [1, 2, 3, 4, 8])
def test_lists_of_one_stage_a_device_are_what_torch_executes(name: str, stages: int) -> None:
    """Its list of 1F1B, which is made for pictures, is wrong in the last stage: it begins with the second forward."""
    theirs = {"gpipe": "ScheduleGPipe", "1f1b": "Schedule1F1B"}[name]
    for micro in (stages, stages + 1, 2 * stages, 4 * stages):
        lists = [[str(entry) for entry in row] for row in SCHEDULES[name].lists(stages, 1, micro)]
        assert lists == torch_lists.executed(theirs, stages, micro)


@pytest.mark.parametrize("devices", [1, 2, 3, 4, 8])
@pytest.mark.parametrize(
    ("name", "theirs", "each"),
    [
        ("breadth-first", "ScheduleLoopedBFS", 2),
        ("breadth-first", "ScheduleLoopedBFS", 3),
        ("interleaved", "ScheduleInterleaved1F1B", 2),
        ("interleaved", "ScheduleInterleaved1F1B", 3),
        ("zero-bubble", "ScheduleInterleavedZeroBubble", 1),
        ("zero-bubble", "ScheduleInterleavedZeroBubble", 2),
        ("zero-bubble", "ScheduleInterleavedZeroBubble", 3),
        ("zbv", "ScheduleZBVZeroBubble", 2),
        ("dualpipev", "ScheduleDualPipeV", 2),
    ],
)
def test_lists_are_those_that_torch_executes(name: str, theirs: str, each: int, devices: int) -> None:
    """Micro-batches of all numbers that both take; what we refuse, torch refuses."""
    for micro in range(1, 4 * devices + 1):
        if SCHEDULES[name].refusal(devices, each, micro):
            with pytest.raises(ValueError, match="micro"):
                torch_lists.listed(theirs, devices, each, micro)
        elif each > 1 or micro % max(1, micro // devices) == 0:  # torch wants rounds of one stage a device too
            lists = [[str(entry) for entry in row] for row in SCHEDULES[name].lists(devices, each, micro)]
            assert lists == torch_lists.listed(theirs, devices, each, micro), (micro,)
