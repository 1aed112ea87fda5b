"""Counts, memory and receptive fields, against torch and published figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import archdsl
from archdsl.dims import numbers
from archdsl.measure.network.receptive_field import receptive_fields
from archdsl.measure.network.report import Report
from archdsl.net_view import NetView
from archdsl.network import Network

Build = Callable[..., Network]
GOLDEN = Path(__file__).parents[1] / "golden"

TRANSFORMER = """
block layer(x: [N, T, D], heads) {
    a = x -> ln1: layer_norm
    b = x + (multihead_attention(a, a, a, heads))
    b + (b -> ln2: layer_norm -> mlp: { linear(4 * D) -> gelu -> linear(D) })
}
network Net(image: [N, 3, 32, 32]) {
    image -> patches: conv(16, 8, stride = 8) -> flatten(2) -> permute([0, 2, 1])
        -> layers: repeat 2 { layer(4) } -> mean(1) -> head: linear(10)
}
"""

U_NET = """
block twice(x, width) { x -> { conv(width, 3, padding = 1) -> relu -> conv(width, 3, padding = 1) -> relu } }
network Net(x: [N, 3, 16, 16]) {
    a = x -> twice(8)
    b = a -> max_pool(2) -> twice(16)
    up = b -> conv_transpose(8, 2, stride = 2)
    concat(a, up) -> twice(8) -> conv(1, 1)
}
"""


NORMS = """
network Net(x: [N, 8, 16, 16]) {
    x -> conv(8, 3) -> batch_norm -> relu -> conv(8, 3) -> group_norm(2) -> gelu -> local_response_norm(5)
        -> conv(8, 1) -> adaptive_avg_pool(5) -> instance_norm -> max_pool(2) -> flatten -> linear(4)
}
"""


def image_shape(net: Network) -> tuple[int, ...]:
    """The shape of the only input, with a batch of 1."""
    ((_, shape),) = net.report().inputs
    found = numbers((1, *shape[1:]))
    assert found is not None
    return found


@pytest.mark.parametrize("code", [TRANSFORMER, U_NET])
def test_macs_are_half_of_what_torch_counts_on_the_meta_device(network_of: Build, code: str) -> None:
    net = network_of(code)
    model = net.compile(devices="meta").eval()
    shape = image_shape(net)
    with FlopCounterMode(display=False) as counter:
        model(torch.empty(shape, device="meta"))
    assert net.report().flops == counter.get_total_flops()


@pytest.mark.parametrize("code", [TRANSFORMER, U_NET])
def test_parameters_and_buffers_are_those_of_the_compiled_module(network_of: Build, code: str) -> None:
    net = network_of(code)
    model = net.compile(devices="meta")
    assert net.report().params == sum(p.numel() for p in model.parameters())
    assert net.report().buffers == sum(b.numel() for b in model.buffers())


def test_macs_of_what_trains_only_do_not_count(network_of: Build) -> None:
    code = "network Net(x: [N, 8]) {{ output a = x -> linear(4)\n output b = x -> linear(2) {} }}"
    assert network_of(code.format("")).report().macs == 48
    assert network_of(code.format("@train")).report().macs == 32
    assert network_of(code.format("@train")).report().params == 54


def test_a_batch_without_a_value_counts_as_one_and_says_so(network_of: Build) -> None:
    report = network_of("network Net(x: [N, 8]) { x -> linear(4) }").report()
    assert (report.macs, report.assumed) == (32, ("N",))
    assert "for a batch of 1 (N = 1)" in str(report)


def test_a_given_batch_counts(network_of: Build) -> None:
    report = network_of("network Net(x: [N, 8]) { x -> linear(4) }", inputs={"x": (5, 8)}).report()
    assert (report.macs, report.assumed) == (160, ())


def test_symbols_that_are_left_stay_in_the_counts(network_of: Build) -> None:
    report = network_of("network Net(x: [N, 3, H, W]) { x -> conv(8, 3, padding = 1) }").report()
    totals = report.to_dict()["totals"]
    assert totals["macs"] == "216*H*W"
    assert report.to_dict()["nodes"][0]["shape"] == [1, 8, "H", "W"]


@pytest.mark.parametrize("code", [TRANSFORMER, U_NET, NORMS])
def test_bytes_kept_for_backward_are_those_of_the_saved_tensors(network_of: Build, code: str) -> None:
    net = network_of(code)
    model = net.compile()
    own = {t.untyped_storage().data_ptr() for t in [*model.parameters(), *model.buffers()]}
    kept: dict[int, int] = {}
    alive = []  # so that no address is used again

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        alive.append(storage)
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    shape = image_shape(net)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = model(torch.randn(shape))
    assert output.requires_grad
    assert net.report().activation_bytes_training == pytest.approx(sum(kept.values()), rel=0.02)


def test_the_inference_peak_follows_liveness(network_of: Build) -> None:
    # 4-byte floats: input 8, hidden 100, output 2; the caller holds the input throughout.
    report = network_of("network Net(x: [N, 8]) { x -> linear(100) -> linear(2) }").report()
    assert report.activation_bytes_inference_peak == 4 * (8 + 100 + 2)


# --- receptive fields


def field(net: Network, key: str) -> list[int]:
    fields = receptive_fields(NetView(net.graph))[key]
    assert fields is not None
    return [f.size for f in fields]


@pytest.mark.parametrize(
    ("variant", "key", "size"),
    # Araujo, Norris and Sim, Distill 2019, and interval propagation over the public checkpoints' graphs.
    [
        ("vgg_d", "features.30", 212),
        ("resnet50", "layer4.2.conv3", 427),
        ("resnet50_paper", "layer4.2.relu_3", 483),
        ("resnet101_paper", "layer4.2.relu_3", 1027),
        ("resnet152_paper", "layer4.2.relu_3", 1507),
        ("alexnet_torchvision", "features.10", 163),
        ("cifar_resnet110", "layer3.17.conv2", 501),
    ],
)
def test_receptive_fields_equal_published_ones(variant: str, key: str, size: int) -> None:
    assert field(archdsl.load(variant), key) == [size, size]


def test_branches_are_united_and_dilation_counts(network_of: Build) -> None:
    net = network_of(
        "network Net(x: [N, 3, 64, 64]) {\n"
        "(x -> conv(3, 3, padding = 1)) + (x -> conv(3, 3, dilation = 4, padding = 4)) }"
    )
    assert field(net, "add") == [9, 9]


def test_the_receptive_field_is_where_the_input_has_a_gradient(network_of: Build) -> None:
    net = network_of(
        "network Net(x: [N, 1, 40, 40]) {\n"
        "x -> c1: conv(1, 3, stride = 2) -> p: max_pool(2) -> c2: conv(1, 3, dilation = 2) }"
    )
    model = net.compile()
    model.get_parameter("c1.weight").data.fill_(1.0)
    model.get_parameter("c2.weight").data.fill_(1.0)
    model.p = torch.nn.AvgPool2d(2)
    x = torch.randn(1, 1, 40, 40, requires_grad=True)
    out = model(x)
    out[0, 0, 2, 2].backward()
    rows = x.grad[0, 0].abs().sum(1).nonzero().flatten()  # type: ignore[index]
    fields = receptive_fields(NetView(net.graph))["c2"]
    assert fields is not None
    assert fields[0].jump is not None
    low, high = (2 * fields[0].jump + end for end in (fields[0].low, fields[0].high))
    assert (rows.min().item(), rows.max().item()) == (low, high)


# --- the document


def test_the_json_document_has_its_keys(network_of: Build) -> None:
    document = json.loads(json.dumps(network_of(U_NET).report().to_dict()))
    assert set(document) == {
        "archdsl", "network", "variant", "hash", "counted_for", "needs", "totals", "inputs", "outputs", "devices",
        "nodes",
    }  # fmt: skip
    assert set(document["totals"]) == {
        "params", "trainable_params", "buffers", "macs", "flops", "param_bytes",
        "activation_bytes_inference_peak", "activation_bytes_training", "layers",
    }  # fmt: skip
    assert set(document["nodes"][0]) == {
        "path", "op", "inputs", "shape", "params", "macs", "receptive_field", "jump", "device", "phase", "line",
    }  # fmt: skip


def test_devices_have_their_share_and_the_bytes_that_cross() -> None:
    devices = archdsl.load("alexnet").report().to_dict()["devices"]
    assert set(devices) == {"gpu0", "gpu1"}
    assert sum(d["params"] for d in devices.values()) == 60_965_224
    assert sum(d["macs"] for d in devices.values()) == 724_406_816
    image = 4 * 3 * 227 * 227
    assert sum(d["bytes_in"] for d in devices.values()) == 2 * image + sum(d["bytes_out"] for d in devices.values())


def test_the_same_spec_gives_the_same_hash_and_document() -> None:
    documents = [archdsl.load("resnet18").report().to_dict() for _ in range(2)]
    assert documents[0] == documents[1]


def test_a_report_prints_as_a_table(golden: Callable[[Path, str], None]) -> None:
    report: Report = archdsl.load("alexnet").report()
    golden(GOLDEN / "report-alexnet.txt", str(report))


def test_the_document_says_for_which_batch_it_is(network_of: Build) -> None:
    code = "network T(x: [N, 3, 8, 8]) { x -> slice(3, dim = 0) -> conv(4, 3) -> relu }"
    document = network_of(code).report().to_dict()
    assert document["counted_for"] == {"N": 4}
    assert (document["totals"]["macs"], document["outputs"][0]["shape"]) == (4 * 27 * 36, [1, 4, 6, 6])
