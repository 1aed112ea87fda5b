"""What torch does with modules of its own, it does with what compiles: backward more than once, copies, other ways of
making tensors, export."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils.checkpoint import set_checkpoint_debug_enabled, set_checkpoint_early_stop

from archdsl.network import Network
from compiler import CompiledNetwork

Build = Callable[..., Network]
CODE = """
network Net(x: [N, 3, 6, 6]) {{
    y = x -> stem: conv(4, 3) -> body: {{ batch_norm -> tanh -> conv(4, 3) -> dropout(0.2) }} {mark}
    output a = y -> flatten -> a: linear(2)
    output b = y -> global_avg_pool -> flatten -> b: linear(2) {head}
}}
"""


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def pair(network_of: Build) -> tuple[CompiledNetwork, CompiledNetwork]:
    """The same network, its activations kept, and recomputed, in double precision."""
    plain, recomputed = (network_of(CODE.format(mark=mark, head="")).compile().double() for mark in ("", "@checkpoint"))
    recomputed.load_state_dict(plain.state_dict())
    return plain, recomputed


def image(**options: Any) -> Tensor:
    return torch.randn(2, 3, 6, 6, dtype=torch.double, generator=torch.Generator().manual_seed(1), **options)


def twice(model: nn.Module, x: Tensor) -> None:
    total = sum(output.square().sum() for output in model(x))
    total.backward(retain_graph=True)
    total.backward()


def each_output(model: nn.Module, x: Tensor) -> None:
    a, b = model(x)
    a.sum().backward(retain_graph=True)
    b.square().sum().backward()


def penalty(model: nn.Module, x: Tensor) -> None:
    (gradient,) = torch.autograd.grad(model(x)[0].square().sum(), x, create_graph=True)
    (gradient.norm() - 1).square().backward()


def hessian(model: nn.Module, x: Tensor) -> None:
    def value(bias: Tensor) -> Tensor:
        torch.manual_seed(2)
        total: Tensor = model(x + bias)[1].square().sum()
        return total

    found = torch.autograd.functional.hessian(value, torch.zeros(3, 1, 1, dtype=torch.double))
    x.grad = found.detach().sum((0, 1, 2)).expand_as(x).clone()


def third(model: nn.Module, x: Tensor) -> None:
    value = model(x)[1].pow(3).sum()
    for _ in range(2):
        (gradient,) = torch.autograd.grad(value, x, create_graph=True)
        value = gradient.square().sum()
    value.backward()


@pytest.mark.parametrize("backward", [twice, each_output, penalty, hessian, third])
def test_recomputing_gives_the_gradients_of_keeping(
    backward: Callable[[nn.Module, Tensor], None], pair: tuple[CompiledNetwork, CompiledNetwork]
) -> None:
    found = []
    for model in pair:
        x = image().requires_grad_()
        torch.manual_seed(3)
        backward(model, x)
        found.append([x.grad, *(weight.grad for weight in model.parameters())])
    for a, b in zip(*found, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(a, b)


def test_however_often_it_is_recomputed_a_batch_counts_once(pair: tuple[CompiledNetwork, CompiledNetwork]) -> None:
    for model in pair:
        torch.manual_seed(3)
        twice(model, image().requires_grad_())
    for a, b in zip(*(model.buffers() for model in pair), strict=True):
        assert torch.equal(a, b)
    assert pair[1].get_buffer("body.0.num_batches_tracked") == 1


@pytest.mark.parametrize("context", [set_checkpoint_debug_enabled(True), set_checkpoint_early_stop(False)])
def test_torchs_own_settings_of_checkpoints_hold(context: Any, pair: tuple[CompiledNetwork, CompiledNetwork]) -> None:
    with context:
        sum(output.sum() for output in pair[1](image())).backward()
    assert pair[1].get_parameter("stem.weight").grad is not None


# --- copies


def test_a_shallow_copy_switches_its_own_graph_over_the_same_weights(network_of: Build) -> None:
    model = network_of(CODE.format(mark="", head="@train")).compile()
    copied = copy.copy(model).eval()
    x = torch.randn(2, 3, 6, 6)
    assert isinstance(copied(x), Tensor)
    assert model.train()(x)._fields == ("a", "b")
    assert isinstance(copied, CompiledNetwork)
    assert copied.get_parameter("stem.weight") is model.get_parameter("stem.weight")


# --- where and as what tensors are made


def test_under_the_device_meta_a_network_is_made_there(network_of: Build) -> None:
    net = network_of(CODE.format(mark="@checkpoint", head=""))
    with torch.device("meta"):
        model, on_cpu = net.compile(), net.compile("cpu")
    assert {tensor.device.type for tensor in model.state_dict().values()} == {"meta"}
    assert model(torch.empty(2, 3, 6, 6, device="meta"))[0].shape == (2, 2)
    assert on_cpu(torch.randn(2, 3, 6, 6))[0].isfinite().all()


@pytest.mark.parametrize("init", ["signs", "kaiming_normal", "zeros"])
def test_a_network_of_fake_tensors_trains(init: str, network_of: Build) -> None:
    code = f"network Net(x: [N, 4]) {{ x -> linear(4, init = {init}) -> b: {{ linear(3) -> relu }} @checkpoint }}"
    with FakeTensorMode():
        model = network_of(code).compile()
        model(torch.randn(2, 4)).sum().backward()
        assert isinstance(model.get_parameter("linear.weight").grad, FakeTensor)


def test_weights_are_drawn_alike_whatever_the_default_device(network_of: Build) -> None:
    net = network_of(CODE.format(mark="", head=""))
    torch.manual_seed(1)
    first = net.compile().state_dict()
    with torch.device("meta"):
        torch.manual_seed(1)
        second = net.compile("cpu").state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


# --- export


@pytest.mark.parametrize("strict", [False, True])
def test_a_training_graph_with_a_checkpoint_is_exported(strict: bool, network_of: Build) -> None:
    model = network_of(CODE.format(mark="@checkpoint", head="").replace(" -> dropout(0.2)", "")).compile()
    x = torch.randn(3, 3, 6, 6)
    dims = {"x": {0: torch.export.Dim("batch", min=2, max=64)}}
    exported = torch.export.export(model, (x,), dynamic_shapes=dims, strict=strict).module()
    other = torch.randn(5, 3, 6, 6)
    for a, b in zip(exported(other), model(other), strict=True):
        torch.testing.assert_close(a, b)


def test_torch_compile_trains_through_a_checkpoint(pair: tuple[CompiledNetwork, CompiledNetwork]) -> None:
    plain, recomputed = pair
    for model in pair:
        dropout = model.get_submodule("body.3")
        assert isinstance(dropout, nn.Dropout)
        dropout.p = 0.0
    compiled = torch.compile(recomputed, backend="aot_eager")
    assert isinstance(compiled, nn.Module)
    each_output(compiled, image())
    each_output(plain, image())
    for a, b in zip(plain.parameters(), recomputed.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


@pytest.mark.parametrize("dims", [[0, 1, 2, 3, 4], [0, 1, 2, 4, 3], [0, 4, 1, 2, 3], [3, 1, 0, 2, 4]])
def test_a_volume_is_normalised_across_channels_however_it_lies(network_of: Build, dims: list[int]) -> None:
    body = f"x -> permute({dims}) -> local_response_norm(3, alpha = 0.5, beta = 0.7, k = 2)"
    model = network_of(f"network Net(x: [4, 4, 3, 4, 4]) {{ {body} }}").compile()
    x = torch.randn(4, 4, 3, 4, 4, requires_grad=True)
    said = model(x)
    expected = torch.nn.functional.local_response_norm(x.permute(dims).contiguous(), 3, alpha=0.5, beta=0.7, k=2)
    torch.testing.assert_close(said, expected)
    torch.testing.assert_close(
        torch.autograd.grad(said.square().sum(), x), torch.autograd.grad(expected.square().sum(), x)
    )
