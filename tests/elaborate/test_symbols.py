"""A network with symbols is all the networks with numbers in their place.

For generated networks and every assignment in a small box: the network elaborated with these numbers is accepted where
the needs of the symbolic one hold, and nowhere else; and every figure of it is the symbolic figure evaluated.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from archdsl.dims import Dim, Size, symbols, value
from archdsl.elaborate import Choices, elaborate
from archdsl.errors import SpecError
from archdsl.graph import Graph, header, layers
from archdsl.measure.network.analyse import analyse
from archdsl.program import parse_string

EXAMPLES = int(os.environ.get("ARCHDSL_EXAMPLES", "60"))
few = settings(max_examples=EXAMPLES, derandomize="ARCHDSL_EXAMPLES" not in os.environ, database=None, deadline=None)

BOX = {"N": (1, 2, 3), "H": (1, 2, 3, 4, 5, 7, 8, 12), "W": (1, 3, 6, 8)}
ASSIGNMENTS = [dict(zip(BOX, sizes, strict=True)) for sizes in product(*BOX.values())]
COUNTS = ("macs", "params", "flops", "buffers")
MEMORY = ("activation_bytes_training", "activation_bytes_inference_peak")

sizes = st.sampled_from(
    ["H", "W", "2 * H", "H + 1", "H - 1", "W - 2", "H // 2", "H % 3 + 1", "9 - H", "N", "N + H", "6"]
)
batches = st.sampled_from(["N", "N", "N", "N + 1", "2 * N", "N - 1", "2"])
whole = st.integers(1, 4)


def call(name: str, *parts: SearchStrategy[int], **named: SearchStrategy[int]) -> SearchStrategy[str]:
    said = st.tuples(st.tuples(*parts), st.fixed_dictionaries(named))
    return said.map(lambda s: f"{name}({', '.join([*map(str, s[0]), *(f'{k} = {v}' for k, v in s[1].items())])})")


steps = st.one_of(
    st.sampled_from(
        ["relu", "batch_norm", "instance_norm", "group_norm(2)", "softmax(1)", "linear(4)", "dropout(0.5)"]
    ),
    call("conv", st.sampled_from([2, 4]), whole, stride=st.integers(1, 3), padding=st.integers(0, 2)),
    st.sampled_from(
        ["conv(4, [3, 1])", "conv(4, 3, padding = 1, padding_mode = reflect)", "conv(2, 3, padding = same)"]
    ),
    call("conv_transpose", st.sampled_from([2, 4]), whole, stride=st.integers(1, 2), padding=st.integers(0, 1)),
    call("max_pool", st.integers(2, 3), stride=st.integers(1, 2)),
    call("avg_pool", st.integers(1, 3), padding=st.just(0)),
    st.sampled_from(["interpolate(scale_factor = 2)", "interpolate(scale_factor = 0.5)", "interpolate(size = 4)"]),
    call("slice", st.integers(-3, 2), dim=st.integers(0, 3)),
    st.sampled_from(["pad([1, -1])", "pad([2, 0, 1, 1], mode = circular)", "adaptive_avg_pool(2)", "pixel_shuffle(2)"]),
    st.sampled_from(["permute([0, 1, 3, 2])", "permute([0, 2, 1, 3])", "mean(2, keepdim = true)", "global_avg_pool"]),
    st.sampled_from(["linear(6) @checkpoint", "conv(4, 1) @frozen", "{ conv(4, 1) -> relu }"]),
)
ends = st.sampled_from([
    "", "\n y + y", "\n concat(y, y)", "\n concat(y, y, dim = 2)", "\n y + (y -> conv(y.shape[1], 3, padding = 1))",
    "\n matmul(y, y -> permute([0, 1, 3, 2]))", "\n scaled_dot_product_attention(y, y, y)", "\n y -> flatten(2)",
    "\n a, b = chunk(y, 2, dim = 1)\n a * b", "\n concat(y -> slice(1, dim = 2), y, dim = 2)", "\n x + y",
    "\n y * 2 - y",
])  # fmt: skip


@st.composite
def networks(draw: st.DrawFn) -> str:
    shape = f"[{draw(batches)}, {draw(st.sampled_from(['4', '2', '4', 'H + 1']))}, {draw(sizes)}, {draw(sizes)}]"
    chain = " -> ".join(draw(st.lists(steps, min_size=1, max_size=4)))
    end = draw(ends)
    return f"network Net(x: {shape}) {{\n y = x -> {chain}{end or chr(10) + ' y'}\n}}"


def elaborated(code: str, **symbols: int) -> Graph | None:
    """The graph of a network with values for its symbols; None where it is refused."""
    program = parse_string(code)
    network, variant = program.find(None)
    try:
        return elaborate(network, program.definitions, variant, Choices(symbols=symbols, open_batch=True))
    except SpecError:
        return None


def used(code: str) -> list[str]:
    """The symbols of a network's input."""
    shape = code[code.index("[") : code.index("]")]
    return [name for name in BOX if name in shape]


