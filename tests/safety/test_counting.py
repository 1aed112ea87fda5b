"""Counting allocates nothing, and compiling asks first whether there is memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from archdsl.errors import SpecError
from archdsl.graph import Graph
from compiler import assemble, compile_graph, memory
from tests.safety.confined import archdsl

HUGE = "network Huge(x: [N, 1000000]) { x -> f: linear(1000000) }"
SMALL = "network Small(x: [N, 8]) { device a, b\n x -> linear(4) @a -> linear(2) @b }"


def test_a_trillion_parameters_are_counted_in_little_memory(tmp_path: Path) -> None:
    (tmp_path / "huge.arch").write_text(HUGE, encoding="utf-8")
    ended = archdsl("report", "huge.arch", cwd=tmp_path)
    assert "1,000,001,000,000" in ended.out


def test_compiling_what_cannot_fit_says_what_it_needs_and_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "huge.arch").write_text(HUGE, encoding="utf-8")
    ended = archdsl("compile", "huge.arch", cwd=tmp_path, confined=False)
    assert ended.status == 2
    assert "out-of-memory" in ended.err
    assert "3.638 TiB" in ended.err
    assert "are available" in ended.err
    assert "--force" in ended.err


def test_force_tries_all_the_same(graph_of: Callable[..., Graph], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "bytes_available", lambda device: 10)
    with pytest.raises(SpecError, match="are available"):
        compile_graph(graph_of(SMALL))
    assert compile_graph(graph_of(SMALL), force=True)(torch.zeros(1, 8)).shape == (1, 2)


def test_nothing_is_drawn_for_the_device_meta(graph_of: Callable[..., Graph]) -> None:
    model = compile_graph(graph_of(HUGE), "meta")
    assert {p.device.type for p in model.parameters()} == {"meta"}
    assert model(torch.zeros(2, 10**6, device="meta")).shape == (2, 10**6)


def test_each_device_needs_its_own_weights_and_the_machine_the_largest_on_its_way(
    graph_of: Callable[..., Graph],
) -> None:
    first, second = torch.device("cuda", 0), torch.device("cuda", 1)
    needed = memory.bytes_needed(
        assemble(graph_of(SMALL)).holders, {"a": first, "b": second, None: torch.device("cpu")}
    )
    assert needed == {first: 4 * (8 * 4 + 4), second: 4 * (4 * 2 + 2), torch.device("cpu"): 4 * (8 * 4 + 4)}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"proc/meminfo": "MemTotal: 9 kB\nMemAvailable:   4 kB\n"}, 4096),
        ({"proc/meminfo": "MemAvailable: 4 kB\n", "sys/fs/cgroup/a/b/memory.max": "3000\n"}, 3000),
        (
            {
                "proc/meminfo": "MemAvailable: 4 kB\n",
                "sys/fs/cgroup/a/memory.max": "3000\n",
                "sys/fs/cgroup/a/memory.current": "1000\n",
                "sys/fs/cgroup/a/b/memory.max": "max\n",
            },
            2000,
        ),
        ({}, None),
    ],
    ids=["machine", "group", "group-around", "unknown"],
)
def test_the_memory_of_a_machine(files: dict[str, str], expected: int | None, tmp_path: Path) -> None:
    for name, content in ({"proc/self/cgroup": "0::/a/b\n"} | files).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    assert memory.machine_memory(tmp_path) == expected
