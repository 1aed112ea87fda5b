"""Memory: what archdsl says of it, against what torch allocates."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import archdsl
from archdsl.graph import Graph
from archdsl.measure.memory.cheapest import Candidate, candidates, cheapest
from archdsl.measure.memory.search import MOST, largest
from archdsl.measure.memory.training import training
from archdsl.measure.run.execution import Runs, Setting
from archdsl.measure.run.optimizer import OPTIMIZERS
from archdsl.measure.run.saved import kept_for_backward
from archdsl.net_view import NetView
from archdsl.network import Network
from archdsl.ops import OPERATORS, Example, Operator
from archdsl.ops.loss import Loss
from archdsl.rewrite.recompute import recomputing, regions
from benchmarks.allocations import Trace, measure
from benchmarks.memory import network, predict

Build = Callable[..., Network]
Said = Any
CPU = Setting(hardware="cpu")

RESIDUAL = """
block residual(x: [N, C, H, W]) {{
    x + (x -> {{ conv(C, 3, padding = 1) -> batch_norm -> relu -> conv(C, 3, padding = 1) -> batch_norm }}) -> relu
}}
network Net(x: [4, 3, 16, 16]) {{
    x -> stem: conv(32, 3, padding = 1) -> a: residual {} -> b: residual {} -> max_pool(2) -> c: residual {}
        -> mean([2, 3]) -> linear(10)
}}
"""

ENCODER = """
block layer(x: [N, T, D], heads) {
    a = x -> ln1: layer_norm
    b = x + (multihead_attention(a, a, a, heads))
    b + (b -> ln2: layer_norm -> mlp: { linear(4 * D) -> gelu -> linear(D) })
}
network Net(image: [4, 3, 64, 64]) {
    image -> conv(64, 8, stride = 8) -> flatten(2) -> permute([0, 2, 1])
        -> layers: repeat 2 { layer(4) } -> mean(1) -> linear(10)
}
"""

SPLIT_HEADS = """
network Net(x: [4, 64, 32]) {
    heads = x -> linear(96) -> unflatten(2, [3, 4, 8]) -> permute([2, 0, 3, 1, 4])
    q, k, v = chunk(heads, 3, dim = 0)
    scaled_dot_product_attention(q -> squeeze(0), k -> squeeze(0), v -> squeeze(0))
        -> permute([0, 2, 1, 3]) -> flatten(2) -> linear(32) -> dropout(0.1) -> linear(4)
}
"""

MIXTURE = """
network Net(x: [4, 3, 32, 32]) {
    a = x -> conv(32, 3, padding = 1) -> batch_norm -> relu
    b = a * (a -> global_avg_pool -> conv(8, 1) -> relu -> conv(32, 1) -> sigmoid) -> drop_path(0.2)
    c = concat(a, b) -> conv(32, 1) -> channel_shuffle(4)
    d, e = chunk(c, 2, dim = 1)
    concat(d -> conv(16, 3, padding = 1, groups = 16) -> hardswish, e) -> max_pool(2)
        -> interpolate(scale_factor = 2, mode = bilinear) -> prelu(32) -> group_norm(4) -> pixel_shuffle(2)
        -> mean([2, 3]) -> linear(10)
}
"""

SHARED = """
block tower(x: [N, D]) { x -> linear(64) -> relu }
network Net(left: [4, 256], right: [4, 256]) {
    encoder = module tower()
    concat(left -> encoder, right -> encoder) -> linear(2)
}
"""

FROZEN = """
network Net(x: [4, 64]) {
    x -> { linear(256) -> relu } @frozen -> linear(64) -> { linear(256) -> gelu } @frozen -> linear(4)
}
"""

SCATTERED = """
network Net(x: [4, 64, 32]) {
    y = x -> linear(48) -> relu -> permute([0, 2, 1])
    z = (y -> linear(64)) + (y -> linear(64)) -> slice(0, 40) -> linear(256, bias = false)
    matmul(z -> unflatten(2, [4, 64]) -> permute([0, 2, 1, 3]), parameter([64, 8])) -> group_norm(2) -> linear(4)
}
"""

RECURRENT = """
network Net(words: [4, 12] int64) {
    seq = words -> embedding(200, 24) -> gru(32, 2, bidirectional = true)
    mean(seq[0], [1]) -> linear(10)
}
"""

CROSS = """
network Net(x: [4, 16, 32], memory: [4, 24, 32]) {
    a = x -> linear(32)
    b = memory -> linear(32) -> layer_norm
    a + (multihead_attention(a, b, b, 4)) -> layer_norm -> linear(10)
}
"""

GATHERED = """
network Net(x: [24, 32]) {
    share, chosen = topk(x -> linear(4) -> softmax(-1), 2)
    mine = parameter([4, 16, 32]) -> index_select(chosen -> reshape([-1])) -> unflatten(0, [-1, 2])
    made = matmul(mine, x -> unsqueeze(1) -> unsqueeze(3)) -> squeeze(3) -> silu
    sum(made * (share -> unsqueeze(2)), 1) -> linear(10)
}
"""

STRUCTURES = {
    "residual": RESIDUAL.format("", "", ""),
    "recomputed": RESIDUAL.format("@checkpoint", "", "@checkpoint"),
    "encoder": ENCODER,
    "split heads": SPLIT_HEADS,
    "mixture": MIXTURE,
    "shared weights": SHARED,
    "frozen layers": FROZEN,
    "scattered": SCATTERED,
}

# What a layer makes for itself and lets go before it ends is not told of these: of recurrent layers their gates, of
# attention between two tensors its projections, and of gathered experts the gradients on their way.
NEARLY = {"recurrent": (RECURRENT, 0.22), "cross attention": (CROSS, 0.03), "gathered experts": (GATHERED, 0.06)}


def agree(net: Network, within: float, dtype: str = "fp32") -> None:
    """The peak in inference, what is kept, and the peak in training are those measured."""
    predicted, _ = predict(net, "cpu", dtype)
    found = measure(net, dtype=dtype)
    assert predicted == pytest.approx((found.inference_peak, found.kept, found.training_peak), rel=within)


@pytest.mark.parametrize("code", STRUCTURES.values(), ids=STRUCTURES)
def test_the_model_is_what_torch_allocates(network_of: Build, code: str) -> None:
    agree(network_of(code), within=0.02)


@pytest.mark.parametrize(("code", "within"), NEARLY.values(), ids=NEARLY)
def test_what_backward_waits_for_is_what_torch_keeps_and_its_peak_is_near(
    network_of: Build, code: str, within: float
) -> None:
    net = network_of(code)
    (_, kept, peak), _ = predict(net, "cpu", "fp32")
    found = measure(net)
    assert kept == found.kept
    assert peak == pytest.approx(found.training_peak, rel=within)


@pytest.mark.parametrize(
    "name",
    ["lenet5_1998", "alexnet", "cifar_resnet20", "googlenet", "siamese", "unet", "vit_tiny_16"],
)
def test_networks_of_the_zoo_take_the_memory_predicted(name: str) -> None:
    agree(network(name), within=0.05)


def test_a_trace_of_fake_tensors_is_one_of_real_tensors(network_of: Build) -> None:
    net = network_of(STRUCTURES["recomputed"])
    assert measure(net, fake=True) == measure(net, fake=False)


# --- each operator by itself

# Attention that no kernel fuses is an estimate; oneDNN's LSTM keeps a workspace of its own.
EXAMPLES = [
    pytest.param(operator, example, id=f"{name}-{i}")
    for name, operator in sorted(OPERATORS.items())
    if not issubclass(operator, Loss) and operator.inputs and name not in ("scaled_dot_product_attention", "lstm")
    for i, example in enumerate(operator.examples)
]


def alone(operator: type[Operator], example: Example) -> str:
    """A network of the example's step, whose inputs need gradients."""
    names = [f"x{i}" for i in range(len(example.inputs))]
    shapes = [list(shape) for shape in example.inputs]
    types = example.types(operator)
    read = [
        f"y{name} = {name}" + (f" + (parameter({shape}))" if dtype == "float32" else "")
        for name, shape, dtype in zip(names, shapes, types, strict=True)
    ]
    call = example.call([f"y{name}" for name in names])
    first = "[0]" if example.output and isinstance(example.output[0], tuple) else ""
    declared = ", ".join(f"{name}: {shape} {dtype}" for name, shape, dtype in zip(names, shapes, types, strict=True))
    lines = "\n    ".join([*read, f"{call}{first}"])
    return f"network Net({declared}) {{\n    {lines}\n}}"


