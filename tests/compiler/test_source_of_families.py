"""Source of several variants of a network: one class with their settings, and a function for each that makes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import torch

import archdsl
from archdsl.graph import header
from archdsl.shipped import SPECS, zoo
from tests.compiler.source_equality import assert_equal, random_inputs
from tests.compiler.test_source import GOLDEN, assert_clean, smallest_inputs
from tests.conftest import Said

# Families of which each has something in which its variants may differ.
FAMILIES: Final = {
    "sizes": """
block unit(x, width) { x -> conv: conv(width, 3, padding = 1) -> bn: batch_norm -> relu }
network Net(image: [2, 3, 8, 8], width, classes = 5) {
    image -> one: unit(width) -> two: unit(2 * width) -> flatten -> fc: linear(classes)
}
variant small = Net(4)
variant large = Net(6, classes = 7)
""",
    "how_often_something_is_there": """
block unit(x, width) { x -> conv: conv(width, 3, padding = 1) -> relu }
network Net(image: [2, 3, 8, 8], depths) {
    image -> for width, depth in zip([4, 6], depths) { layer${width}: repeat depth { unit(width) } }
        -> flatten -> fc: linear(3)
}
variant shallow = Net([1, 2])
variant middle = Net([2, 3])
variant deep = Net([3, 5])
""",
    "how_often_under_names": """
block unit(x) { x -> conv: conv(4, 3, padding = 1) -> relu }
network Net(image: [2, 4, 8, 8], depth) {
    image -> layers: { for i in range(depth) { layer_${i}: unit } } -> flatten -> fc: linear(3)
}
variant shallow = Net(2)
variant deep = Net(4)
""",
    "how_often_something_runs_beside_a_mask": """
block layer(x, mask) { (x -> fc: linear(4) -> relu) + mask }
network Net(x: [2, 5, 4], mask: [2, 5, 4], depth) {
    y = x -> for i in range(depth) { layer.${i}: layer(mask) }
    y -> head: linear(2)
}
variant shallow = Net(2)
variant deep = Net(4)
""",
    "parts": """
block unit(x, width, norm) { x -> conv: conv(width, 3, padding = 1) -> if norm { bn: batch_norm } -> relu }
network Net(image: [2, 3, 8, 8], norm, head) {
    y = image -> one: unit(4, norm) -> two: unit(4, norm) -> flatten
    z = if head == "wide" { y -> wide: linear(9) -> relu } else { y }
    z -> fc: linear(3)
}
variant plain = Net(false, "narrow")
variant normed = Net(true, "narrow")
variant wide = Net(true, "wide")
""",
    "blocks": """
block basic(x: [N, C, H, W], width) { x + (x -> conv: conv(width, 3, padding = 1)) }
block double(x, width) { x -> conv1: conv(2 * width, 1) -> relu -> conv2: conv(width, 1) }
network Net(image: [2, 4, 8, 8], doubled, depth) {
    image -> body: repeat depth { if doubled { double(4) } else { basic(4) } } -> flatten -> fc: linear(3)
}
variant one = Net(false, 2)
variant two = Net(false, 3)
variant three = Net(true, 2)
variant four = Net(true, 4)
""",
    "tables": """
