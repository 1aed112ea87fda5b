"""The newer networks are the models of torchvision and timm, or modules written by hand: the same tensors under the
same names, the same multiply-adds, and the same values from the same checkpoint.

Names and figures of every variant are compared. What takes longer is done here with the first variant of each family,
which is the smallest, and where another has layers of its own; with all others by `make fuzz`.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

import networkx
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import archdsl
from archdsl.graph import header
from archdsl.measure.run.execution import Setting
from archdsl.measure.run.saved import kept_for_backward
from tests.measure.layouts import kept_with_the_outputs
from tests.zoo.graphs import elements, graph_of, multiply_adds, names_and_shapes, one_image
from tests.zoo.pairs import Pair, Shapes, paired, with_weights
from tests.zoo.published import PARTS, PUBLISHED, first_of_families
from tests.zoo.references_families import MODELS as BY_HAND
from tests.zoo.references_libraries import MODELS as OF_LIBRARIES

MODELS = {**OF_LIBRARIES, **BY_HAND}
RUN = {*first_of_families(), "efficientnet_v2_s", "dcgan_discriminator"}
FEW_FRAMES = 8  # of a clip: as often as its stages halve
SIDE = {"darts_imagenet": 224}  # of an image, where 64 leaves nothing for a head


def model(variant: str) -> nn.Module:
    """The reference on the meta device: names and shapes, no values."""
    with torch.device("meta"):
        return MODELS[variant]()


@pytest.mark.parametrize("variant", MODELS)
def test_has_the_tensors_and_figures_of_the_model(variant: str) -> None:
    """In one image and in training, where all that there is takes part."""
    graph, module, published = graph_of(variant), model(variant).eval(), PUBLISHED[variant]
    assert names_and_shapes(graph) == {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    assert elements(graph, "weight", "bias") == published["params"]["value"]
    assert elements(graph, "buffer") == published["buffers"]["value"]
    images = [torch.empty(*map(one_image, graph.nodes[key]["shape"]), device="meta") for key in header(graph)["inputs"]]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*images)
    assert 2 * multiply_adds(graph) == counter.get_total_flops() == 2 * published["macs"]["value"]


@pytest.mark.parametrize("variant", [v for v in MODELS if "inference" in PUBLISHED[v]])
def test_reports_the_figures_of_inference(variant: str) -> None:
    network, published = archdsl.load(variant), PUBLISHED[variant]["inference"]
    used = {f"{name}." for name, node in network.graph.nodes(data=True) if node["phase"] != "train"}
    kept = (p.numel() for name, p in model(variant).named_parameters() if f"{name.rpartition('.')[0]}." in used)
    assert sum(kept) == published["params"]
    assert network.report().macs == published["macs"]


@pytest.mark.parametrize("variant", [v for v in MODELS if v not in PARTS])
def test_says_how_it_is_trained(variant: str) -> None:
    assert header(graph_of(variant))["loss"] is not None


def images_for(variant: str) -> list[torch.Tensor]:
    """Two small images for each input, or short clips and sounds."""
    graph = graph_of(variant)
    generator = torch.Generator().manual_seed(1)
    shapes = [graph.nodes[key]["shape"] for key in header(graph)["inputs"]]
    side = SIDE.get(variant, 64)
    sizes = [(*[FEW_FRAMES] * (len(s) - 4), *(min(side, size) for size in s[2:][-2:])) for s in shapes]
    return [torch.randn(2, s[1], *size, generator=generator) for s, size in zip(shapes, sizes, strict=True)]


@pytest.fixture(scope="module", params=[pytest.param(v, marks=() if v in RUN else pytest.mark.heavy) for v in MODELS])
def loaded(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """One network at a time: pytest groups the tests by it."""
    variant = request.param
    reference = with_weights(model(variant))
    yield paired(variant, images_for(variant), reference, reference.state_dict())
    gc.collect()


@pytest.fixture
def pair(loaded: Pair) -> Iterator[Pair]:
    """The same network in each test, whichever was trained before: running statistics are put back."""
    before = [(buffer, buffer.clone()) for module in (loaded.model, loaded.reference) for buffer in module.buffers()]
    yield loaded
    for buffer, value in before:
        buffer.copy_(value)


def test_infers_what_the_model_infers(pair: Pair) -> None:
    """Libraries return the heads that only training needs as well, last."""
    found, wanted = pair.outputs(training=False)
    assert all(output.std() > 0 for output in wanted)
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=False))


def test_trains_as_the_model_trains(pair: Pair) -> None:
    """What is dropped is drawn in the same order, and batch norm leaves the same running statistics."""
    found, wanted = pair.outputs(training=True)
    assert len(found) == len(wanted) == len(pair.graph.graph["outputs"])
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))
    buffers = dict(pair.model.named_buffers())
    for name, buffer in pair.reference.named_buffers():
        assert torch.equal(buffers[name], buffer), name


def test_every_layer_makes_the_shapes_that_the_graph_says(pair: Pair) -> None:
    shapes = Shapes(pair.model.train())  # all that there is
    with torch.no_grad():
        shapes.run(*pair.images)
    wanted = {layer: list(node["outputs"]) for layer, node in pair.graph.nodes(data=True)}
    computed = {layer for name in header(pair.graph)["inputs"] for layer in networkx.descendants(pair.graph, name)}
    assert wanted.keys() - shapes.found.keys() <= wanted.keys() - computed  # a buffer's constants
    assert shapes.found == {layer: wanted[layer] for layer in shapes.found}


def test_keeps_for_backward_what_autograd_keeps(pair: Pair) -> None:
    network = archdsl.Network(pair.graph)
    assert kept_for_backward(pair.graph, Setting(hardware="cpu")) == kept_with_the_outputs(network)
