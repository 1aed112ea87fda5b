"""Large networks: what figures cost grows as the network does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from archdsl.compare.diff import compare
from archdsl.graph import Graph
from archdsl.measure.memory.fit import Chosen, Conditions, Fit
from archdsl.measure.memory.ledger import Peak
from archdsl.measure.memory.memory_report import memory_report
from archdsl.measure.network.analyse import analyse
from archdsl.measure.network.counts import counts
from archdsl.measure.time.gpus import GPUS
from archdsl.measure.time.roofline import predict
from archdsl.net_view import NetView
from archdsl.presentation.changes import text

CHAIN = "network Net(x: [N, 4, 8, 8]) {{ x -> repeat {n} {{ conv(4, 3, padding = 1) -> relu }} }}"
OPEN = "network Net(x: [N, 4, H, W]) {{ x -> repeat {n} {{ conv(4, 3, padding = 1) -> relu }} }}"
BLOCKS = """
block residual(x: [N, C, H, W]) {{ x + (x -> conv(C, 3, padding = 1) -> relu) }}
network Net(x: [N, 4, 8, 8]) {{ x -> repeat {n} {{ residual }} -> linear(3) }}
"""


FIGURES: dict[str, Callable[[Graph], object]] = {
    "report": analyse,
    "memory": memory_report,
    "time": lambda graph: predict(graph, GPUS["a100"]),
    "counts": counts,
    "difference": lambda graph: text(compare(graph, graph)),
}


@pytest.mark.parametrize("code", [CHAIN, BLOCKS], ids=["chain", "blocks"])
@pytest.mark.parametrize("figures", FIGURES.values(), ids=FIGURES)
def test_figures_are_linear_in_the_layers(
    graph_of: Callable[..., Graph],
    calls_of: Callable[[Callable[[], object]], int],
    figures: Callable[[Graph], object],
    code: str,
) -> None:
    def cost(n: int) -> int:
        graph = graph_of(code.format(n=n))
        return calls_of(lambda: figures(graph))

    cost(10)  # whatever is worked out once
    assert cost(400) <= 4.4 * cost(100)


@pytest.mark.parametrize("figures", [analyse, counts], ids=["report", "counts"])
def test_figures_with_open_sizes_are_linear_in_the_layers(
    graph_of: Callable[..., Graph], calls_of: Callable[[Callable[[], object]], int], figures: Callable[[Graph], object]
) -> None:
    def cost(n: int) -> int:
        graph = graph_of(OPEN.format(n=n), open_batch=True)
        return calls_of(lambda: figures(graph))

    cost(10)
    assert cost(400) <= 4.4 * cost(100)


@pytest.mark.parametrize("code", [CHAIN, BLOCKS], ids=["chain", "blocks"])
def test_fit_looks_at_few_batches_of_a_large_network(
    graph_of: Callable[..., Graph], monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    asked: list[NetView] = []
    peaks = Conditions.peaks

    def counting(conditions: Conditions, net: NetView) -> dict[str | None, Peak]:
        asked.append(net)
        return peaks(conditions, net)

    def build(chosen: Chosen) -> Graph:
        raise AssertionError("a batch is no reason to elaborate the network again")

    monkeypatch.setattr(Conditions, "peaks", counting)
    cases = Fit(build, graph_of(code.format(n=200)), {}, Conditions({None: 64 * 2**20})).largest_batches()
    assert all(case.fits for case in cases)
    assert len(asked) <= 6 * len(cases)
