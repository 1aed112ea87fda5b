"""Compares the speed of this revision with that of another: `python -m benchmarks.revisions REV` writes REVISIONS.md.

The other is checked out beside (`git worktree`) and taken away again. Processes of both run in turn, so that both see
the same machine; what counts is the time of a processor, which others on the machine lengthen least. Medians, with the
range, and the ratio taken round by round.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.run import BEYOND, measure, spread

ROOT = Path(__file__).resolve().parent.parent
SMALL = """\
network Small(image: [N, 3, 32, 32]) {
    image -> conv(16, 3, padding = 1) -> relu -> global_avg_pool -> flatten -> linear(10)
}
"""
IN_PROCESS = """
import json, sys, time
import archdsl
found = []
for _ in range(8):
    started = time.process_time()
    str(archdsl.load("resnet152").report())
    found.append(time.process_time() - started)
json.dump(sorted(found)[:4], sys.stdout)  # what else a machine does only adds time
"""


def commands(folder: Path) -> dict[str, tuple[Sequence[str], int]]:
    """What runs as a process of its own, and how often."""
    small, long = folder / "small.arch", folder / "long.arch"
    small.write_text(SMALL, encoding="utf-8")
    steps = "  -> conv(8, 3, padding = 1)\n" * 100_000
    long.write_text(f"network Chain(x: [N, 8, 16, 16]) {{\n  x\n{steps}}}\n", encoding="utf-8")
    archdsl = [sys.executable, "-m", "archdsl"]
    return {
        "check of a small spec": ([*archdsl, "check", str(small)], 15),
        "report resnet152": ([*archdsl, "report", "resnet152"], 15),
        "check of a written chain of 100,000 layers": ([*archdsl, "check", str(long), *BEYOND], 3),
    }


def whole_processes(revisions: Mapping[str, Path], work: Path) -> list[str]:
    lines = []
    for name, (command, rounds) in commands(work).items():
        found: dict[str, list[float]] = {revision: [] for revision in revisions}
        for round_ in range(rounds + 1):
            for revision, folder in revisions.items():
                run = measure(command, folder)
                if round_:  # the first warms the file cache
                    found[revision].append(run.busy)
        lines.append(_line(f"{name}, whole process, s", found, 2, 1))
    return lines


def in_process(revisions: Mapping[str, Path]) -> str:
    found: dict[str, list[float]] = {revision: [] for revision in revisions}
    for _ in range(5):
        for revision, folder in revisions.items():
            said = subprocess.run(
                [sys.executable, "-c", IN_PROCESS], cwd=folder, check=True, capture_output=True
            ).stdout
            found[revision] += json.loads(said)
    return _line("resnet152 from spec to finished report, in process, ms", found, 0, 1000)


def _line(name: str, found: Mapping[str, Sequence[float]], digits: int, scale: int) -> str:
    before, after = found.values()
    ratios = [b / a for a, b in zip(before, after, strict=True)]
    times = [spread([scale * seconds for seconds in values], digits) for values in (before, after)]
    return f"| {name} | {times[0]} | {times[1]} | **{spread(ratios)}** |"


def main() -> None:
    revision = sys.argv[1]
    with tempfile.TemporaryDirectory() as work:
        before = Path(work) / "before"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(before), revision], cwd=ROOT, check=True)
        try:
            said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=before, check=True, capture_output=True)
            revisions = {said.stdout.decode().strip(): before, "this": ROOT}
            lines = [*whole_processes(revisions, Path(work)), in_process(revisions)]
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(before)], cwd=ROOT, check=True)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    text = "\n".join(
        [
            "# Two revisions compared",
            "",
            f"Written by `python -m benchmarks.revisions {revision}` on {datetime.date.today()}:",
            f"{machine}, a shared machine.",
            "Processes of both in turn, by the time of a processor that they take (user and system); medians, with the",
            "range in brackets, and the ratio round by round.",
            "",
            f"| what | {next(iter(revisions))} | this revision | after / before |",
            "|---|---|---|---|",
            *lines,
            "",
        ]
    )
    (ROOT / "benchmarks" / "REVISIONS.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
