"""Schedules: what each device does, in which order, and how long it waits."""

from __future__ import annotations

import contextlib
import io

import pytest

from archdsl.placement.schedule import (
    SCHEDULES,
    ActionRow,
    PipelineAction,
    by_list,
    gpipe,
    interleaved,
    one_forward_one_backward,
    zero_bubble,
)
from archdsl.placement.simulate import StageCost, simulate

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
    assert seconds(schedule(stages, micro), stages) == pytest.approx((micro + stages - 1) * 3)


@pytest.mark.parametrize(("stages", "micro"), [size for size in SIZES if size[1] % size[0] == 0])
@pytest.mark.parametrize("each", [2, 3])
def test_interleaving_divides_the_bubble(stages: int, micro: int, each: int) -> None:
    """(p − 1) (F + B) / v: Narayanan et al., 2021, section 2.2."""
    found = seconds(interleaved(stages, each, micro), stages * each, each)
    assert found == pytest.approx(micro * 3 + (stages - 1) * 3 / each)


@pytest.mark.parametrize(("stages", "micro"), [size for size in SIZES if size[1] > size[0]])
def test_zero_bubble_waits_for_what_cannot_be_split(stages: int, micro: int) -> None:
    """(p − 1) (F + B − W): Qi et al., 2023, section 2.2, table 1."""
    assert seconds(zero_bubble(stages, micro), stages) == pytest.approx(micro * 3 + (stages - 1))


@pytest.mark.parametrize(("stages", "micro"), SIZES)
@pytest.mark.parametrize("name", SCHEDULES)
def test_stage_has_as_many_micro_batches_in_flight_as_is_said(name: str, stages: int, micro: int) -> None:
    schedule = SCHEDULES[name]
    run = simulate(schedule.rows(stages, micro), [StageCost(1, 2)] * stages)
    for s in range(stages):
        assert run.most_in_flight(s) <= schedule.in_flight(stages - s, stages, micro)
    assert run.most_in_flight(0) == schedule.in_flight(stages, stages, micro)


@pytest.mark.parametrize(("stages", "micro"), SIZES)
@pytest.mark.parametrize("name", SCHEDULES)
def test_every_micro_batch_goes_forward_and_back_once_on_every_stage(name: str, stages: int, micro: int) -> None:
    done = [action for row in SCHEDULES[name].rows(stages, micro) for action in row]
    back = ("I", "W") if name == "zero-bubble" else ("B",)
    wanted = {PipelineAction(s, kind, m) for s in range(stages) for kind in ("F", *back) for m in range(micro)}
    assert len(done) == len(wanted)
    assert set(done) == wanted


@pytest.mark.parametrize("owners", [[0, 1, 0, 1], [0, 1, 2, 2, 1, 0], [0, 0, 1], [0]])
def test_stages_may_have_any_owners(owners: list[int]) -> None:
    rows = by_list(owners, 6)
    run = simulate(rows, [StageCost(1, 1)] * len(owners))
    assert sum(map(len, rows)) == 2 * 6 * len(owners)
    assert all(owners[action.stage] == device for device, row in enumerate(rows) for action in row)
    assert run.seconds <= 2 * 6 * len(owners)


def test_lists_that_wait_for_one_another_are_found() -> None:
    rows = (
        (PipelineAction(0, "F", 0), PipelineAction(0, "B", 0)),
        (PipelineAction(1, "B", 0), PipelineAction(1, "F", 0)),
    )
    with pytest.raises(ValueError, match="for ever: 0B0, 1B0"):
        simulate(rows, [StageCost(1, 1)] * 2)


def test_a_link_carries_one_tensor_at_a_time() -> None:
    run = simulate(gpipe(2, 3), [StageCost(1, 1, send=5, send_back=0), StageCost(1, 1)])
    arrived = [span.start for span in run.spans if span.action.stage == 1 and span.action.kind == "F"]
    assert arrived == [6, 11, 16]


def test_memory_over_time_follows_what_is_in_flight() -> None:
    costs = [StageCost(1, 1, kept=10), StageCost(1, 1, kept=7)]
    first, second = simulate(one_forward_one_backward(2, 3), costs).memory(costs)
    assert max(held for _, held in first) == 20
    assert max(held for _, held in second) == 7
    assert first[-1][1] == second[-1][1] == 0


def test_interleaving_needs_whole_rounds() -> None:
    with pytest.raises(ValueError, match="no multiple of 4 devices"):
        interleaved(4, 2, 6)


@pytest.mark.parametrize(("stages", "micro"), [(2, 4), (4, 8), (4, 16)])
@pytest.mark.parametrize(("name", "each"), [("GPipe", 1), ("1F1B", 1), ("Interleaved1F1B", 2)])
def test_lists_are_those_of_torch(name: str, each: int, stages: int, micro: int) -> None:
    """Its list of 1F1B, which is made for pictures, is wrong in the last stage: it begins with the second forward."""
    visualizer = pytest.importorskip("torch.distributed.pipelining._schedule_visualizer")
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = visualizer.get_schedule_ops(name, stages, micro, each if each > 1 else None)
    made = {"GPipe": gpipe, "1F1B": one_forward_one_backward}
    rows = made[name](stages, micro) if each == 1 else interleaved(stages, each, micro)
    right = slice(stages - 1 if name == "1F1B" else stages)
    ours = [[str(action) for action in row] for row in rows[right]]
    assert ours == [[str(a) for a in row if a is not None and "REDUCE" not in str(a)] for row in theirs[right]]
