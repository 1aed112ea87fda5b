"""The shipped specs have the parameters, multiply-adds, shapes and names of the networks that they are named after."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import archdsl
from archdsl.graph import content_hash, header, layers
from tests.zoo import references_families, references_libraries
from tests.zoo.graphs import elements, graph_of, last_layer, multiply_adds, names_and_shapes, one_image, stage_shape
from tests.zoo.published import ALIASES, GENERATIVE_AND_RECURRENT, NETWORKS, PUBLISHED, TRANSFORMERS, tensors
from tests.zoo.references import REFERENCES, reference, spec_name

every_network = pytest.mark.parametrize("variant", NETWORKS)
with_auxiliary_classifiers = pytest.mark.parametrize("variant", [v for v in NETWORKS if "inference" in NETWORKS[v]])


@every_network
def test_has_the_published_number_of_parameters(variant: str) -> None:
    assert elements(graph_of(variant), "weight", "bias") == NETWORKS[variant]["params"]["value"]


@every_network
def test_has_the_published_number_of_buffer_elements(variant: str) -> None:
    assert elements(graph_of(variant), "buffer") == NETWORKS[variant]["buffers"]["value"]


@every_network
def test_has_the_published_multiply_adds(variant: str) -> None:
    assert multiply_adds(graph_of(variant)) == NETWORKS[variant]["macs"]["value"]


@every_network
def test_torch_counts_the_same_multiply_adds_in_the_reference(variant: str) -> None:
    """In one image and in training, where all that there is takes part."""
    graph, module = graph_of(variant), reference(variant)
    for norm in module.modules():
        if isinstance(norm, (nn.BatchNorm1d, nn.BatchNorm2d)):
            norm.eval()  # in training it needs two values
    images = [torch.empty(*map(one_image, graph.nodes[key]["shape"]), device="meta") for key in header(graph)["inputs"]]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*images)
    assert counter.get_total_flops() == 2 * NETWORKS[variant]["macs"]["value"]


@with_auxiliary_classifiers
def test_reports_the_published_figures_of_inference(variant: str) -> None:
    """Auxiliary classifiers exist in training only."""
    graph, published = graph_of(variant), NETWORKS[variant]["inference"]
    for_training = [weight for _, node in layers(graph) for weight in node["weights"] if node["phase"] == "train"]
    kept = elements(graph, "weight", "bias") - sum(math.prod(w.shape) for w in for_training if w.role != "buffer")
    assert kept == published["params"]
    assert archdsl.load(variant).report().macs == published["macs"]


@pytest.mark.parametrize("variant", [v for v in NETWORKS if "receptive_field" in NETWORKS[v]])
def test_sees_the_published_number_of_pixels(variant: str) -> None:
    network, published = archdsl.load(variant), NETWORKS[variant]["receptive_field"]
    at = last_layer(network.graph, published["at"])
    (found,) = [node["receptive_field"] for node in network.report().to_dict()["nodes"] if node["path"] == at]
    assert found == [published["value"]] * 2


@every_network
def test_has_the_published_shape_at_every_stage(variant: str) -> None:
    graph = graph_of(variant)
    stages = NETWORKS[variant]["stages"]["shapes"]
    found = {name: stage_shape(graph, stage["at"]) for name, stage in stages.items()}
    assert found == {name: stage["shape"] for name, stage in stages.items()}


@every_network
def test_has_the_names_and_shapes_of_the_checkpoint_in_its_order(variant: str) -> None:
    found, wanted = names_and_shapes(graph_of(variant)), tensors(variant)
    assert found == wanted
    assert list(found) == list(wanted)


@every_network
def test_the_reference_module_has_the_same_names_and_shapes(variant: str) -> None:
    rename = spec_name if variant == "alexnet" else str
    found = {rename(name): tuple(tensor.shape) for name, tensor in reference(variant).state_dict().items()}
    assert found == tensors(variant)


@pytest.mark.parametrize(("name", "network"), ALIASES.items())
def test_another_name_is_the_same_network(name: str, network: str) -> None:
    assert content_hash(graph_of(name)) == content_hash(graph_of(network))


@pytest.mark.parametrize(
    ("variant", "figure", "printed"),
    [
        ("vgg_a", "params", 133e6),  # VGG, table 2
        ("vgg_a_lrn", "params", 133e6),
        ("vgg_b", "params", 133e6),
        ("vgg_c", "params", 134e6),
        ("vgg_d", "params", 138e6),
        ("vgg_e", "params", 144e6),
        ("resnet18", "macs", 1.8e9),  # ResNet, table 1
        ("resnet50_paper", "macs", 3.8e9),
        ("resnet101_paper", "macs", 7.6e9),
        ("resnet152_paper", "macs", 11.3e9),
        ("cifar_resnet20", "params", 0.27e6),  # ResNet, table 6
        ("cifar_resnet32", "params", 0.46e6),
        ("cifar_resnet44", "params", 0.66e6),
        ("cifar_resnet56", "params", 0.85e6),
        ("cifar_resnet110", "params", 1.7e6),
        ("resnext50_32x4d", "params", 25.0e6),  # ResNeXt, table 1 and figure 5
        ("resnext50_32x4d", "macs", 4.2e9),
        ("resnext101_32x4d", "params", 44e6),
    ],
)
def test_the_figure_rounds_to_the_one_printed_in_the_paper(variant: str, figure: str, printed: float) -> None:
    graph = graph_of(variant)
    found = multiply_adds(graph) if figure == "macs" else elements(graph, "weight", "bias")
    assert found == pytest.approx(printed, rel=0.02)


@pytest.mark.parametrize("variant", [*NETWORKS, *ALIASES])
def test_says_how_it_is_trained(variant: str) -> None:
    assert header(graph_of(variant))["loss"] is not None


@pytest.mark.parametrize(
    ("cardinality", "width", "params"),
    [(1, 64, 69632), (2, 40, 69760), (4, 24, 69888), (8, 14, 71456), (32, 4, 70144)],
)
def test_blocks_of_table_2_of_resnext_cost_the_same(cardinality: int, width: int, params: int) -> None:
    """About 70 thousand parameters, by equation 4, and 0.22 billion multiply-adds, whatever the cardinality."""
    graph = graph_of(f"resnext50_{cardinality}x{width}d")
    convs = [node for key, node in layers(graph) if key.startswith("layer1.1.conv")]
    found = sum(math.prod(node["weights"][0].shape) for node in convs)
    assert found == params == cardinality * (256 * width + 9 * width * width + width * 256)
    assert all(list(map(one_image, node["shape"]))[2:] == [56, 56] for node in convs)
    assert 56 * 56 * found == pytest.approx(0.22e9, rel=0.02)


def test_the_towers_of_alexnet_meet_where_figure_2_says() -> None:
    graph = graph_of("alexnet")
    device = {key: node["device"] for key, node in layers(graph)}
    assert {device[key] for key in graph if key.startswith("tower0.")} == {"gpu0"}
    assert {device[key] for key in graph if key.startswith("tower1.")} == {"gpu1"}
    crossings = {b for a, b in graph.edges() if device[a] and device[a] != device[b]}
    assert crossings == {*(f"tower{i}.{part}.concat" for i in range(2) for part in ("upper", "fc6", "fc7")), "concat"}


def test_every_network_is_compared_with_a_reference() -> None:
    assert set(REFERENCES) == set(NETWORKS)
    of_libraries = {*references_libraries.MODELS, *references_families.MODELS, *TRANSFORMERS}
    assert {*REFERENCES, *of_libraries, *GENERATIVE_AND_RECURRENT} == set(PUBLISHED)
