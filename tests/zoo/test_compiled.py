"""The compiled specs compute what the hand-written references compute, bit for bit, from the same checkpoint."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

import archdsl
from archdsl.graph import header
from tests.zoo.pairs import Pair, Shapes, for_images, paired
from tests.zoo.published import GENERATIVE_AND_RECURRENT, NETWORKS, PARTS, TRANSFORMERS, all_with, divided
from tests.zoo.references import reference_with_weights, spec_name

REAL = {"lenet5", "lenet5_1998", "alexnet", "alexnet_grouped", "alexnet_one_column", "alexnet_torchvision", "vgg_d"}
REAL |= {"googlenet", "inception_v3", "siamese", "vit_b_16", "vit_tiny_16"}
ONE_IMAGE = REAL - {"lenet5", "lenet5_1998", "inception_v3", "siamese"}
SETTINGS = {f"resnext{depth}_{form}d" for depth in (50, 101) for form in ("2x40", "4x24", "8x14")} | {
    *("resnext101_32x4d", "resnext101_64x4d", "densenet161", "densenet169", "densenet201")
}  # networks that are others but for numbers; their names and shapes are compared all the same
# Others of their family but for how often their blocks are repeated; `make fuzz` runs them.
DEEPER = {f"{net}{layers}{form}" for net, layers in (("resnet", 101), ("resnet", 152)) for form in ("", "_paper")} | {
    *(f"vgg{layers}" for layers in (13, 16, 19)), *(f"vgg{layers}_bn" for layers in (13, 19)),
    *("vgg_a", "vgg_b", "vgg_c_bn", "vgg_e"), *(f"cifar_resnet{layers}" for layers in (32, 44, 56, 110)),
    *("inception_resnet_v2_paper", "inception_resnet_v1_facenet", "resnext101_32x8d"),
}  # fmt: skip
NETS = [
    pytest.param(variant, marks=pytest.mark.heavy) if variant in DEEPER else variant
    for variant in NETWORKS
    if variant not in SETTINGS
]


def images_for(variant: str) -> list[torch.Tensor]:
    """Real images where the network takes no others, and for VGG-16; elsewhere small ones, to save time."""
    graph, images = archdsl.load(variant).graph, []
    generator = torch.Generator().manual_seed(1)
    for key in header(graph)["inputs"]:
        _, channels, height, width = graph.nodes[key]["shape"]
        if variant not in REAL:
            # The least that leave 2 × 2 maps to the last Inception modules, and a mask to U-Net
            least = 107 if variant.startswith("inception") else 188 if variant == "unet" else 64
            height = width = min(height, least)
        images.append(torch.randn(1 if variant in ONE_IMAGE else 2, channels, height, width, generator=generator))
    return images


def inputs_of(variant: str) -> tuple[str, ...]:
    return header(archdsl.load(variant).graph)["inputs"]


def checkpoint(variant: str, reference: nn.Module) -> dict[str, torch.Tensor]:
    """The reference's state under the names of the spec."""
    rename = spec_name if variant == "alexnet" else str
    return {rename(name): tensor for name, tensor in reference.state_dict().items()}


def load(variant: str, images: list[torch.Tensor], reference: nn.Module) -> Pair:
    return paired(variant, images, reference, checkpoint(variant, reference))


