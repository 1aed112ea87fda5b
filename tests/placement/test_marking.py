"""Marks of a plan in a copy of the spec, and its device map."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archdsl
from archdsl.errors import SpecError
from archdsl.graph import content_hash, header
from archdsl.network import Network
from archdsl.pipeline import load_graph
from archdsl.placement.device_map import folded
from archdsl.placement.marking import marks_of
from archdsl.shipped import SPECS, zoo
from tests.conftest import Said
from tests.zoo.published import LARGE

Run = Callable[..., Said]
LINK = ("--profile", "a100", "--link", "300GB/s")
# Blocks in loops, branches, weights of their own, shared weights; both forms.
NETWORKS = ("resnet50", "googlenet", "unet", "vit_tiny_16", "siamese", "densenet121")


def below(devices: Mapping[str, str], entries: list[str]) -> dict[str, str]:
    """The device that entries of `marks` give each path: that of the longest path that holds it."""
    table = {entry.rpartition("@")[0].strip(): entry.rpartition("@")[2] for entry in entries}
    found = {}
    for path in devices:
        above = path
        while above not in table:
            above = above.rpartition(".")[0]
        found[path] = table[above]
    return found


PATHS = st.dictionaries(
    st.lists(st.sampled_from("abc"), min_size=3, max_size=3).map(".".join),
    st.sampled_from(["d0", "d1", "d2"]),
    min_size=1,
)


@given(devices=PATHS)
def test_marks_say_the_device_of_every_layer(devices: dict[str, str]) -> None:
    entries = marks_of(devices)
    assert below(devices, entries) == devices
    assert len(entries) <= len(folded(devices))


@given(devices=PATHS)
def test_device_map_has_the_shortest_paths(devices: dict[str, str]) -> None:
    found = folded(devices)
    for path, device in devices.items():
        keys = [key for key in found if not key or path == key or path.startswith(f"{key}.")]
        assert [found[key] for key in keys] == [device]
    for key in found:
        above = key.rpartition(".")[0]
        inside = {device for path, device in devices.items() if not above or path.startswith(f"{above}.")}
        assert len(inside) > 1 or not key


@pytest.mark.parametrize("name", NETWORKS)
def test_marked_copy_elaborates_to_the_plan(command_line: Run, tmp_path: Path, name: str) -> None:
    file = tmp_path / f"marked{zoo()[name].suffix}"
    for imported in re.findall(r'^import "(.*?)"', zoo()[name].read_text(encoding="utf-8"), re.MULTILINE):
        shutil.copy(SPECS / imported, tmp_path)  # the copy imports what lies beside it
    command_line("place", name, "--devices", "3", *LINK, "-o", str(file))
    plan = archdsl.load(name).place(3, "a100", link="300GB/s")
    marked = Network(load_graph(f"{file}:{name}"))
    again = marked.place(len(plan.used), "a100", link="300GB/s")
    assert {key: marked.graph.nodes[key]["device"] for key in plan.devices} == plan.devices
    assert [(stage.device, set(stage.layers)) for stage in again.stages] == [
        (stage.device, set(stage.layers)) for stage in plan.stages
    ]


@pytest.mark.heavy
@pytest.mark.parametrize("name", [name for name in zoo() if name not in LARGE])
def test_marked_copies_of_the_whole_zoo_elaborate_to_the_plan(command_line: Run, tmp_path: Path, name: str) -> None:
    if name != "alexnet":  # which has marks of its own
        test_marked_copy_elaborates_to_the_plan(command_line, tmp_path, name)


@pytest.mark.parametrize("suffix", [".arch", ".yaml"])
def test_marked_copy_keeps_what_the_spec_says(command_line: Run, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"marked{suffix}"
    command_line("place", "resnet18", "--devices", "2", *LINK, "-o", str(file))
    text = (SPECS / "resnet.arch").read_text()
    for comment in re.findall(r"# .*", text):
        assert comment in file.read_text()
    for name in ("resnet34", "resnet152"):  # networks that were not placed
        assert content_hash(load_graph(f"{file}:{name}")) == content_hash(archdsl.load(name).graph)


def test_network_without_a_variant_has_its_marks_as_a_default(command_line: Run, tmp_path: Path) -> None:
    spec, file = tmp_path / "net.arch", tmp_path / "marked.arch"
    spec.write_text(
        "network Net(image: [N, 3, 32, 32]) {\n    image -> a: conv(64, 3) -> relu -> b: conv(64, 3) # end\n}\n"
    )
    command_line("place", str(spec), "--devices", "2", *LINK, "--latency", "0us", "-o", str(file))
    assert "marks = [" in file.read_text()
    assert "# end" in file.read_text()
    assert header(load_graph(str(file)))["devices"] == ("gpu0", "gpu1")


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        ('["a"]', "is a list of texts as"),
        ('["a @frozen"]', "is no device"),
        ('["a @gpu0", "a @gpu1"]', "is marked twice"),
        ('["c @gpu0"]', "where there is no layer"),
        ('["a @lambda"]', "the device name `lambda`"),
    ],
)
def test_wrong_marks_are_told(network_of: Callable[..., Network], marks: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        network_of(f"network Net(x: [N, 8], marks = {marks}) {{ x -> a: linear(8) -> b: linear(8) }}")


def test_a_mark_in_the_body_is_nearer_than_the_setting(network_of: Callable[..., Network]) -> None:
    net = network_of("""network Net(x: [N, 8], marks = ["@gpu0", "b @gpu1"]) {
        x -> a: linear(8) @gpu1 -> b: linear(8) -> c: linear(8)
    }""")
    assert [net.graph.nodes[key]["device"] for key in "abc"] == ["gpu1", "gpu1", "gpu0"]


def test_devices_that_are_declared_are_the_only_ones(network_of: Callable[..., Network]) -> None:
    with pytest.raises(SpecError, match="gpu1"):
        network_of("""network Net(x: [N, 8], marks = ["b @gpu1"]) {
            device gpu0
            x -> a: linear(8) -> b: linear(8)
        }""")


def test_copy_of_standard_input_is_refused(command_line: Run) -> None:
    assert "a copy of a file" in command_line("place", "-", "--devices", "2", *LINK, "-o", "x.arch").err


# --- accelerate's device map


def test_device_map_is_printed_alone(command_line: Run) -> None:
    said = command_line("place", "vgg11", "--devices", "2", *LINK, "--device-map")
    plan = archdsl.load("vgg11").place(2, "a100", link="300GB/s")
    assert json.loads(said.out) == plan.device_map()
    assert set(plan.device_map({"gpu0": "cuda:0", "gpu1": "cpu"}).values()) == {"cuda:0", "cpu"}


def test_device_map_is_one_that_accelerate_takes() -> None:
    accelerate = pytest.importorskip("accelerate.utils")
    net = archdsl.load("resnet18")
    found = net.place(3, "a100", link="300GB/s").device_map()
    accelerate.check_device_map(net.compile("meta"), found)
    assert set(found.values()) == {0, 1, 2}


def test_names_of_the_device_map_are_complete() -> None:
    plan = archdsl.load("vgg11").place(2, "a100", link="300GB/s")
    with pytest.raises(ValueError, match="does not say what gpu1 is called"):
        plan.device_map({"gpu0": 0})


def test_a_copy_lies_where_what_it_imports_does(tmp_path: Path, command_line: Callable[..., Said]) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    (tmp_path / "blocks.arch").write_text("block half(x: [N, C]) { x -> linear(C // 2) }\n", encoding="utf-8")
    text = 'import "blocks.arch" (half)\nnetwork Net(x: [N, 8]) { x -> a: half -> b: half }\n'
    (tmp_path / "net.arch").write_text(text, encoding="utf-8")
    place = ["place", "net.arch", "--devices", "2", "--profile", "a100", "--link", "25GB/s", "-o"]
    said = command_line(*place, "there/placed.arch", cwd=tmp_path)
    assert said.status == 1
    assert "which does not lie in there as well" in said.err
    assert list(folder.iterdir()) == []
    assert command_line(*place, "placed.arch", cwd=tmp_path).status == 0
    assert command_line("check", "placed.arch", cwd=tmp_path).status == 0
