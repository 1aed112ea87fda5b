"""Every operator in exported programs: what an example makes at two sizes is what the compiled network makes.

The examples of a module of operators are one network, so that little is exported."""

from __future__ import annotations

from collections.abc import Callable, Container
from itertools import groupby
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import onnxruntime
import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from archdsl.errors import SpecError
from archdsl.graph import header
from archdsl.needs import unmet
from archdsl.network import Network
from archdsl.ops import Example, Operator
from tests.compiler.test_open_operators import EXAMPLES

Build = Callable[..., Network]
Numbered = list[tuple[int, type[Operator], Example]]
LONG = ("activation", "attention", "norm", "recurrent")  # to export to ONNX
FURTHER = 6  # multiples of an example's first size among which its sizes are looked for
WITHOUT_FORM = {  # in ONNX, and what is said of them
    "adaptive_max_pool(5)": "torch has no form in ONNX for the layer",
    "lstm(6, proj_size = 3, bias = false)": "onnxruntime cannot run the layer",
    "interpolate(scale_factor = 1.15)": "the layer",
    'einsum("...ij,...jk->...ik")': "onnxruntime cannot run the layer",
    "clamp(-inf, 1)": "torch has no form in ONNX for the layer",
}
NOT_OPEN = {"reshape([2, -1])"}  # torch has two ways to view it, for even and for odd sizes
DRAWN = {"rand", "randn"}


class Use(NamedTuple):
    """An example in a network of several: its statements, the values of its open size, its inputs."""

    declared: str
    body: str
    symbol: str
    first: int
    sizes: tuple[int, ...]  # that the network takes; none where it has to stay closed
    example: Example
    types: tuple[str, ...]

    def tensors(self, size: int | None) -> list[Tensor]:
        """Inputs, the open size being this."""
        generator = torch.Generator().manual_seed(1)
        change = {self.first: size} if size is not None else {}
        shapes = [[change.get(n, n) for n in shape] for shape in self.example.inputs]
        return [_tensor(shape, kind, generator) for shape, kind in zip(shapes, self.types, strict=True)]


def _tensor(shape: list[int], kind: str, generator: torch.Generator) -> Tensor:
    if kind == "float32":
        return torch.randn(shape, generator=generator)
    if kind == "bool":  # of a row where nothing is left, or all is, less can be told
        return torch.arange(prod(shape)).remainder(3).eq(0).reshape(shape)
    return torch.zeros(shape, dtype=getattr(torch, kind))


def use_of(k: int, operator: type[Operator], example: Example, build: Build) -> Use:
    """An example with its first size open, and where else that size is, if it may be."""
    first = example.inputs[0][0]
    types = example.types(operator)
    for symbol in (f"N{k}", ""):
        opened = {first: symbol} if symbol else {}
        declared, body = [], f"y{k} = "
        for j, shape in enumerate(example.inputs):
            kind = "" if types[j] == "float32" else f" {types[j]}"
            declared.append(f"x{k}_{j}: [{', '.join(opened.get(n, str(n)) for n in shape)}]{kind}")
        names = [f"x{k}_{j}" for j in range(len(example.inputs))]
        count = 1 if isinstance(example.output[0], int) else len(example.output)
        left = [f"y{k}_{i}" for i in range(count)]
        body = f"{', '.join(left)} = {example.call(names)}\n" + "".join(f" output o{y} = {y}\n" for y in left)
        text = ", ".join(declared)
        if not symbol:
            return Use(text, body, symbol, first, (), example, types)
        try:
            needs = header(build(f"network Net({text}) {{ {body} }}").graph)["needs"]
        except SpecError:
            continue
        wanted = [first + 1, *(times * first for times in range(2, FURTHER)), 2 * first + 1]
        sizes = [size for size in wanted if not unmet(needs, {symbol: size})]
        if first > 1 and len(sizes) > 1:
            return Use(text, body, symbol, first, tuple(sizes[:2]), example, types)
    raise AssertionError


def network_of_uses(uses: list[Use], build: Build) -> Network:
    inputs, body = ", ".join(use.declared for use in uses), "".join(use.body for use in uses)
    return build(f"network Net({inputs}) {{ {body} }}")


def groups(*long: str) -> list[Any]:
    """The examples of each module of operators, with their numbers; those of some modules take long."""
    numbered = [(k, *use) for k, use in enumerate(EXAMPLES) if use[1].step.partition("(")[0] not in DRAWN]
    found = groupby(numbered, lambda one: one[1].__module__.rpartition(".")[2])
    marks = dict.fromkeys(long, pytest.mark.heavy)
    return [pytest.param(list(uses), id=name, marks=marks.get(name, ())) for name, uses in found]


