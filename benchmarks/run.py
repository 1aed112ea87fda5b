"""Runs the benchmarks and writes benchmarks/RESULTS.md: `make bench`.

Whole processes, run in turn so that both sides see the same machine; medians, with the range. Each process's peak
memory is what the system reports of it (`ru_maxrss`).
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from benchmarks import pages  # noqa: E402
from tests.tools import BROWSER  # noqa: E402

ROUNDS = 9
BEYOND = ["--max-bytes", "10000000", "--max-work", "100000000"]  # no spec by people has 100,000 written layers

COMPILE = """
import resource, time, torch
from archdsl.elaborate import elaborate
from archdsl.program import parse_string
from compiler import compile_graph
program = parse_string("network Net(x: [N, 8]) { x -> repeat 5000 { linear(8) -> relu } }")
graph = elaborate(program.spec.networks[0], program.definitions)
started = time.perf_counter()
model = compile_graph(graph)
compiled = time.perf_counter()
model(torch.zeros(2, 8))
"""


@dataclass(frozen=True)
class Run:
    seconds: float
    mebibytes: float
    busy: float  # seconds of a processor


def measure(command: Sequence[str], folder: Path | None = None) -> Run:
    """One run of a command as a process of its own, in a folder.

    Python keeps the bytecode of what it has imported, as it does for whoever installs a package.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=folder, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status != 0:
        raise SystemExit(f"{' '.join(command)} failed")
    return Run(seconds, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)


def alternately(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, list[Run]]:
    """Runs of several commands, one of each in turn; a first round warms the file cache and is dropped."""
    found: dict[str, list[Run]] = {name: [] for name in commands}
    for round_ in range(rounds + 1):
        for name, command in commands.items():
            run = measure(command)
            if round_:
                found[name].append(run)
    return found


def spread(values: Sequence[float], digits: int = 2) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} … {max(values):.{digits}f})"


def report_against_torchinfo() -> list[str]:
    commands = {
        "archdsl report resnet152": [sys.executable, "-m", "archdsl", "report", "resnet152"],
        "torchinfo, hand-written ResNet-152": [sys.executable, str(HERE / "torchinfo_resnet152.py")],
    }
    runs = alternately(commands, ROUNDS)
    ours, theirs = runs.values()
    ratios = [b.seconds / a.seconds for a, b in zip(ours, theirs, strict=True)]
    memory = [b.mebibytes / a.mebibytes for a, b in zip(ours, theirs, strict=True)]
    lines = ["| whole process | seconds | peak MiB |", "|---|---|---|"]
    for name, found in runs.items():
        seconds, mebibytes = spread([r.seconds for r in found]), spread([r.mebibytes for r in found], 0)
        lines.append(f"| {name} | {seconds} | {mebibytes} |")
    lines.append(f"| torchinfo / archdsl | **{spread(ratios, 1)}** | **{spread(memory, 1)}** |")
    return lines


def analyses_in_one_process() -> list[str]:
    command = [sys.executable, "-m", "benchmarks.in_process"]
    said = subprocess.run(command, cwd=HERE.parent, check=True, capture_output=True).stdout
    found: dict[str, list[float]] = json.loads(said)
    ours, *others = found
    lines = ["| in one process | milliseconds | times archdsl |", "|---|---|---|"]
    lines.append(f"| {ours} | {spread([1000 * s for s in found[ours]], 0)} | |")
    for name in others:
        ratios = [theirs / s for s, theirs in zip(found[ours], found[name], strict=True)]
        lines.append(f"| {name} | {spread([1000 * s for s in found[name]], 0)} | **{spread(ratios, 1)}** |")
    return lines


def growth() -> list[str]:
    lines = ["| what | seconds | peak MiB |", "|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        for count in (1_000, 10_000, 100_000):
            spec = Path(folder) / f"chain{count}.arch"
            steps = "  -> conv(8, 3, padding = 1)\n" * count
            spec.write_text(f"network Chain(x: [N, 8, 16, 16]) {{\n  x\n{steps}}}\n", encoding="utf-8")
            command = [sys.executable, "-m", "archdsl", "check", str(spec), *BEYOND]
            runs = [measure(command) for _ in range(3)]
            seconds, mebibytes = spread([r.seconds for r in runs]), spread([r.mebibytes for r in runs], 0)
            lines.append(f"| check a written chain of {count:,} convolutions | {seconds} | {mebibytes} |")
    runs = [measure([sys.executable, "-c", COMPILE]) for _ in range(3)]
    seconds, mebibytes = spread([r.seconds for r in runs]), spread([r.mebibytes for r in runs], 0)
    lines.append(f"| compile 10,000 layers and run them, torch's import included | {seconds} | {mebibytes} |")
    return lines


def interactive_pages() -> list[str]:
    if BROWSER.find() is None:
        return ["Not measured: no Chromium is installed."]
    lines = [
        "| page | opens in, ms | frames while moving, ms | the same with all that fits open |",
        "|---|---|---|---|",
    ]
    for name, opened in pages.measure(ROUNDS).items():
        cells = (spread(opened.ready, 0), spread(opened.frames, 0), spread(opened.frames_open, 0))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    text = "\n".join(
        [
            "# Benchmarks",
            "",
            f"Written by `make bench` on {datetime.date.today()}: {machine}, a shared machine.",
            "Medians, with the range in brackets.",
            "",
            "## A report, against torchinfo",
            "",
            f"{ROUNDS} rounds, one process of each in turn; the ratio is taken round by round.",
            "",
            *report_against_torchinfo(),
            "",
            "## An analysis of ResNet-152 in a running process",
            "",
            "15 rounds, one of each in turn. archdsl reads its spec and elaborates it anew each time; the torch model",
            "of the others stands ready, on the meta device where they take it (fvcore traces with real tensors).",
            "",
            *analyses_in_one_process(),
            "",
            "## Growth with the size of the network",
            "",
            "3 rounds each, whole processes.",
            "",
            *growth(),
            "",
            "## The interactive page",
            "",
            f"Headless Chromium, {ROUNDS} rounds: from the start of loading until the network is drawn; then the time",
            "between frames while the drawing is moved at every frame (16.7 ms is as fast as the screen).",
            "",
            *interactive_pages(),
            "",
        ]
    )
    (HERE / "RESULTS.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
