"""Weights from files: matched by name and shape, never guessed, and nothing in a file is run."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import archdsl
from archdsl.errors import SpecError
from archdsl.network import Network
from compiler import Matching, load_weights, weights
from compiler.renaming import renamed
from tests.conftest import Said

SPEC = """
network Net(image: [N, 3, 8, 8], classes = 5) {
    stem = image -> conv1: conv(4, 3) -> bn1: batch_norm -> relu -> global_avg_pool -> flatten
    output logits = stem -> fc: linear(classes)
    output aux = stem -> aux: linear(classes) @train
}
"""
Tensors = dict[str, torch.Tensor]


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Network:
    monkeypatch.chdir(tmp_path)
    Path("net.arch").write_text(SPEC, encoding="utf-8")
    return archdsl.load("net.arch")


@pytest.fixture
def state(net: Network) -> Tensors:
    torch.manual_seed(3)
    return net.compile().state_dict()


def only(caught: pytest.ExceptionInfo[SpecError]) -> str:
    (fault,) = caught.value.diagnostics
    return f"{fault.code}: {fault.message}; {fault.help}"


def same(net: Network, state: Tensors, **options: Any) -> bool:
    found = net.compile(**options).state_dict()
    return all(torch.equal(found[name], state[name]) for name in state)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
@pytest.mark.parametrize("within", ["", "state_dict", "model"])
def test_weights_are_read_from_files_of_either_kind(net: Network, state: Tensors, name: str, within: str) -> None:
    if name.endswith(".pt"):
        torch.save({within: state, "epoch": 3} if within else state, name)
    else:
        save_file(state, name)
    assert same(net, state, weights=name)


def test_weights_may_be_tensors_by_name(net: Network, state: Tensors) -> None:
    assert same(net, state, weights=state)


@pytest.mark.parametrize("front", ["module.", "_orig_mod."])
def test_what_wrappers_put_before_all_names_is_understood(net: Network, state: Tensors, front: str) -> None:
    assert same(net, state, weights={front + name: tensor for name, tensor in state.items()})


def test_heads_that_only_train_and_counters_may_be_missing(net: Network, state: Tensors) -> None:
    kept = {n: t for n, t in state.items() if not n.startswith("aux.") and not n.endswith("num_batches_tracked")}
    found = net.compile(weights=kept).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in kept.items())


def test_what_is_missing_left_over_and_of_another_shape_is_listed(net: Network, state: Tensors) -> None:
    state["conv1.wieght"] = state.pop("conv1.weight")
    state["fc.bias"] = torch.zeros(9)
    with pytest.raises(SpecError) as caught:
        net.compile(weights=state)
    said = only(caught)
    assert "missing 1 tensor: `conv1.weight`" in said
    assert "left over 1 tensor: `conv1.wieght`" in said
    assert "of another shape 1 tensor: `fc.bias`" in said
    assert "`conv1.wieght` may be `conv1.weight`" in said
    assert "`fc.bias` is [5], found [9]" in said


def test_nothing_is_loaded_where_anything_is_wrong(net: Network, state: Tensors) -> None:
    from compiler import Matching, load_weights

    model = net.compile()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    del state["fc.weight"]
    with pytest.raises(SpecError):
        load_weights(model, net.graph, state, Matching())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_names_are_renamed_one_by_one_and_by_pattern(net: Network, state: Tensors) -> None:
    renamed = {f"backbone.{n}" if not n.startswith("fc.") else f"head.{n[3:]}": t for n, t in state.items()}
    assert same(
        net, state, weights=renamed, rename={"backbone.*": "*", "head.weight": "fc.weight", "head.bias": "fc.bias"}
    )


@pytest.mark.parametrize(
    ("table", "name", "expected"),
    [
        ({"a.*": "b.*"}, "a.b.weight", "b.b.weight"),
        ({"stages.*.blocks.*.fc.*": "f.*.*.mlp.*"}, "stages.0.blocks.1.fc.bias", "f.0.1.mlp.bias"),
        ({"*.*": "*"}, "a.b.c", "a"),  # of several stars the first stand for little
        ({"a.*": "first", "a.b.*": "second"}, "a.b.c", "first"),
        ({"a.b": "exact", "a.*": "pattern"}, "a.b", "exact"),
        ({"a.*.c": "x"}, "a.b.d", "a.b.d"),
        ({"a+.*": "x.*"}, "aa.b", "aa.b"),  # only stars are patterns
    ],
)
def test_a_pattern_with_stars_puts_into_the_new_name_what_they_stand_for(
    table: dict[str, str], name: str, expected: str
) -> None:
    assert renamed(name, [table]) == expected


def test_tables_are_applied_one_after_the_other() -> None:
    assert renamed("blocks.0.fc1.bias", [{"blocks.*": "layers.*"}, {"layers.*.fc1.*": "layers.*.mlp.0.*"}]) == (
        "layers.0.mlp.0.bias"
    )


@pytest.fixture
def vgg() -> tuple[Network, Tensors]:
    """A VGG, and its weights under the names and in the shapes of timm, without values."""
    network = archdsl.load("vgg11", classes=3)
    state = {name: t.to("meta") for name, t in network.compile("meta").state_dict().items()}
    front = {"classifier.0": "pre_logits.fc1", "classifier.3": "pre_logits.fc2", "classifier.6": "head.fc"}
    theirs = {}
    for name, tensor in state.items():
        layer, _, kind = name.rpartition(".")
        shape = {"classifier.0.weight": (4096, 512, 7, 7), "classifier.3.weight": (4096, 4096, 1, 1)}.get(name)
        theirs[f"{front.get(layer, layer)}.{kind}"] = tensor.reshape(shape or tensor.shape)
    return network, theirs


def test_the_names_of_a_library_are_understood_on_request(vgg: tuple[Network, Tensors]) -> None:
    network, theirs = vgg
    loaded = load_weights(network.compile("meta"), network.graph, theirs, Matching(rename="timm"))
    assert {one.source for one in loaded} == set(theirs)
    with pytest.raises(SpecError) as caught:
        load_weights(network.compile("meta"), network.graph, theirs, Matching())
    assert "the names are those of timm: --rename timm" in only(caught)
    with pytest.raises(SpecError) as caught:
        load_weights(network.compile("meta"), network.graph, theirs, Matching(rename="tim"))
    assert "bad-rename: no names of a library `tim` are known; there is timm" in only(caught)


def test_what_a_library_holds_in_another_shape_has_as_many_numbers(vgg: tuple[Network, Tensors]) -> None:
    network, theirs = vgg
    theirs["pre_logits.fc1.weight"] = torch.empty(4096, 512, 7, 8, device="meta")
    with pytest.raises(SpecError) as caught:
        load_weights(network.compile("meta"), network.graph, theirs, Matching(rename="timm"))
    assert "`classifier.0.weight` is [4096, 25088], found [4096, 512, 7, 8]" in only(caught)


def test_two_tensors_cannot_get_one_name(net: Network, state: Tensors) -> None:
    with pytest.raises(SpecError) as caught:
        net.compile(weights=state, rename={"fc.weight": "aux.weight"})
    assert "would both be `aux.weight`" in only(caught)


def test_a_classifier_of_another_size_stays_as_drawn(net: Network, state: Tensors) -> None:
    other = archdsl.load("net.arch", classes=2)
    with pytest.raises(SpecError) as caught:
        other.compile(weights=state)
    assert '--fresh "fc.*"' in only(caught)
    found = other.compile(weights=state, fresh=["fc.*", "aux.*"]).state_dict()
    assert torch.equal(found["conv1.weight"], state["conv1.weight"])
    assert found["fc.weight"].shape == (2, 4)


def test_what_the_network_has_not_is_dropped_on_request(net: Network, state: Tensors) -> None:
    assert same(net, state, weights={**state, "extra.weight": torch.zeros(2)}, drop=["extra.*"])


@pytest.mark.parametrize("option", ["fresh", "drop"])
def test_a_pattern_that_fits_nothing_is_refused(net: Network, state: Tensors, option: str) -> None:
    with pytest.raises(SpecError) as caught:
        net.compile(weights=state, **{option: ["fcc.*"]})  # type: ignore[call-overload]
    assert "`fcc.*` fits no tensor" in only(caught)


class Attack:
    """What runs where it is unpickled."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("attacked",)


