"""Whatever a file holds, it becomes a network or a diagnostic about that file, never a traceback."""

from __future__ import annotations

import json
import random
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from archdsl.errors import SpecError
from archdsl.imported import from_file, networks_of
from archdsl.importing.spec import Imported
from tests.importing import nets, yolo
from tests.importing.caffe import conv, layer, pool, product

TOKEN = re.compile(r"\s+|\w+|[^\w\s]")
VALUES = (
    "0",
    "-1",
    "7",
    "99999999",
    "3.5",
    "1e3",
    "odd",
    "{",
    "}",
    "[",
    "]",
    ":",
    '"',
    "\0",
    "é",
    ",",
    "#",
    "=",
    "null",
)

CAFFE = (
    'name: "Tiny" input: "data" input_dim: 1 input_dim: 3 input_dim: 9 input_dim: 9\n'
    + conv("part/a", "data", 4, 3, "pad: 1 group: 1")
    + layer("BatchNorm", "bn", "part/a", "part/a")
    + layer("Scale", "scale", "part/a", "part/a", "scale_param { bias_term: true }")
    + pool("pool", "part/a", 3, 2, "AVE")
    + 'layer { name: "s" type: "Slice" bottom: "pool" top: "b" top: "c" slice_param { axis: 1 slice_point: 1 } }\n'
    + layer("Concat", "d", ["b", "c"])
    + layer("Eltwise", "e", ["d", "pool"], rest="eltwise_param { operation: SUM coeff: 1 coeff: -1 }")
    + layer("Dropout", "drop", "e", "e", "include { phase: TRAIN }")
    + product("fc", "e", 5)
    + layer("SoftmaxWithLoss", "loss", ["fc", "label"], rest="loss_weight: 0.5")
    + 'layer { name: "l" type: "Input" top: "label" input_param { shape { dim: 1 } } }\n'
)
DARKNET = (
    yolo.section("net", width=16, height=16, channels=3)
    + yolo.conv(8, 3, 2)
    + yolo.section("route", layers=-1, groups=2, group_id=1)
    + yolo.section("maxpool", size=2, stride=2)
    + yolo.section("upsample", stride=2)
    + yolo.section("route", layers="-1,-4")
    + yolo.section("avgpool")
    + yolo.section("connected", output=4, activation="relu")
    + yolo.section("softmax")
)
ULTRALYTICS = """nc: 4
scales: {n: [0.50, 0.25, 1024], l: [1.00, 1.00, 512]}
backbone:
  - [-1, 1, Conv, [64, 3, 2]]
  - [-1, 2, C3k2, [128, False, 0.25]]
  - [-1, 1, SPPF, [128, 5]]
head:
  - [-1, 1, nn.Upsample, [None, 2, "nearest"]]
  - [-1, 1, Conv, [64, 3, 2]]
  - [[-1, 1], 1, Concat, [1]]
  - [[5, 2], 1, Detect, [nc]]
"""
TEXTS = {"net.prototxt": CAFFE, "net.cfg": DARKNET, "net.yaml": ULTRALYTICS}
OWN = {"not-imported", "unreadable-file"}  # beside those of YAML, which stand in the file itself


def read(path: Path) -> set[str]:
    """The codes of what is wrong with a file. Raises whatever is no `SpecError`."""
    try:
        from_file(str(path))
    except SpecError as error:
        assert all(one.span is None or one.span.source.name == str(path) for one in error.diagnostics), str(error)
        return {one.code for one in error.diagnostics if one.span is None}
    return set()


def mutations(text: str, count: int, seed: int) -> Iterator[str]:
    """A text that ends somewhere, or has other words in some places."""
    chance = random.Random(seed)
    for _ in range(count):
        tokens = TOKEN.findall(text)
        if chance.random() < 0.25:
            yield "".join(tokens[: chance.randrange(len(tokens))])
            continue
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            tokens[chance.randrange(len(tokens))] = chance.choice((chance.choice(tokens), chance.choice(VALUES), ""))
        yield "".join(tokens)


