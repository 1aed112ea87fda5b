"""Compares what archdsl says of memory with what torch allocates, for every network of the zoo, and writes
benchmarks/MEMORY.md: `make bench`.

On the CPU allocations are traced on fake tensors (see allocations.py). With `--device cuda` the networks run on a GPU,
peaks are those of `torch.cuda.max_memory_allocated`, and the table is printed, not written.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

import archdsl
from archdsl.dims import numbers
from archdsl.graph import header
from archdsl.measure.memory.ledger import inference_peak
from archdsl.measure.memory.training import training
from archdsl.measure.run.execution import Runs, Setting
from archdsl.measure.run.optimizer import OPTIMIZERS
from archdsl.measure.run.precision import PRECISIONS
from archdsl.measure.run.saved import kept_for_backward
from archdsl.net_view import NetView
from archdsl.network import Network
from archdsl.zoo import entries
from benchmarks.allocations import Measured, measure, measure_on_gpu

HERE = Path(__file__).resolve().parent
BATCH = 2


@dataclass(frozen=True)
class Row:
    """A network's figures, in bytes."""

    name: str
    layer: str
    predicted: tuple[int, int, int]
    measured: tuple[int, int, int]

    @property
    def errors(self) -> tuple[float, ...]:
        return tuple(p / m - 1 for p, m in zip(self.predicted, self.measured, strict=True))


def network(name: str, batch: int = BATCH) -> Network:
    """A network of the zoo for a batch."""
    declared = archdsl.load(name)
    inputs = {}
    for n, shape in declared.report().inputs:
        image = numbers(shape[1:])
        assert image is not None
        inputs[n] = (batch, *image)
    assert set(inputs) == set(header(declared.graph)["inputs"])
    return archdsl.load(name, inputs=inputs)


def predict(net: Network, device: str, dtype: str = "fp32") -> tuple[tuple[int, int, int], str]:
    """The peak in inference without weights, what is kept, and the peak in training; and where that is."""
    setting = Setting(PRECISIONS[dtype], "cuda" if device == "cuda" else "cpu")
    runs = Runs(NetView(net.graph), setting)
    peak = training(runs.training, OPTIMIZERS["sgd"]).peaks[None]
    figures = (inference_peak(runs.inference), kept_for_backward(net.graph, setting), peak.bytes)
    assert all(isinstance(figure, int) for figure in figures)
    return figures, f"{peak.layer}, {peak.phase}"  # type: ignore[return-value]


def compare(names: Iterable[str], device: str) -> list[Row]:
    rows = []
    for name in names:
        net = network(name)
        figures, where = predict(net, device)
        found: Measured = measure_on_gpu(net) if device == "cuda" else measure(net)
        rows.append(Row(name, where, figures, (found.inference_peak, found.kept, found.training_peak)))
        print(name, " ".join(f"{error:+.2%}" for error in rows[-1].errors), flush=True)
    return rows


def table(rows: list[Row]) -> list[str]:
    """The table in Markdown: MiB measured, and by how much the prediction is off."""
    lines = [
        "| network | peak in inference | off by | kept for backward | off by | peak in training | off by | where |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        cells = [f"{m / 2**20:,.2f} | {e:+.2%}" for m, e in zip(row.measured, row.errors, strict=True)]
        lines.append(f"| {row.name} | {' | '.join(cells)} | {row.layer} |")
    worst = [max((abs(row.errors[i]) for row in rows), default=0) for i in range(3)]
    lines.append(f"| **worst** | | **{worst[0]:.2%}** | | **{worst[1]:.2%}** | | **{worst[2]:.2%}** | |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", help="all of the zoo by default")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    given = parser.parse_args()
    rows = compare(given.networks or [entry.name for entry in entries()], given.device)
    lines = table(rows)
    if given.device == "cuda" or given.networks:
        print("\n".join(lines))
        return
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    text = [
        "# Memory, predicted and measured",
        "",
        f"Written by `make bench` on {datetime.date.today()}: torch {torch.__version__}, {machine}.",
        f"All networks of the zoo in float32 for a batch of {BATCH}: MiB, and by how much `archdsl report --memory`",
        "is off.",
        "",
        "Measured are allocations: every storage that torch makes in one inference and one training step (forward,",
        "the network's own loss, backward), traced on fake tensors with the operators of the CPU. The peak in",
        "inference and what is kept are without weights; the peak in training is with weights and gradients, without",
        "an optimizer.",
        "",
        *lines,
        "",
    ]
    (HERE / "MEMORY.md").write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    main()