def together(numbered: Numbered, without: Container[str], build: Build) -> tuple[Network, list[Use]]:
    """The examples in one network."""
    torch.manual_seed(0)
    uses = [use_of(*one, build) for one in numbered if one[2].step not in without]
    return network_of_uses(uses, build), uses


def inputs_of(uses: list[Use], which: int) -> list[Tensor]:
    return [tensor for use in uses for tensor in use.tensors(use.sizes[which] if use.sizes else None)]


def made(program: Callable[..., object], given: list[Tensor]) -> list[Tensor]:
    with torch.no_grad():
        return tree_leaves(program(*given))


@pytest.mark.parametrize("numbered", groups())
def test_programs_of_torch_compute_what_compiled_operators_do(
    numbered: Numbered, network_of: Build, tmp_path: Path
) -> None:
    network, uses = together(numbered, NOT_OPEN, network_of)
    model = network.compile().eval()
    network.export(tmp_path / "net.pt2", model)
    program = torch.export.load(tmp_path / "net.pt2").module()
    for which in (0, 1):
        given = inputs_of(uses, which)
        wanted = made(model, given)
        found = zip(names_of(network), made(program, given), wanted, strict=True)
        assert [name for name, one, other in found if not same(one, other)] == []


@pytest.mark.parametrize("numbered", groups(*LONG))
def test_onnx_computes_what_compiled_operators_do(numbered: Numbered, network_of: Build, tmp_path: Path) -> None:
    network, uses = together(numbered, {*NOT_OPEN, *WITHOUT_FORM}, network_of)
    model = network.compile().eval()
    network.export(tmp_path / "net.onnx", model)
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    read = {one.name for one in session.get_inputs()}
    for which in (0, 1):
        given = inputs_of(uses, which)
        feeds = zip(header(network.graph)["inputs"], given, strict=True)
        values = session.run(names_of(network), {name: x.numpy() for name, x in feeds if name in read})
        found = zip(names_of(network), values, made(model, given), strict=True)
        assert [name for name, one, other in found if not close(torch.from_numpy(one), other)] == []


def names_of(network: Network) -> list[str]:
    return [output["name"] for output in header(network.graph)["outputs"]]


def same(found: Tensor, wanted: Tensor) -> bool:
    return found.dtype == wanted.dtype and torch.equal(torch.nan_to_num(found, 7.0), torch.nan_to_num(wanted, 7.0))


def close(found: Tensor, wanted: Tensor) -> bool:
    as_wide = found.dtype == wanted.dtype and found.shape == wanted.shape
    return as_wide and torch.allclose(found.double(), wanted.double(), rtol=1e-4, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize("step", WITHOUT_FORM)
def test_what_onnx_has_no_form_of_is_refused_with_the_layer(step: str, network_of: Build, tmp_path: Path) -> None:
    (use,) = [use_of(0, *one, network_of) for one in EXAMPLES if one[1].step == step]
    with pytest.raises(SpecError) as caught:
        network_of_uses([use], network_of).export(tmp_path / "net.onnx")
    (fault,) = caught.value.diagnostics
    assert fault.code == "not-exportable"
    assert fault.message.startswith(WITHOUT_FORM[step])
    assert fault.span is not None
    assert fault.span.text.startswith(step.partition("(")[0])
    assert fault.help == "export to .pt2"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", sorted(NOT_OPEN))
def test_a_size_that_torch_cannot_keep_open_is_named(step: str, network_of: Build, tmp_path: Path) -> None:
    (use,) = [use_of(0, *one, network_of) for one in EXAMPLES if one[1].step == step]
    with pytest.raises(SpecError, match="cannot keep `N0` open") as caught:
        network_of_uses([use], network_of).export(tmp_path / "net.pt2")
    assert "--at" in (caught.value.diagnostics[0].help or "")


@pytest.mark.parametrize("operator", sorted(DRAWN))
def test_random_numbers_are_drawn_by_what_is_exported(operator: str, network_of: Build, tmp_path: Path) -> None:
    network = network_of(f"network Net(x: [N, 8]) {{ x -> {operator} }}")
    network.export(tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    given = {"x": torch.zeros(5, 8).numpy()}
    (first,), (second,) = session.run(None, given), session.run(None, given)
    assert first.shape == (5, 8)
    assert (first != second).any()
