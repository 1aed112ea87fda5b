"""The process of a pipeline that runs a script: started by `archdsl.launch`, which it tells what ends it."""

from __future__ import annotations

import logging
import os
import runpy
import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch.distributed as dist

from archdsl.placement.launched import LIFELINE
from compiler.distributed import progress
from compiler.distributed.mesh import processes
from compiler.distributed.pipelining import first_to_say

# How torch and gloo word it where another process is gone.
LOST: Final = ("Connection closed", "Connection reset", "Connection refused", "Broken pipe", "Socket closed")


def main(script: str, arguments: Sequence[str]) -> int:
    """Run a script as Python does, in the group of all processes."""
    _end_with_the_watcher()
    logging.getLogger("torch.distributed.pipelining").setLevel(logging.CRITICAL)  # it shows whole schedules
    try:
        processes()
        sys.argv = [script, *arguments]
        sys.path.insert(0, str(Path(script).resolve().parent))
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if end.code in (None, 0):
            return _leave()
        _tell(end)
    except BaseException as error:  # whatever it is, the others wait
        _tell(error)
    else:
        return _leave()
    sys.stdout.flush()
    os._exit(1)  # nothing of what is left to do would end


def _leave() -> int:
    """The others are waited for, so that none loses a connection that it still needs."""
    if dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()
    return 0


def _tell(error: BaseException) -> None:
    text = f"{type(error).__name__}: {error}".strip().splitlines()[0]
    if _is_lost(error):
        progress.failed(text, lost=True)
        return
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != runpy.__file__]
    own = [frame for frame in frames if not frame.filename.startswith(("<frozen", __file__))]
    progress.failed(text, first=first_to_say("failed"), trace="".join(traceback.format_list(own)))


def _is_lost(error: BaseException | None) -> bool:
    """Whether another process is gone, so that it is not this one's error."""
    while error is not None:
        if isinstance(error, (dist.DistNetworkError, dist.DistBackendError, dist.DistStoreError)):
            return True
        if isinstance(error, RuntimeError) and any(words in str(error) for words in LOST):
            return True
        error = error.__cause__
    return False


def _end_with_the_watcher() -> None:
    """End this process when the one that started it is gone, whatever it is at."""
    pipe = os.environ.get(LIFELINE)
    if pipe is None:
        return

    def wait() -> None:
        os.read(int(pipe), 1)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