@pytest.mark.parametrize(("operator", "example"), EXAMPLES)
def test_an_operator_says_what_autograd_keeps(network_of: Build, operator: type[Operator], example: Example) -> None:
    net = network_of(alone(operator, example))
    assert kept_for_backward(net.graph, CPU) == pytest.approx(measure(net).kept, rel=0.01, abs=4)


# Memory is traced by fake tensors, which ctc_loss does not take: what it keeps is compared in test_losses.py.
LOSSES = [name for name, operator in sorted(OPERATORS.items()) if issubclass(operator, Loss) and name != "ctc_loss"]


# Targets and arguments of those that do not compare one output with one target.
COMPARED = {
    "triplet_margin_loss": ("target p: [64, 100]\n target n: [64, 100]\n", "y, p, n"),
    "cosine_embedding_loss": ("target u: [64, 100]\n target t: [64]\n", "y, u, t"),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_counts_in_the_peak(network_of: Build, loss: str) -> None:
    targets, arguments = COMPARED.get(loss, ("", "y"))
    code = f"network Net(x: [64, 4]) {{ output y = x -> linear(100)\n {targets}loss {loss}({arguments}) }}"
    agree(network_of(code), within=0.05)


# --- precisions and optimizers


KINDS: dict[str, Callable[..., Any]] = {
    "sgd": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9),
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


@pytest.mark.parametrize("together", [True, False], ids=["foreach", "one by one"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_keeps_and_allocates_what_it_says(name: str, together: bool) -> None:
    weights = [nn.Parameter(torch.zeros(size)) for size in (4000, 5000, 3000)]
    optimizer = KINDS[name](weights, lr=0.1, foreach=together)
    rules, scratch = OPTIMIZERS[name], 0
    for _ in range(2):  # the first step makes the states
        for weight in weights:
            weight.grad = torch.zeros_like(weight)
        states = [t for state in optimizer.state.values() for t in state.values() if t is not None and t.dim()]
        with Trace() as trace:
            trace.count(*weights, *(weight.grad for weight in weights if weight.grad is not None), *states)
            before = trace.alive
            optimizer.step()
            scratch = trace.peak - before
    assert sum(t.numel() for t in states) == rules.states * 12000
    assert scratch == pytest.approx(4 * rules.update([4000, 5000, 3000], together=together), abs=64)


@pytest.mark.parametrize("name", ["residual", "recomputed", "mixture"])
@pytest.mark.parametrize("dtype", ["bf16", "mixed"])
def test_lower_precisions_take_the_memory_predicted(network_of: Build, dtype: str, name: str) -> None:
    agree(network_of(STRUCTURES[name]), within=0.02, dtype=dtype)


def test_bf16_halves_all_but_statistics(network_of: Build) -> None:
    net = network_of("network Net(x: [4, 16, 8, 8]) { x -> conv(32, 3) -> batch_norm -> relu }")
    full, half = (net.memory(optimizer="adamw", dtype=dtype).devices["all"] for dtype in ("fp32", "bf16"))
    assert (half.gradients, half.optimizer) == (full.gradients / 2, full.optimizer / 2)
    statistics = 2 * 32 * 4
    assert half.kept_for_backward is not None
    assert full.kept_for_backward is not None
    assert 2 * (half.kept_for_backward - statistics) == full.kept_for_backward - statistics


def test_mixed_keeps_weights_in_float32_and_copies_of_them_in_bf16(network_of: Build) -> None:
    net = network_of("network Net(x: [4, 16]) { x -> linear(32, bias = false) -> relu }")
    full, mixed = (net.memory(optimizer="adam", dtype=dtype).devices["all"] for dtype in ("fp32", "mixed"))
    assert (mixed.weights, mixed.gradients, mixed.optimizer) == (full.weights, full.gradients, full.optimizer)
    assert mixed.kept_for_backward == 2 * (4 * 16 + 16 * 32 + 4 * 32)  # the input, the weights, the output


def test_a_gpu_keeps_masks_of_dropout_as_bytes(network_of: Build) -> None:
    graph = network_of("network Net(x: [4, 16]) { x -> linear(32) -> dropout(0.5) }").graph
    kept = [kept_for_backward(graph, Setting(hardware=hardware)) for hardware in ("cuda", "cpu")]
    assert kept == [4 * 16 * 4 + 4 * 32, 4 * 16 * 4 + 4 * 32 * 4]


# --- devices, symbols, what is printed


def test_each_device_has_its_own_weights_and_the_copies_of_what_it_reads(network_of: Build) -> None:
    code = "network Net(x: [4, 16]) { device a, b\n x -> linear(32) @a -> linear(64) @b }"
    devices = network_of(code).memory().devices
    assert list(devices) == ["a", "b", "all"]
    assert devices["a"].weights + devices["b"].weights == devices["all"].weights
    assert (devices["a"].kept_for_backward, devices["b"].kept_for_backward) == (4 * 16 * 4, 4 * 32 * 4)


def test_a_symbol_that_is_left_stays_in_what_is_kept(network_of: Build) -> None:
    memory = network_of("network Net(x: [N, 3, H, W]) { x -> conv(8, 3, padding = 1) -> relu }").memory()
    assert memory.to_dict()["devices"]["all"]["kept_for_backward"] == "44*H*W"


def test_the_report_shows_memory_only_when_asked(command_line: Callable[..., Said]) -> None:
    plain = json.loads(command_line("report", "lenet5", "--json").out)
    asked = json.loads(command_line("report", "lenet5", "--json", "--memory", "--optimizer", "adamw").out)
    assert set(asked) - set(plain) == {"memory"}
    assert asked["memory"]["devices"]["all"]["optimizer"] == 2 * plain["totals"]["param_bytes"]


# --- what fits


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 7, 8, 9, 1000])
def test_the_largest_number_that_fits_is_found(limit: int) -> None:
    assert largest(lambda n: n - limit) == limit


def test_the_largest_batch_fits_and_one_more_does_not(command_line: Callable[..., Said]) -> None:
    options = ("--memory", "64MiB", "--optimizer", "adamw", "--json")
    best = json.loads(command_line("fit", "cifar_resnet20", *options).out)["cases"][0]
    batch = best["batch"]
    assert best["fits"]
    for size, fits in ((batch, True), (batch + 1, False)):
        peak = archdsl.load("cifar_resnet20", inputs={"image": (size, 3, 32, 32)}).memory(optimizer="adamw")
        needed = peak.devices["all"].training_peak.bytes
        assert isinstance(needed, int)
        assert (needed <= 64 * 2**20) is fits


def kept_of(graph: Graph) -> int:
    kept = kept_for_backward(graph, CPU)
    assert isinstance(kept, int)
    return kept


def peak_of(graph: Graph) -> int:
    peak = training(Runs(NetView(graph), CPU).training, OPTIMIZERS["sgd"]).peaks[None].bytes
    assert isinstance(peak, int)
    return peak


def candidates_of(graph: Graph) -> list[Candidate]:
    net = NetView(graph)
    return candidates(net, Runs(net, CPU).training)


@pytest.mark.parametrize("code", [RESIDUAL.format("", "", ""), ENCODER, SHARED], ids=["residual", "encoder", "shared"])
def test_a_block_frees_what_is_kept_less_when_it_alone_is_recomputed(network_of: Build, code: str) -> None:
    graph = network_of(code).graph
    found = candidates_of(graph)
    assert found
    assert [c.freed for c in found] == [kept_of(graph) - kept_of(recomputing(graph, [c])) for c in found]


@pytest.mark.parametrize(
    ("variant", "wanted"),
    [
        ("gpt2", [f"transformer.h.{i}" for i in range(12)]),  # the decoder around them is nearly all that there is
        ("resnet18", [f"layer{stage}.{i}" for stage in range(1, 5) for i in range(2)]),
        ("siamese", ["encoder", "distance"]),  # which is not made of blocks
    ],
)
def test_a_block_that_is_much_of_a_network_and_made_of_blocks_is_recomputed_by_these(
    variant: str, wanted: list[str]
) -> None:
    assert [region.path for region in regions(NetView(archdsl.load(variant).graph))] == wanted


def test_a_layer_is_not_marked_for_recomputation_twice(network_of: Build) -> None:
    graph = network_of(RESIDUAL.format("", "", "")).graph
    (first, *_) = regions(NetView(graph))
    with pytest.raises(ValueError, match="is recomputed already"):
        recomputing(recomputing(graph, [first]), [first])


@pytest.mark.parametrize("marks", [("@checkpoint", "", ""), ("", "@checkpoint", "@checkpoint")])
def test_recomputing_blocks_is_marking_them_with_checkpoint(network_of: Build, marks: tuple[str, ...]) -> None:
    plain, marked = network_of(RESIDUAL.format("", "", "")), network_of(RESIDUAL.format(*marks))
    chosen = [block for block, mark in zip(regions(NetView(plain.graph)), marks, strict=True) if mark]
    predicted = recomputing(plain.graph, chosen)
    assert kept_of(predicted) == kept_of(marked.graph) == measure(marked).kept
    assert peak_of(predicted) == peak_of(marked.graph) == pytest.approx(measure(marked).training_peak, rel=0.01)


@pytest.mark.parametrize("share", [0.7, 0.8, 0.9, 1.0])
def test_the_blocks_recomputed_are_the_cheapest(network_of: Build, share: float) -> None:
    graph = network_of(RESIDUAL.format("", "", "")).graph
    budget = int(peak_of(graph) * share)
    found = candidates_of(graph)
    chosen = cheapest(graph, found, lambda marked: peak_of(marked) - budget)
    sets = [s for n in range(4) for s in itertools.combinations(found, n)]
    fitting = [sum(b.macs for b in s) for s in sets if peak_of(recomputing(graph, s)) <= budget]
    assert (None if chosen is None else sum(b.macs for b in chosen)) == min(fitting, default=None)


def test_fit_says_which_blocks_to_recompute_for_a_batch(command_line: Callable[..., Said]) -> None:
    case = json.loads(command_line("fit", "resnet18", "--memory", "4GiB", "--batch", "200", "--json").out)["cases"][0]
    assert case["fits"]
    assert case["checkpoint"]
    assert case["recomputed_macs"] > 0


def test_fit_grows_the_input_at_a_batch(command_line: Callable[..., Said]) -> None:
    options = ("--memory", "2GiB", "--batch", "8", "--inference", "--json")
    given, grown = json.loads(command_line("fit", "resnet18", *options).out)["cases"]
    assert given["inputs"]["image"] == [8, 3, 224, 224]
    assert grown["fits"]
    assert grown["inputs"]["image"][2] > 224


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lenet5", "--memory", "lots"), "is not a size"),
        (("lenet5", "--memory", "gpu0=1GiB"), "declares no device `gpu0`"),
        (("alexnet", "--memory", "gpu0=1GiB", "--memory", "gpu0=2GiB"), "given twice"),
        (("alexnet", "--memory", "1GiB", "--memory", "gpu0=2GiB"), "one size for all"),
    ],
)
def test_fit_refuses_what_it_cannot_answer(
    command_line: Callable[..., Said], arguments: tuple[str, ...], message: str
) -> None:
    said = command_line("fit", *arguments)
    assert said.status == 2
    assert message in said.err


