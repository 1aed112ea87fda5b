"""Sizes that are known when a network runs: what compiles computes them from its inputs, or refuses the inputs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

import archdsl
from archdsl.dims import Dim, Shape, symbol, symbols, value
from archdsl.errors import SpecError
from archdsl.graph import Graph, header, layers
from archdsl.measure.network.analyse import analyse
from archdsl.network import Network
from compiler import assemble
from compiler.program import Feed
from compiler.sizes import readings, unfit

Build = Callable[..., Network]
N, T, H, W = symbol("N"), symbol("T"), symbol("H"), symbol("W")

# A spec, what it means in torch, and the shapes of its inputs for a batch and two other sizes.
Meaning = Callable[..., Tensor]
Shapes = Callable[[int, int, int], list[tuple[int, ...]]]
CASES: dict[str, tuple[str, Meaning, Shapes]] = {
    "reshape to two open sizes": (
        "x: [N, T, 64]) { x -> reshape([N, T, 4, 16])",
        lambda x: x.reshape(x.shape[0], x.shape[1], 4, 16),
        lambda n, t, _: [(n, t, 64)],
    ),
    "reshape with the rest": (
        "x: [N, T, 64]) { x -> reshape([N, 4, -1])",
        lambda x: x.reshape(x.shape[0], 4, -1),
        lambda n, t, _: [(n, t, 64)],
    ),
    "reshape to a product of sizes": (
        "x: [N, H, W, 6]) { x -> reshape([N, H * W, 2, 3])",
        lambda x: x.reshape(x.shape[0], x.shape[1] * x.shape[2], 2, 3),
        lambda n, h, w: [(n, h, w, 6)],
    ),
    "reshape that merges the batch": (
        "x: [N, H, W]) { x -> reshape([N * H, W])",
        lambda x: x.reshape(-1, x.shape[2]),
        lambda n, h, w: [(n, h, w)],
    ),
    "reshape to sizes of a layer": (
        "x: [N, 3, H, W]) { y = x -> conv(4, 3, stride = 2)\n y -> reshape([N, 2, 2, y.shape[2], y.shape[3]])",
        lambda x: x,
        lambda n, h, w: [(n, 3, h, w)],
    ),
    "reshape in windows": (
        "x: [N, 4 * H, 4 * W, 5]) { x -> reshape([N, H, 4, W, 4, 5]) -> permute([0, 1, 3, 2, 4, 5])",
        lambda x: x.reshape(x.shape[0], x.shape[1] // 4, 4, -1, 4, 5).permute(0, 1, 3, 2, 4, 5),
        lambda n, h, w: [(n, 4 * h, 4 * w, 5)],
    ),
    "unflatten with the rest": (
        "x: [N, 4 * T, 3]) { x -> unflatten(1, [-1, 4])",
        lambda x: x.unflatten(1, (-1, 4)),
        lambda n, t, _: [(n, 4 * t, 3)],
    ),
    "unflatten to two open sizes": (
        "x: [N, H * W, 3], y: [N, H, W]) { (x -> unflatten(1, [H, W])) * (y -> unsqueeze(-1))",
        lambda x, y: x.unflatten(1, y.shape[1:]) * y[..., None],
        lambda n, h, w: [(n, h * w, 3), (n, h, w)],
    ),
    "interpolate to another input's size": (
        "x: [N, 3, H, W], y: [N, 3, K, L]) {\n concat(x -> interpolate([y.shape[2], y.shape[3]]), y)",
        lambda x, y: torch.cat([functional.interpolate(x, y.shape[2:]), y], 1),
        lambda n, h, w: [(n, 3, h, w), (n, 3, w + 1, h + 2)],
    ),
    "interpolate to a multiple": (
        "x: [N, 3, H, W]) { x -> interpolate([2 * H, W + 1], mode = bilinear, align_corners = true)",
        lambda x: functional.interpolate(x, (2 * x.shape[2], x.shape[3] + 1), mode="bilinear", align_corners=True),
        lambda n, h, w: [(n, 3, h, w)],
    ),
    "interpolate a series": (
        "x: [N, 3, T]) { x -> max_pool(2, ceil_mode = true) -> interpolate(T, mode = linear)",
        lambda x: functional.interpolate(functional.max_pool1d(x, 2, ceil_mode=True), x.shape[2], mode="linear"),
        lambda n, t, _: [(n, 3, t)],
    ),
    "expand to another's sizes": (
        "x: [N, T, 4]) { expand(p: parameter([1, 1, 4], init = ones), x, [0, 1]) + x",
        lambda x: x + 1,
        lambda n, t, _: [(n, t, 4)],
    ),
    "slices from both ends": (
        "x: [N, T, 4]) { x -> slice(1, -1) -> slice(-2, dim = 2)",
        lambda x: x[:, 1:-1, -2:],
        lambda n, t, _: [(n, t + 2, 4)],
    ),
    "padding": (
        "x: [N, 4, T]) { x -> pad([1, -1]) -> flatten",
        lambda x: functional.pad(x, (1, -1)).flatten(1),
        lambda n, t, _: [(n, 4, t + 1)],
    ),
    "slice to another's length": (
        "x: [N, T, 4], y: [N, S, 4]) { (x -> slice(0, S)) + y",
        lambda x, y: x[:, : y.shape[1]] + y,
        lambda n, t, s: [(n, t + s, 4), (n, s, 4)],
    ),
    "slices at open places": (
        "x: [N, T, 4], y: [N, S, 4]) { concat(x -> slice(-S), x -> slice(T // 2, T // 2 + 1), y -> slice(step = 2))",
        lambda x, y: torch.cat([x[:, -y.shape[1] :], x[:, x.shape[1] // 2][:, None], y[:, ::2]], 1),
        lambda n, t, s: [(n, t + s, 4), (n, s, 4)],
    ),
    "split into open parts": (
        "x: [N, S + T, 4], y: [N, S, 4]) { a, b = split(x, [S, T])\n concat(b, a * y)",
        lambda x, y: torch.cat([x[:, y.shape[1] :], x[:, : y.shape[1]] * y], 1),
        lambda n, t, s: [(n, t + s, 4), (n, s, 4)],
    ),
    "padding or cropping to another's size": (
        "x: [N, 2, T], y: [N, 2, S]) { concat(x -> pad([0, S - T]), y)",
        lambda x, y: torch.cat([functional.pad(x, (0, y.shape[2] - x.shape[2])), y], 1),
        lambda n, t, s: [(n, 2, t), (n, 2, s)],
    ),
    "padding to a multiple": (
        "x: [N, 2, T]) { x -> pad([0, (0 - T) % 4]) -> reshape([N, 2, -1, 4])",
        lambda x: functional.pad(x, (0, -x.shape[2] % 4)).reshape(x.shape[0], 2, -1, 4),
        lambda n, t, _: [(n, 2, t)],
    ),
    "padding that reflects": (
        "x: [N, 2, T]) { x -> pad([T // 4, T // 2], mode = reflect)",
        lambda x: functional.pad(x, (x.shape[2] // 4, x.shape[2] // 2), "reflect"),
        lambda n, t, _: [(n, 2, t)],
    ),
    "patches put back as an image": (
        "x: [N, 2, H, W]) { x -> unfold(2, stride = 2) -> fold([2 * (H // 2), 2 * (W // 2)], 2, stride = 2)",
        lambda x: x[:, :, : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2],
        lambda n, h, w: [(n, 2, h + 1, w + 1)],
    ),
    "moving by half": (
        "x: [N, T, 4]) { x -> roll(T // 2, 1)",
        lambda x: x.roll(x.shape[1] // 2, 1),
        lambda n, t, _: [(n, t, 4)],
    ),
    "pooling a series beside a slice": (
        "x: [N, 2, 2 * T]) { concat(x -> max_pool(2), x -> slice(0, T, dim = 2))",
        lambda x: torch.cat([functional.max_pool1d(x, 2), x[:, :, : x.shape[2] // 2]], 1),
        lambda n, t, _: [(n, 2, 2 * t)],
    ),
    "pooling to an open size": (
        "x: [N, 2, H, W]) { y = x -> adaptive_avg_pool([W, 2])\n concat(y, x -> adaptive_max_pool([W, 2]))",
        lambda x: torch.cat(
            [
                functional.adaptive_avg_pool2d(x, (x.shape[3], 2)),
                functional.adaptive_max_pool2d(x, (x.shape[3], 2)),
            ],
            1,
        ),
        lambda n, h, w: [(n, 2, h, w)],
    ),
    "padding as TensorFlow's SAME": (
        (
            "x: [N, 2, T]) { p = max(2 * ((T + 1) // 2) + 1 - T, 0)\n"
            "x -> pad([p // 2, p - p // 2]) -> avg_pool(3, stride = 2)"
        ),
        lambda x: functional.avg_pool1d(functional.pad(x, (0, 1) if x.shape[2] % 2 == 0 else (1, 1)), 3, 2),
        lambda n, t, _: [(n, 2, t)],
    ),
    "chunk and split": (
        "x: [N, 3, 2 * T]) { a, b = chunk(x, 2, dim = 2)\n c, d = split(a, [1, 2])\n concat(c * b -> slice(0, 1), d)",
        lambda x: x,
        lambda n, t, _: [(n, 3, 2 * t)],
    ),
}
COMPARED = {
    name: case for name, case in CASES.items() if name not in ("reshape to sizes of a layer", "chunk and split")
}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def network(build: Build, name: str) -> Network:
    return build(f"network Net({CASES[name][0]} }}")


def inputs(name: str, *sizes: int) -> list[Tensor]:
    return [torch.randn(shape) for shape in CASES[name][2](*sizes)]


@pytest.mark.parametrize("name", COMPARED)
def test_one_module_computes_what_torch_does_for_all_sizes(name: str, network_of: Build) -> None:
    model = network(network_of, name).compile()
    for sizes in itertools.product((1, 3), (1, 4), (2, 5)):
        given = inputs(name, *sizes)
        assert torch.equal(model(*given), CASES[name][1](*given)), sizes


@pytest.mark.parametrize("name", CASES)
def test_open_and_given_sizes_compile_to_the_same_function(name: str, network_of: Build) -> None:
    code = f"network Net({CASES[name][0]} }}"
    tensors = inputs(name, 2, 5, 7)
    open_net = network_of(code)
    shapes = dict(zip(open_net.graph.graph["inputs"], [tensor.shape for tensor in tensors], strict=True))
    values: dict[str, int] = {}
    for reading in assemble(open_net.graph).training.readings:
        size = shapes[reading.feed][reading.dim]
        values[reading.symbol] = (size - value(reading.offset, values)) // reading.factor
    a, b = open_net.compile(), network_of(code, symbols=values).compile()
    b.load_state_dict(a.state_dict())
    assert torch.equal(a(*tensors), b(*tensors))


@pytest.mark.parametrize("name", CASES)
def test_figures_of_open_sizes_are_those_of_given_ones(name: str, graph_of: Callable[..., Graph]) -> None:
    code = f"network Net({CASES[name][0]} }}"
    names = sorted({s for _, node in layers(graph_of(code)) for size in node["shape"] for s in symbols(size)})
    values = dict(zip(names, (4, 6, 9, 11, 13), strict=False)) | {"N": 2}
    figures = analyse(graph_of(code, open_batch=True))
    given = analyse(graph_of(code, symbols=values))
    for field in ("macs", "activation_bytes_training"):
        figure = getattr(figures, field)
        assert figure is None or value(figure, values) == getattr(given, field), field
    for one, other in zip(figures.nodes, given.nodes, strict=True):
        assert tuple(value(size, values) for size in one.shape) == other.shape


# torch.export holds these at their sizes, in modules written by hand as well.
HELD = ("interpolate a series", "pooling a series beside a slice", "pooling to an open size")


@pytest.mark.parametrize("name", [name for name in COMPARED if name not in HELD])
def test_exported_with_dynamic_sizes_it_is_the_same_function(name: str, network_of: Build) -> None:
    model = network(network_of, name).compile().eval()
    given = inputs(name, 3, 11, 13)  # sizes that coincide with others torch takes to be the same ones
    dims = tuple(dict.fromkeys(range(tensor.dim()), torch.export.Dim.AUTO) for tensor in given)
    exported = torch.export.export(model, tuple(given), dynamic_shapes=dims)
    other = inputs(name, 5, 6, 7)
    assert torch.equal(exported.module()(*other), model(*other))


@pytest.mark.parametrize("name", ["reshape to two open sizes", "interpolate to a multiple"])
def test_torch_compile_takes_every_size(name: str, network_of: Build) -> None:
    model = network(network_of, name).compile()
    compiled = torch.compile(model, backend="aot_eager", dynamic=True)
    for sizes in ((2, 3, 4), (5, 4, 3)):
        given = inputs(name, *sizes)
        torch.testing.assert_close(compiled(*given), model(*given))  # which takes interpolation apart


def test_sizes_reach_into_a_region_that_is_recomputed(network_of: Build) -> None:
    code = "network Net(x: [N, T, 8]) {{ x -> b: {{ linear(8) -> reshape([N, T, 2, 4]) -> relu }} {} }}"
    plain, recomputed = (network_of(code.format(mark)).compile() for mark in ("", "@checkpoint"))
    recomputed.load_state_dict(plain.state_dict())
    for t in (3, 5):
        x = torch.randn(2, t, 8)
        for model in (plain, recomputed):
            model.zero_grad()
            model(x).square().sum().backward()
        for a, b in zip(plain.parameters(), recomputed.parameters(), strict=True):
            assert a.grad is not None
            assert b.grad is not None
            assert torch.equal(a.grad, b.grad)


def test_a_size_that_no_input_tells_is_refused_with_its_place(network_of: Build) -> None:
    net = network_of("network Net(x: [N, T * S, 3]) { x -> unflatten(1, [T, S]) }")
    with pytest.raises(SpecError, match="size T of `unflatten` depends on `T`, and must be known"):
        net.compile()


# --- guards


@pytest.mark.parametrize(
    ("params", "shapes", "says"),
    [
        ("x: [N, T, 64]", [(2, 5, 63)], "input `x`: dimension 2 is 63, but the network takes [N, T, 64], so 64"),
        (
            "x: [N, 4 * T, 3]",
            [(2, 9, 3)],
            (
                "input `x`: dimension 1 is 9, but the network takes [N, 4*T, 3], so a whole T;"
                " the nearest sizes that fit are 8 and 12"
            ),
        ),
        ("x: [N, T + 3]", [(2, 3)], "dimension 1 is 3, but the network takes [N, T + 3], so T at least 1"),
        ("x: [N, 3]", [(0, 3)], "dimension 0 is 0, but the network takes [N, 3], so at least 1"),
        ("x: [N, 3]", [(3,)], "input `x` has 1 dimensions, but the network takes [N, 3]"),
        ("x: [N, T], y: [N, T]", [(2, 5), (2, 1)], "input `y`: dimension 1 is 1, but the network takes [N, T], so 5"),
        ("x: [N, H], y: [N, 2 * H + 1]", [(2, 5), (2, 10)], "so 11, since H is 5 (dimension 1 of `x`)"),
        (
            "x: [N, A * B], y: [N, A * B]",
            [(2, 6), (2, 7)],
            "input `y`: dimension 1 is 7, but the network takes [N, A*B]",
        ),
    ],
)
def test_an_input_that_does_not_fit_is_refused_by_name_dimension_and_need(
    params: str, shapes: list[tuple[int, ...]], says: str, network_of: Build
) -> None:
    names = [part.split(":")[0] for part in params.split(", ") if ":" in part]
    code = f"network Net({params}) {{ {' + '.join(f'({name} -> mean(1))' for name in names)} }}"
    if says.startswith("input `x` has"):
        code = f"network Net({params}) {{ x -> relu }}"
    model = network_of(code).compile()
    with pytest.raises(ValueError, match=re.escape(says)):
        model(*[torch.randn(shape) for shape in shapes])


def test_what_the_network_needs_is_held_against_the_inputs(network_of: Build) -> None:
    model = network_of("network Net(x: [N, 3, H, W]) { x -> conv(4, 5) -> conv(4, 5) }").compile()
    assert model(torch.randn(1, 3, 9, 9)).shape == (1, 4, 1, 1)
    with pytest.raises(ValueError, match=r"input `x`: W is 8 \(dimension 3 of `x`\), but the network needs W >= 9"):
        model(torch.randn(1, 3, 9, 8))


def test_a_size_declared_as_a_number_is_no_other(network_of: Build) -> None:
    code = "network Net(x: [N, 3, 8, 8], y: [N, 3, 8, 8]) { concat(x -> interpolate([y.shape[2], y.shape[3]]), y) }"
    model = network_of(code).compile()
    with pytest.raises(ValueError, match="a capital name in the spec would leave it open"):
        model(torch.randn(1, 3, 8, 8), torch.randn(1, 3, 16, 16))


def test_a_target_that_does_not_fit_its_output_is_refused(network_of: Build) -> None:
    model = network_of("network Net(x: [N, 4]) { x -> linear(3)\n loss mse_loss(output) }").compile()
    with pytest.raises(ValueError, match="input `target`: dimension 0 is 1"):
        model.loss(model(torch.randn(2, 4)), torch.randn(1, 3))


def test_shapes_that_were_seen_to_fit_are_not_looked_at_again(network_of: Build, calls_of: Any) -> None:
    model = network_of("network Net(x: [N, 3, H, W]) { x -> conv(4, 5) -> conv(4, 5) }").compile()
    guard = next(node.target for node in model.graph.nodes if node.name == "inputs_fit")
    x = torch.randn(1, 3, 9, 9)
    first = calls_of(lambda: guard(x))
    assert calls_of(lambda: guard(x)) < 20 < first


def test_the_guard_lets_tracers_through(network_of: Build) -> None:
    model = network_of("network Net(x: [N, 3, 8, 8]) { x -> conv(4, 3) }").compile().eval()
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(torch.fx.symbolic_trace(model)(x), model(x))
    assert torch.equal(torch.jit.trace(model, (x,))(x), model(x))
    assert torch.equal(torch.vmap(model)(x[None]), model(x)[None])


# --- batches


def test_a_batch_size_that_load_was_given_is_one_of_many() -> None:
    model = archdsl.load("lenet5", inputs={"image": (2, 1, 32, 32)}).compile()
    assert model(torch.randn(5, 1, 32, 32)).shape == (5, 10)


def test_a_batch_size_that_decides_something_is_the_only_one(tmp_path: Any) -> None:
    file = tmp_path / "n.arch"
    file.write_text("network Net(x: [N, 8]) { if N > 2 { x -> relu } else { x -> tanh } }", encoding="utf-8")
    model = archdsl.load(file, inputs={"x": (2, 8)}).compile()
    x = torch.randn(2, 8)
    assert torch.equal(model(x), x.tanh())
    with pytest.raises(ValueError, match="dimension 0 is 3"):
        model(torch.randn(3, 8))


# --- sizes that are numbers


@pytest.mark.parametrize("size", [20, 33, 48])
@pytest.mark.parametrize("variant", ["lenet5", "resnet18", "unet_padded", "vit_tiny_16", "siamese", "cifar_resnet20"])
def test_an_input_of_another_size_than_the_specs_is_computed_right_or_refused(variant: str, size: int) -> None:
    """Right is what the network makes of it that is loaded with this size."""
    network = archdsl.load(variant)
    names = network.graph.graph["inputs"]
    shapes = {name: (2, network.graph.nodes[name]["shape"][1], size, size) for name in names}
    model = network.compile().eval()
    given = [torch.randn(shape) for shape in shapes.values()]
    try:
        found = model(*given)
    except ValueError as refusal:
        assert "input `" in str(refusal)
        assert variant in ("lenet5", "unet_padded", "vit_tiny_16", "siamese")
        return
    wanted = archdsl.load(variant, inputs=shapes).compile().eval()
    wanted.load_state_dict(model.state_dict())
    assert torch.equal(found, wanted(*given))


def test_a_size_that_something_depends_on_is_the_only_one(tmp_path: Any) -> None:
    file = tmp_path / "crop.arch"
    code = "network Net(x: [N, 3, 8, 8]) { x -> interpolate([x.shape[2] // 3, 5]) -> if x.shape[3] > 9 { relu } }"
    file.write_text(code, encoding="utf-8")
    model = archdsl.load(file).compile()
    assert model(torch.randn(2, 3, 8, 8)).shape == (2, 3, 2, 5)
    with pytest.raises(ValueError, match="dimension 2 is 16"):
        model(torch.randn(2, 3, 16, 8))


TEXTS = """
network Net(ids: [N, 8] int64) {
    output y = (ids -> embedding(9, 4)) + (arange(ids.shape[1]) -> embedding(8, 4)) -> linear(5)
    target labels: [N, 8] int64
    loss cross_entropy(y -> permute([0, 2, 1]), labels)
}
"""


def test_a_text_has_a_length_and_no_channels(network_of: Build, tmp_path: Any) -> None:
    """The second dimension of integers and truth values may have any size, that of other inputs may not."""
    file = tmp_path / "text.arch"
    file.write_text(TEXTS, encoding="utf-8")
    model = archdsl.load(file).compile()
    ids = torch.randint(9, (2, 5))
    assert model(ids).shape == (2, 5, 5)
    assert model.loss(model(ids), ids.clamp(max=4)).shape == ()
    with pytest.raises(ValueError, match="dimension 1 is 6"):
        network_of("network Net(x: [N, 8]) { x -> relu }").compile()(torch.randn(2, 6))


def test_a_target_has_the_length_that_its_input_was_given(tmp_path: Any) -> None:
    file = tmp_path / "text.arch"
    file.write_text(TEXTS, encoding="utf-8")
    network = archdsl.load(file, inputs={"ids": (2, 6)})
    loss = header(network.graph)["loss"]
    assert loss is not None
    assert loss.nodes["labels"]["shape"][1] == 6


# --- how symbols are read


@pytest.mark.parametrize(
    ("shapes", "read"),
    [
        ([(N, 3, H)], ["N = x[0]", "H = x[2]"]),
        ([(2 * N, 4 * H + 1)], ["N = x[0] / 2", "H = (x[1] - 1) / 4"]),
        ([(N, H + W, W)], ["N = x[0]", "W = x[2]", "H = x[1] - W"]),
        ([(32 * H, 3), (N, H)], ["N = y[0]", "H = y[1]"]),
        ([(N, H * W)], ["N = x[0]"]),
        ([(N, H // 2)], ["N = x[0]"]),
        ([(N, H - H // 2)], ["N = x[0]"]),
    ],
)
def test_symbols_are_read_from_the_plainest_size(shapes: Sequence[Shape], read: list[str]) -> None:
    found = []
    for reading in readings(zip("xy", shapes, strict=False)):
        size = f"{reading.feed}[{reading.dim}]"
        if reading.offset:
            size = f"{size} - {reading.offset}"
        if reading.factor != 1:
            size = f"({size}) / {reading.factor}" if reading.offset else f"{size} / {reading.factor}"
        found.append(f"{reading.symbol} = {size}")
    assert sorted(found) == sorted(read)


def test_sizes_that_fit_are_all_that_fit() -> None:
    """Against trying every value of the symbols."""
    shape: Shape = (N, 2 * T + 1, N + T)
    feeds = (Feed("x", shape, "float32"),)
    fitting = {(n, 2 * t + 1, n + t) for n in range(1, 8) for t in range(1, 8)}
    need = T - 2
    assert isinstance(need, Dim)
    for given in itertools.product(range(1, 7), repeat=3):
        fits = given in fitting and given[1] >= 5
        assert (unfit(feeds, readings([("x", shape)]), (need,), [given]) is None) == fits, given