@pytest.mark.parametrize("where", ["whole", "inside", "torch"])
def test_a_pickle_that_runs_code_is_refused_and_runs_nothing(net: Network, state: Tensors, where: str) -> None:
    attack: Any = Attack() if where == "whole" else {**state, "evil": Attack()}
    if where == "torch":
        torch.save(attack, "w.pt")
    else:
        Path("w.pt").write_bytes(pickle.dumps(attack))
    with pytest.raises(SpecError) as caught:
        net.compile(weights="w.pt")
    assert "unreadable-weights" in only(caught)
    assert not Path("attacked").exists()


def test_an_archive_that_unpacks_to_much_more_is_refused_before_it_is_unpacked(net: Network, state: Tensors) -> None:
    torch.save({**state, "fc.weight": torch.zeros(1000, 1000)}, "plain.pt")
    with zipfile.ZipFile("plain.pt") as plain, zipfile.ZipFile("w.pt", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    with pytest.raises(SpecError) as caught:
        net.compile(weights="w.pt")
    assert "more than it is: torch compresses no weights" in only(caught)


F4 = {"dtype": "F32", "shape": [4]}


@pytest.mark.parametrize(
    "header",
    [
        {"a": F4 | {"data_offsets": [0, 16]}, "b": F4 | {"data_offsets": [8, 24]}},
        {"a": F4 | {"data_offsets": [0, 16]}, "b": F4 | {"data_offsets": [20, 36]}},
        {"a": F4 | {"data_offsets": [0, 2**40]}},
        {"a": {"dtype": "F32", "shape": [2**62, 8], "data_offsets": [0, 32]}},
        {"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}},
        {"a": {"dtype": "PICKLE", "shape": [4], "data_offsets": [0, 16]}},
    ],
    ids=["overlap", "hole", "beyond the end", "product too large", "negative", "no such type"],
)
def test_a_header_of_safetensors_that_lies_is_refused(net: Network, header: dict[str, Any]) -> None:
    text = json.dumps(header).encode()
    Path("w.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(36))
    with pytest.raises(SpecError) as caught:
        net.compile(weights="w.safetensors")
    assert "unreadable-weights" in only(caught)


def test_very_many_names_are_refused_without_comparing_them_all(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def close(name: str, names: list[str], *_: object) -> list[str]:
        compared.append(len(names))
        return []

    monkeypatch.setattr(weights, "get_close_matches", close)
    with pytest.raises(SpecError):
        net.compile(weights={f"n{i}": torch.zeros(0) for i in range(weights.COMPARED + 100)})
    assert set(compared) == {weights.COMPARED}


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt", "w.bin"])
@pytest.mark.parametrize("data", [b"", b"\x00" * 64, b"PK\x03\x04", (2**62).to_bytes(8, "little") + b"{}", None])
def test_files_of_something_else_are_refused(net: Network, name: str, data: bytes | None) -> None:
    if data is not None:
        Path(name).write_bytes(data)
    with pytest.raises(SpecError) as caught:
        net.compile(weights=name)
    assert "unreadable-weights" in only(caught)


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', "[" * 100_000, None])
def test_a_table_of_names_that_is_none_is_refused(
    net: Network, state: Tensors, command_line: Callable[..., Said], text: str | None
) -> None:
    save_file(state, "w.safetensors")
    if text is not None:
        Path("map.json").write_text(text)
    said = command_line("compile", "net.arch", "--weights", "w.safetensors", "--rename", "map.json")
    assert said.status == 2
    assert "bad-rename" in said.err


def test_the_command_says_what_came_from_the_file(
    net: Network, state: Tensors, command_line: Callable[..., Said]
) -> None:
    del state["aux.weight"], state["aux.bias"]
    save_file({f"net.{name}": tensor for name, tensor in state.items()}, "w.safetensors")
    Path("map.json").write_text(json.dumps({"net.*": "*"}))
    options = ("--weights", "w.safetensors", "--rename", "map.json", "--fresh", "fc.*", "-o", "out.safetensors")
    said = command_line("compile", "net.arch", *options)
    assert said.status == 0
    assert "7 of 11 tensors from w.safetensors" in said.err
    assert "fc.weight [5, 4]: as drawn" in said.err
    assert "aux.bias [5]: not in the file" in said.err
    assert torch.equal(
        archdsl.load("out.safetensors").compile(weights="out.safetensors").get_parameter("conv1.weight"),
        state["conv1.weight"],
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.to_sparse(), "found sparse float32"),
        (lambda t: t.to(torch.complex64), "found complex64"),
        (lambda t: t.to(torch.int64), "found int64"),
        (lambda t: t > 0, "found bool"),
        (lambda t: t.to("meta"), "found no values (float32)"),
    ],
    ids=["sparse", "complex", "integers", "truth values", "no values"],
)
def test_tensors_of_another_kind_are_refused(
    net: Network, state: Tensors, change: Callable[[torch.Tensor], torch.Tensor], said: str
) -> None:
    with pytest.raises(SpecError) as caught:
        net.compile(weights={**state, "fc.weight": change(state["fc.weight"])})
    assert "of another kind 1 tensor: `fc.weight`" in only(caught)
    assert said in only(caught)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn], ids=str)
