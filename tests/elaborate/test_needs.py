"""What a network needs of its symbols: neither more nor less, and what its batch counts as."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from archdsl.graph import Graph, header, layer
from archdsl.network import Network

Build = Callable[..., Graph]


@pytest.mark.parametrize(
    ("inputs", "step", "needs"),
    [
        ("x: [N, 4, H % 5 + 3, 8]", "conv(4, [5, 1])", ("H % 5 >= 2",)),  # not monotone
        ("x: [N, 4, 2 * (H % 3) + 1, 8]", "conv(4, [4, 1])", ("2 * (H % 3) >= 3",)),
        ("x: [N, 4, H, W - 2]", "global_avg_pool", ("W >= 3",)),  # dropped by the first layer
        ("x: [N, 4, H, W - H]", "global_avg_pool", ("W - H >= 1",)),
        ("x: [N, 4, H - H // 2 - 5]", "relu", ("H >= 11",)),  # rises, though one term falls
        ("x: [N, 4, H // 2 + (H + 1) // 2]", "relu", ()),
        ("x: [N, 4, 12 - H]", "relu", ("H <= 11",)),
        ("x: [N, 4, 2 - H % 3]", "relu", ("H % 3 <= 1",)),
        ("x: [N, N - 1]", "relu", ("N >= 2",)),
        ("x: [N, 3, 8, 8]", "slice(3, dim = 0)", ("N >= 4",)),
    ],
)
def test_needs_are_said_exactly(graph_of: Build, inputs: str, step: str, needs: tuple[str, ...]) -> None:
    assert header(graph_of(f"network Net({inputs}) {{ x -> {step} }}"))["requires"] == needs


@pytest.mark.parametrize(
    ("code", "least"),
    [
        ("network Net(x: [N, 3, 8, 8]) { x -> relu }", {"N": 1}),
        ("network Net(x: [N, 3, 8, 8]) { x -> slice(3, dim = 0) -> conv(4, 3) -> relu }", {"N": 4}),
        ("network Net(x: [N, N - 1]) { x -> relu }", {"N": 2}),
        ("network Net(x: [N, N % 3]) { x -> relu }", {"N": 1}),
        ("network Net(x: [N, N // 3]) { x -> relu }", {"N": 3}),
        (
            "network Net(x: [N, 4], y: [M, 4]) { concat(x, y, dim = 0) -> slice(3, dim = 0) -> slice(2, dim = 0) }",
            {"N": 1, "M": 5},
        ),
        ("network Net(x: [N, 3, H, W]) { x -> conv(1, 1) -> group_norm(1) }", {"N": 1}),  # H * N * W >= 2
        ("network Net(x: [N, 4, N - H]) { x -> relu }", {"N": 2}),  # H may be 1
    ],
)
def test_the_batch_counts_as_the_least_that_the_needs_allow(graph_of: Build, code: str, least: dict[str, int]) -> None:
    assert header(graph_of(code))["least_batch"] == least


def test_figures_are_counted_for_the_least_batch_and_say_so(network_of: Callable[..., Network]) -> None:
    net = network_of("network Net(x: [N, 3, 8, 8]) { x -> slice(3, dim = 0) -> conv(4, 3) -> relu }")
    report = net.report()
    assert [node.shape for node in report.nodes][-1] == (1, 4, 6, 6)
    assert report.macs == 4 * 6 * 6 * 3 * 9
    assert "for a batch of 4 (N = 4), the least that this network takes" in str(report)


def test_a_need_holds_for_what_is_elaborated_with_numbers(graph_of: Build) -> None:
    graph = graph_of("network Net(x: [N, 3, 8, 8]) { x -> slice(3, dim = 0) }", inputs={"x": (4, 3, 8, 8)})
    assert layer(graph, "slice")["shape"] == (1, 3, 8, 8)
    assert header(graph)["needs"] == ()
