"""A job leaves the settings of the process as they were, also where several threads have one at once."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

import archdsl
import viz
from archdsl.job import COLLECT_EVERY, RECURSION_LIMIT, one_job
from archdsl.pipeline import check
from tests.conftest import Said

THREADS = 8
NETWORKS = ("lenet5", "alexnet", "resnet18", "cifar_resnet20", "googlenet", "vgg11", "cifar_resnet32", "nin_cifar10")
# Deeper than Python's own limit lets a function go.
DEEP = "block b0(x) { x -> relu }\n" + "".join(f"block b{i}(x) {{ x -> b{i - 1} }}\n" for i in range(1, 60))
DEEP += f"network Net(x: [N, 4], n = {'(' * 60}1{')' * 60}) {{ x -> b59 }}\n"


@contextmanager
def switching_often() -> Iterator[None]:
    """Threads that take turns every 0.1 ms."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def together(work: Callable[[int], object]) -> list[object]:
    """What each of the threads returns; all begin at once."""
    ready = threading.Barrier(THREADS)

    def begin(number: int) -> object:
        ready.wait()
        return work(number)

    with switching_often(), ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(begin, range(THREADS)))


def load_report_and_draw(number: int) -> tuple[str, bytes]:
    network = archdsl.load(NETWORKS[number])
    return str(network.report()), viz.render(network.graph, "dot")


def test_eight_threads_load_report_and_draw_as_one_does() -> None:
    assert together(load_report_and_draw) == list(map(load_report_and_draw, range(THREADS)))


def test_after_threads_with_deep_specs_the_settings_are_what_they_were(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("deep") / "deep.arch"
    path.write_text(DEEP, encoding="utf-8")
    before = sys.getrecursionlimit(), gc.get_threshold(), gc.isenabled()
    together(lambda number: len(check(path)))
    assert (sys.getrecursionlimit(), gc.get_threshold(), gc.isenabled()) == before


def depth_of(limit: int) -> int:
    return 0 if limit == 0 else 1 + depth_of(limit - 1)


def test_a_job_that_is_not_deep_leaves_the_recursion_limit_alone() -> None:
    before = sys.getrecursionlimit()
    assert one_job(sys.getrecursionlimit)() == before


def test_a_job_that_is_too_deep_is_run_again_with_more_room() -> None:
    before = sys.getrecursionlimit()
    assert one_job(depth_of)(RECURSION_LIMIT // 2) == RECURSION_LIMIT // 2
    assert sys.getrecursionlimit() == before


def test_what_is_deeper_than_all_room_is_a_fault_and_no_traceback() -> None:
    with pytest.raises(archdsl.SpecError) as caught:
        one_job(depth_of)(2 * RECURSION_LIMIT)
    assert [found.code for found in caught.value.diagnostics] == ["nesting-too-deep"]


def test_a_limit_that_somebody_else_sets_meanwhile_is_kept() -> None:
    before = sys.getrecursionlimit()

    def meanwhile() -> None:
        if sys.getrecursionlimit() == before:
            raise RecursionError
        sys.setrecursionlimit(before + 1)

    try:
        one_job(meanwhile)()
        assert sys.getrecursionlimit() == before + 1
    finally:
        sys.setrecursionlimit(before)


def test_one_thread_alone_collects_seldom_and_never_stops_the_collector() -> None:
    before = gc.get_threshold()
    alone = threading.active_count() == 1
    assert one_job(gc.get_threshold)()[0] == (COLLECT_EVERY if alone else before[0])
    assert one_job(gc.isenabled)() == gc.isenabled()
    assert gc.get_threshold() == before


def test_the_collector_is_left_alone_while_other_threads_run() -> None:
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    other.start()
    try:
        assert one_job(gc.get_threshold)() == gc.get_threshold()
    finally:
        stop.set()
        other.join()


def test_a_command_in_the_same_process_leaves_the_collector_as_it_was(
    command_line: Callable[..., Said],
) -> None:
    before = gc.get_threshold()
    assert command_line("check", "lenet5").status == 0
    assert gc.get_threshold() == before
