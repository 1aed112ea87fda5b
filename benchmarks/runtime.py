"""How fast networks run here in inference: modules by hand (torchvision's) and ours, eagerly and by each engine; and a
training step of both. Writes benchmarks/RUNTIME.md.

    python -m benchmarks.runtime --prepare    # builds what takes long (aot); the machine may be busy
    python -m benchmarks.runtime              # measures; nothing else should run meanwhile
    python -m benchmarks.runtime --missing    # goes on where that ended
    python -m benchmarks.runtime --network vgg16 --batch 1 --dtype fp32 --seconds 30    # a part of it

No row is begun after some minutes (--minutes). Results are kept in out/runtime (--kept), and the table, written after
every row, is made of all that are there. In a row everything is called in turn, in another order in each round, with a
pause before each call, so that whatever else the machine does meets all alike; medians are shown. What `aot` runs takes
part in the rows for which it was prepared, other engines that compile where they are asked for (--engine).
"""

from __future__ import annotations

import argparse
import datetime
import gc
import json
import os
import statistics
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import archdsl
from archdsl.graph import content_hash, header, layer
from archdsl.rewrite.apply import FOR_ENGINES
from archdsl.write import write_atomically
from compiler import CompiledNetwork
from compiler.bench.interleaved import interleaved
from compiler.engines import aot
from compiler.engines.inference import InferenceNetwork
from compiler.engines.table import build, lacks
from compiler.engines.task import EngineCall, Task, flat
from compiler.engines.trial import machine, trial, versions
from compiler.fx.compile import carry_over
from tests.zoo.references_libraries import models

HERE: Final = Path(__file__).resolve().parent
KEPT: Final = HERE.parent / "out" / "runtime"
THREADS: Final = 2
PAUSE: Final = 0.05  # seconds
ROUNDS: Final = (5, 25)  # at least, and at most
SECONDS: Final = 10.0  # of a row, where that allows
OFF: Final = {"fp32": 1e-4, "bf16": 0.2}  # the most that outputs are away from those by hand, of the largest
TRAINING: Final = ("training step", 2, "fp32")  # a batch of 1 has too few values for some norms
# Ours, and torchvision's with the same names of weights.
NETWORKS: Final[Mapping[str, tuple[str, Callable[[], nn.Module]]]] = {
    "ResNet-50": ("resnet50", models.resnet50),
    "GoogLeNet": ("googlenet_torchvision", lambda: models.googlenet(aux_logits=True, init_weights=False)),
    "Inception-v3": ("inception_v3", lambda: models.inception_v3(aux_logits=True, init_weights=False)),
    "ResNeXt-50": ("resnext50_32x4d", models.resnext50_32x4d),
    "VGG-16": ("vgg16", models.vgg16),
    "MobileNetV2": ("mobilenet_v2", models.mobilenet_v2),
    "ViT-B/16": ("vit_b_16", models.vit_b_16),
}
ENGINES: Final = ("onnxruntime", "openvino", "aot", "inductor")
DEFAULT: Final = ("onnxruntime", "openvino", "aot")  # inductor is the compiler of aot, called from Python
HAND, OURS, AUTO = "hand-written", "ours", "auto"


@dataclass(frozen=True)
class Subject:
    """A network by hand and ours, with the same weights: as its spec says, and rewritten."""

    name: str
    hand: nn.Module
    ours: CompiledNetwork
    rewritten: CompiledNetwork
    network: archdsl.Network  # the rewritten one
    tasks: dict[tuple[str, int], Task] = field(default_factory=dict)

    def inputs(self, batch: int) -> tuple[Tensor, ...]:
        (name,) = header(self.network.graph)["inputs"]
        sizes = [size for size in layer(self.network.graph, name)["shape"][1:] if isinstance(size, int)]
        return (torch.randn([batch, *sizes], generator=torch.Generator().manual_seed(batch)),)

    def task(self, of: str, batch: int, dtype: Any) -> Task:
        """What engines are asked. What is exported for one of them is for all, in either precision."""
        if (of, batch) not in self.tasks:
            model = self.hand if of == HAND else self.rewritten
            self.tasks[of, batch] = Task(model, self.inputs(batch), "fp32", THREADS)
        return replace(self.tasks[of, batch], precision=dtype)


def subject(name: str) -> Subject:
    variant, by_hand = NETWORKS[name]
    network = archdsl.load(variant)
    ours, changed = network.compile(seed=0), network.rewrite(FOR_ENGINES)
    generator = torch.Generator().manual_seed(1)
    for module in ours.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None and module.running_var is not None:
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    hand = by_hand()
    hand.load_state_dict(ours.state_dict())
    rewritten, rewriting = changed.compile(), header(changed.graph)["rewriting"]
    assert rewriting is not None
    carry_over(rewritten, ours, rewriting)
    return Subject(name, hand.eval(), ours.eval(), rewritten, changed)