def fits(graph: Graph, numbers: dict[str, int]) -> bool:
    return all(value(size, numbers) >= 0 for size in header(graph)["needs"])


def at(size: Size | None, numbers: dict[str, int]) -> int | None:
    return None if size is None else value(size, numbers)


def sizes_in(graph: Graph) -> Iterator[Size]:
    return (size for _, node in layers(graph) for shape in node["outputs"] for size in shape)


def assignments(code: str) -> list[dict[str, int]]:
    names = used(code)
    return [dict(made) for made in dict.fromkeys(tuple((n, one[n]) for n in names) for one in ASSIGNMENTS)]


@few
@given(networks())
def test_a_network_is_accepted_with_numbers_where_its_needs_hold(code: str) -> None:
    graph = elaborated(code)
    if graph is None:
        return
    for numbers in assignments(code):
        with_numbers = elaborated(code, **numbers)
        assert (with_numbers is not None) == fits(graph, numbers), (numbers, header(graph)["requires"])


@few
@given(networks())
def test_every_figure_with_numbers_is_the_symbolic_one_evaluated(code: str) -> None:
    graph = elaborated(code)
    if graph is None:
        return
    whole = analyse(graph)
    for numbers in assignments(code)[::7]:
        with_numbers = elaborated(code, **numbers)
        if with_numbers is None:
            continue
        for (key, node), (_, other) in zip(layers(graph), layers(with_numbers), strict=True):
            assert [tuple(at(size, numbers) for size in shape) for shape in node["outputs"]] == list(
                other["outputs"]
            ), key
        report = analyse(with_numbers)
        # Whether torch copies a tensor depends on which of its dimensions are 1: open sizes are counted as more.
        ones = any(isinstance(size, Dim) and at(size, numbers) == 1 for size in sizes_in(graph))
        for name in COUNTS if ones else (*COUNTS, *MEMORY):
            symbolic, number = getattr(whole, name), getattr(report, name)
            assert symbolic is None or at(symbolic, numbers) == number, name
            assert number is None or number >= 0, name


def test_figures_of_attention_are_those_of_open_sizes_that_differ(graph_of: Callable[..., Graph]) -> None:
    """Whether one kernel computes attention depends on whether two sizes are equal; open ones count as different."""
    inputs = "q: [N, 4, L, 6], k: [N, 4, M, 6], v: [N, 4, M, E]"
    code = f"network Net({inputs}) {{ scaled_dot_product_attention(q -> linear(8), k -> linear(8), v) }}"
    numbers = {"L": 5, "M": 7, "E": 9}
    whole, with_numbers = analyse(graph_of(code)), analyse(graph_of(code, symbols=numbers))
    assert value(whole.macs, numbers) == 4 * (5 * 6 * 8 + 7 * 6 * 8 + 5 * 7 * 8 + 5 * 7 * 9) == with_numbers.macs
    for name in MEMORY:
        assert at(getattr(whole, name), numbers) == getattr(with_numbers, name)


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("x -> conv(3, 3, stride = 2, padding = 1) -> interpolate(scale_factor = 2)", "x", "where H % 2 == 0)"),
        (
            "x -> conv(3, 4, stride = 4, padding = 1)",  # (H + 2) // 4, which is H // 4 for H = 1, 5, 9, … too
            "x -> max_pool(4)",
            "where H % 4 == 0, which is sufficient and not necessary)",
        ),
    ],
)
def test_a_condition_says_whether_it_is_only_sufficient(
    graph_of: Callable[..., Graph], one: str, other: str, said: str
) -> None:
    code = f"a = {one}\n b = {other}\n x -> if a.shape[2] == b.shape[2] {{ relu }}"
    with pytest.raises(SpecError) as caught:
        graph_of(f"network Net(x: [N, 3, H, 8]) {{ {code} }}")
    assert said in caught.value.diagnostics[0].message


def test_generated_networks_are_mostly_accepted() -> None:
    """The properties above would hold of nothing."""
    accepted = [0, 0]

    @settings(max_examples=60, derandomize=True, database=None, deadline=None)
    @given(networks())
    def count(code: str) -> None:
        graph = elaborated(code)
        accepted[graph is not None] += 1
        if graph is not None:
            assert all(symbols(size) for size in header(graph)["needs"])

    count()
    assert accepted[True] >= 20, accepted
