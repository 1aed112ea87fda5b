"""What a job over large trees asks of the interpreter: room to recurse, and a collector that does not stop it often.

Both are settings of the whole process, so they are left alone where they would touch others.
"""

from __future__ import annotations

import functools
import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, ParamSpec, TypeVar

from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError

P = ParamSpec("P")
T = TypeVar("T")

RECURSION_LIMIT: Final = 10_000  # blocks and brackets are bounded to 64 levels each; both together need more frames
# Objects made between two collections. Trees only grow, so that looking through them finds nothing; but what failed
# variants leave behind must go. Python's own number is 700.
COLLECT_EVERY: Final = 1_000_000
OLDER: Final = 20  # such collections before what outlived one is looked through again; Python's own number is 10


def one_job(function: Callable[P, T]) -> Callable[P, T]:
    """The function as a job of its own.

    It runs under the process's recursion limit; only where a spec is nested deeper than that allows, it is run again
    under a higher one. Raises `SpecError` where that is not enough either.
    """

    @functools.wraps(function)
    def run(*arguments: P.args, **options: P.kwargs) -> T:
        with seldom_collected():
            try:
                return function(*arguments, **options)
            except RecursionError:
                pass
            with _ROOM.more():
                try:
                    return function(*arguments, **options)
                except RecursionError:
                    message = "blocks, brackets and the terms of an expression are nested too deep together"
                    help = "bind parts of a long expression to names of their own"
                    raise SpecError([Diagnostic("nesting-too-deep", message, place="the spec", help=help)]) from None

    return run


@contextmanager
def seldom_collected() -> Iterator[None]:
    """A collector that runs seldom, as long as no other thread is there that it belongs to as well."""
    before = gc.get_threshold()
    if threading.active_count() > 1 or not 0 < before[0] < COLLECT_EVERY:
        yield
        return
    gc.set_threshold(COLLECT_EVERY, max(before[1], OLDER), before[2])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _Room:
    """The recursion limit, raised while anyone needs more: the first raises it, the last puts back what was."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = 0

    @contextmanager
    def more(self) -> Iterator[None]:
        with self._lock:
            if self._inside == 0:
                self._before = sys.getrecursionlimit()
                sys.setrecursionlimit(max(self._before, RECURSION_LIMIT))
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0 and sys.getrecursionlimit() == max(self._before, RECURSION_LIMIT):
                    sys.setrecursionlimit(self._before)  # unless somebody else has set another meanwhile


_ROOM: Final = _Room()
