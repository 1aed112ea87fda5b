"""A stage as a module: it holds its own layers, and no process ever the whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import archdsl
from archdsl.placement.runnable import runnable, stages_by_layer
from compiler import assemble
from compiler.distributed.cut import StageProgram, cut
from compiler.distributed.stage import build_stage, merged
from tests.distributed.equality import even_plan
from tests.distributed.group import ROOT

SMALL = Path(__file__).parent / "small.arch"
CPU = torch.device("cpu")
MIB = 2**20


@pytest.fixture(scope="module")
def stages() -> tuple[StageProgram, ...]:
    network = archdsl.load(SMALL)
    plan = runnable(even_plan(network, 3, "1f1b", 1, 8, 4))
    return cut(network.graph, assemble(network.graph), stages_by_layer(plan), 3, {"N": 2})


def test_stages_draw_what_the_whole_network_draws(stages: tuple[StageProgram, ...]) -> None:
    whole = archdsl.load(SMALL).compile(seed=7).state_dict()
    drawn = {name: tensor for stage in stages for name, tensor in build_stage(stage, CPU, seed=7).state_dict().items()}
    assert drawn.keys() == whole.keys()
    assert all(torch.equal(drawn[name], whole[name]) for name in whole)


def test_stages_read_their_part_of_a_file_of_weights(stages: tuple[StageProgram, ...], tmp_path: Path) -> None:
    model = archdsl.load(SMALL).compile(seed=9)
    save_file(model.state_dict(), tmp_path / "net.safetensors")
    for stage in stages:
        built = build_stage(stage, CPU, weights=tmp_path / "net.safetensors")
        assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in built.state_dict().items())
        frozen = [name for name, parameter in built.named_parameters() if not parameter.requires_grad]
        assert frozen == [name for name, parameter in built.named_parameters() if name.startswith("stem.")]


@pytest.mark.parametrize(
    ("classes", "text", "said"),
    [(5, "no weights", "cannot read weights"), (6, None, r"`head\.weight` is \[6, 384\] in .*, and \[5, 384\] in the")],
)
def test_weights_that_do_not_fit_are_refused(
    stages: tuple[StageProgram, ...], tmp_path: Path, classes: int, text: str | None, said: str
) -> None:
    file = tmp_path / "net.safetensors"
    if text is None:
        save_file(archdsl.load(SMALL, classes=classes).compile().state_dict(), file)
    else:
        file.write_text(text)
    with pytest.raises(ValueError, match=said):
        build_stage(stages[-1], CPU, weights=file)


def test_stages_of_a_process_are_one_tree_under_the_paths_of_the_spec(stages: tuple[StageProgram, ...]) -> None:
    built = [build_stage(stage, CPU) for stage in (stages[0], stages[2])]
    tree = merged(built)
    wanted = {name: p for module in built for name, p in module.named_parameters()}
    found = dict(tree.named_parameters())
    assert found.keys() == wanted.keys()
    assert all(found[name] is wanted[name] for name in wanted)
    assert tree.state_dict().keys() == {name for module in built for name in module.state_dict()}


BUILD = """
import resource, torch, archdsl
from archdsl.placement.runnable import runnable, stages_by_layer
from compiler import assemble
from compiler.distributed.cut import cut
from compiler.distributed.stage import build_stage
from tests.distributed.equality import even_plan

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

network = archdsl.load("vgg16")
plan = runnable(even_plan(network, 4, "1f1b", 1, 8, 4))
stages = cut(network.graph, assemble(network.graph), stages_by_layer(plan), 4, {"N": 2})
torch.nn.Linear(8, 8)  # what the first layer loads
for stage in (stages[0], stages[3]):
    before = peak()
    module = build_stage(stage, torch.device("cpu"), seed=0)
    print(peak() - before, sum(p.numel() * p.element_size() for p in module.parameters()))
"""


def test_building_a_stage_of_vgg16_takes_no_more_than_its_own_weights() -> None:
    """The first one has 1 MiB of the network's 528, the last 472."""
    command = [sys.executable, "-c", BUILD]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120).stdout
    (first, small), (last, large) = (map(int, line.split()) for line in said.splitlines())
    assert first <= small + 64 * MIB
    assert last <= large + 64 * MIB
    assert (small < 8 * MIB, large > 400 * MIB) == (True, True)
