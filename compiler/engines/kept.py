"""Trials of engines that are kept between processes: in `~/.cache/archdsl/engines`, or below `$XDG_CACHE_HOME`.

A trial is that of one architecture, of one size of inputs, precision and number of threads, on one machine, with these
versions of the engines; anything else is another trial. Only times are kept, and no code.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from archdsl.graph import Graph, content_hash
from archdsl.measure.time.engine_trial import EngineTrial, read_trial
from archdsl.write import write_atomically
from compiler.engines.table import lacks
from compiler.engines.task import Task
from compiler.engines.trial import ALL, machine, versions

VERSION: Final = 2  # of the trial: how it is measured, and of what


def folder() -> Path:
    """Where trials are kept."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    home = Path(given) if os.path.isabs(given) else Path.home() / ".cache"
    return home / "archdsl" / "engines"


def place(graph: Graph, task: Task) -> Path:
    """The file of the trial of a task."""
    available = [name for name in ALL if lacks(name) is None]
    shapes = [[list(given.shape), str(given.dtype)] for given in task.inputs]
    key = [VERSION, content_hash(graph), shapes, task.precision, task.threads, machine(), versions(), available]
    return folder() / f"{hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]}.json"


def kept(path: Path) -> EngineTrial | None:
    """A trial that was kept; None where there is none that can be read."""
    with suppress(OSError, ValueError, RecursionError):
        return read_trial(json.loads(path.read_bytes()))
    return None


def keep(path: Path, trial: EngineTrial) -> None:
    """Keep a trial; where nothing can be written, there is none the next time."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, (json.dumps(trial.to_dict(), indent=1) + "\n").encode())
