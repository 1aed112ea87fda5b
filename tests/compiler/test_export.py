"""Exported networks: the same results, with the sizes open that the spec leaves open, and the spec inside."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch
from safetensors import safe_open

import archdsl
from archdsl.dims import value
from archdsl.embedded import embedded
from archdsl.errors import SpecError
from archdsl.graph import header, layer
from archdsl.network import Network, load_at
from tests.conftest import Said

SUFFIXES = ("safetensors", "pt2", "onnx", "")
SPEC = """
import "blocks/head.arch" (head)

network Net(image: [N, 3, 8*H, W], classes = 5, start = normal(0.01)) {
    stem = image -> conv1: conv(4, 3, padding = 1) -> bn1: batch_norm -> relu
    output logits = stem -> max_pool(2) -> conv2: conv(6, 3) -> head(classes)
    output aux = stem -> aux: head(classes) @train
    loss cross_entropy(logits) + 0.3 * cross_entropy(aux)
}
"""
HEAD = "block head(x, classes) { x -> global_avg_pool -> flatten -> fc: linear(classes) }\n"
SMALL = {"alexnet", "googlenet", "lenet5", "siamese", "cifar_resnet20", "vit_tiny_16"}


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    (tmp_path / "blocks").mkdir()
    (tmp_path / "blocks" / "head.arch").write_text(HEAD, encoding="utf-8")
    (tmp_path / "net.arch").write_text(SPEC, encoding="utf-8")
    return tmp_path / "net.arch"


@pytest.fixture
def net(spec: Path) -> Network:
    torch.manual_seed(0)
    return archdsl.load(spec, classes=7)


def inputs(net: Network, sizes: Mapping[str, int]) -> list[torch.Tensor]:
    shapes = [layer(net.graph, name)["outputs"][0] for name in header(net.graph)["inputs"]]
    return [torch.randn([value(size, sizes) for size in shape]) for shape in shapes]


def outputs(result: torch.Tensor | tuple[torch.Tensor, ...]) -> Sequence[torch.Tensor]:
    return (result,) if isinstance(result, torch.Tensor) else result


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_network_is_read_back_from_what_carries_it(net: Network, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out.{suffix}" if suffix else tmp_path / "folder"
    net.export(path)
    for file in (tmp_path / "net.arch", tmp_path / "blocks" / "head.arch"):
        file.unlink()
    again = archdsl.load(path)
    assert again.report().hash == net.report().hash == embedded(str(path)).hash
    assert again.report().to_dict() == net.report().to_dict()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_place_of_this_machine_is_in_a_file(net: Network, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out.{suffix}" if suffix else tmp_path / "folder"
    net.export(path)
    places = [str(tmp_path), os.path.dirname(torch.__file__), str(Path(archdsl.__file__).parent.parent)]
    for file in path.iterdir() if path.is_dir() else [path]:
        written = file.read_bytes()
        if suffix == "pt2":
            with zipfile.ZipFile(path) as archive:
                written = b"".join(archive.read(name) for name in archive.namelist())
        assert not [place for place in places if place.encode() in written]


@pytest.mark.parametrize(
    "sizes", [{"N": 1, "H": 2, "W": 20}, {"N": 5, "H": 3, "W": 9}, {"N": 2, "H": 8, "W": 31}], ids=str
)
def test_exported_programs_compute_what_the_module_does_at_other_sizes(
    net: Network, tmp_path: Path, sizes: Mapping[str, int]
) -> None:
    model = net.compile()
    for name in ("out.pt2", "out.onnx"):
        net.export(tmp_path / name, model)
    assert model.training  # as it was
    model.eval()
    (image,) = inputs(net, sizes)
    with torch.inference_mode():
        expected = model(image)
        assert torch.equal(torch.export.load(tmp_path / "out.pt2").module()(image), expected)
    session = onnxruntime.InferenceSession(tmp_path / "out.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(["logits"], {"image": image.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("variant", sorted(SMALL))
def test_networks_that_ship_are_exported_with_an_open_batch(variant: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = archdsl.load(variant)
    model = net.compile()
    net.export(tmp_path / "out.pt2", model)
    program = torch.export.load(tmp_path / "out.pt2").module()
    model.eval()
    for batch in (1, 3):
        given = inputs(net, {"N": batch})
        with torch.inference_mode():
            for found, expected in zip(outputs(program(*given)), outputs(model(*given)), strict=True):
                assert torch.equal(found, expected)


def test_the_form_of_training_has_the_heads_that_only_train(net: Network, tmp_path: Path) -> None:
    model = net.compile()
    net.export(tmp_path / "out.pt2", model, phase="training")
    program = torch.export.load(tmp_path / "out.pt2").module()
    (image,) = inputs(net, {"N": 4, "H": 2, "W": 16})
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for found, expected in zip(program(image), model.train()(image), strict=True):
        assert torch.equal(found, expected)
    running = dict(program.named_buffers())["bn1.running_mean"]
    assert torch.equal(running, model.get_buffer("bn1.running_mean"))
    assert not torch.equal(running, state["bn1.running_mean"])


def test_onnx_has_the_names_of_the_spec(net: Network, tmp_path: Path) -> None:
    net.export(tmp_path / "out.onnx")
    model = onnx.load(tmp_path / "out.onnx")
    onnx.checker.check_model(model, full_check=True)
    (image,), (logits,) = model.graph.input, model.graph.output
    sizes = [dim.dim_param or dim.dim_value for dim in image.type.tensor_type.shape.dim]
    assert (image.name, logits.name, sizes) == ("image", "logits", ["N", 3, "8*H", "W"])
    weights = {tensor.name for tensor in model.graph.initializer}
    assert {"conv1.weight", "conv1.bias", "conv2.weight", "head.fc.weight", "head.fc.bias"} <= weights
    assert not [node for node in model.graph.node if node.metadata_props or node.doc_string]


def test_a_size_that_needs_multiples_is_open_in_multiples(tmp_path: Path) -> None:
    (tmp_path / "net.arch").write_text(
        "network Net(x: [N, 2, H, H]) { y = x -> conv(2, 3, padding = 1)\n"
        " y + (y -> max_pool(4) -> interpolate(scale_factor = 4)) }"
    )
    net = archdsl.load(tmp_path / "net.arch")
    assert "H % 4 == 0" in str(net.report())
    model = net.compile()
    net.export(tmp_path / "out.pt2", model)
    net.export(tmp_path / "out.onnx", model)
    program, session = (
        torch.export.load(tmp_path / "out.pt2").module(),
        onnxruntime.InferenceSession(tmp_path / "out.onnx"),
    )
    for size in (8, 20, 64):
        (given,) = inputs(net, {"N": 2, "H": size})
        assert torch.equal(program(given), model.eval()(given))
        (found,) = session.run(None, {"x": given.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), model(given))
    assert session.get_inputs()[0].shape == ["N", 2, "H", "H"]


def test_settings_and_sizes_that_were_chosen_are_carried(spec: Path, tmp_path: Path) -> None:
    net = load_at(str(spec), {"classes": 9}, {"image": (4, 3, 16, 20)})
    net.export(tmp_path / "out.safetensors")
    again = archdsl.load(tmp_path / "out.safetensors")
    assert header(again.graph)["settings"] == header(net.graph)["settings"]
    assert layer(again.graph, "image")["outputs"] == ((4, 3, 16, 20),)
    assert archdsl.load(tmp_path / "out.safetensors", classes=3).report().params < net.report().params


def test_a_folder_is_a_model_without_a_network(net: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model = net.compile()
    net.export(tmp_path / "folder", model)
    net.export(tmp_path / "folder", model)  # replaced, since it is one
    again = archdsl.from_pretrained(tmp_path / "folder")
    (image,) = inputs(net, {"N": 2, "H": 2, "W": 16})
    assert not again.training
    assert torch.equal(again(image), model.eval()(image))
    assert sorted(os.listdir(tmp_path / "folder")) == ["README.md", "config.json", "model.safetensors"]
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fodler", "there is no folder `fodler`; no model of this name was fetched before.* did you mean `folder`"),
        ("user/model", "there is no folder `user/model`; no model of this name was fetched before"),
        ("./nowhere/at/all", "there is no folder `nowhere/at/all`; that is no name on the Hub.*archdsl compile SPEC"),
        ("no name?", "that is no name on the Hub either"),
        ("net.arch", "`net.arch` is a file, and a model is a folder"),
        ("blocks", "`blocks` has no config.json with a spec"),
        ("bare", "cannot read `bare/model.safetensors`: no such file"),
    ],
)
def test_a_model_that_is_not_there_is_a_fault_with_a_way_out(
    net: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    net.export("folder")
    Path("bare").mkdir()
    Path("bare/config.json").write_bytes(Path("folder/config.json").read_bytes())
    with pytest.raises(SpecError) as caught:
        archdsl.from_pretrained(name, local_files_only=True)
    assert re.search(said, str(caught.value), re.DOTALL)


def test_a_model_of_the_hub_names_the_extra_that_fetches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"`user/model` is no folder here.*pip install 'archdsl\[hub\]'"):
        archdsl.from_pretrained("user/model")


def test_a_folder_with_other_files_is_left_alone(net: Network, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="other files"):
        net.export(tmp_path / "blocks")
    assert os.listdir(tmp_path / "blocks") == ["head.arch"]


@pytest.mark.parametrize("what", ["a folder with other files", "a file"])
def test_a_place_that_is_taken_is_told_before_the_work(
    command_line: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(Network, "compile", lambda *_, **__: pytest.fail("compiled"))
    if what == "a file":
        (tmp_path / "taken").write_text("mine")
    else:
        (tmp_path / "taken").mkdir()
        (tmp_path / "taken" / "mine.txt").write_text("mine")
    said = command_line("compile", "lenet5", "-o", "taken", cwd=tmp_path)
    assert said.status != 0
    assert ("it is a file" if what == "a file" else "other files") in said.err
    assert "nothing was changed" in said.err


def test_commands_read_exported_networks(command_line: Callable[..., Said], tmp_path: Path) -> None:
    said = command_line("compile", "lenet5", "-o", "out.onnx", cwd=tmp_path)
    assert said.status == 0
    assert command_line("report", "out.onnx").out == command_line("report", "lenet5").out
    assert command_line("draw", "out.onnx", "-o", "out.svg").status == 0
    assert "are the same" in command_line("diff", "out.onnx", "lenet5").out


def test_a_carried_network_is_placed_with_the_settings_that_it_carries(
    command_line: Callable[..., Said], tmp_path: Path
) -> None:
    archdsl.load("cifar_resnet20", n=4).export(tmp_path / "out.safetensors")
    options = ("--devices", "2", "--profile", "a100", "--link", "25GB/s", "-o", "marked.arch")
    said = command_line("place", "out.safetensors", *options, cwd=tmp_path)
    assert (said.status, (tmp_path / "marked.arch").exists()) == (0, True)


def test_a_size_that_is_one_whatever_the_input_is_a_fault_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "net.arch").write_text("network Net(x: [N, 3, H, 8]) { x -> conv(2, [1, 1], stride = [5000, 1]) }")
    with pytest.raises(SpecError) as caught:
        archdsl.load(tmp_path / "net.arch").export(tmp_path / "out.pt2")
    assert [found.code for found in caught.value.diagnostics] == ["not-exportable"]


def broken(path: Path, suffix: str) -> None:
    """A file that says more than it holds."""
    {
        "safetensors": lambda: path.write_bytes((2**40).to_bytes(8, "little") + b"{}"),
        "onnx": lambda: path.write_bytes(b"\x72\xff\xff\xff\xff\x0f"),
        "pt2": lambda: path.write_bytes(b"PK\x03\x04" + bytes(40)),
    }[suffix]()


@pytest.mark.parametrize("suffix", ["safetensors", "onnx", "pt2"])
@pytest.mark.parametrize("kind", ["empty", "broken", "random"])
def test_damaged_files_are_refused(tmp_path: Path, suffix: str, kind: str) -> None:
    path = tmp_path / f"bad.{suffix}"
    path.write_bytes(bytes(range(256)) if kind == "random" else b"")
    if kind == "broken":
        broken(path, suffix)
    with pytest.raises(SpecError) as caught:
        archdsl.load(path)
    assert caught.value.diagnostics[0].code in ("unreadable-file", "no-spec-inside")


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"archdsl": 99},
        {"files": {"a.arch": 3}},
        {"settings": {"classes": 3}},
        {"inputs": {"image": [1, -3]}},
        {"inputs": {"image": "x"}},
        {"files": {}},
        {"files": {"a.arch": "network Net(x: [N, 4]) { x -> linear(2) } # \ud800"}},
        {"files": {"a.arch": 'use operators "ops.py"', "ops.py": "open('attacked', 'w')"}},
        {"files": {"a.arch": 'import "ops.py" (b)\n', "ops.py": "open('attacked', 'w')"}},
        {"files": {"a.arch": 'import "/etc/passwd" (b)\n'}},
        {"network": "../../etc/passwd"},
        {"files": {"../../secret.arch": 'import "../x.arch" (b)\n'}},
        {"settings": {"classes": "__import__('os')"}},
    ],
    ids=str,
)
def test_a_folder_that_says_something_else_is_refused(net: Network, tmp_path: Path, document: object) -> None:
    net.export(tmp_path / "folder")
    config = json.loads((tmp_path / "folder" / "config.json").read_text())
    config["archdsl"] = {**config["archdsl"], **document} if document and isinstance(document, dict) else document
    (tmp_path / "folder" / "config.json").write_text(json.dumps(config))
    with pytest.raises(SpecError):
        archdsl.load(tmp_path / "folder")


def test_a_file_of_weights_alone_says_that_it_carries_no_spec(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    with pytest.raises(SpecError) as caught:
        archdsl.load(tmp_path / "a.safetensors")
    assert [found.code for found in caught.value.diagnostics] == ["no-spec-inside"]


def test_weights_alone_say_the_hash(net: Network, tmp_path: Path) -> None:
    net.export(tmp_path / "out.safetensors")
    with safe_open(tmp_path / "out.safetensors", "pt") as file:
        assert file.metadata()["architecture"] == net.report().hash


@pytest.mark.parametrize("suffix", ["safetensors", "onnx", "pt2", ""])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_has_no_end_is_not_read(tmp_path: Path, suffix: str, kind: str) -> None:
    path = tmp_path / f"net.{suffix}" if suffix else tmp_path / "config.json"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(SpecError):
        archdsl.load(path if suffix else tmp_path)


@pytest.mark.parametrize(
    "written",
    [b"\x0a\x00" * 200_000, b"\x08\x07" + bytes(1_000_000), b"\x0b" * 50, b"\x72" + b"\xff" * 9 + b"\x01"],
    ids=["many fields", "zeros", "groups", "a length below 0"],
)
def test_an_onnx_file_that_would_take_long_is_refused(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "net.onnx").write_bytes(written)
    with pytest.raises(SpecError) as caught:
        archdsl.load(tmp_path / "net.onnx")
    assert caught.value.diagnostics[0].code == "unreadable-file"


@pytest.mark.parametrize(
    "header", [b'{"__metadata__": [1]}', b"[1]", b"[" * 100_000, b'{"__metadata__": {"archdsl": 5}}']
)
def test_a_header_of_safetensors_that_holds_something_else_is_refused(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "net.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(SpecError) as caught:
        archdsl.load(tmp_path / "net.safetensors")
    assert caught.value.diagnostics[0].code == "unreadable-file"


def test_an_archive_that_unpacks_to_much_more_is_read_up_to_the_limit(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "net.pt2", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/extra/archdsl.json", b" " * 50_000_000)
    with pytest.raises(SpecError):
        archdsl.load(tmp_path / "net.pt2")


@pytest.mark.parametrize("suffix", ["safetensors", "pt2"])
def test_a_damaged_file_is_a_fault_wherever_it_is_damaged(net: Network, tmp_path: Path, suffix: str) -> None:
    net.export(tmp_path / f"net.{suffix}")
    whole = (tmp_path / f"net.{suffix}").read_bytes()
    for place in range(0, len(whole), len(whole) // 40):
        flipped = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
        for damaged in (whole[:place], flipped):
            (tmp_path / f"bad.{suffix}").write_bytes(damaged)
            with contextlib.suppress(SpecError):  # or the damage is in the weights, which are not read
                archdsl.load(tmp_path / f"bad.{suffix}")
