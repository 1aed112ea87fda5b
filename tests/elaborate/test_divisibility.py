"""Equalities of sizes that hold for some remainders only are needs: exactly these sizes are taken, and all arithmetic
knows of it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from archdsl.dims import Size, in_symbols, value
from archdsl.elaborate import Choices, elaborate
from archdsl.errors import SpecError
from archdsl.graph import Graph, header, layer, layers
from archdsl.measure.network.analyse import analyse
from archdsl.needs import membership, needs
from archdsl.network import Network, load
from archdsl.program import parse_string
from archdsl.residues import residues
from tests.conftest import Said

Build = Callable[..., Graph]
EXAMPLES = int(os.environ.get("ARCHDSL_EXAMPLES", "40"))
few = settings(max_examples=EXAMPLES)

UNET = """
block level(x: [N, C, H, W], width, depth) {
    beside = x -> conv(width, 3, padding = 1)
    below = beside -> max_pool(2) -> if depth > 1 { level(width, depth - 1) } else { conv(width, 3, padding = 1) }
    concat(beside, below -> conv_transpose(width, 2, stride = 2)) -> conv(width, 3, padding = 1)
}
network UNet(image: [N, 3, H, W], depth = 4) { image -> level(2, depth) -> conv(1, 1) }
"""


# --- what is said


@pytest.mark.parametrize(
    ("inputs", "body", "said"),
    [
        ("x: [N, 3, H, W]", "x + (x -> max_pool(2) -> interpolate(scale_factor = 2))", ("H % 2 == 0", "W % 2 == 0")),
        ("x: [N, 3, H, 9]", "concat(x, x -> max_pool(3) -> interpolate(scale_factor = 3), dim = 1)", ("H % 3 == 0",)),
        (
            "x: [N, 3, H, 7]",
            "x + (x -> conv(3, 3, stride = 2) -> conv_transpose(3, 3, stride = 2))",
            ("H % 2 == 1", "H >= 3"),
        ),
        (
            "x: [N, 3, H, 8]",
            "(x -> conv(3, 4, stride = 4, padding = 1)) + (x -> max_pool(4))",
            ("H % 4 <= 1", "H >= 4"),
        ),
        (
            "x: [N, 3, H, 16]",
            (
                "small = x -> repeat 2 { conv(3, 3, stride = 2, padding = 1) }\n"
                "small + (small -> max_pool(2) -> interpolate(scale_factor = 2))"
            ),
            ("(H + 3) % 8 <= 3",),
        ),
        ("x: [N, 4, H, 5]", "a, b, c = chunk(x, 3, dim = 2)\na + b + c", ("H % 3 == 0",)),
        ("x: [N, T, 6]", "x -> reshape([N, 4, -1])", ("T % 2 == 0",)),
        ("x: [N, T, 6]", "x -> unflatten(1, [-1, 7])", ("T % 7 == 0",)),
        ("x: [N, 4]", "x -> reshape([-1, 12])", ("N % 3 == 0",)),
        ("x: [N, 4, H, W]", "x -> reshape([N, 4, H // 2, 2, W // 2, 2])", ("H % 2 == 0", "W % 2 == 0")),
        ("x: [N, 3, 2 * H, 8]", "x + (x -> max_pool(4) -> interpolate(scale_factor = 4))", ("H % 2 == 0",)),
        ("x: [N, 3, 32 * H, 8]", "x + (x -> max_pool(4) -> interpolate(scale_factor = 4))", ()),
    ],
)  # fmt: skip
def test_an_equality_that_holds_for_some_remainders_is_a_need(
    graph_of: Build, inputs: str, body: str, said: tuple[str, ...]
) -> None:
    assert header(graph_of(f"network Net({inputs}) {{\n{body}\n}}"))["requires"] == said


def test_a_shape_that_a_block_asks_for_may_be_one(graph_of: Build) -> None:
    code = """
    block joined(x: [N, C, H, W], y: [N, C, H, W]) { x * y }
    network Net(x: [N, 4, H, 6]) { joined(x, x -> max_pool(2) -> interpolate(scale_factor = 2)) }
    """
    assert header(graph_of(code))["requires"] == ("H % 2 == 0",)


def test_all_arithmetic_knows_of_the_needs(graph_of: Build) -> None:
    graph = graph_of(UNET)
    assert header(graph)["requires"] == ("H % 16 == 0", "W % 16 == 0")
    shapes = [str(in_symbols(node["shape"][2])) for _, node in layers(graph)]
    assert set(shapes) == {"H", "(H // 2)", "(H // 4)", "(H // 8)", "(H // 16)"}
    assert layer(graph, header(graph)["outputs"][0]["node"])["shape"][2] == layer(graph, "image")["shape"][2]
    assert str(analyse(graph).macs) == "10809*(H // 8)*(W // 8)"


def test_a_static_condition_knows_of_the_needs(graph_of: Build) -> None:
    code = "network Net(x: [N, 3, H, 8]) { y = x + (x -> max_pool(2) -> interpolate(scale_factor = 2))\n"
    code += "y -> if H % 2 == 0 { relu } else { tanh } }"
    assert "relu" in graph_of(code)


def test_a_batch_counts_as_the_least_that_is_taken(graph_of: Build) -> None:
    assert header(graph_of("network Net(x: [N, 4]) { x -> reshape([-1, 12]) }"))["least_batch"] == {"N": 3}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("x + (x -> max_pool(3, stride = 2) -> interpolate(scale_factor = 2))", "shape-mismatch"),  # never equal
        ("x + (x -> max_pool(2))", "shape-mismatch"),
        ("x + (x -> adaptive_avg_pool(8))", "undecided"),  # equal for one size
        ("x -> flatten(2) -> unflatten(2, [-1, 4])", "undecided"),  # H * W: of which of them?
        ("x -> if H % 2 == 0 { relu }", "undecided"),  # what is asked is not needed
    ],
)
def test_what_no_remainders_make_equal_is_an_error(graph_of: Build, body: str, code: str) -> None:
    with pytest.raises(SpecError) as caught:
        graph_of(f"network Net(x: [N, 3, H, W]) {{ {body} }}")
    assert [found.code for found in caught.value.diagnostics] == [code]


@pytest.mark.parametrize("modulus", [2, 3, 4, 5, 6, 8])
def test_a_need_is_met_by_the_numbers_of_its_classes_and_says_so(modulus: int) -> None:
    for bits in range(1, 2**modulus - 1):
        chosen = [r for r in range(modulus) if bits >> r & 1]
        need = membership("H", residues(modulus, chosen))
        assert need is not None
        (words,) = needs([need])
        for n in range(1, 4 * modulus):
            met = n % modulus in chosen
            assert (value(need, {"H": n}) >= 0) == met
            assert eval(words, {"H": n}) == met, words


def test_every_command_takes_it_and_reports_say_it(tmp_path: Path, command_line: Callable[..., Said]) -> None:
    (tmp_path / "unet.arch").write_text(UNET, encoding="utf-8")
    (tmp_path / "other.arch").write_text(UNET.replace("conv(1, 1)", "conv(2, 1)"), encoding="utf-8")
    assert command_line("check", "unet.arch", cwd=tmp_path).status == 0
    assert "needs         H % 16 == 0, W % 16 == 0" in command_line("report", "unet.arch").out
    document = json.loads(command_line("report", "unet.arch", "--format", "json").out)
    assert document["needs"] == ["H % 16 == 0", "W % 16 == 0"]
    assert command_line("draw", "unet.arch", "-o", "unet.html").status == 0
    assert "H % 16 == 0, W % 16 == 0" in (tmp_path / "unet.html").read_text(encoding="utf-8")
    difference = command_line("diff", "unet.arch", "other.arch").out
    assert "output [1, 1, H, W] → output [1, 2, H, W]" in difference
    assert "follows from these" not in difference
    (tmp_path / "flat.arch").write_text(UNET.replace("level(2, depth)", "conv(2, 3, padding = 1)"), encoding="utf-8")
    difference = command_line("diff", "unet.arch", "flat.arch").out
    assert "needs: H % 16 == 0, W % 16 == 0 → none" in difference
    assert "[1, 1, H, W] →" not in difference  # the same size, whatever is needed of it
    assert command_line("compile", "unet.arch").status == 0


# --- sizes that are given


@pytest.mark.parametrize(
    ("shape", "choices", "said", "help"),
    [
        (
            "[N, 3, H, W]",
            {"inputs": {"image": (1, 3, 100, 96)}},
            "H is 100 (dimension 2 of `image`), but the network needs H % 16 == 0",
            "the nearest sizes that fit are 96 and 112",
        ),
        (
            "[N, 3, H, W]",
            {"symbols": {"W": 100}},
            "W is 100 (dimension 3 of `image`), but the network needs W % 16 == 0",
            "the nearest sizes that fit are 96 and 112",
        ),
        (
            "[N, 3, H, W]",
            {"inputs": {"image": (1, 3, 5, 40)}},
            (
                "H is 5 (dimension 2 of `image`) and W is 40 (dimension 3 of `image`), but the network needs"
                " H % 16 == 0 and W % 16 == 0"
            ),
            (
                "the nearest size that fits is 16 (of dimension 2 of `image`); the nearest sizes that fit are 32 and 48"
                " (of dimension 3 of `image`)"
            ),
        ),
        (
            "[N, 3, 128, 128]",
            {"inputs": {"image": (1, 3, 100, 128)}},
            "D2 is 100 (dimension 2 of `image`), but the network needs D2 % 16 == 0",
            "the nearest sizes that fit are 96 and 112",
        ),
        (
            "[N, 3, 4 * H, W]",
            {"inputs": {"image": (1, 3, 100, 128)}},
            "H is 25 (dimension 2 of `image`), but the network needs H % 4 == 0",
            "the nearest sizes that fit are 96 and 112",
        ),
    ],
)  # fmt: skip
def test_a_size_that_does_not_fit_is_refused_with_the_nearest_that_do(
    shape: str, choices: dict[str, Any], said: str, help: str, tmp_path: Path
) -> None:
    from archdsl.network import load_at

    (tmp_path / "unet.arch").write_text(UNET.replace("[N, 3, H, W], depth", f"{shape}, depth"), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_at(tmp_path / "unet.arch", {}, **choices)
    (found,) = caught.value.diagnostics
    assert (found.code, found.message, found.help) == ("unmet-need", f"input `image`: {said}", help)
    assert found.notes[0].text.startswith("it is `")
    assert found.fix is None


@pytest.mark.parametrize(("shape", "name"), [("[N, T]", "T"), ("[N, 12]", "D1")])
def test_a_length_of_a_text_that_does_not_fit_is_refused_likewise(shape: str, name: str, tmp_path: Path) -> None:
    code = f"network Net(ids: {shape} int64) {{ ids -> embedding(9, 4) -> unflatten(1, [-1, 2]) -> flatten(2) }}"
    (tmp_path / "text.arch").write_text(code, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load(tmp_path / "text.arch", inputs={"ids": (1, 13)})
    (found,) = caught.value.diagnostics
    said = f"input `ids`: {name} is 13 (dimension 1 of `ids`), but the network needs {name} % 2 == 0"
    assert (found.code, found.message, found.help) == ("unmet-need", said, "the nearest sizes that fit are 12 and 14")


def test_a_size_that_fits_is_taken(graph_of: Build) -> None:
    whole = graph_of(UNET, inputs={"image": (1, 3, 640, 32)})
    assert layer(whole, header(whole)["outputs"][0]["node"])["shape"] == (1, 1, 640, 32)
    multiples = graph_of(UNET.replace("[N, 3, H, W], depth", "[N, 3, 32 * H, 32 * W], depth"))
    assert header(multiples)["requires"] == ()
    solved = graph_of(
        UNET.replace("[N, 3, H, W], depth", "[N, 3, 32 * H, W], depth"), inputs={"image": (1, 3, 640, 16)}
    )
    assert layer(solved, "image")["shape"] == (1, 3, 640, 16)


def test_the_compiled_network_says_the_same_at_its_first_call(network_of: Callable[..., Network]) -> None:
    model = network_of(UNET, settings={"depth": 2}).compile().eval()
    assert model(torch.zeros(1, 3, 8, 12)).shape == (1, 1, 8, 12)
    said = (
        "input `image`: W is 13 (dimension 3 of `image`), but the network needs W % 4 == 0;"
        " the nearest sizes that fit are 12 and 16"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        model(torch.zeros(1, 3, 8, 13))


# --- against torch

Step = tuple[str, Callable[[Tensor], Tensor]]  # as it is written, and what it means


def down(kind: str, kernel: int, stride: int, padding: int) -> Step:
    if kind == "max_pool":
        padding = min(padding, kernel // 2)
        written = f"max_pool({kernel}, stride = {stride}, padding = {padding})"
        return written, lambda x: functional.max_pool1d(x, kernel, stride, padding)
    written = f"conv(2, {kernel}, stride = {stride}, padding = {padding})"
    return written, nn.Conv1d(2, 2, kernel, stride, padding, device="meta")


def up(kind: str, kernel: int, stride: int, padding: int) -> Step:
    if kind == "max_pool":
        return f"interpolate(scale_factor = {stride})", lambda x: functional.interpolate(x, scale_factor=stride)
    written = f"conv_transpose(2, {kernel}, stride = {stride}, padding = {padding})"
    return written, nn.ConvTranspose1d(2, 2, kernel, stride, padding, device="meta")


def step(make: Callable[..., Step], stride: int) -> st.SearchStrategy[Step]:
    kinds = st.sampled_from(["conv", "max_pool"])
    return st.builds(make, kinds, st.integers(1, 4), st.just(stride), st.integers(0, 1))


@st.composite
def branches(draw: st.DrawFn) -> tuple[list[Step], list[Step]]:
    """Two ways of one scale: down and up again, and, beside it, part of that, nothing, or another such."""
    strides = draw(st.lists(st.sampled_from([2, 2, 2, 3, 4]), min_size=1, max_size=3))
    ways = []
    for _ in range(draw(st.integers(1, 2))):
        way = [draw(step(down, stride)) for stride in strides]
        ways.append(way + [draw(step(up, stride)) for stride in reversed(strides)])
    if len(ways) == 2:
        return ways[0], ways[1]
    kept = draw(st.integers(0, len(strides) - 1))  # a skip leaves where the image is as large
    return ways[0][: 2 * len(strides) - kept], ways[0][:kept]


JOINS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "concat(a, b)": lambda a, b: torch.cat([a, b], 1),
    "a + b": lambda a, b: a + b if a.shape == b.shape else torch.cat([a, b], 1),  # but for a 1 that stretches
    "concat(a, b) -> reshape([N, -1, 6])": lambda a, b: torch.cat([a, b], 1).reshape(1, -1, 6),
    "concat(a, b) -> chunk(2, dim = 2) -> stack": lambda a, b: torch.stack(
        torch.cat([a, b], 1).unflatten(2, (2, -1)).unbind(2)
    ),
}


def accepts(ways: Sequence[Sequence[Step]], join: Callable[[Tensor, Tensor], Tensor], size: int) -> bool:
    """Whether torch does it for an input of this size."""
    results = []
    try:
        for way in ways:
            x = torch.empty(1, 2, size, device="meta")
            for _, run in way:
                x = run(x)
                if x.shape[-1] < 1:
                    return False
            results.append(x)
        return join(*results).numel() > 0
    except RuntimeError:
        return False


def written(ways: Sequence[Sequence[Step]], join: str) -> str:
    chains = [" -> ".join(["x", "identity", *(text for text, _ in way)]) for way in ways]
    bound = [f"{name} = {chain}" for name, chain in zip("ab", chains, strict=True)]
    return "network Net(x: [N, 2, L]) {\n" + "\n".join([*bound, join]) + "\n}"


def elaborated(code: str, **symbols: int) -> Graph | None:
    program = parse_string(code)
    network, variant = program.find(None)
    try:
        return elaborate(network, program.definitions, variant, Choices(symbols=symbols, open_batch=True))
    except SpecError as error:
        assert {found.code for found in error.diagnostics} <= {"undecided", "shape-mismatch", "groups"}, code
        return None


def at(size: Size, numbers: dict[str, int]) -> int:
    return value(size, numbers)


@few
@given(branches(), st.sampled_from(sorted(JOINS)))
def test_the_sizes_that_are_taken_are_those_that_torch_takes(ways: tuple[list[Step], list[Step]], join: str) -> None:
    code = written(ways, join)
    graph = elaborated(code)
    taken = {size for size in range(1, 49) if accepts(ways, JOINS[join], size)}
    if graph is None:  # then nothing periodic was there to be needed
        assert len(taken) <= 2, code
        return
    meets = {
        size for size in range(1, 49) if all(value(need, {"L": size, "N": 1}) >= 0 for need in header(graph)["needs"])
    }
    assert meets == taken, (code, header(graph)["requires"])


@few
@given(branches(), st.sampled_from(sorted(JOINS)))
def test_figures_at_the_sizes_that_are_taken_are_those_of_networks_with_numbers(
    ways: tuple[list[Step], list[Step]], join: str
) -> None:
    code = written(ways, join)
    graph = elaborated(code)
    if graph is None:
        return
    figures = analyse(graph)
    for size in [size for size in range(1, 49) if accepts(ways, JOINS[join], size)][:3]:
        numbers = {"L": size, "N": 2 if "chunk" in join else 1}
        alone = elaborated(code, **numbers)
        assert alone is not None
        for (_, node), (_, other) in zip(layers(graph), layers(alone), strict=True):
            assert tuple(at(one, numbers) for one in node["shape"]) == other["shape"]
        exact = analyse(alone)
        assert at(figures.macs, numbers) == exact.macs
        assert figures.params == exact.params


def test_most_generated_pairs_have_needs() -> None:
    """The properties above would hold of nothing."""
    found = {"refused": 0, "divisibility": 0, "least": 0}

    @settings(max_examples=30)
    @given(branches())
    def count(ways: tuple[list[Step], list[Step]]) -> None:
        graph = elaborated(written(ways, "concat(a, b)"))
        if graph is None:
            found["refused"] += 1
        else:
            found["divisibility" if any("%" in need for need in header(graph)["requires"]) else "least"] += 1

    count()
    assert found["divisibility"] >= 8, found