# --- the search


@pytest.mark.parametrize("answer", [1, 2, 5, 77, 1000, 123_456])
@pytest.mark.parametrize(
    "excess",
    [
        lambda n, answer: 7 * n - 7 * answer - 3,  # a line
        lambda n, answer: n * n - answer * answer,  # faster and faster
        lambda n, answer: -1 if n <= answer else 1,  # no hint
        lambda n, answer: (n // 64) * 64 - answer if n > answer + 64 else n - answer,  # steps
    ],
    ids=["line", "square", "sign", "steps"],
)
def test_the_search_finds_the_last_number_that_fits(excess: Callable[[int, int], int], answer: int) -> None:
    asked: list[int] = []

    def counting(number: int) -> int:
        asked.append(number)
        return excess(number, answer)

    assert largest(counting) == answer
    assert len(asked) <= 2 * MOST.bit_length()
    assert len(set(asked)) == len(asked)


def test_a_memory_that_grows_evenly_is_asked_for_four_batches(network_of: Build) -> None:
    asked: list[int] = []

    def excess(number: int) -> int:
        asked.append(number)
        return 4 * number + 100 - 4_000_102

    assert largest(excess) == 1_000_000
    assert len(asked) == 4


def test_a_memory_that_grows_slowly_at_first_is_asked_for_six_batches() -> None:
    asked: list[int] = []

    def excess(number: int) -> int:
        asked.append(number)
        return max(96 * number + 60_000, 6496 * number) - 2**30  # the optimizer's step, or activations

    assert largest(excess) == 2**30 // 6496
    assert len(asked) <= 6


# --- batches that are worked out from a symbol


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_fit_takes_a_batch_of_twice_a_symbol(tmp_path: Path, command_line: Callable[..., Said]) -> None:
    code = "network Net(x: [{}, 8]) {{ x -> linear(16) -> relu -> linear(4) }}"
    twice, once = (written(tmp_path / f"{batch[0]}.arch", code.format(batch)) for batch in ("2 * N", "N"))
    cases = [
        json.loads(command_line("fit", str(path), "--memory", "100kB", "--json").out)["cases"][0]
        for path in (twice, once)
    ]
    assert cases[0]["fits"]
    assert cases[0]["batch"] == cases[1]["batch"] // 2 * 2
    assert cases[0]["inputs"] == {"x": [cases[0]["batch"], 8]}
    given = json.loads(command_line("fit", str(twice), "--memory", "100kB", "--batch", "6", "--json").out)["cases"][0]
    assert given["inputs"] == {"x": [6, 8]}
    refused = command_line("fit", str(twice), "--memory", "100kB", "--batch", "7")
    assert (refused.status, "is 2*N, which is 7 for no N" in refused.err) == (2, True)


def test_fit_begins_at_the_least_batch_that_the_network_takes(
    tmp_path: Path, command_line: Callable[..., Said]
) -> None:
    path = written(tmp_path / "t.arch", "network T(x: [N, 3, 8, 8]) { x -> slice(3, dim = 0) -> conv(4, 3) -> relu }")
    case = json.loads(command_line("fit", str(path), "--memory", "1B", "--json").out)["cases"][0]
    assert (case["batch"], case["fits"]) == (4, False)
    assert all(peak["bytes"] > 0 for peak in case["peaks"])
    refused = command_line("fit", str(path), "--memory", "1GB", "--batch", "3")
    assert (refused.status, "needs N >= 4" in refused.err) == (2, True)


def test_fit_takes_the_other_sizes_from_input(command_line: Callable[..., Said]) -> None:
    options = ("--memory", "64MiB", "--input", "image=1x3x16x16", "--json")
    case = json.loads(command_line("fit", "cifar_resnet20", *options).out)["cases"][0]
    assert case["fits"]
    assert case["inputs"]["image"] == [case["batch"], 3, 16, 16]
    for size, fits in ((case["batch"], True), (case["batch"] + 1, False)):
        peak = archdsl.load("cifar_resnet20", inputs={"image": (size, 3, 16, 16)}).memory().devices["all"].training_peak
        assert isinstance(peak.bytes, int)
        assert (peak.bytes <= 64 * 2**20) is fits
