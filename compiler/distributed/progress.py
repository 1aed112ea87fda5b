"""What a process is at, for `archdsl.launch`, which watches it, and names it where it dies.

A process that is watched has the number of an open pipe in its environment, and writes a line of JSON for each change.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any

from archdsl.placement.launched import PROGRESS


def at(stages: str) -> None:
    """The process has these stages."""
    _say({"stages": stages})


def begins(step: int) -> None:
    """It begins a step, the first being 1."""
    _say({"step": step, "within": True})


def ends(step: int) -> None:
    """It has ended a step."""
    _say({"step": step, "within": False})


def failed(error: str, *, lost: bool = False, first: bool = False, trace: str = "") -> None:
    """It ends: since it lost another process, or by an error of its own, the first of all processes' or not."""
    _say({"failed": error, "lost": lost, "first": first, "trace": trace})


def _say(what: dict[str, Any]) -> None:
    pipe = os.environ.get(PROGRESS)
    if pipe is not None:
        with suppress(OSError):  # nobody watches any more
            os.write(int(pipe), f"{json.dumps(what)}\n".encode())