def package(kept: Path, what: Subject, of: str, batch: int, dtype: str) -> Path:
    """Where what AOTInductor builds is kept."""
    form = content_hash(what.network.graph)[:8] if of == OURS else of
    words = (what.name.replace("/", "-"), form, str(batch), dtype, torch.__version__)
    return kept / f"{'_'.join(words)}.pt2"


def prepare(kept: Path, names: Sequence[str], batches: Sequence[int], dtypes: Sequence[str]) -> None:
    """Build what AOTInductor takes long for, what is asked most first."""
    for dtype, batch, name in ((d, b, n) for d in dtypes for b in batches for n in names):
        what = subject(name)
        for of in (HAND, OURS):
            path = package(kept, what, of, batch, dtype)
            if not path.exists():
                begun = time.perf_counter()
                aot.package(what.task(of, batch, dtype), kept / f"new_{path.name}")
                os.replace(kept / f"new_{path.name}", path)
                print(f"{path.name}: {time.perf_counter() - begun:.0f} s", flush=True)
        del what
        gc.collect()


# --- a row


def row(
    kept: Path, what: Subject, batch: int, dtype: str, engines: Sequence[str], asked: bool, seconds: float
) -> dict[str, Any]:
    """Seconds of every call, by who is called, and what `auto` chose."""
    inputs = what.inputs(batch)
    with torch.no_grad():
        expected = flat(what.hand(*inputs))[0]
    calls: dict[str, Callable[[], Any]] = {}
    notes: dict[str, str] = {}
    plain: dict[str, Any] = {f"{HAND} eager": what.hand, f"{OURS} eager": what.ours}
    for label, module in plain.items():
        run = Task(module, inputs, "bf16", THREADS).module() if dtype == "bf16" else module
        calls[label] = partial(run, *inputs)
    own: dict[str, EngineCall] = {}
    for engine in engines:
        for of in (HAND, OURS):
            made = _built(kept, what, of, engine, batch, dtype, asked, notes)
            if made is not None and _right(partial(made, inputs), expected, dtype, f"{of} {engine}", notes):
                calls[f"{of} {engine}"] = partial(made, inputs)
                if of == OURS:
                    own[engine] = made
    calls |= _auto(what, batch, dtype, own, notes)
    assert all(_right(call, expected, dtype, label, notes) for label, call in calls.items()), notes
    gc.collect()
    with torch.no_grad():
        times = interleaved(calls, ROUNDS[1], pause=PAUSE, seconds=seconds, least=ROUNDS[0])
    return {"network": what.name, "batch": batch, "dtype": dtype, "times": times, "notes": notes}


def _built(
    kept: Path, what: Subject, of: str, engine: str, batch: int, dtype: str, asked: bool, notes: dict[str, str]
) -> EngineCall | None:
    path = package(kept, what, of, batch, dtype)
    if engine == "aot" and path.exists():
        return aot.loaded(path)
    if engine in ("aot", "inductor") and not asked:
        notes[f"{of} {engine}"] = "not built"
        return None
    try:
        return build(engine, what.task(of, batch, dtype))
    except Exception as error:
        notes[f"{of} {engine}"] = lacks(engine) or " ".join(str(error).split())[:120]
        return None


def _right(call: Callable[[], Any], expected: Tensor, dtype: str, label: str, notes: dict[str, str]) -> bool:
    """Whether a call computes what the module by hand does; if not, it is noted."""
    with torch.no_grad():
        found = flat(call())[0]
    off = float((found - expected).abs().max() / expected.abs().max())
    if off > OFF[dtype]:
        notes[label] = f"its outputs are {off:.0e} away"
    return off <= OFF[dtype]


def _auto(
    what: Subject, batch: int, dtype: Any, own: Mapping[str, EngineCall], notes: dict[str, str]
) -> dict[str, Callable[[], Any]]:
    """What `auto` chooses of the engines of this row: by the trial of `net.compile(engine="auto")`, over the same
    builds, called as users call it."""
    task = what.task(OURS, batch, dtype)
    found, runs = trial(what.name, list(own), task, header(what.network.graph)["inputs"], made=own)
    notes[AUTO] = found.chosen
    fast = InferenceNetwork(what.rewritten, what.network.graph, "auto", dtype)
    fast.take(task.inputs, runs[found.chosen])
    return {AUTO: partial(fast, *task.inputs)}


