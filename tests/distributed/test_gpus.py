"""On GPUs, where there are any: over NCCL with one for each process, and a pipeline in one process on one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.distributed.group import ROOT
from tests.distributed.test_launch import SCRIPT, SMALL, run, written
from tests.distributed.training import batch, train_alone

GPUS = torch.cuda.device_count()
STEPS = 2

ALONE = """
import sys, torch, archdsl
from archdsl.distributed import pipeline
from tests.distributed.equality import even_plan
from tests.distributed.training import batch, optimizer_of

network = archdsl.load(sys.argv[1])
plan = even_plan(network, 2, "1f1b", 1, 8, 4)
plan |= {"schedule": "list", "stages": [stage | {"device": "d0"} for stage in plan["stages"]]}
pipe = pipeline(plan, network=network, seed=3)
assert pipe.device.type == "cuda" and pipe.stages == (0, 1)
optimizer = optimizer_of(pipe.parameters())
for step in range(int(sys.argv[2])):
    optimizer.zero_grad()
    loss = pipe.step(*batch(step))
    optimizer.step()
print(float(loss))
"""


def loss_alone() -> float:
    """The mean loss of the last step, in one process on the CPU."""
    model = train_alone(SMALL, STEPS - 1)
    images, labels = batch(STEPS - 1)
    parts = zip(images.chunk(4), labels.chunk(4), strict=True)
    losses = [model.loss(model(image), label) for image, label in parts]  # type: ignore[operator]
    return float(torch.stack(losses).mean().detach())


@pytest.mark.skipif(GPUS < 1, reason="needs a GPU")
def test_a_pipeline_in_one_process_runs_on_its_gpu() -> None:
    command = [sys.executable, "-c", ALONE, SMALL, str(STEPS)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=True)
    assert float(said.stdout) == pytest.approx(loss_alone(), rel=1e-3)


@pytest.mark.skipif(GPUS < 2, reason="needs two GPUs")
def test_processes_with_a_gpu_each_work_over_nccl(tmp_path: Path) -> None:
    command = ("archdsl", "launch", str(written(tmp_path)), SCRIPT, str(tmp_path / "saved"), str(STEPS))
    said = run(*command, "nothing", "0", "0")
    assert said.returncode == 0, said.stderr
    assert said.stdout.endswith(f"after {STEPS} steps, restarts 0\n")
