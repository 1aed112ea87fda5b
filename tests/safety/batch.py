"""Runs many command lines in one process, in the directory given: reads lists of arguments, writes how each ended."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import time
from pathlib import Path

from archdsl import cli


def peak() -> int:
    """The most memory this process had, in bytes. (getrusage counts what its parent had when it was started.)"""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def ended(arguments: list[str]) -> dict[str, object]:
    sys.argv = ["archdsl", *arguments]
    out, err = io.StringIO(), io.StringIO()
    started = time.process_time()
    status: object = "traceback"
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.main()
        except SystemExit as stop:
            status = stop.code
        except BaseException as error:
            err.write(f"Traceback: {error!r}")
    return {
        "status": status,
        "out": out.getvalue(),
        "err": err.getvalue(),
        "seconds": time.process_time() - started,
        "peak": peak(),
    }


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    json.dump({name: ended(arguments) for name, arguments in json.load(sys.stdin).items()}, sys.stdout)
