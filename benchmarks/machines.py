"""Two machines on one: network namespaces joined by a link of a given rate, on which a pipeline takes steps.

    python -m benchmarks.machines 100 400      # Mbit/s

Prints, for each rate, the seconds that communication adds to a step, measured and predicted. Measured is what a step
takes on the link beyond what it takes on one without a limit; predicted are the bytes that the plan says cross it, at
that rate. Needs Linux, root and iproute2; everything it sets up is taken down again.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SPEC = """
network Wide(image: [N, 3, 64, 64]) {
    device first, second
    maps = image -> conv(16, 3, padding = 1) @first -> relu @first
    output logits = maps -> conv(4, 3, stride = 4) @second -> flatten @second -> linear(10) @second
    loss cross_entropy(logits)
}
"""
BATCH = 16
STEPS = 5
LIMIT = 120  # seconds for a run


class Communication(NamedTuple):
    """Seconds of a step."""

    measured: float
    predicted: float


def allowed() -> bool:
    """Whether this user may have namespaces, and the tools are there."""
    if os.name != "posix" or shutil.which("ip") is None or shutil.which("tc") is None:
        return False
    name = f"archdsl-try-{os.getpid()}"
    if _tried("ip", "netns", "add", name):
        _tried("ip", "netns", "del", name)
        return True
    return False


def measure(rates: list[int]) -> dict[int, Communication]:
    """The communication of a step at rates in Mbit/s."""
    import archdsl

    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder, "wide.arch")
        spec.write_text(SPEC, encoding="utf-8")
        network = archdsl.load(spec)

        def placed(rate: int) -> Any:
            link = f"{rate}Mbit/s"
            return network.place(
                2, "t4", link=link, latency="0s", batch=BATCH, micro_batches=1, schedule="gpipe", dtype="fp32"
            )

        plan = Path(folder, "plan.json")
        plan.write_text(json.dumps(placed(rates[0]).to_dict()), encoding="utf-8")
        free = _step_seconds(plan, None)
        found = {}
        for rate in rates:
            predicted = sum(cost.send + cost.send_back for cost in placed(rate).costs)
            found[rate] = Communication(_step_seconds(plan, rate) - free, predicted)
    return found


def _step_seconds(plan: Path, rate: int | None) -> float:
    """The median of some steps, each machine with a process."""
    with _machines(rate) as names:
        started = []
        for rank, name in enumerate(names):
            environment = os.environ | {
                "RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "10.77.0.1", "MASTER_PORT": "29511",
                "GLOO_SOCKET_IFNAME": f"v{rank}", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT),
            }  # fmt: skip
            command = [
                "ip",
                "netns",
                "exec",
                name,
                sys.executable,
                "-W",
                "ignore",
                "-m",
                "benchmarks.machines",
                str(plan),
            ]
            started.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True))
        try:
            said = [process.communicate(timeout=LIMIT)[0] for process in started]
        finally:
            for process in started:
                process.kill()
                process.wait()
    return float(said[0])


@contextmanager
def _machines(rate: int | None) -> Iterator[list[str]]:
    """Two namespaces with a link between them, of `rate` Mbit/s in each direction or without a limit."""
    names = [f"archdsl-{os.getpid()}-{i}" for i in range(2)]
    try:
        for name in names:
            _done("ip", "netns", "add", name)
        _done("ip", "link", "add", "v0", "netns", names[0], "type", "veth", "peer", "name", "v1", "netns", names[1])
        for i, name in enumerate(names):
            inside = ("ip", "netns", "exec", name)
            _done(*inside, "ip", "addr", "add", f"10.77.0.{i + 1}/24", "dev", f"v{i}")
            _done(*inside, "ip", "link", "set", "lo", "up")
            _done(*inside, "ip", "link", "set", f"v{i}", "up")
            if rate is not None:
                limit = ("rate", f"{rate}mbit", "burst", "256kbit", "latency", "500ms")
                _done(*inside, "tc", "qdisc", "add", "dev", f"v{i}", "root", "tbf", *limit)
        yield names
    finally:
        for name in names:
            _tried("ip", "netns", "del", name)


def _done(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=LIMIT)


def _tried(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True, timeout=LIMIT).returncode == 0


def _process(plan: str) -> None:
    """What runs on a machine: steps, which the first one times."""
    import torch

    from archdsl.distributed import pipeline

    torch.set_num_threads(1)
    pipe = pipeline(plan, seed=0)
    images, labels = torch.randn(BATCH, 3, 64, 64), torch.zeros(BATCH, dtype=torch.int64)
    pipe.step(images, labels)  # connections are made in the first
    seconds = []
    for _ in range(STEPS):
        begun = time.perf_counter()
        pipe.step(images, labels)
        seconds.append(time.perf_counter() - begun)
    if pipe.first:
        print(statistics.median(seconds))


if __name__ == "__main__":
    if sys.argv[1].isdecimal():
        for rate, (measured, predicted) in measure(list(map(int, sys.argv[1:]))).items():
            gap = measured / predicted - 1
            print(f"{rate:5} Mbit/s  measured {measured:.3f} s  predicted {predicted:.3f} s  {gap:+.1%}")
    else:
        _process(sys.argv[1])