def training_row(what: Subject, seconds: float) -> dict[str, Any]:
    """Seconds of a step: forward, backward, and the update of SGD."""
    inputs = what.inputs(TRAINING[1])
    calls: dict[str, Callable[[], Any]] = {}
    for label, model in ((f"{HAND} eager", what.hand), (f"{OURS} eager", what.ours)):
        model.train()
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, momentum=0.9)
        calls[label] = partial(_step, model, optimizer, inputs)
    gc.collect()
    times = interleaved(calls, ROUNDS[1], pause=PAUSE, seconds=seconds, least=ROUNDS[0])
    for model in (what.hand, what.ours):
        model.eval()
    return {"network": what.name, "batch": TRAINING[1], "dtype": TRAINING[0], "times": times, "notes": {}}


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, inputs: tuple[Tensor, ...]) -> None:
    optimizer.zero_grad()
    torch.stack([made.mean() for made in tree_leaves(model(*inputs))]).sum().backward()
    optimizer.step()


# --- the table


def write(kept: Path) -> None:
    """The table of all that was measured, in one."""
    order = list(NETWORKS)
    rows = sorted(results(kept).values(), key=lambda one: (order.index(one["network"]), one["batch"]))
    lines = ["# Inference here, by hand and ours", "", _conditions(rows), ""]
    for dtype in ("fp32", "bf16"):
        chosen = [one for one in rows if one["dtype"] == dtype]
        if chosen:
            lines += [f"## {dtype}", "", *_table(chosen), ""]
    training = [one for one in rows if one["dtype"] == TRAINING[0]]
    if training:
        lines += ["## A training step", "", *_training(training), ""]
    lines += ["## The goals", "", *_goals(rows)]
    write_atomically(HERE / "RUNTIME.md", ("\n".join(lines) + "\n").encode())


def _conditions(rows: Sequence[Mapping[str, Any]]) -> str:
    libraries = ", ".join(f"{name} {version}" for name, version in versions().items())
    return (
        f"`python -m benchmarks.runtime`, {datetime.date.today()}, {machine()}, {THREADS} threads; {libraries}."
        " Medians in milliseconds; *spread* is half the distance of the quartiles, relative to the median, of the least"
        " steady column. By hand are torchvision's modules, with the same weights. *Ours* is eager as the spec says,"
        " and by an engine after the rewrites that engines are given. `auto` chooses among the engines of its row, on"
        " ours, by the trial of `net.compile`."
    )


def _median(one: Mapping[str, Any], label: str) -> float | None:
    times = one["times"].get(label)
    return statistics.median(times) if times else None


def _shown(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1e3:.1f}"


def _spread(one: Mapping[str, Any]) -> str:
    found = []
    for times in one["times"].values():
        low, middle, high = statistics.quantiles(times, n=4)
        found.append((high - low) / 2 / middle)
    return f"{max(found):.0%}"


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    engines = [e for e in ENGINES if any(f"{of} {e}" in one["times"] for one in rows for of in (HAND, OURS))]
    heads = ["network", "batch", "by hand", "ours", *(f"{e}, {of}" for e in engines for of in ("hand", "ours")), "auto",
             "chose", "spread"]  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---|" + "---:|" * (len(heads) - 3) + "---|---:|"]
    for one in rows:
        labels = [f"{HAND} eager", f"{OURS} eager", *(f"{of} {e}" for e in engines for of in (HAND, OURS)), AUTO]
        cells = [_shown(_median(one, label)) for label in labels]
        lines.append(
            f"| {one['network']} | {one['batch']} | {' | '.join(cells)} | {one['notes'][AUTO]} | {_spread(one)} |"
        )
    return lines


