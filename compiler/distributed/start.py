"""Starts the processes of a plan on this machine as torchrun does, without what torchrun says of those that fail."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import parse_args, run

WATCHER = "archdsl.launch"


def start(processes: int, options: Sequence[str], plan: str, script: Sequence[str]) -> int:
    """Run a script in so many processes here, with options of torchrun. Exit status: 0, or that of one that failed.

    A process that fails has said so itself. Those of a machine share its cores, unless $OMP_NUM_THREADS is set.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    try:
        run(parse_args([f"--nproc-per-node={processes}", *options, "-m", WATCHER, plan, *script]))
    except ChildFailedError as error:
        return 2 if any(failure.exitcode == 2 for failure in error.failures.values()) else 1
    return 0