@pytest.mark.parametrize(("count", "seed"), [(12, 0), pytest.param(1500, 1, marks=pytest.mark.heavy)])
@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_was_changed_is_read_or_refused(name: str, count: int, seed: int, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(TEXTS[name], encoding="utf-8")
    assert read(path) == set()
    for text in mutations(TEXTS[name], count, seed):
        path.write_text(text, encoding="utf-8")
        assert read(path) <= OWN


def places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Everything that is in something."""
    for key, value in list(document.items() if isinstance(document, dict) else enumerate(document)):
        yield document, key
        if isinstance(value, (dict, list)):
            yield from places(value)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "net.pt2"
    image = torch.randn(2, 3, 8, 8)
    torch.export.save(torch.export.export(nets.Unit(3, 4).eval(), (image,), strict=False), path)
    return path


@pytest.mark.parametrize(("count", "seed"), [(25, 0), pytest.param(1000, 1, marks=pytest.mark.heavy)])
def test_a_program_that_was_changed_is_read_or_refused(count: int, seed: int, program: Path, tmp_path: Path) -> None:
    chance = random.Random(seed)
    with zipfile.ZipFile(program) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    chosen = [name for name in files if name.endswith(".json")]
    path = tmp_path / "net.pt2"
    for _ in range(count):
        name = chance.choice(chosen)
        document = json.loads(files[name])
        where, key = chance.choice(list(places(document)) or [({}, "")])
        where[key] = chance.choice((None, 0, -1, "odd", [], {}, 1e9, True))
        with zipfile.ZipFile(path, "w") as archive:
            for other, data in files.items():
                archive.writestr(other, json.dumps(document).encode() if other == name else data)
        assert read(path) <= OWN
    data = program.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert read(path) == {"unreadable-file"}


@pytest.mark.parametrize(("count", "seed"), [(15, 0), pytest.param(1000, 1, marks=pytest.mark.heavy)])
def test_an_onnx_model_that_was_changed_is_read_or_refused(count: int, seed: int, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    chance = random.Random(seed)
    floats = onnx.TensorProto.FLOAT
    nodes = [
        onnx.helper.make_node("Conv", ["x", "w", "b"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        onnx.helper.make_node("Relu", ["c"], ["r"]),
        onnx.helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        onnx.helper.make_node("Add", ["p", "p"], ["s"]),
        onnx.helper.make_node("Flatten", ["s"], ["f"], axis=1),
        onnx.helper.make_node("Gemm", ["f", "v"], ["y"], transB=1),
    ]
    weights = [onnx.helper.make_tensor("w", floats, [2, 1, 3, 3], [0.0] * 18),
               onnx.helper.make_tensor("b", floats, [2], [0.0] * 2),
               onnx.helper.make_tensor("v", floats, [3, 8], [0.0] * 24)]  # fmt: skip
    ends = [
        onnx.helper.make_tensor_value_info(name, floats, shape)
        for name, shape in (("x", ["N", 1, 4, 4]), ("y", ["N", 3]))
    ]
    model = onnx.helper.make_model(onnx.helper.make_graph(nodes, "net", ends[:1], ends[1:], weights))
    data = model.SerializeToString()
    path = tmp_path / "net.onnx"
    path.write_bytes(data)
    assert read(path) == set()
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 3, 10))):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        path.write_bytes(bytes(changed[: chance.choice((len(changed), chance.randrange(len(changed))))]))
        assert read(path) <= OWN


def test_a_spec_that_nobody_has_written_is_not_shown_as_if_it_were() -> None:
    made = Imported("network Net(x: [N, 3]) {\n    x -> conv(3, 1)\n}\n", "Net")
    with pytest.raises(SpecError) as caught:
        networks_of(made, "net.onnx")
    (fault,) = caught.value.diagnostics
    assert (fault.code, fault.place, fault.span) == ("not-imported", "net.onnx", None)
    assert "the language does not say this: `conv` needs an input" in fault.message
    assert "in `x -> conv(3, 1)`" in fault.message
