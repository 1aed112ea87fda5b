"""A `SpecError` goes from process to process as what it is."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

import archdsl
from archdsl.errors import SpecError

BROKEN = """block cell(x, width) { x -> conv(width, 3) -> relu }
network Net(x: [N, 3, 8, 8]) {
    y = x -> cell(4)
    y -> linaer(2)
    add(x, y)
}
"""


@pytest.fixture
def broken(tmp_path: Path) -> str:
    path = tmp_path / "net.arch"
    path.write_text(BROKEN, encoding="utf-8")
    return str(path)


def fault_of(spec: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        archdsl.load(spec)
    return caught.value


@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, *(lambda e, p=p: pickle.loads(pickle.dumps(e, p)) for p in range(2, 6))],
    ids=["copy", "deepcopy", *(f"pickle-{protocol}" for protocol in range(2, 6))],
)
@pytest.mark.parametrize("text", [BROKEN, BROKEN.replace("linaer", "linear"), "network", ""])
def test_a_copy_says_the_same_and_draws_the_same(
    again: Callable[[SpecError], SpecError], text: str, broken: str
) -> None:
    Path(broken).write_text(text, encoding="utf-8")
    error = fault_of(broken)
    copied = again(error)
    assert (type(copied), str(copied), copied.args) == (SpecError, str(error), error.args)
    assert copied.exit_status == error.exit_status
    assert (copied.graph is None) == (error.graph is None)
    if error.graph is not None and copied.graph is not None:
        assert list(copied.graph) == list(error.graph)
        assert list(copied.graph.edges(keys=True)) == list(error.graph.edges(keys=True))


def test_a_pool_of_processes_raises_it(broken: str) -> None:
    expected = str(fault_of(broken))
    with multiprocessing.get_context("spawn").Pool(1) as pool, pytest.raises(SpecError) as caught:
        pool.apply(archdsl.load, (broken,))
    assert str(caught.value) == expected


def test_an_executor_of_processes_raises_it(broken: str) -> None:
    expected = str(fault_of(broken))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        with pytest.raises(SpecError) as caught:
            pool.submit(archdsl.load, broken).result()
        assert str(caught.value) == expected
        assert pool.submit(abs, -1).result() == 1  # and goes on
