"""A network is worked out once for each phase, whoever asks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from archdsl.measure.memory.memory_report import memory_report
from archdsl.measure.network.analyse import analyse
from archdsl.measure.run import execution
from archdsl.measure.run.execution import Runs
from archdsl.measure.time.gpus import GPUS
from archdsl.measure.time.roofline import predict
from archdsl.net_view import NetView
from archdsl.network import Network

Build = Callable[..., Network]
PLAIN = "network Net(x: [N, 8]) { x -> linear(16) -> relu -> linear(4) }"
TWO_DEVICES = "network Net(x: [N, 8]) { device a, b\n x -> linear(16) @a -> relu @a -> linear(4) @b }"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The phases for which an execution is built, in the order in which it happens."""
    phases: list[str] = []
    build = execution.execution

    def counting(net: NetView, training: bool, setting: execution.Setting) -> execution.Execution:
        phases.append("training" if training else "inference")
        return build(net, training, setting)

    monkeypatch.setattr(execution, "execution", counting)
    return phases


@pytest.mark.parametrize(
    ("figures", "code", "times"),
    [
        (analyse, PLAIN, 1),
        (memory_report, PLAIN, 1),
        (memory_report, TWO_DEVICES, 2),  # all on one device, and each on its own
        (lambda graph: predict(graph, GPUS["a100"]), PLAIN, 1),
    ],
    ids=["report", "memory", "memory of two devices", "times"],
)
def test_an_execution_is_built_once_a_phase(
    network_of: Build, built: list[str], figures: Callable[..., object], code: str, times: int
) -> None:
    figures(network_of(code).graph)
    assert sorted(built) == ["inference"] * times + ["training"] * times


def test_what_is_handed_on_is_not_built_again(network_of: Build, built: list[str]) -> None:
    graph = network_of(PLAIN).graph
    runs = Runs(NetView(graph))
    assert analyse(graph, runs) == analyse(graph, runs)
    assert sorted(built) == ["inference", "training"]
