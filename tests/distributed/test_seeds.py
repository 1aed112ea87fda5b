"""Weights that are drawn from a seed: a layer's depend on the seed and its path, and on nothing else."""

from __future__ import annotations

from pathlib import Path

import torch

import archdsl

SMALL = Path(__file__).parent / "small.arch"
SHORTER = """
network Net(image: [N, 3, 8, 8]) {
    image -> early: { relu } -> head: { flatten -> linear(3) }
}
"""
LONGER = SHORTER.replace("relu", "conv(3, 3, padding = 1)")


def test_a_seed_gives_the_same_network() -> None:
    net = archdsl.load(SMALL)
    one, same, other = (net.compile(seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["head.weight"], other["head.weight"])


def test_other_layers_do_not_change_what_a_layer_draws(tmp_path: Path) -> None:
    weights = []
    for name, text in (("shorter", SHORTER), ("longer", LONGER)):
        (tmp_path / f"{name}.arch").write_text(text)
        weights.append(archdsl.load(tmp_path / f"{name}.arch").compile(seed=0).get_parameter("head.1.weight"))
    assert torch.equal(*weights)


def test_two_layers_alike_draw_different_weights() -> None:
    state = archdsl.load(SMALL).compile(seed=0).state_dict()
    assert not torch.equal(state["deep.unit.conv.weight"], state["deep.unit_2.conv.weight"])


def test_the_generator_of_torch_stays_as_it_was() -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    archdsl.load(SMALL).compile(seed=0)
    assert torch.equal(torch.rand(3), wanted)
