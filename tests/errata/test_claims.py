"""What the errata say in numbers, the reports say as well."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

import archdsl
from tests.errata.figures import FIGURES, Figures

HERE = Path(__file__).resolve().parent
load = cache(archdsl.load)


@pytest.mark.parametrize("claim", FIGURES, ids=[f"{f.erratum}-{i}" for i, f in enumerate(FIGURES)])
def test_report_has_the_figures(claim: Figures) -> None:
    spec = HERE / claim.spec if ".arch" in claim.spec else claim.spec
    report = archdsl.load(spec, **claim.given).report().to_dict()
    table = {row["path"]: row for row in report["nodes"]} | {"": report["totals"]}
    places = {name: name.rpartition(".") for name in claim.values}
    assert {name: table[layer][column] for name, (layer, _, column) in places.items()} == claim.values


def rows(spec: str) -> dict[str, dict[str, Any]]:
    """The layers of a network that ships, by their paths."""
    return {row["path"]: row for row in load(spec).report().to_dict()["nodes"]}


def channels(spec: str) -> dict[str, tuple[Any, Any]]:
    """The convolutions of a network that ships, with the channels that they read and make."""
    graph = load(spec).graph
    reads = {key: edge["shape"][1] for _, key, edge in graph.in_edges(data=True)}
    return {key: (reads[key], node["shape"][1]) for key, node in graph.nodes.items() if node["op"] == "conv"}


def settings(spec: str, op: str) -> list[dict[str, Any]]:
    """The parameters of all layers of a kind."""
    nodes = load(spec).graph.nodes
    return [nodes[key]["params"] for key in nodes if nodes[key]["op"] == op]


def test_v4_only_configuration_c_has_1x1_convolutions() -> None:
    with_1x1 = {
        spec
        for spec in ("vgg_a", "vgg_a_lrn", "vgg_b", "vgg_c", "vgg_d", "vgg_e")
        if any(conv["kernel_size"] == 1 for conv in settings(spec, "conv"))
    }
    assert with_1x1 == {"vgg_c"}


def test_n3_1x1_convolutions_leave_the_receptive_field_of_vgg_as_it_is() -> None:
    nodes, fields = load("vgg_c").graph.nodes, rows("vgg_c")
    small = [key for key in nodes if nodes[key]["op"] == "conv" and nodes[key]["params"]["kernel_size"] == 1]
    assert len(small) == 3
    for key in small:
        [before] = fields[key]["inputs"]
        assert fields[key]["receptive_field"] == fields[before]["receptive_field"]


def test_g1_googlenet_has_eight_point_seven_times_fewer_parameters_than_alexnet() -> None:
    googlenet = sum(row["params"] for row in rows("googlenet").values() if row["phase"] == "both")
    assert googlenet == 6_998_552
    assert round(load("alexnet").report().params / googlenet, 2) == 8.71


def test_g2_projections_after_pooling_reduce_the_channels() -> None:
    projections = [pair for path, pair in channels("googlenet").items() if ".branch4." in path]
    assert (
        projections == [(192, 32), (256, 64), (480, 64), (512, 64), (512, 64), (512, 64), (528, 128)] + [(832, 128)] * 2
    )


def test_g9_two_modules_follow_the_last_pooling() -> None:
    paths = list(rows("googlenet"))
    after = [path for path in paths[paths.index("maxpool4.max_pool") :] if path.startswith("inception")]
    assert {path.split(".")[0] for path in after} == {"inception5a", "inception5b"}


def test_r2_the_first_1x1_reduces_and_the_second_restores() -> None:
    block = {path.split(".")[-1]: pair for path, pair in channels("resnet50_paper").items() if "layer1.1." in path}
    assert block == {"conv1": (256, 64), "conv2": (64, 64), "conv3": (64, 256)}


def test_r3_projections_of_shortcuts_increase_the_channels() -> None:
    projections = [pair for path, pair in channels("resnet50_paper").items() if "downsample" in path]
    assert projections == [(64, 256), (256, 512), (512, 1024), (1024, 2048)]


def test_i1_branches_are_concatenated_before_they_are_added() -> None:
    table = rows("inception_resnet_v1")
    assert table["repeat_1.0.conv2d"]["inputs"] == ["repeat_1.0.concat"]
    assert table["repeat_1.0.mul"]["inputs"] == ["repeat_1.0.conv2d"]
    assert "repeat_1.0.mul" in table["repeat_1.0.add"]["inputs"]


def test_i2_the_pooling_stands_in_the_middle_of_the_stem_before_a_1x1() -> None:
    stem = [row for path, row in rows("inception_resnet_v1").items() if path.startswith(("conv2d_", "maxpool_"))]
    steps = [(row["op"], row["shape"][1:3]) for row in stem if row["op"] in ("conv", "max_pool")]
    assert steps == [
        ("conv", [32, 149]), ("conv", [32, 147]), ("conv", [64, 147]), ("max_pool", [64, 73]),
        ("conv", [80, 73]), ("conv", [192, 71]), ("conv", [256, 35]),
    ]  # fmt: skip


def test_i3_padded_pooling_without_stride_keeps_the_size() -> None:
    table = rows("googlenet")
    [before] = table["inception3a.branch4.0"]["inputs"]
    assert table["inception3a.branch4.0"]["shape"] == table[before]["shape"] == [1, 192, 28, 28]


def test_i9_dropout_is_not_googlenets() -> None:
    assert [layer["p"] for layer in settings("inception_resnet_v1", "dropout")] == [0.2]
    assert [layer["p"] for layer in settings("googlenet", "dropout")] == [0.7, 0.7, 0.4]


def test_x9_only_three_layers_of_alexnet_have_groups() -> None:
    nodes = load("alexnet_grouped").graph.nodes
    grouped = [key for key in nodes if nodes[key]["op"] == "conv" and nodes[key]["params"]["groups"] == 2]
    assert grouped == ["conv2", "conv4", "conv5"]


@pytest.mark.parametrize(
    ("spec", "complexity"),
    [
        ("resnext50_1x64d", 69_632),
        ("resnext50_2x40d", 69_760),
        ("resnext50_4x24d", 69_888),
        ("resnext50_8x14d", 71_456),
        ("resnext50_32x4d", 70_144),
    ],
)
def test_x10_the_width_of_a_path_keeps_the_complexity_of_a_block(spec: str, complexity: int) -> None:
    table = rows(spec)
    assert sum(table[f"layer1.1.conv{i}"]["params"] for i in (1, 2, 3)) == complexity
