"""`torchrun --nproc-per-node 4 -m archdsl.launch plan.json train.py`: a process of a pipeline, and who watches it.

What torchrun starts is the watcher, which needs no torch. It holds the plan against its network and the number of
processes, and starts the script in a process of its own only where all fits. If that dies, or an error ends it, the
watcher says which stages it had, which layers, and in which step, and ends; torchrun then ends the others, or starts
all again. Of several processes that fail, one speaks: those that only lost a connection wait until torchrun ends them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

from archdsl.cli.streams import complain
from archdsl.distributed import checked
from archdsl.errors import SpecError
from archdsl.placement.devices import PlacementError
from archdsl.placement.launched import LIFELINE, PLAN, PROGRESS
from archdsl.placement.runnable import RunnablePlan

WORKER: Final = "compiler.distributed.worker"
PATIENCE: Final = 20.0  # seconds for another process to be found dead, before this one says that it lost it
USAGE: Final = "usage: torchrun --nproc-per-node N -m archdsl.launch plan.json script.py [arguments]"


def main(arguments: Sequence[str]) -> int:
    """Exit status: that of the script, 1 where it was ended, 2 where the plan is refused."""
    if len(arguments) < 2:
        complain(USAGE)
        return 2
    plan, script, *others = arguments
    rank, processes = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    try:
        found = checked(plan, script, processes)
    except (PlacementError, SpecError, ImportError) as error:
        if rank == 0:
            complain(f"error: {error}")
        return 2
    return _watch(found, plan, [script, *others], rank, processes)


def _watch(plan: RunnablePlan, file: str, script: Sequence[str], rank: int, processes: int) -> int:
    """Run the script, and say what ended it."""
    said, says = os.pipe()
    held, holds = os.pipe()  # its end tells the script's process that this one is gone
    environment = {**os.environ, PLAN: os.path.abspath(file), PROGRESS: str(says), LIFELINE: str(held)}
    worker = subprocess.Popen(
        [sys.executable, "-m", WORKER, *script], env=environment, pass_fds=(says, held), stdin=subprocess.DEVNULL
    )
    os.close(says)
    os.close(held)
    process = rank // (processes // len(plan.devices))
    at: dict[str, Any] = {"stages": plan.described(process), "step": 0, "within": False}
    with os.fdopen(said, encoding="utf-8") as lines:
        for line in lines:  # to the end of the process
            at |= json.loads(line)
    status = worker.wait()
    os.close(holds)
    if status == 0:
        return 0
    where = f"rank {rank}, {at['stages']},"
    when = f"{'in' if at['within'] else 'after'} step {at['step']}" if at["step"] else "before the first step"
    if at.get("lost"):
        time.sleep(PATIENCE)  # torchrun ends this process here, where it finds another one dead
        complain(f"error: {where} lost the connection to another process {when}: {at['failed']}")
    elif "failed" in at:
        if at["first"]:
            complain(f"{at['trace']}error: {where} failed {when}: {at['failed']}")
    elif status < 0:
        name = signal.Signals(-status).name
        memory = "; the system does so where memory is short" if name == "SIGKILL" else ""
        complain(f"error: {where} was ended by {name} {when}{memory}")
    else:
        complain(f"error: {where} ended with status {status} {when}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
