"""Compares the times that archdsl predicts with those that torch takes, for networks of the zoo, on a profile that is
calibrated first, and writes benchmarks/TIME.md: `make bench`. With `--device cuda` the table is printed, not written.

Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from archdsl.measure.time.device_profile import DeviceProfile
from archdsl.measure.time.roofline import Timing
from archdsl.network import Network
from archdsl.rewrite.recompute import keeping_all
from benchmarks.memory import network
from compiler import calibrate, compile_graph, measure

HERE = Path(__file__).resolve().parent
BATCH = 4
ROUNDS = 8
# One or two of each family; those that are not here differ from one that is in depth or width.
NETWORKS = (
    "lenet5", "alexnet_torchvision", "alexnet", "vgg11", "vgg16_bn", "nin_imagenet", "nin_cifar10", "googlenet",
    "googlenet_torchvision", "inception_v3", "inception_v4", "inception_resnet_v2", "resnet18", "resnet50", "resnet152",
    "cifar_resnet20", "resnext50_32x4d", "densenet121", "siamese", "vit_tiny_16", "vit_b_16",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """Milliseconds of inference and of a training step, predicted and measured, and how far single layers are off."""

    name: str
    predicted: tuple[float, float]
    measured: tuple[float, float]
    layers: float  # mean error of a layer in inference, weighted by its time
    bound: str

    @property
    def errors(self) -> tuple[float, float]:
        first, second = (p / m - 1 for p, m in zip(self.predicted, self.measured, strict=True))
        return first, second


def compare(name: str, profile: DeviceProfile, device: str) -> Row:
    graph = keeping_all(network(name, BATCH).graph)
    timing: Timing = Network(graph).timing(profile)
    torch.manual_seed(0)
    measured = measure(compile_graph(graph, device), graph, rounds=ROUNDS)
    whole = sum(measured.inference.values())
    errors = sum(abs(timing.inference[path].seconds - seconds) for path, seconds in measured.inference.items())
    return Row(
        name,
        (timing.inference_total.seconds * 1e3, timing.step_total.seconds * 1e3),
        (measured.inference_total * 1e3, measured.step_total * 1e3),
        errors / whole,
        timing.inference_total.bound,
    )


def table(rows: list[Row]) -> list[str]:
    """The table in Markdown."""
    times = "predicted | measured | off by"
    lines = [
        f"| network | inference, {times} | a step, {times} | a layer off by | bound by |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        cells = [
            f"{p:,.1f} | {m:,.1f} | {e:+.0%}" for p, m, e in zip(row.predicted, row.measured, row.errors, strict=True)
        ]
        lines.append(f"| {row.name} | {' | '.join(cells)} | {row.layers:.0%} | {row.bound} |")
    halves = [median(abs(row.errors[i]) for row in rows) for i in range(2)]
    worst = [max(abs(row.errors[i]) for row in rows) for i in range(2)]
    layers = median(row.layers for row in rows)
    lines.append(f"| **median** | | | **{halves[0]:.0%}** | | | **{halves[1]:.0%}** | **{layers:.0%}** | |")
    lines.append(
        f"| **worst** | | | **{worst[0]:.0%}** | | | **{worst[1]:.0%}** | **{max(r.layers for r in rows):.0%}** | |"
    )
    return lines


def run(names: Iterable[str], device: str) -> tuple[list[Row], DeviceProfile]:
    profile = calibrate(device)
    rows = []
    for name in names:
        rows.append(compare(name, profile, device))
        print(name, " ".join(f"{error:+.0%}" for error in rows[-1].errors), flush=True)
    return rows, profile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", help="one or two of each family by default")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    rows, profile = run(given.networks or NETWORKS, given.device)
    lines = table(rows)
    if given.device != "cpu" or given.networks:
        print(profile.title, *lines, sep="\n")
        return
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    text = [
        "# Times, predicted and measured",
        "",
        f"Written by `make bench` on {datetime.date.today()}: torch {torch.__version__}, {machine}, a shared machine.",
        f"Milliseconds in float32 for a batch of {BATCH}. The profile was calibrated first, on none of these.",
        "",
        "Measured is the model as users call it: a forward pass in inference, and a step of training (forward, loss,",
        f"backward, SGD); of {ROUNDS} rounds, the time that a quarter stay below. A layer is off by the mean over all",
        "layers of the difference between what is predicted and what it takes where it stands, by the time they take.",
        "",
        *lines,
        "",
        "The model knows no fusion, no choice of algorithms by shape, and no cost of reordering weights for a kernel,",
        "and it takes each layer for itself: which of its inputs still lie in a cache it guesses by size.",
        "",
    ]
    (HERE / "TIME.md").write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    main()
