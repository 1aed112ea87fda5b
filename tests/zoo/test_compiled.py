"""The compiled specs compute what the hand-written references compute, bit for bit, from the same checkpoint."""

from __future__ import annotations

import gc
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import fx, nn
from torch.nn import functional

import archdsl
from tests.zoo.published import NETWORKS
from tests.zoo.references import reference_with_weights, spec_name

REAL = {"lenet5", "lenet5_1998", "alexnet", "alexnet_grouped", "alexnet_one_column", "alexnet_torchvision", "vgg_d"}
ONE_IMAGE = REAL - {"lenet5", "lenet5_1998"}


def image_for(variant: str) -> torch.Tensor:
    """Real images where the network takes no others, and for VGG-16; elsewhere 64 × 64, to save time."""
    _, channels, height, width = archdsl.load(variant).graph.nodes["image"]["shape"]
    if variant not in REAL and height > 64:
        height = width = 64
    generator = torch.Generator().manual_seed(1)
    return torch.randn(1 if variant in ONE_IMAGE else 2, channels, height, width, generator=generator)


@dataclass
class Pair:
    """A compiled spec and its reference, which hold the same weights."""

    variant: str
    graph: Any
    model: fx.GraphModule
    reference: nn.Module
    image: torch.Tensor

    def outputs(self, *, training: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """What both make of the image, from the same seed."""
        found = []
        for module in (self.model, self.reference):
            module.train(training)
            torch.manual_seed(7)
            with torch.no_grad():
                found.append(module(self.image))
        return found[0], found[1]


def checkpoint(variant: str, reference: nn.Module) -> dict[str, torch.Tensor]:
    """The reference's state under the names of the spec."""
    rename = spec_name if variant == "alexnet" else str
    return {rename(name): tensor for name, tensor in reference.state_dict().items()}


def load(variant: str, image: torch.Tensor, reference: nn.Module) -> Pair:
    network = archdsl.load(variant, inputs={"image": tuple(image.shape)})
    model = network.compile()
    model.load_state_dict(checkpoint(variant, reference), strict=True)
    return Pair(variant, network.graph, model, reference, image)


@pytest.fixture(scope="module", params=NETWORKS)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """One network at a time: pytest groups the tests by it."""
    yield load(request.param, image_for(request.param), reference_with_weights(request.param))
    gc.collect()


def test_infers_what_the_reference_infers(pair: Pair) -> None:
    found, wanted = pair.outputs(training=False)
    assert wanted.std() > 0
    assert torch.equal(found, wanted)


def test_trains_as_the_reference_trains(pair: Pair) -> None:
    """Dropout draws in the same order, and batch norm leaves the same running statistics."""
    found, wanted = pair.outputs(training=True)
    assert torch.equal(found, wanted)
    buffers = dict(pair.model.named_buffers())
    for name, buffer in pair.reference.named_buffers():
        assert torch.equal(buffers[name], buffer), name


def test_has_the_loss_of_its_paper(pair: Pair) -> None:
    scores = torch.randn(4, pair.graph.graph["outputs"][0]["shape"][1])
    target = torch.tensor([3, 1, 4, 1])
    wanted = functional.cross_entropy(scores, target)
    if pair.variant == "lenet5_1998":  # equation 8: the mean distance to the prototype of the right class
        wanted = -scores[range(4), target].mean()
    assert torch.equal(pair.model.loss(scores, target), wanted)


class Shapes(fx.Interpreter):
    """Runs a compiled network and notes the shapes that each layer of the spec really makes."""

    def __init__(self, model: fx.GraphModule) -> None:
        super().__init__(model)
        self.found: dict[str, list[tuple[int, ...]]] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        layer = n.meta.get("archdsl")
        if layer is not None and n.target is not operator.getitem:  # a part of a layer's list
            parts = value if isinstance(value, (list, tuple)) else [value]
            self.found[layer] = [tuple(part.shape) for part in parts]
        return value


def test_every_layer_makes_the_shapes_that_the_graph_says(pair: Pair) -> None:
    shapes = Shapes(pair.model.eval())
    with torch.no_grad():
        shapes.run(pair.image)
    assert shapes.found == {layer: list(node["outputs"]) for layer, node in pair.graph.nodes(data=True)}


# --- AlexNet


def towers_from_grouped(grouped: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights of `alexnet` from those of `alexnet_grouped`, as specs/alexnet.arch describes it.

    Each tensor but those of fc8 is divided between the towers along dimension 0, its output channels.
    """
    towers = {}
    for name, tensor in grouped.items():
        if name.startswith("fc8."):
            towers[name] = tensor
            continue
        for i, half in enumerate(tensor.chunk(2)):
            towers[spec_name(f"towers.{i}.{name}")] = half
    return towers


@torch.no_grad()
@pytest.mark.parametrize(
    "devices",
    [
        None,
        "cpu",
        pytest.param(
            {"gpu0": "cuda:0", "gpu1": "cpu"},
            marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
        ),
    ],
)
def test_two_towers_compute_what_grouped_convolutions_compute(devices: object) -> None:
    image = image_for("alexnet")
    grouped = archdsl.load("alexnet_grouped").compile().eval()
    grouped.load_state_dict(reference_with_weights("alexnet_grouped").state_dict(), strict=True)
    towers = archdsl.load("alexnet").compile(devices).eval()
    towers.load_state_dict(towers_from_grouped(grouped.state_dict()), strict=True)
    wanted = grouped(image)
    assert wanted.std() > 0.01
    assert (towers(image).cpu() - wanted).abs().max() <= 1e-5


@pytest.mark.parametrize("layer", ["tower0.lower.response_norm", "tower1.lower.response_norm_2"])
def test_alexnet_normalises_responses_by_the_formula_of_section_3_3(layer: str) -> None:
    norm = archdsl.load("alexnet").graph.nodes[f"{layer}.local_response_norm"]
    k, n, alpha, beta = 2, 5, 1e-4, 0.75
    a = 50 * torch.randn(1, 20, 2, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    b = functional.local_response_norm(a, **norm["params"])
    for i in range(20):
        nearby = a[:, max(0, i - n // 2) : min(19, i + n // 2) + 1]
        torch.testing.assert_close(b[:, i], a[:, i] / (k + alpha * (nearby**2).sum(1)) ** beta)


# --- Weights before training


@pytest.mark.parametrize("variant", ["lenet5", "lenet5_1998", "cifar_resnet20"])
def test_a_seed_determines_the_first_weights(variant: str) -> None:
    torch.manual_seed(3)
    first = archdsl.load(variant).compile().state_dict()
    torch.manual_seed(3)
    second = archdsl.load(variant).compile().state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("variant", ["alexnet", "alexnet_grouped"])
def test_alexnet_starts_as_section_5_says(variant: str) -> None:
    """N(0, 0.01); biases of 1 in layers 2, 4, 5 and in the hidden linear layers, of 0 in the others."""
    torch.manual_seed(0)
    for name, tensor in archdsl.load(variant).compile().state_dict().items():
        if name.endswith("weight"):
            assert tensor.std().item() == pytest.approx(0.01, rel=0.05), name
            assert abs(tensor.mean().item()) < 3e-4, name
        else:
            ones = any(layer in name for layer in ("conv2", "conv4", "conv5", "fc6", "fc7"))
            assert torch.equal(tensor, torch.full_like(tensor, float(ones))), name


def test_resnet_starts_as_he_et_al_say() -> None:
    """Convolutions with standard deviation √(2 / fan-in); batch norms as the identity."""
    torch.manual_seed(0)
    for name, tensor in archdsl.load("resnet18").compile().state_dict().items():
        if tensor.dim() == 4:
            assert tensor.std().item() == pytest.approx((2 / tensor[0].numel()) ** 0.5, rel=0.05), name
        elif "bn" in name and name.endswith("weight"):
            assert torch.equal(tensor, torch.ones_like(tensor)), name


def test_the_prototypes_of_lenet5_are_signs() -> None:
    prototypes = archdsl.load("lenet5_1998").compile().state_dict()["rbf.prototypes"]
    assert prototypes.abs().eq(1).all()
    assert -0.2 < prototypes.mean() < 0.2
