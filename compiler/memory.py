"""Whether a network's weights fit on the devices they are meant for, asked before any of them is drawn."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch

from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from archdsl.ops.dtypes import WIDTHS
from archdsl.sheet.units import size
from compiler.devices import CPU
from compiler.program import Holder


def refuse_what_cannot_fit(holders: Iterable[Holder], places: Mapping[str | None, torch.device]) -> None:
    """Raise `SpecError` where a device has not the memory for the weights that are placed on it."""
    for device, needed in bytes_needed(holders, places).items():
        there = bytes_available(device)
        if there is not None and needed > there:
            name = "this machine" if device.type == "cpu" else str(device)
            message = f"the weights need {size(needed)} on {name}, where {size(there)} are available"
            help = "`archdsl report` counts without allocating; --force (or `force=True`) tries all the same"
            raise SpecError([Diagnostic("out-of-memory", message, help=help)])


def bytes_needed(holders: Iterable[Holder], places: Mapping[str | None, torch.device]) -> Counter[torch.device]:
    """The bytes of parameters and buffers on each device. Each layer's are drawn on the CPU before they are moved."""
    needed: Counter[torch.device] = Counter()
    passing = 0
    for holder in holders:
        device = places[holder.device]
        own = sum(math.prod(held.weight.shape) * WIDTHS[held.weight.dtype] for held in holder.held)
        needed[device] += own
        if device.type not in ("cpu", "meta"):
            passing = max(passing, own)
    needed[CPU] += passing
    return needed


def bytes_available(device: torch.device) -> int | None:
    """The bytes free on a device; None where that is not known, or not bounded."""
    if device.type == "cpu":
        return machine_memory()
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return None


def machine_memory(root: Path = Path("/")) -> int | None:
    """What this process can still have of the machine's memory: on Linux, of what its control groups leave it."""
    found = [_meminfo(root / "proc/meminfo"), *_control_groups(root)]
    return min((number for number in found if number is not None), default=None)


def _meminfo(file: Path) -> int | None:
    for line in _text(file).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _control_groups(root: Path) -> list[int | None]:
    """What the process's control group (version 2), and each around it, has left."""
    own = next((line[3:] for line in _text(root / "proc/self/cgroup").splitlines() if line.startswith("0::")), None)
    if own is None:
        return []
    base = root / "sys/fs/cgroup"
    group = base / own.lstrip("/")
    found: list[int | None] = []
    for folder in [group, *group.parents]:
        if not folder.is_relative_to(base):
            break
        most, used = _text(folder / "memory.max").strip(), _text(folder / "memory.current").strip()
        if most.isdigit():
            found.append(max(0, int(most) - (int(used) if used.isdigit() else 0)))
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""