def test_other_precisions_are_converted(net: Network, state: Tensors, dtype: torch.dtype) -> None:
    found = net.compile(weights={**state, "fc.bias": torch.ones(5).to(dtype)}).state_dict()
    assert torch.equal(found["fc.bias"], torch.ones(5))


def test_weights_that_lie_two_levels_deep_are_found(net: Network, state: Tensors) -> None:
    torch.save({"model": {"state_dict": state}}, "w.pt")
    assert same(net, state, weights="w.pt")


@pytest.mark.parametrize("name", ["none.pt", "none.safetensors"])
def test_a_file_that_is_missing_is_named_once(net: Network, name: str) -> None:
    with pytest.raises(SpecError) as caught:
        net.compile(weights=name)
    assert caught.value.diagnostics[0].message == f"cannot read `{name}`: no such file or directory"


@pytest.mark.parametrize(("suffix", "said"), [("onnx", "a network for ONNX"), ("pt2", "a program of torch.export")])
def test_an_export_is_said_to_be_one_and_no_pickle(net: Network, suffix: str, said: str) -> None:
    Path(f"net.{suffix}").write_bytes(b"x")
    with pytest.raises(SpecError) as caught:
        net.compile(weights=f"net.{suffix}")
    assert said in only(caught)
    assert ".safetensors" in only(caught)
    assert "any code" not in only(caught)


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_has_no_end_is_not_read(net: Network, suffix: str, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(f"w.{suffix}")
    else:
        os.symlink("/dev/zero", f"w.{suffix}")
    with pytest.raises(SpecError) as caught:
        net.compile(weights=f"w.{suffix}")
    assert "not a regular file" in only(caught)
