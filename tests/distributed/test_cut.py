"""The program of a network cut into stages: what each has, and what enters and leaves it."""

from __future__ import annotations

from itertools import chain, pairwise
from pathlib import Path

import pytest
import torch

import archdsl
from archdsl.network import Network
from archdsl.placement.runnable import runnable, stages_by_layer
from compiler import assemble
from compiler.distributed.cut import StageProgram, cut
from compiler.distributed.metas import metas
from compiler.distributed.stage import build_stage
from compiler.program import Recompute
from tests.distributed.equality import even_plan

SMALL = Path(__file__).parent / "small.arch"
STAGES = 4


@pytest.fixture(scope="module")
def network() -> Network:
    return archdsl.load(SMALL)


@pytest.fixture(scope="module")
def stages(network: Network) -> tuple[StageProgram, ...]:
    plan = runnable(even_plan(network, STAGES, "1f1b", 1, 8, 4))
    return cut(network.graph, assemble(network.graph), stages_by_layer(plan), STAGES, {"N": plan.micro_batch})


def test_what_leaves_a_stage_enters_the_next(stages: tuple[StageProgram, ...]) -> None:
    for one, other in pairwise(stages):
        assert one.training.leaves == other.training.enters
        assert one.inference.leaves == other.inference.enters


def test_a_skip_is_passed_on_by_the_stages_between(stages: tuple[StageProgram, ...]) -> None:
    """`concat(middle, early, stem)` is in the third stage, `stem` in the first."""
    assert [any(c.layer == "stem.relu" for c in stage.training.enters) for stage in stages] == [
        False,
        True,
        True,
        False,
    ]


def test_a_head_of_training_sends_its_logits_to_the_last_stage_in_training_only(
    stages: tuple[StageProgram, ...],
) -> None:
    def heads(phase: str) -> list[bool]:
        return [any(c.layer == "side.3" for c in getattr(stage, phase).leaves) for stage in stages]

    assert heads("training") == [False, True, True, True]
    assert heads("inference") == [False] * STAGES


def test_a_region_is_recomputed_in_each_stage_that_has_a_part_of_it(stages: tuple[StageProgram, ...]) -> None:
    parts = [
        [inner.layer for inner in step.steps]  # type: ignore[union-attr]
        for stage in stages
        for step in stage.training.routine.steps
        if isinstance(step, Recompute)
    ]
    assert len(parts) == 2
    assert list(chain(*parts)) == [
        f"deep.{unit}.{op}" for unit in ("unit", "unit_2") for op in ("conv", "batch_norm", "relu")
    ]


def test_no_gradient_comes_back_for_what_frozen_layers_made(stages: tuple[StageProgram, ...]) -> None:
    gradients = {c.layer: c.gradient for stage in stages for c in stage.training.enters}
    assert (gradients["stem.relu"], gradients["early.relu"], gradients["image"]) == (False, True, False)


def test_a_stage_splits_backward_where_all_it_trains_gets_a_gradient_of_what_enters() -> None:
    """The second one's `one` reads frozen layers alone, the third's `side` is beside what gets a gradient."""
    network = archdsl.load(SMALL.parent / "frozen.arch")
    plan = runnable(even_plan(network, STAGES, "1f1b", 1, 8, 4))
    found = cut(network.graph, assemble(network.graph), stages_by_layer(plan), STAGES, {"N": 2})
    assert plan.layers[1:3] == (("one.0", "one.1", "two.0", "two.1"), ("side.0", "side.1", "three.0", "three.1"))
    assert [stage.splits for stage in found][1:] == [False, False, True]


def test_every_weight_is_of_one_stage(network: Network, stages: tuple[StageProgram, ...]) -> None:
    built = [build_stage(stage, torch.device("meta")).state_dict().keys() for stage in stages]
    assert sum(map(len, built)) == len(set().union(*built))
    assert set().union(*built) == network.compile("meta").state_dict().keys()


def test_boundaries_are_as_torch_is_told(stages: tuple[StageProgram, ...]) -> None:
    """Run on the device meta, stage after stage: shapes and types are those of `metas`, in both phases."""
    modules = [build_stage(stage, torch.device("meta")) for stage in stages]
    for phase in ("training", "inference"):
        given = metas(getattr(stages[0], phase).enters)
        for stage, module in zip(stages, modules, strict=True):
            entering, leaving = metas(getattr(stage, phase).enters), metas(getattr(stage, phase).leaves)
            assert [(t.shape, t.dtype) for t in given] == [(t.shape, t.dtype) for t in entering]
            made = module.train(phase == "training")(*(t.detach().requires_grad_(t.requires_grad) for t in entering))
            given = made if isinstance(made, tuple) else (made,)
            assert [(t.shape, t.dtype) for t in given] == [(t.shape, t.dtype) for t in leaving]
            if not stage.last and phase == "training":
                assert [t.requires_grad for t in given] == [t.requires_grad for t in leaving]


def test_a_stage_refuses_what_does_not_fit_it(stages: tuple[StageProgram, ...]) -> None:
    module = build_stage(stages[0], torch.device("meta"))
    with pytest.raises(ValueError, match="input `image`: dimension 0 is 3, but the network takes"):
        module(torch.empty(3, 3, 8, 8, device="meta"))