def _training(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = ["| network | batch | by hand | ours | speed of ours | spread |", "|---|---:|---:|---:|---:|---:|"]
    for one in rows:
        hand, ours = _median(one, f"{HAND} eager"), _median(one, f"{OURS} eager")
        assert hand is not None
        assert ours is not None
        cells = [_shown(hand), _shown(ours), f"{hand / ours:.2f}", _spread(one)]
        lines.append(f"| {one['network']} | {one['batch']} | {' | '.join(cells)} |")
    return lines


def _goals(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where each goal is met, and where it is not."""
    inference = [one for one in rows if one["dtype"] != TRAINING[0]]
    training = [one for one in rows if one["dtype"] == TRAINING[0]]
    pairs = [(one, e) for one in inference for e in ENGINES]
    found = [
        _goal("ours, eager, at 0.98 of the speed by hand or more", inference, f"{HAND} eager", f"{OURS} eager", 0.98),
        _goal("the same in a training step", training, f"{HAND} eager", f"{OURS} eager", 0.98),
    ]
    for engine in dict.fromkeys(e for one, e in pairs if f"{OURS} {e}" in one["times"]):
        said = f"{engine} on ours at least as fast as on the module by hand"
        found.append(_goal(said, inference, f"{HAND} {engine}", f"{OURS} {engine}", 1.0))
    losses = []
    for one in inference:
        best = min(filter(None, (_median(one, label) for label in one["times"] if label != AUTO)))
        auto = _median(one, AUTO) or best
        if auto > 1.05 * best:
            losses.append(f"{one['network']} {one['batch']} {one['dtype']} ({best / auto:.2f})")
    found.append(_said("`auto` within 5 % of the best of its row", len(inference), losses))
    return found


def _goal(said: str, rows: Sequence[Mapping[str, Any]], hand: str, ours: str, least: float) -> str:
    losses, count = [], 0
    for one in rows:
        a, b = _median(one, hand), _median(one, ours)
        if a is not None and b is not None:
            count += 1
            if a / b < least:
                losses.append(f"{one['network']} {one['batch']} {one['dtype']} ({a / b:.2f})")
    return _said(said, count, losses)


def _said(said: str, count: int, losses: Sequence[str]) -> str:
    missed = f"; missed by {', '.join(losses)}" if losses else ""
    return f"* {said}: {count - len(losses)} of {count} rows{missed}."


# --- parts


def results(kept: Path) -> dict[str, dict[str, Any]]:
    file = kept / "results.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def measure(options: argparse.Namespace, names: Sequence[str], end: float) -> None:
    """The rows that are asked for, as far as there is time. One that fails is told, and left out."""
    kept: Path = options.kept
    for name in names:
        wanted = [(batch, dtype) for dtype in options.dtype for batch in options.batch]
        wanted += [(TRAINING[1], TRAINING[0])] if "fp32" in options.dtype else []
        known = results(kept) if options.missing else {}
        wanted = [(batch, dtype) for batch, dtype in wanted if f"{name} {batch} {dtype}" not in known]
        what = subject(name) if wanted and time.monotonic() <= end else None
        for batch, dtype in wanted:
            label, begun = f"{name} {batch} {dtype}", time.monotonic()
            if what is None or begun > end:
                print(f"{label}: no time left, go on with --missing", flush=True)
                continue
            try:
                if dtype == TRAINING[0]:
                    found = training_row(what, options.seconds)
                else:
                    engines = options.engine or DEFAULT
                    found = row(kept, what, batch, dtype, engines, bool(options.engine), options.seconds)
            except Exception:
                print(f"{label}: failed\n{traceback.format_exc()}", flush=True)
                continue
            write_atomically(kept / "results.json", (json.dumps(results(kept) | {label: found}) + "\n").encode())
            write(kept)
            rounds = min(map(len, found["times"].values()))
            said = "".join(f"; {who}: {note}" for who, note in found["notes"].items())
            print(f"{label}: {time.monotonic() - begun:.0f} s, {rounds} rounds{said}", flush=True)
        del what
        gc.collect()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", action="append", choices=[v for v, _ in NETWORKS.values()])
    parser.add_argument("--batch", action="append", type=int)
    parser.add_argument("--dtype", action="append", choices=["fp32", "bf16"])
    parser.add_argument("--engine", action="append", choices=ENGINES, help="built even where it takes long")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of a row, of at least {ROUNDS[0]} rounds")
    parser.add_argument("--minutes", type=float, default=20, help="no row is begun after so long")
    parser.add_argument("--missing", action="store_true", help="only rows that were not measured yet")
    parser.add_argument("--prepare", action="store_true", help="build what takes long, and measure nothing")
    parser.add_argument("--table", action="store_true", help="write the table of what there is")
    parser.add_argument("--kept", type=Path, default=KEPT, help="where results and what was prepared are kept")
    options = parser.parse_args()
    torch.set_num_threads(THREADS)
    warnings.simplefilter("ignore")
    names = [name for name, (variant, _) in NETWORKS.items() if options.network is None or variant in options.network]
    options.batch, options.dtype = options.batch or [1, 8], options.dtype or ["fp32", "bf16"]
    options.kept.mkdir(parents=True, exist_ok=True)
    if options.prepare:
        prepare(options.kept, names, options.batch, options.dtype)
        return
    if not options.table:
        measure(options, names, time.monotonic() + 60 * options.minutes)
    write(options.kept)


if __name__ == "__main__":
    main()
