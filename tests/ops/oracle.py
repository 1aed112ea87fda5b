"""Asks torch: runs an operator on real tensors in a child process, because torch crashes on some values."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from archdsl.dims import Shape
from archdsl.ops import OPERATORS

WORKER = Path(__file__).with_name("reference.py")


Numbers: TypeAlias = tuple[int, ...]  # a shape without symbols


class Case(NamedTuple):
    """An operator with its parameters on inputs of these shapes, and of these types if not of those it takes."""

    operator: str
    params: dict[str, Any]
    shapes: tuple[Numbers, ...]
    dtypes: tuple[str, ...] = ()

    @property
    def types(self) -> tuple[str, ...]:
        known = OPERATORS.get(self.operator)
        return self.dtypes or (known.default_types(len(self.shapes)) if known is not None else ())


class Answer(NamedTuple):
    """What came of it: the shapes of the outputs, or None and why not; and their types."""

    shapes: tuple[Shape, ...] | None
    error: str = ""
    dtypes: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        return self.shapes is not None


class Oracle:
    """A worker that lives for the session; a new one takes the place of one that died."""

    def __init__(self) -> None:
        self._worker: subprocess.Popen[str] | None = None

    def __call__(self, case: Case) -> Answer:
        worker = self._worker = self._worker or self._start()
        assert worker.stdin is not None
        assert worker.stdout is not None
        try:
            worker.stdin.write(json.dumps([case.operator, case.params, case.shapes, case.types]) + "\n")
            worker.stdin.flush()
            line = worker.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self.close()
            return Answer(None, "crashed")
        answer = json.loads(line)
        if "error" in answer:
            return Answer(None, answer["error"])
        return Answer(tuple(map(tuple, answer["shapes"])), "", tuple(answer["dtypes"]))

    def close(self) -> None:
        if self._worker is not None:
            self._worker.kill()
            self._worker.communicate()
            self._worker = None

    @staticmethod
    def _start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