block unit(x, width, kernel, drop) {
    x -> conv: conv(width, kernel, padding = kernel // 2) -> relu -> dropout(drop)
}
network Net(image: [2, 3, 8, 8], table) {
    image -> features: { for row in table { unit(row[0], row[1], row[2]) } } -> flatten -> fc: linear(3)
}
variant small = Net([[4, 3, 0.0], [6, 1, 0.1]])
variant large = Net([[4, 3, 0.0], [6, 5, 0.2], [5, 3, 0.3], [7, 1, 0.4]])
""",
    "losses": """
block unit(x, width) { x -> conv: conv(width, 3, padding = 1) -> relu }
network Net(image: [2, 3, 8, 8], smoothing) {
    image -> one: unit(4) -> flatten -> fc: linear(3)
    loss cross_entropy(output, label_smoothing = smoothing)
}
variant sharp = Net(0.0)
variant smooth = Net(0.1)
""",
    "numbers_in_place": """
block shifted(x: [N, C], at) { x + tensor([0.0 if i < at else 1.0 for i in range(C)]) }
network Net(x: [2, 6], at) { x -> one: shifted(at) -> two: shifted(2) -> fc: linear(3) }
variant early = Net(1)
variant late = Net(4)
""",
    "networks": """
block unit(x, width) { x -> conv: conv(width, 3, padding = 1) -> relu }
network Net(image: [2, 3, 8, 8]) { image -> one: unit(4) -> flatten -> fc: linear(3) }
network Other(image: [2, 3, 8, 8]) { device a, b
 image -> one: unit(4) @a -> two: unit(5) @b -> flatten -> fc: linear(3) @b }
variant first = Net()
variant second = Other()
""",
}
HEAVIEST: Final = 40_000_000  # parameters of what is computed with; of larger variants, keys are compared


def variants(path: Path) -> list[archdsl.Network]:
    text = path.read_text(encoding="utf-8")
    names = [line.split()[1] for line in text.splitlines() if line.startswith("variant ")]
    return [archdsl.load(f"{path}:{name}") for name in names]


def defined(text: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(text, "net.py", "exec"), names)
    return names


def assert_alike(networks: Sequence[archdsl.Network], text: str, inputs: Callable[[Any, Any], Any]) -> None:
    names = defined(text)
    for network in networks:
        make = names[str(header(network.graph)["variant"])]
        torch.manual_seed(4)
        compiled = network.compile()
        torch.manual_seed(4)
        written = make()
        torch.manual_seed(5)
        assert_equal(compiled, written, network.graph, inputs(network, compiled))


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[list[archdsl.Network], str]]:
    """The variants of each family, and their source."""
    found = {}
    for family, text in FAMILIES.items():
        path = tmp_path_factory.mktemp(family) / "family.arch"
        path.write_text(text, encoding="utf-8")
        networks = variants(path)
        found[family] = (networks, networks[0].source(beside=networks[1:]))
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_each_variant_is_computed_as_the_compiled_one(
    family: str, sources: dict[str, tuple[list[archdsl.Network], str]]
) -> None:
    networks, text = sources[family]
    assert_alike(networks, text, lambda network, _: random_inputs(network.graph))


@pytest.mark.parametrize("family", sorted(FAMILIES.keys() - {"losses", "networks"}))
def test_variants_of_a_network_share_its_class(
    family: str, sources: dict[str, tuple[list[archdsl.Network], str]]
) -> None:
    networks, text = sources[family]
    assert text.count("return Net(") == len(networks)


def test_networks_that_differ_in_more_than_their_settings_have_classes_of_their_own(
    sources: dict[str, tuple[list[archdsl.Network], str]],
) -> None:
    assert "def sharp():\n    return Net()" in sources["losses"][1]
    assert "def smooth():\n    return Smooth()" in sources["losses"][1]
    assert 'def second(a="cpu", b="cpu"):\n    return Other(a=a, b=b)' in sources["networks"][1]


def test_settings_are_those_of_the_spec_by_name(sources: dict[str, tuple[list[archdsl.Network], str]]) -> None:
    text = sources["sizes"][1]
    assert "return Net(4)" in text
    assert "return Net(6, classes=7)" in text


def test_it_is_formatted_and_clean(sources: dict[str, tuple[list[archdsl.Network], str]], tmp_path: Path) -> None:
    for family, (_, text) in sources.items():
        (tmp_path / f"{family}.py").write_text(text, encoding="utf-8")
    assert_clean(tmp_path)


@pytest.mark.parametrize("family", ["cifar_resnet", "resnet"])
def test_a_family_is_as_people_write_it(family: str, golden: Callable[[Path, str], None]) -> None:
    names = [name for name, file in zoo().items() if file.stem == family]
    first, *others = map(archdsl.load, names)
    golden(GOLDEN / f"{family}_family.py.txt", first.source(beside=others))


@pytest.mark.heavy
@pytest.mark.parametrize("file", [file for file in sorted(SPECS.iterdir()) if file.suffix in (".arch", ".yaml")])
def test_each_variant_of_every_family_is_computed_alike(file: Path, tmp_path: Path) -> None:
    names = [name for name, other in zoo().items() if other == file]
    if len(names) < 2:
        pytest.skip("one variant")
    networks = [archdsl.load(name) for name in names]
    text = networks[0].source(beside=networks[1:])
    made = defined(text)
    small = []
    for network, name in zip(networks, names, strict=True):
        with torch.device("meta"):
            devices = dict.fromkeys(header(network.graph)["devices"], "meta")
            compiled, written = network.compile(), made[name](**devices)
        mine, theirs = written.state_dict(), compiled.state_dict()
        assert list(mine) == list(theirs)
        assert [one.shape for one in mine.values()] == [one.shape for one in theirs.values()]
        if sum(one.numel() for one in mine.values()) < HEAVIEST:
            small.append(network)
    assert_alike(small, text, smallest_inputs)
    (tmp_path / "family.py").write_text(text, encoding="utf-8")
    assert_clean(tmp_path)


# --- how it is asked for


def test_compile_writes_several_variants_into_one_file(tmp_path: Path, command_line: Callable[..., Said]) -> None:
    path = tmp_path / "net.py"
    said = command_line("compile", "cifar_resnet20", "cifar_resnet32", "-o", str(path))
    assert (said.status, said.out, said.err) == (0, "", f"wrote {path}\n")
    first, second = archdsl.load("cifar_resnet20"), archdsl.load("cifar_resnet32")
    assert path.read_text(encoding="utf-8") == first.source(beside=[second])


@pytest.mark.parametrize("output", [[], ["-o", "net.onnx"]])
def test_only_source_is_of_several_networks(
    output: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command_line: Callable[..., Said]
) -> None:
    monkeypatch.chdir(tmp_path)
    said = command_line("compile", "lenet5", "lenet5_1998", *output)
    assert said.status == 2
    assert "several SPECs make one file of source: say -o FILE.py" in said.err
    assert not list(tmp_path.iterdir())


def test_what_stands_beside_is_a_network() -> None:
    with pytest.raises(TypeError, match="beside"):
        archdsl.load("lenet5").source(beside=["lenet5_1998"])  # type: ignore[list-item]
