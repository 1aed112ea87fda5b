"""What a process is at, for whoever watches it: `archdsl.launch` names it where the process dies.

A process that is watched has the number of an open pipe in its environment, and writes a line of JSON for each change.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any, Final

PIPE: Final = "ARCHDSL_PROGRESS"


def at(stages: str) -> None:
    """The process has these stages."""
    _say({"stages": stages})


def step(number: int) -> None:
    """It begins a step, the first being 1."""
    _say({"step": number})


def _say(what: dict[str, Any]) -> None:
    pipe = os.environ.get(PIPE)
    if pipe is not None:
        with suppress(OSError):  # nobody watches any more
            os.write(int(pipe), f"{json.dumps(what)}\n".encode())
