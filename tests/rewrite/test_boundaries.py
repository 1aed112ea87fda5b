"""What each rewrite requires: where it is applied, and where it would be false and is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from archdsl.errors import SpecError
from archdsl.graph import header
from archdsl.network import Network
from tests.rewrite.equality import both, near, outputs

Build = Callable[..., Network]
FOLD, SIBLINGS, PATHS = "fold-batch-norm", "merge-siblings", "group-paths"
IDLE, SHARE, POINTWISE = "drop-idle", "share-common", "merge-pointwise"


def places(network: Network, rewrite: str, phase: str = "inference") -> int:
    """In how many places a rewrite is applied."""
    rewriting = header(network.rewrite([rewrite], phase=phase).graph)["rewriting"]
    assert rewriting is not None
    return len(rewriting.steps[-1].changes)


def image(body: str) -> str:
    return f"network Net(x: [N, 4, 6, 6]) {{ {body} }}"


TAKEN = [
    (FOLD, "x -> conv(4, 3) -> batch_norm"),
    (FOLD, "x -> conv(4, 3, bias = false, padding = 1, padding_mode = reflect) -> batch_norm(affine = false)"),
    (FOLD, "x -> conv(8, 3, groups = 4) -> batch_norm(eps = 0.1)"),
    (FOLD, "x -> conv_transpose(8, 2, stride = 2) -> batch_norm"),
    (FOLD, "x -> flatten -> linear(5) -> batch_norm"),
    (FOLD, "x -> { conv(4, 3) @checkpoint } -> batch_norm @frozen"),
    (SIBLINGS, "concat(x -> conv(2, 1), x -> conv(3, 1))"),
    (SIBLINGS, "(x -> conv(4, 1, stride = 2) -> tanh) * (x -> conv(4, 1, stride = 2) -> relu)"),
    (SIBLINGS, "(x -> linear(5) -> relu) + (x -> linear(5) -> relu)"),
    (PATHS, "concat(x -> conv(2, 3), x -> conv(2, 3))"),
    (PATHS, "(x -> conv(2, 3) -> conv(4, 1)) + (x -> conv(2, 3) -> conv(4, 1))"),
    (PATHS, "a, b = x -> chunk(2)\n concat(a -> conv(2, 3) -> relu, b -> conv(2, 3) -> relu)"),
    (PATHS, "concat(x -> avg_pool(3, stride = 1), x -> conv(2, 3) -> relu6, x -> conv(2, 3) -> relu6)"),
    (IDLE, "x -> identity -> relu"),
    (IDLE, "x -> dropout(0.5) -> relu"),
    (IDLE, "x -> relu -> relu"),
    (IDLE, "x -> permute([0, 1, 2, 3]) -> slice(0) -> reshape([N, 4, 6, 6])"),
    (SHARE, "(x -> relu) * (x -> relu)"),
    (SHARE, "f = module conv(4, 3)\n (x -> f) * (x -> f)"),
    (SHARE, "f = module dropout(0.5)\n (x -> f) * (x -> f)"),
    (POINTWISE, "x -> conv(8, 3) -> conv(2, 1)"),
    (POINTWISE, "x -> conv(8, 1, stride = 2, bias = false) -> conv(3, 1, stride = 2)"),
    (POINTWISE, "x -> flatten -> linear(9) -> linear(3, bias = false)"),
]  # fmt: skip
LEFT = [
    (FOLD, "y = x -> conv(4, 3)\n (y -> batch_norm) + y", "another layer reads the convolution"),
    (FOLD, "y = x -> conv(4, 3)\n output a = y\n output b = y -> batch_norm", "the convolution is an output"),
    (FOLD, "f = module conv(4, 1)\n (x -> f -> batch_norm) + (x -> relu -> f)", "the convolution is shared"),
    (FOLD, "f = module batch_norm\n (x -> conv(4, 1) -> f) + (x -> conv(4, 1) -> relu -> f)", "the norm is shared"),
    (FOLD, "x -> conv(weight = parameter([4, 4, 1, 1])) -> batch_norm", "the weight is lent"),
    (FOLD, "x -> conv(4, 3) -> batch_norm(track_running_stats = false)", "it has the statistics of the batch"),
    (FOLD, "x -> conv(4, 3) -> relu -> batch_norm", "something is between"),
    (FOLD, "x -> batch_norm -> conv(4, 3, padding = 1)", "the border would be shifted"),
    (FOLD, "x -> conv_transpose(4, 2, groups = 2) -> batch_norm", "channels are no dimension of the weight"),
    (FOLD, "x -> flatten(2) -> linear(5) -> batch_norm", "it is over another dimension"),
    (FOLD, "device a, b\n x -> { conv(4, 3) @a } -> batch_norm @b", "they are on two devices"),
    (SIBLINGS, "concat(x -> conv(2, 1), x -> conv(3, 1, bias = false))", "one has no bias"),
    (SIBLINGS, "concat(x -> conv(2, 1), x -> relu -> conv(3, 1))", "they read two tensors"),
    (SIBLINGS, "(x -> conv(4, 1)) + (x -> conv(4, 3, padding = 1))", "one has another kernel"),
    (SIBLINGS, "f = module conv(4, 1)\n (x -> f) + (x -> relu -> f)", "it is one layer"),
    (SIBLINGS, "device a, b\n (x -> conv(4, 1) @a) + (x -> conv(4, 1) @b)", "they are on two devices"),
    (PATHS, "concat(x -> conv(2, 3), x -> conv(3, 3))", "one is wider"),
    (PATHS, "concat(x -> relu -> conv(2, 3), x -> conv(2, 3))", "they read two tensors"),
    (PATHS, "concat(x -> batch_norm, x -> batch_norm)", "each would do the work of both"),
    (PATHS, "concat(x -> conv(2, 3) -> softmax(1), x -> conv(2, 3) -> softmax(1))", "channels are mixed"),
    (PATHS, "concat(x -> conv(2, 3), x -> conv(2, 3), dim = 2)", "they are joined by rows"),
    (PATHS, "(x -> conv(4, 3)) + (x -> conv(4, 3))", "they are of one tensor"),
    (PATHS, "y = x -> conv(2, 3)\n concat(y, x -> conv(2, 3)) -> mean([1], keepdim = true) -> add(y)", "one is read"),
    (IDLE, "x -> relu -> leaky_relu", "it changes values"),
    (IDLE, "device a, b\n x -> { relu @a } -> identity @b", "it is a copy to a device"),
    (SHARE, "(x -> conv(4, 1)) + (x -> conv(4, 1))", "their weights differ"),
    (SHARE, "randn(like = x) + randn(like = x)", "they draw"),
    (SHARE, "device a, b\n (x -> relu @a) * (x -> relu @b)", "they are on two devices"),
    (POINTWISE, "x -> conv(2, 1) -> conv(8, 1)", "the product is dearer"),
    (POINTWISE, "x -> conv(8, 1) -> conv(2, 3)", "the border is not that of the first"),
    (POINTWISE, "x -> conv(8, 1) -> conv(2, 1, padding = 1)", "it has a border"),
    (POINTWISE, "x -> conv(8, 1, groups = 2) -> conv(2, 1)", "it is in groups"),
]  # fmt: skip


@pytest.mark.parametrize(("rewrite", "body"), TAKEN)
def test_it_is_applied_and_the_outputs_are_equal(rewrite: str, body: str, network_of: Build) -> None:
    network = network_of(image(body))
    assert places(network, rewrite) > 0
    before, after, _ = both(network.graph, [rewrite], "inference")
    x = torch.randn(2, 4, 6, 6)
    with torch.no_grad():
        assert all(near(a, b) for a, b in zip(outputs(before.eval(), x), outputs(after, x), strict=True))


@pytest.mark.parametrize(("rewrite", "body", "why"), LEFT, ids=[f"{rewrite}: {why}" for rewrite, _, why in LEFT])
def test_it_is_left_alone_where(rewrite: str, body: str, why: str, network_of: Build) -> None:
    assert places(network_of(image(body)), rewrite) == 0


IN_TRAINING = [
    (SIBLINGS, "concat(x -> conv(2, 1), x -> conv(3, 1) @frozen)", "one of them is frozen"),
    (SIBLINGS, "concat(x -> conv(2, 1), x -> { conv(3, 1) @checkpoint })", "one of them is recomputed"),
    (SIBLINGS, "output a = x -> conv(2, 1)\n output b = x -> conv(3, 1) @train", "one of them only trains"),
    (PATHS, "(x -> conv(2, 3) -> conv(4, 1)) + (x -> conv(2, 3) -> conv(4, 1))", "biases would be summed"),
    (PATHS, "concat(x -> conv(2, 3), x -> conv(2, 3) @frozen)", "one of them is frozen"),
    (IDLE, "x -> dropout(0.5) -> relu", "dropout drops"),
    (SHARE, "f = module batch_norm\n (x -> f) * (x -> f)", "it counts batches"),
    (SHARE, "f = module dropout(0.5)\n (x -> f) * (x -> f)", "it drops other values"),
    (SHARE, "(x -> relu) * (x -> { relu @checkpoint })", "one of them is recomputed"),
]


@pytest.mark.parametrize(("rewrite", "body", "why"), IN_TRAINING, ids=[f"{r}: {why}" for r, _, why in IN_TRAINING])
def test_in_training_it_is_left_alone_where(rewrite: str, body: str, why: str, network_of: Build) -> None:
    network = network_of(image(body))
    assert places(network, rewrite, "training") == 0
    assert places(network, rewrite) == ("only trains" not in why)


@pytest.mark.parametrize("rewrite", [FOLD, POINTWISE])
def test_what_changes_the_mathematics_of_training_is_refused_there(rewrite: str, network_of: Build) -> None:
    network = network_of(image("x -> conv(4, 3) -> batch_norm"))
    with pytest.raises(SpecError, match="changes the mathematics of training"):
        network.rewrite([rewrite], phase="training")
    with pytest.raises(SpecError, match="cannot be trained"):
        network.rewrite([rewrite]).rewrite([IDLE], phase="training")
    with pytest.raises(SpecError, match="is not trained"):
        network.rewrite([rewrite]).compile().train()


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_what_nothing_needs_is_left_out_with_its_weights(phase: str, network_of: Build) -> None:
    network = network_of(image("y = x -> conv(4, 3) -> batch_norm\n x -> conv(2, 1)"))
    assert len(network.compile().state_dict()) == 9
    changed = network.rewrite(["drop-idle"], phase=phase)
    assert list(changed.compile().state_dict()) == ["conv_2.weight", "conv_2.bias"]


def test_paths_of_figure_3a_and_3b_become_those_of_3c() -> None:
    import archdsl

    small: dict[str, Any] = {"depths": [1, 1], "classes": 10}
    grouped = archdsl.load("resnext50_32x4d", **small)
    with torch.device("meta"):
        wanted = {name: tensor.shape for name, tensor in grouped.compile().state_dict().items()}
        for form in ("sum", "concat"):
            found = archdsl.load(f"resnext50_32x4d_{form}", **small).rewrite(["group-paths"], phase="training")
            assert {name: tensor.shape for name, tensor in found.compile().state_dict().items()} == wanted
            difference = found.diff(grouped)
            assert {layer.status for layer in difference.layers} <= {"same", "renamed"}  # activations have no label
