"""Checkpoints: what some stages save, others load, or one process; and one that is not complete is never loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import archdsl
from archdsl.distributed import restore
from compiler.distributed.checkpoint import LATEST, State, latest, save
from tests.distributed.group import ROOT, run_group
from tests.distributed.training import optimizer_of, restored, train_alone, weights_hash

SMALL = str(Path(__file__).parent / "small.arch")
TRAIN = "tests.distributed.training:train"


def test_two_stages_go_on_as_four_and_end_as_one_process(tmp_path: Path) -> None:
    """Weights and the states of AdamW: five steps end as they do in one process that never stopped."""
    folder = tmp_path / "saved"
    runs = {}
    for stages, until in ((2, 3), (4, 5)):
        place = tmp_path / str(stages)
        place.mkdir()
        runs[stages] = run_group(TRAIN, stages, place, spec=SMALL, stages=stages, until=until, saved=str(folder))
    assert [begun for begun, *_ in runs[2]] == [0, 0]
    assert [begun for begun, *_ in runs[4]] == [3] * 4
    taken, model = restored(SMALL, str(folder))
    assert taken == 5
    assert {weights_hash(model.state_dict())} == {hash for _, hash, _ in runs[4]}
    assert weights_hash(model.state_dict()) == weights_hash(train_alone(SMALL, 5).state_dict())
    assert sorted(path.name for path in folder.iterdir()) == [LATEST, "step-00000003", "step-00000005"]


def test_one_process_saves_and_goes_on(tmp_path: Path) -> None:
    model = archdsl.load(SMALL).compile(seed=1)
    optimizer = optimizer_of(model.parameters())
    outputs = model(torch.zeros(2, 3, 8, 8))
    model.loss(outputs, torch.zeros(2, dtype=torch.int64)).backward()
    optimizer.step()
    save(State(model, optimizer, 7), tmp_path)
    other = archdsl.load(SMALL).compile(seed=2)
    again = optimizer_of(other.parameters())
    assert restore(tmp_path, other, again) == 7
    assert weights_hash(dict(other.state_dict())) == weights_hash(dict(model.state_dict()))
    for one, same in zip(model.parameters(), other.parameters(), strict=True):
        kept, found = optimizer.state.get(one, {}), again.state.get(same, {})
        assert kept.keys() == found.keys()
        assert all(torch.equal(kept[what], found[what]) for what in kept)


def test_a_folder_without_a_checkpoint_has_nothing_to_go_on_from(tmp_path: Path) -> None:
    assert restore(tmp_path / "nothing", archdsl.load(SMALL).compile()) is None


def test_the_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    save(State(torch.nn.Linear(2, 2), None, 1), tmp_path)
    with pytest.raises(ValueError, match=r"has no `deep\.unit\.batch_norm\.bias`: it is another network's"):
        restore(tmp_path, archdsl.load(SMALL).compile())


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from compiler.distributed.checkpoint import State, load, save

folder, seed = Path(sys.argv[1]), int(sys.argv[2])

def module(step):
    torch.manual_seed(step)
    return torch.nn.Linear(40, 40)

def count(at=None):
    '''How many times files are opened, made, renamed or removed; the process is killed at one of these times.'''
    seen = 0
    def hook(event, arguments):
        nonlocal seen
        if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree"):
            seen += 1
            if seen == at:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    return lambda: seen

def child(step, at):
    pid = os.fork()
    if pid == 0:
        seen = count(at)
        save(State(module(step), None, step), folder)
        os._exit(min(seen(), 255))
    return os.waitpid(pid, 0)[1]

save(State(module(1), None, 1), folder)  # all is imported from here on
status = child(2, None)
assert os.WIFEXITED(status), status
moments = os.WEXITSTATUS(status)
killed = 0
for kill in range(10):
    at = 1 + (seed + kill * moments // 10) % moments
    killed += os.WIFSIGNALED(child(3 + kill, at))
    found = module(0)
    step = load(folder, found)
    assert step is not None and torch.equal(found.weight, module(step).weight), step
print(moments, killed, step)
"""


def test_the_newest_complete_checkpoint_loads_after_each_of_ten_kills(tmp_path: Path) -> None:
    """The process that writes is killed at ten of the moments at which it opens, makes, renames or removes files."""
    command = [sys.executable, "-c", KILLED, str(tmp_path), "0"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert said.returncode == 0, said.stderr
    moments, killed, last = map(int, said.stdout.split())
    assert moments >= 10
    assert killed == 10
    assert latest(tmp_path) == tmp_path / f"step-{last:08d}"