@pytest.fixture(scope="module", params=NETS)
def loaded(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """One network at a time: pytest groups the tests by it."""
    yield load(request.param, images_for(request.param), reference_with_weights(request.param))
    gc.collect()


@pytest.fixture
def pair(loaded: Pair) -> Iterator[Pair]:
    """The same network in each test, whichever was trained before: running statistics are put back."""
    before = [(buffer, buffer.clone()) for module in (loaded.model, loaded.reference) for buffer in module.buffers()]
    yield loaded
    for buffer, value in before:
        buffer.copy_(value)


def test_infers_what_the_reference_infers(pair: Pair) -> None:
    (found,), (wanted,) = pair.outputs(training=False)
    assert wanted.std() > 0
    assert torch.equal(found, wanted)


def test_trains_as_the_reference_trains(pair: Pair) -> None:
    """Dropout draws in the same order, and batch norm leaves the same running statistics."""
    found, wanted = pair.outputs(training=True)
    assert len(found) == len(wanted) == len(pair.graph.graph["outputs"])
    for a, b in zip(found, wanted, strict=True):
        assert torch.equal(a, b)
    buffers = dict(pair.model.named_buffers())
    for name, buffer in pair.reference.named_buffers():
        assert torch.equal(buffers[name], buffer), name


def loss_of_the_paper(variant: str, outputs: list[torch.Tensor], target: torch.Tensor) -> torch.Tensor:
    scores = outputs[0]
    if variant == "lenet5_1998":  # equation 8: the mean distance to the prototype of the right class
        return -scores[range(4), target].mean()
    if variant == "siamese":  # section 3.2: cross entropy of "same" and "different"
        return functional.binary_cross_entropy(torch.sigmoid(scores), target)
    smoothing, weight = (0.1, 0.4) if variant == "inception_v3" else (0.0, 0.3)
    losses = [functional.cross_entropy(each, target, label_smoothing=smoothing) for each in outputs]
    return losses[0] + sum(weight * loss for loss in losses[1:])


def test_has_the_loss_of_its_paper(pair: Pair) -> None:
    """In training, and in inference, where the model returns its first output only."""
    outputs = [torch.randn(4, *output["shape"][1:]) for output in pair.graph.graph["outputs"]]
    target = torch.tensor([3, 1, 4, 1])
    if outputs[0].dim() == 4:  # a class for each pixel
        target = torch.randint(outputs[0].shape[1], (4, *outputs[0].shape[2:]))
    elif pair.variant == "siamese":
        target = (target == 1).float()[:, None]
    for given in (outputs, outputs[:1]):
        found = pair.model.loss(tuple(given) if len(given) > 1 else given[0], target)
        torch.testing.assert_close(found, loss_of_the_paper(pair.variant, given, target))


def test_every_layer_makes_the_shapes_that_the_graph_says(pair: Pair) -> None:
    shapes = Shapes(pair.model.train())  # all that there is
    with torch.no_grad():
        shapes.run(*pair.images)
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
def test_two_towers_compute_what_grouped_convolutions_compute(devices: dict[str, str] | str | None) -> None:
    (image,) = images_for("alexnet")
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


# --- ResNeXt


def other_form(grouped: dict[str, torch.Tensor], form: str, cardinality: int = 32) -> dict[str, torch.Tensor]:
    """The weights of another form of figure 3 from those of the grouped one, as specs/resnext.arch describes it.

    The beginning of the paths is divided along dimension 0, its output channels; in the form `sum` conv3 too, along
    dimension 1, its input channels.
    """
    found = {}
    for name, tensor in grouped.items():
        if divided(name):
            parts = tensor.chunk(cardinality) if tensor.dim() else [tensor] * cardinality
        elif form == "sum" and ".conv3." in name:
            parts = tensor.chunk(cardinality, dim=1)
        else:
            found[name] = tensor
            continue
        layer, block, rest = name.split(".", 2)
        found.update({f"{layer}.{block}.path{i}.{rest}": part for i, part in enumerate(parts)})
    return found


@torch.no_grad()
@pytest.mark.parametrize("form", ["sum", "concat"])
def test_the_forms_of_resnext_are_equivalent(form: str) -> None:
    (image,) = images_for("resnext50_32x4d")
    grouped = archdsl.load("resnext50_32x4d").compile().eval()
    grouped.load_state_dict(reference_with_weights("resnext50_32x4d").state_dict(), strict=True)
    paths = archdsl.load(f"resnext50_32x4d_{form}").compile().eval()
    paths.load_state_dict(other_form(grouped.state_dict(), form), strict=True)
    wanted = grouped(image)
    assert wanted.std() > 0.01
    assert (paths(image) - wanted).abs().max() <= 1e-5 * wanted.abs().max()
    image = image.double()
    assert (paths.double()(image) - grouped.double()(image)).abs().max() <= 1e-5


# --- Auxiliary classifiers


@torch.no_grad()
@pytest.mark.parametrize(
    ("variant", "outputs"),
    [
        ("googlenet", ("logits", "aux1", "aux2")),
        ("googlenet_torchvision", ("logits", "aux1", "aux2")),
        ("inception_v3", ("logits", "aux")),
    ],
)
def test_auxiliary_classifiers_exist_in_training_only(variant: str, outputs: tuple[str, ...]) -> None:
    (image,) = images_for(variant)
    model = archdsl.load(variant).compile()
    image = torch.cat([image, -image])
    in_training = model.train()(image)
    assert in_training._fields == outputs
    assert [tuple(output.shape) for output in in_training] == [(len(image), 1000)] * len(outputs)
    in_inference = model.eval()(image)
    assert isinstance(in_inference, torch.Tensor)
    assert in_inference.shape == (len(image), 1000)
    assert "aux" not in model.code.lower()


# --- Training

SIZES = (32, 64, 80, 188, 299)  # of images; a network takes the first that leaves something of its maps


def small(variant: str) -> archdsl.Network:
    """A network for a batch of four small images."""
    shapes = [archdsl.load(variant).graph.nodes[key]["shape"] for key in inputs_of(variant)]
    for size in SIZES:
        with contextlib.suppress(archdsl.SpecError):  # of clips, as many frames as their stages halve
            return for_images(variant, [(4, s[1], *[8] * (len(s) - 4), *[size] * min(2, len(s) - 2)) for s in shapes])
    raise AssertionError(f"{variant} takes none of {SIZES}")


def handwritten_digits(network: archdsl.Network) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Real images in the shapes of the inputs, and their classes."""
    digits = load_digits()
    shapes = [network.graph.nodes[key]["shape"] for key in header(network.graph)["inputs"]]
    images = []
    for i, (batch, channels, *size) in enumerate(shapes):
        image = torch.tensor(digits.images[i * batch : (i + 1) * batch], dtype=torch.float32)[:, None] / 8 - 1
        if len(size) == 1:  # a sound: row after row
            image = functional.interpolate(image.flatten(2), size=size, mode="linear")
        else:  # a clip stands still
            image = functional.interpolate(image, size=size[-2:], mode="bilinear")
            image = image.reshape(batch, 1, *[1] * (len(size) - 2), *size[-2:])
        images.append(image.expand(-1, channels, *size))
    return images, torch.tensor(digits.target[: shapes[0][0]])


@pytest.mark.parametrize("variant", all_with(pytest.mark.heavy, but={*PARTS, *TRANSFORMERS, *GENERATIVE_AND_RECURRENT}))
def test_a_step_of_descent_lowers_the_loss(variant: str) -> None:
    """Down the gradient, as far as promises a loss lower by a fiftieth. Dropout drops the same before and after."""
    network = small(variant)
    torch.manual_seed(5)
    model = network.compile()
    images, target = handwritten_digits(network)
    output = header(network.graph)["outputs"][0]["shape"]
    if len(output) > 2:  # each pixel: ink or paper
        target = (images[0][:, 0][(slice(None), *map(slice, output[2:]))] > 0).long()
    elif variant in ("siamese", "dcgan_discriminator"):  # are these two the same digit? is this one real?
        target = torch.tensor([[0.0], [1.0], [0.0], [1.0]])

    def loss() -> torch.Tensor:
        torch.manual_seed(9)
        return model.loss(model(*images), target)

    before = loss()
    before.backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
    steepness = sum(gradient.square().sum().item() for gradient in gradients if gradient is not None)
    torch.optim.SGD(model.parameters(), lr=0.02 * before.item() / steepness).step()
    with torch.no_grad():
        assert loss() < before


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
