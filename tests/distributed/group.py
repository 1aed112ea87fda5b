"""Runs a function in several processes that make a group over gloo, and hands back what each returned.

The processes are forked from one that has imported what they need and has computed nothing yet, so that a group costs
one start of torch. None outlives the call.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 240  # seconds after which a group that hangs is ended


def run_group(function: str, processes: int, folder: Path, **arguments: Any) -> list[Any]:
    """What `module:function`, called with these arguments in each process, returned, by rank; all is JSON."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.distributed.group", function, str(processes), str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    started = subprocess.Popen(
        [*command, json.dumps(arguments)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        _, err = started.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{function} hangs in {processes} processes") from None
    finally:
        _end(started)
    assert started.returncode == 0, err
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(processes)]


def _end(started: subprocess.Popen[str]) -> None:
    """End the process and all that it forked."""
    with suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)
    started.wait()


def _one(function: str, rank: int, processes: int, folder: Path, arguments: dict[str, Any]) -> int:
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(processes), "LOCAL_RANK": str(rank)}
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=processes)
    module, _, name = function.partition(":")
    try:
        result = getattr(importlib.import_module(module), name)(**arguments)
        (folder / f"{rank}.json").write_text(json.dumps(result))
        dist.barrier()
        dist.destroy_process_group()
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def main(function: str, processes: int, folder: Path, arguments: dict[str, Any]) -> int:
    importlib.import_module(function.partition(":")[0])  # before forking: once for all
    children = []
    for rank in range(processes):
        child = os.fork()
        if child == 0:
            status = _one(function, rank, processes, folder, arguments)
            sys.stderr.flush()
            os._exit(status)
        children.append(child)
    while children:
        child, status = os.wait()
        children.remove(child)
        if status:
            for other in children:
                os.kill(other, signal.SIGKILL)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), json.loads(sys.argv[4])))
