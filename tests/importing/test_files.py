"""Files of other tools become specs whose figures are those that are published."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import archdsl
from archdsl.errors import SpecError
from archdsl.imported import ImportedNetwork, from_file, from_sources
from archdsl.importing import tables
from archdsl.importing.weights import RawTensor, safetensors
from tests.importing import caffe, nets, yolo

# Of the models themselves: https://github.com/BVLC/caffe/tree/master/models, https://docs.ultralytics.com. Those of
# Ultralytics count a table of 16 numbers, which is not trained, as parameters of a convolution.
TABLE = 16
PARAMETERS = {
    "yolov8.yaml": [3_157_200, 11_166_560, 25_902_640, 43_691_520, 68_229_648],
    "yolo11.yaml": [2_624_080, 9_458_752, 20_114_688, 25_372_160, 56_966_176],
}
TEXTS: dict[str, Callable[[], str]] = {
    "googlenet.prototxt": caffe.googlenet,
    "alexnet.prototxt": caffe.alexnet,
    "yolov3.cfg": yolo.v3,
    "yolov4-tiny.cfg": yolo.v4_tiny,
    "yolov8.yaml": lambda: yolo.V8,
    "yolo11.yaml": lambda: yolo.V11,
}


ODD = """
input: "data"
input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8
layer { name: "a" type: "Odd" bottom: "data" top: "a" }
"""


def imported(name: str, folder: Path) -> list[ImportedNetwork]:
    path = folder / name
    path.write_text(TEXTS[name](), encoding="utf-8")
    return from_file(str(path))


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [
        ("googlenet.prototxt", 6_998_552, 1_582_671_872),
        ("alexnet.prototxt", 60_965_224, 724_406_816),
        ("yolov3.cfg", 61_949_149, None),  # of the 62,001,757 numbers in yolov3.weights 52,608 are running statistics
        ("yolov4-tiny.cfg", 6_056_606, None),
    ],
)
def test_figures_are_those_published(name: str, parameters: int, macs: int | None, tmp_path: Path) -> None:
    report = imported(name, tmp_path)[0].report()
    assert report.params == parameters
    assert macs is None or report.macs == macs


@pytest.mark.parametrize("name", PARAMETERS)
def test_scales_are_variants_with_the_figures_published(name: str, tmp_path: Path) -> None:
    networks = imported(name, tmp_path)
    assert [network.report().params + TABLE for network in networks] == PARAMETERS[name]


def test_modules_before_a_slash_are_blocks(tmp_path: Path) -> None:
    text = imported("googlenet.prototxt", tmp_path)[0].text
    assert "inception_3a: inception(64, 96, 128, 16, 32, 32)" in text
    assert text.count("block inception(") == 1
    assert "max_pool(3, 2, ceil_mode = true)" in text


def test_layers_that_are_tested_with_or_lose_are_no_part_of_a_network(tmp_path: Path) -> None:
    text = imported("alexnet.prototxt", tmp_path)[0].text
    assert "accuracy" not in text
    assert text.rstrip().endswith("-> fc8: linear(1000)\n}")


def test_chains_without_names_are_found(tmp_path: Path) -> None:
    text = imported("yolov4-tiny.cfg", tmp_path)[0].text
    assert "block conv_norm_leaky_relu(" in text
    assert "output output1 =" in text
    assert "output output2 =" in text


def test_a_program_of_torch_export_is_read_without_torch(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nets.Stages().eval()
    image = torch.randn(2, 3, 16, 16)
    batch = torch.export.Dim("N", min=2)
    path = tmp_path / "stages.pt2"
    torch.export.save(torch.export.export(model, (image,), dynamic_shapes=({0: batch},), strict=False), path)
    (network,) = from_file(str(path))
    assert "4 * out_channels" in network.text or "4 * width" in network.text
    weights = tmp_path / "stages.safetensors"
    weights.write_bytes(safetensors(network.weights))
    compiled = network.compile(weights=weights).eval()
    assert set(compiled.state_dict()) == set(model.state_dict())
    assert torch.equal(compiled(image), model(image))


def test_an_onnx_file_without_names_of_modules_is_mined(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    model = nets.Stages((3, 3)).eval()
    image = torch.randn(2, 3, 16, 16)
    path = tmp_path / "stages.onnx"
    shapes = ({0: torch.export.Dim("N", min=2)},)
    torch.onnx.export(model, (image,), path, dynamic_shapes=shapes, dynamo=True, verbose=False, external_data=False)
    (network,) = from_file(str(path))
    assert "block residual(" in network.text
    weights = tmp_path / "stages.safetensors"
    weights.write_bytes(safetensors(network.weights))
    compiled = network.compile(weights=weights).eval()
    torch.testing.assert_close(compiled(image), model(image), rtol=1e-5, atol=1e-5)


def test_several_models_are_variants_of_one_network() -> None:
    sources = [f"tests.importing.nets:Stages(depths={depths})" for depths in ((1, 2), (3, 4))]
    networks = from_sources(sources, {"image": (2, 3, 16, 16)})
    assert all(network.proof is not None and network.proof.equal for network in networks)
    text = networks[0].text
    assert text.count("network ") == 1
    assert "depths = [1, 2]" in text
    assert "(depths = [3, 4])" in text


def test_recovered_settings_build_what_nobody_gave(tmp_path: Path) -> None:
    sources = [f"tests.importing.nets:Stages(depths={depths})" for depths in ((1, 2), (3, 4))]
    path = tmp_path / "stages.arch"
    path.write_text(from_sources(sources, {"image": (2, 3, 16, 16)})[0].text, encoding="utf-8")
    model = nets.Stages((2, 2)).eval()
    compiled = archdsl.load(f"{path}:Stages", depths=[2, 2]).compile().eval()
    compiled.load_state_dict(model.state_dict())
    image = torch.randn(2, 3, 16, 16)
    assert torch.equal(compiled(image), model(image))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("net.prototxt", 'layer { name: "a" type: "Convolution" ', "`}` is missing"),
        ("net.prototxt", "layer ! {", "net.prototxt:1: not the text form"),
        ("net.prototxt", ODD, "1 × Caffe's Odd, first in `a`"),
        ("net.cfg", "[net]\nwidth=8\nheight\n", "net.cfg:3: `height` is neither"),
        ("net.cfg", "[net]\n[odd]\n", "1 × darknet's [odd]"),
        ("net.cfg", "[net]\n[route]\nlayers=-3\n", "net.cfg:2: in [route]"),
        ("net.cfg", "[convolutional]\n", "begins with [net]"),
        ("net.yaml", "archdsl: 1\n", "no model of Ultralytics"),
        ("net.yaml", "# nothing\n", "no model of Ultralytics"),
        ("net.yaml", "backbone: [[-1, 1, Odd, [3]]]\nhead: []\n", "1 × Ultralytics' Odd"),
        ("net.pt2", "no archive", "is no program of torch.export"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said(name: str, text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=re.escape(message)):
        from_file(str(path))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot read"):
        from_file(str(tmp_path / "nothing.cfg"))


def test_raw_tensors_are_read_by_their_strides() -> None:
    data = struct.pack("<6f", 0, 1, 2, 3, 4, 5)
    assert RawTensor("float32", (2, 3), data, (3, 1)).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert RawTensor("float32", (3, 2), data, (1, 3)).tolist() == [[0, 3], [1, 4], [2, 5]]
    assert RawTensor("float32", (2,), data, (1,), 4).tolist() == [4, 5]


def test_the_command_reads_a_file_and_writes_yaml(tmp_path: Path, command_line: Any) -> None:
    path = tmp_path / "tiny.cfg"
    path.write_text(yolo.v4_tiny(), encoding="utf-8")
    said = command_line("import", str(path), "-o", str(tmp_path / "tiny.yaml"))
    assert said.status == 0, said.err
    assert archdsl.load(tmp_path / "tiny.yaml").report().params == 6_056_606


def test_the_mask_of_shifted_windows_is_said_as_what_it_is() -> None:
    numbers = tables._mask(2, 3, 1, -100.0)
    made = tables.shifted_windows(numbers, [1, 4, 1, 9, 9])
    assert made is not None
    assert made.operator == "reshape"
    assert tables.shifted_windows([*numbers[:-1], -1.0], [4, 9, 9]) is None


def test_positions_in_a_window_relative_to_each_other_are_said_as_what_they_are() -> None:
    index = [(i // 2 - j // 2 + 1) * 3 + i % 2 - j % 2 + 1 for i in range(4) for j in range(4)]
    assert tables.relative_positions(index, [4, 4]) is not None
    assert tables.relative_positions(index[::-1], [4, 4]) is None


def test_a_list_of_which_one_item_differs_says_all_that_it_counts(tmp_path: Path) -> None:
    sources = [f"tests.importing.nets:Stages(depths={depths})" for depths in ((3, 2), (3, 4))]
    text = from_sources(sources, {"image": (2, 3, 16, 16)})[0].text
    assert "depths = [3, 2]" in text
    assert "repeat depths[0] - 1" in text
    assert "repeat depths[1] - 1" in text


def test_a_list_of_which_an_item_is_not_found_is_none() -> None:
    sources = [f"tests.importing.nets:Stages(depths={depths})" for depths in ((1, 2), (1, 4))]
    text = from_sources(sources, {"image": (2, 3, 16, 16)})[0].text
    assert "depths_1 = 2" in text
    assert "depths = " not in text
