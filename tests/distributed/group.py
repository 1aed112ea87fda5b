"""Runs a function in several processes that make a group over gloo, and hands back what each returned.

The processes are forked from one that has imported what they need and has computed nothing, and that stays for the next
group: torch starts once. No process of a group outlives the call.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import traceback
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 240  # seconds after which a group that hangs is ended


def run_group(function: str, processes: int, folder: Path, **arguments: Any) -> list[Any]:
    """What `module:function`, called with these arguments in each process, returned, by rank; all is JSON."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps([function, processes, str(folder), arguments]) + "\n")
    server.stdin.flush()
    group = int(server.stdout.readline())
    try:
        ended, _, _ = select.select([server.stdout], [], [], LIMIT)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    status = int(server.stdout.readline())
    assert ended, f"{function} hangs in {processes} processes"
    assert status == 0, (folder / "said").read_text()
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(processes)]


@cache
def _server() -> subprocess.Popen[str]:
    """The process that others are forked from. It ends when this one does, and its pipe with it."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.distributed.group"], cwd=ROOT, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


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


def _group(function: str, processes: int, folder: Path, arguments: dict[str, Any]) -> int:
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


def serve() -> None:
    """For each line that is read, a group in a session of its own: its number is said when it starts, its status when
    it has ended."""
    for line in sys.stdin:
        function, processes, folder, arguments = json.loads(line)
        importlib.import_module(function.partition(":")[0])  # before forking: once for all
        group = os.fork()
        if group == 0:
            os.setsid()
            said = os.open(Path(folder) / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(said, 1)
            os.dup2(said, 2)
            os._exit(_group(function, processes, Path(folder), arguments))
        print(group, flush=True)
        _, status = os.waitpid(group, 0)
        print(status, flush=True)


if __name__ == "__main__":
    serve()
