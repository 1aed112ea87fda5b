"""Runs the command line in a child process that can take only so much memory and time."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
MEMORY = 2**30
SECONDS = 10


class Ended(NamedTuple):
    """How a confined command ended."""

    status: int
    out: str
    err: str


def _confine() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    # Processor time, which a busy machine does not change. The kernel kills what goes on beyond it.
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def archdsl(*arguments: str, cwd: Path, confined: bool = True) -> Ended:
    """The end of `archdsl ARGUMENTS`, in 1 GiB and 10 s of processor time."""
    done = subprocess.run(
        [sys.executable, "-m", "archdsl", *arguments],
        cwd=cwd, env=os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}, capture_output=True, text=True,
        errors="replace", timeout=300, preexec_fn=_confine if confined else None,
    )  # fmt: skip
    return Ended(done.returncode, done.stdout, done.stderr)
