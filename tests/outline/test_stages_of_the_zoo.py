"""Reports, counts and drawings name the same stages."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

import archdsl
import viz
from archdsl.graph import Graph, header, layers
from archdsl.outline.stages import stages_of
from archdsl.presentation.counts import counts
from archdsl.presentation.stages import stages
from archdsl.sheet.sheet import Line
from tests.zoo.published import all_with
from viz.html import views

SVG = "{http://www.w3.org/2000/svg}"
# Table 1 of He et al. (2015); table 1 of Szegedy et al. (2014), with the heads of its section 5.
RESNET = "conv1 maxpool layer1 layer2 layer3 layer4 avgpool fc"
GOOGLENET = """conv1 maxpool1 conv2 conv3 maxpool2 inception3a inception3b maxpool3 inception4a inception4b inception4c
    inception4d inception4e maxpool4 inception5a inception5b aux1 aux2 avgpool fc"""


def named(lines: tuple[Line, ...]) -> list[str]:
    return [str(line.cells[0]) for line in lines]


def drawn(graph: Graph) -> list[str]:
    """The names of the boxes of a picture, without the inputs."""
    picture = ElementTree.fromstring(viz.render(graph, "svg", view="stages"))
    said = [text for title in picture.iter(f"{SVG}title") if ": " in (text := title.text or "")]
    return [name for text in said if (name := text.partition(": ")[0]) not in header(graph)["inputs"]]


@pytest.mark.parametrize("variant", all_with(pytest.mark.heavy))
def test_a_network_has_the_same_stages_wherever_they_are_named(variant: str) -> None:
    network = archdsl.load(variant)
    table = stages(network.graph, network.report())
    assert named(counts(network.graph, "stage").lines) == named(table.lines)
    assert sorted(drawn(network.graph)) == sorted(named(table.lines))
    assert len(set(named(table.lines))) == len(table.lines)


@pytest.mark.parametrize("variant", ["resnet50", "googlenet", "vit_b_16", "alexnet", "siamese", "unet"])
def test_every_layer_is_in_one_stage(variant: str) -> None:
    graph = archdsl.load(variant).graph
    table = stages_of(graph)
    homes = table.homes()
    assert set(homes) == {key for key, _ in layers(graph)}
    shown = [key for stage in table.all() for key in stage.keys]
    assert len(set(shown)) == len(shown)


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("resnet50", RESNET),
        ("googlenet", GOOGLENET),
    ],
)
def test_stages_are_the_lines_of_the_papers_table(variant: str, expected: str) -> None:
    assert sorted(stage.label for stage in stages_of(archdsl.load(variant).graph).listed()) == sorted(expected.split())


def test_the_pages_stages_are_those_of_the_report() -> None:
    graph = archdsl.load("resnet50").graph
    found = views.build(graph).stages
    assert found == stages_of(graph)


def test_a_lent_weight_is_of_the_stage_that_lends_it() -> None:
    network = archdsl.load("gpt2")
    table = stages_of(network.graph)
    homes = table.homes()
    assert homes["transformer.wte.weight"] == homes["transformer.wte"]
    assert homes["lm_head"] != homes["transformer.wte"]
    outputs = {str(line.cells[0]): line.cells[1] for line in stages(network.graph, network.report()).lines}
    assert outputs["transformer.wte"] == "[1024, 768]"
    assert outputs["transformer.arange"] == "[1024]"  # a constant has no batch


def test_a_block_that_costs_nothing_is_not_opened() -> None:
    network = archdsl.load("llama_260k")
    assert named(stages(network.graph, network.report()).lines)[0] == "model.rotary"
