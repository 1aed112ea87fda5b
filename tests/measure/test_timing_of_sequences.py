"""What the timing model says that attention, recurrent layers and those that gather do, against torch: its products by
torch's own counter, its bytes by the tensors that go in, come out and are kept for backward."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

import archdsl
from archdsl.graph import header, operands
from archdsl.measure.time.gpus import GPUS
from archdsl.measure.time.roofline import Timing, Workload, predict
from archdsl.network import Network
from tests.compiler import devices_in_name

Build = Callable[..., Network]
CPU = replace(GPUS["a100"], hardware="cpu")  # keeps for backward what torch keeps here
SAMPLES = 2

SELF = "it: multihead_attention(y, y, y, 4)"
ATTENTION = [
    SELF,
    "it: multihead_attention(y, y, y, 4, is_causal = true)",
    "k = x -> b: linear(16)\n v = x -> c: linear(16)\n it: scaled_dot_product_attention(y, k, v)",
    "q = y -> reshape([2, 6, 4, 4])\n it: scaled_dot_product_attention(q, q, q, is_causal = true)",
]
RECURRENT = [
    f"r = y -> it: {cell}\n r[0]"
    for cell in ("lstm(8)", "lstm(8, 2, bidirectional = true)", "gru(8)", "gru(8, 2, bidirectional = true)", "rnn(8)")
]


def net_of(network_of: Build, body: str) -> Network:
    return network_of(f"network Net(x: [2, 6, 16]) {{ y = x -> a: linear(16)\n {body} }}")


def counted(net: Network) -> tuple[int, int]:
    """FLOPs of torch's kernels, forward and backward, where nothing is computed."""
    model = net.compile("meta").train()
    given = [devices_in_name.zeros(net.graph, name).to("meta") for name in header(net.graph)["inputs"]]
    with FlopCounterMode(display=False) as counter:
        made: Any = model(*given)
        forward = counter.get_total_flops()
        several = made if isinstance(made, tuple) else (made,)
        torch.autograd.backward([output.sum() for output in several if output.requires_grad])
    return forward, counter.get_total_flops() - forward


def said(net: Network) -> Timing:
    head = header(net.graph)
    return predict(net.graph, CPU, values={**head["least_batch"], **dict.fromkeys(head["batch"], SAMPLES)})


def flops(works: Iterable[Workload]) -> int:
    return sum(work.flops for work in works)


@pytest.mark.parametrize("body", [*ATTENTION, *RECURRENT])
def test_products_are_those_that_torch_counts(network_of: Build, body: str) -> None:
    net = net_of(network_of, body)
    timing = said(net)
    assert (flops(timing.forward.values()), flops(timing.backward.values())) == counted(net)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("moe_small", {}),
        pytest.param("moe_small_dense", {}, marks=pytest.mark.heavy),
        pytest.param("bert_tiny", {}, marks=pytest.mark.heavy),
        pytest.param("clip_small", {}, marks=pytest.mark.heavy),
        ("llama_260k", {}),
        ("lstm_classifier", {"words": (None, 7)}),
        pytest.param("gru_classifier", {"words": (None, 7)}, marks=pytest.mark.heavy),
    ],
)
def test_products_of_whole_networks_are_those_that_torch_counts(name: str, shapes: dict[str, Any]) -> None:
    net = archdsl.load(name, inputs=shapes)
    timing = said(net)
    assert (flops(timing.forward.values()), flops(timing.backward.values())) == counted(net)


# --- bytes


@dataclass(frozen=True)
class Moved:
    forward: int
    backward: int


