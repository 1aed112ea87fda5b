"""Pipelines that share a step: two stages, each in two processes, against one process with the data of both."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.distributed.group import run_group
from tests.distributed.training import MICRO_BATCHES, batch, restored, train_alone, weights_hash

SMALL = str(Path(__file__).parent / "small.arch")


@pytest.mark.parametrize(
    ("replicas", "schedule"),
    [
        pytest.param("ddp", "1f1b", marks=pytest.mark.heavy),
        ("fsdp", "1f1b"),
        pytest.param("ddp", "gpipe", marks=pytest.mark.heavy),
        pytest.param("fsdp", "zero-bubble", marks=pytest.mark.heavy),
    ],
)
def test_what_replicas_save_is_what_one_process_computes(tmp_path: Path, replicas: str, schedule: str) -> None:
    """Gradients are the mean of both, and the running statistics those of the first; shards are saved whole."""
    results = run_group(
        "tests.distributed.training:train", 4, tmp_path, spec=SMALL, stages=2, until=2, saved=str(tmp_path / "saved"),
        replicas=replicas, schedule=schedule,
    )  # fmt: skip
    assert [begun for begun, *_ in results] == [0] * 4
    taken, model = restored(SMALL, str(tmp_path / "saved"))
    assert taken == 2
    assert weights_hash(model.state_dict()) == weights_hash(train_alone(SMALL, 2, replicas=2).state_dict())
    model.eval()
    scores = [model(images)[0] for images in batch(0)[0].chunk(MICRO_BATCHES)]
    assert [found for *_, found in results if found is not None] == [torch.cat(scores).tolist()]
