"""Every network of specs/ as a program of torch and as ONNX: run at three sizes, it makes what the module makes."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import onnxruntime
import pytest
import torch
from torch import Tensor

import archdsl
from archdsl.dims import Dim, symbols, value
from archdsl.embedded import embedded
from archdsl.graph import Graph, header, layer
from archdsl.needs import unmet
from archdsl.network import Network
from archdsl.pipeline import load_open_graph
from archdsl.shipped import zoo
from compiler.fx.model import CompiledNetwork

QUICK = {"lenet5_1998", "siamese"}
OPEN_QUICK = {"nin_cifar10_pytorchcv"}
DRAWN = {"vae_mnist"}  # of which onnxruntime draws other numbers
FROM = {"hrnet_w18": 61, "inception_v3": 299, "r3d_18": 33, "wavenet": 9}  # images from which no size is 1 on the way


class Loaded(NamedTuple):
    """A network with its weights; `graph` has the sizes open that are to be open in files."""

    network: Network
    model: CompiledNetwork
    graph: Graph

    def inputs(self, sizes: Mapping[str, int]) -> list[Tensor]:
        generator = torch.Generator().manual_seed(1)
        found = []
        for name in self.names:
            shape = [value(size, sizes) for size in layer(self.graph, name)["shape"]]
            kind = getattr(torch, layer(self.graph, name)["dtypes"][0])
            if kind.is_floating_point:
                found.append(torch.randn(shape, generator=generator))
            else:  # indices that every table has
                found.append(torch.randint(2, shape, generator=generator).to(kind))
        return found

    def sizes(self, batch: int) -> dict[str, int]:
        """A batch, and a few of whatever else the spec leaves open."""
        shapes = [layer(self.graph, name)["shape"] for name in self.names]
        return {
            name: batch if name == "N" else 8 + batch for shape in shapes for size in shape for name in symbols(size)
        }

    @property
    def names(self) -> Sequence[str]:
        return header(self.graph)["inputs"]

    def made(self, given: list[Tensor]) -> list[Tensor]:
        torch.manual_seed(5)  # of what is drawn
        with torch.no_grad():
            found: Any = self.model(*given)
        return [found] if isinstance(found, Tensor) else list(found)


def variants(quick: set[str]) -> list[Any]:
    return [pytest.param(name, marks=() if name in quick else pytest.mark.heavy) for name in zoo()]


def loaded(variant: str, graph: Graph | None = None) -> Loaded:
    torch.manual_seed(0)
    network = archdsl.load(variant)
    return Loaded(network, network.compile(), network.graph if graph is None else graph)


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    yield
    gc.collect()


def same(program: Any, one: Loaded, given: list[Tensor]) -> None:
    torch.manual_seed(5)
    with torch.no_grad():
        found = program(*given)
    for a, b in zip([found] if isinstance(found, Tensor) else found, one.made(given), strict=True):
        assert torch.equal(a, b)


def close(session: onnxruntime.InferenceSession, one: Loaded, given: list[Tensor]) -> None:
    outputs = [output["name"] for output in header(one.graph)["outputs"] if output["phase"] == "both"]
    found = session.run(outputs, {name: x.numpy() for name, x in zip(one.names, given, strict=True)})
    for a, b in zip(found, one.made(given), strict=True):
        assert a.shape == tuple(b.shape)
        if one.network.report().variant in DRAWN:
            continue
        assert (torch.from_numpy(a) - b).abs().max() <= 1e-4 * b.abs().max()


@pytest.mark.parametrize("variant", variants(QUICK))
def test_a_batch_of_any_size_is_computed_as_the_module_does(variant: str, tmp_path: Path) -> None:
    one = loaded(variant)
    one.model.eval()
    one.network.export(tmp_path / "net.pt2", one.model)
    one.network.export(tmp_path / "net.onnx", one.model)
    program = torch.export.load(tmp_path / "net.pt2").module()
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    assert [given.name for given in session.get_inputs()] == list(one.names)
    weights = {name for name, _ in one.model.named_parameters()}
    written = (tmp_path / "net.onnx").read_bytes()
    assert any(name.encode() in written for name in weights)  # others are folded
    for batch in (1, 2, 3):
        given = one.inputs(one.sizes(batch))
        same(program, one, given)
        close(session, one, given)
    assert embedded(str(tmp_path / "net.onnx")).hash == embedded(str(tmp_path / "net.pt2")).hash
    assert embedded(str(tmp_path / "net.pt2")).hash == one.network.report().hash


@pytest.mark.parametrize("variant", variants(QUICK))
def test_the_form_of_training_makes_what_the_module_makes_in_training(variant: str, tmp_path: Path) -> None:
    one = loaded(variant)
    one.network.export(tmp_path / "net.pt2", one.model, phase="training")
    program = torch.export.load(tmp_path / "net.pt2").module()
    before = {name: tensor.clone() for name, tensor in one.model.state_dict().items()}
    given = one.inputs(one.sizes(2))
    torch.manual_seed(3)
    wanted = one.made(given)
    one.model.load_state_dict(before)
    torch.manual_seed(3)
    with torch.no_grad():
        found = program(*given)
    for a, b in zip([found] if isinstance(found, Tensor) else found, wanted, strict=True):
        assert torch.equal(a, b)


def files() -> list[Any]:
    """One network a file, since the others of it differ in numbers alone; the cells of DARTS take minutes."""
    first: dict[Path, str] = {}
    for variant, file in zoo().items():
        first.setdefault(file, variant)
    names = sorted({*first.values(), *OPEN_QUICK} - {"darts_cifar10"})
    return [pytest.param(name, marks=() if name in OPEN_QUICK else pytest.mark.heavy) for name in names]


@pytest.mark.parametrize("variant", files())
def test_sizes_are_open_on_which_nothing_depends(variant: str, tmp_path: Path) -> None:
    graph = load_open_graph(variant)
    symbols = {size for name in header(graph)["inputs"] for size in layer(graph, name)["shape"][2:]} if graph else set()
    if not any(isinstance(size, Dim) for size in symbols):
        pytest.skip("its sizes are those of the spec")
    assert graph is not None
    one = loaded(variant, graph)
    one.model.eval()
    one.network.export(tmp_path / "net.pt2", one.model, open_sizes=True)
    one.network.export(tmp_path / "net.onnx", one.model, open_sizes=True)
    program = torch.export.load(tmp_path / "net.pt2").module()
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    for batch, sizes in zip((1, 2, 3), some_sizes(graph, FROM.get(variant, 80)), strict=True):
        given = one.inputs({"N": batch, **sizes})
        same(program, one, given)
        close(session, one, given)


def some_sizes(graph: Graph, least: int) -> list[dict[str, int]]:
    """Three sizes that a network takes, none square."""
    names = sorted(str(size) for n in header(graph)["inputs"] for size in layer(graph, n)["shape"] if str(size) != "3")
    names = [name for name in dict.fromkeys(names) if name.startswith("D")]
    found = []
    for size in range(least, 4 * least + 64):
        sizes = {name: size + 17 * i - i % 2 * (size % 16) for i, name in enumerate(names)}
        if not unmet(header(graph)["needs"], {"N": 1, **sizes}):
            found.append(sizes)
        if len(found) == 3:
            return found
    raise AssertionError("no sizes that fit")