def moved(layer: Callable[..., Any], inputs: list[Tensor], weights: Sequence[Tensor] = ()) -> Moved:
    """The bytes of what goes in, comes out and is kept beside that; and of what backward reads and makes: it begins
    with the gradient of the first output, and makes one for each weight and input that may have one."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        made = layer(*inputs)
    outputs = list(made) if isinstance(made, tuple) else [made]
    for weight in weights:
        kept.pop(weight.untyped_storage().data_ptr(), None)
    known = {t.untyped_storage().data_ptr() for t in (*inputs, *outputs)}
    extra = sum(size for place, size in kept.items() if place not in known)
    given, own = sum(map(nbytes, dict.fromkeys(inputs))), sum(map(nbytes, weights))
    gradients = own + sum(nbytes(t) for t in dict.fromkeys(inputs) if t.requires_grad)
    return Moved(
        given + sum(map(nbytes, outputs)) + extra + own, nbytes(outputs[0]) + sum(kept.values()) + own + gradients
    )


def nbytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


@pytest.mark.parametrize("body", [*ATTENTION[:3], *RECURRENT])
def test_bytes_are_those_of_the_tensors_of_torch(network_of: Build, body: str) -> None:
    net = net_of(network_of, body)
    timing, layer = said(net), net.compile("cpu").train().get_submodule("it")
    read = [producer for producer, _ in operands(net.graph, "it")]
    tensors = {producer: torch.randn(2, 6, 16, requires_grad=True) for producer in read}
    with torch.backends.mkldnn.flags(enabled=False):
        found = moved(layer, [tensors[producer] for producer in read], list(layer.parameters()))
    assert (timing.forward["it"].bytes, timing.backward["it"].bytes) == (found.forward, found.backward)


ROWS = torch.randint(0, 12, (5,))
PLACES = torch.randint(0, 12, (3, 16))


@pytest.mark.parametrize(
    ("body", "index", "call"),
    [
        ("it: index_select(t, i)", ROWS, lambda t: torch.index_select(t, 0, ROWS)),
        ("it: gather(t, i, 0)", PLACES, lambda t: torch.gather(t, 0, PLACES)),
    ],
    ids=["index_select", "gather"],
)
def test_what_gathers_reads_the_places_that_it_gives(
    network_of: Build, body: str, index: Tensor, call: Callable[..., Any]
) -> None:
    """As the experts of a mixture are: forward reads no more of the table than comes out; its gradient is whole."""
    text = (
        f"network Net(x: [12, 16], i: [{', '.join(map(str, index.shape))}] int64) {{ t = x -> a: linear(16)\n {body} }}"
    )
    timing = said(network_of(text))
    table = torch.randn(12, 16, requires_grad=True)
    found = moved(call, [table])
    rows = nbytes(call(table))
    assert timing.forward["it"].bytes == found.forward - nbytes(table) + rows
    assert timing.backward["it"].bytes == found.backward
    assert timing.forward["it"].flops == timing.backward["it"].flops == 0


def test_a_table_of_embeddings_is_read_row_by_row_and_its_gradient_is_whole(network_of: Build) -> None:
    net = network_of("network Net(i: [2, 6] int64) { i -> it: embedding(12, 16) }")
    timing, layer = said(net), net.compile("cpu").get_submodule("it")
    words = torch.randint(0, 12, (2, 6))
    found = moved(layer, [words], list(layer.parameters()))
    table, rows = 4 * 12 * 16, nbytes(layer(words))
    assert timing.forward["it"].bytes == found.forward - table + rows
    assert timing.backward["it"].bytes == found.backward - table  # whose values no gradient needs


@pytest.mark.parametrize("experts", ["matmul(t, u)", 'einsum("nab,nbc->nac", t, u)'])
def test_products_of_gathered_weights_move_what_torch_moves(network_of: Build, experts: str) -> None:
    text = "t = x -> a: linear(8)\n u = x -> b: linear(6) -> reshape([5, 8, 3])"
    net = network_of(f"network Net(x: [5, 4, 7]) {{ {text}\n it: {experts} }}")
    timing = said(net)
    given = [torch.randn(5, *size, requires_grad=True) for size in ((4, 8), (8, 3))]
    found = moved(torch.bmm, given)
    assert (timing.forward["it"].bytes, timing.backward["it"].bytes) == (found.forward, found.backward)
    assert (timing.forward["it"].flops, timing.backward["it"].flops) == (2 * 5 * 4 * 8 * 3, 4 * 5 * 4 * 8 * 3)
