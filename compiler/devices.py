"""Logical devices to real ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import torch

from archdsl.diagnostics import Diagnostic, an_object, did_you_mean
from archdsl.errors import SpecError

DeviceChoice: TypeAlias = Mapping[str, str | torch.device] | str | torch.device | None

CPU = torch.device("cpu")


def assign(logical: tuple[str, ...], choice: DeviceChoice) -> dict[str | None, torch.device]:
    """The real device of each logical one, and under None that of a network that declares none.

    `choice` is None (all on torch's default device: the CPU, unless somebody chose another), "auto" (the accelerators
    that are there, in turn, else the CPU), one device for all, or a mapping from every logical device. Raises
    `SpecError` where it does not fit or is not here.
    """
    if choice is not None and not isinstance(choice, (str, torch.device, Mapping)):
        raise _error(f"`devices` is a name, a device or a mapping, found {an_object(choice)}", 'use "cpu"')
    if choice is None:
        return dict.fromkeys((*logical, None), torch.get_default_device())
    if isinstance(choice, Mapping):
        return _mapped(logical, choice)
    if choice == "auto":
        places = [torch.device("cuda", i) for i in range(torch.cuda.device_count())] or [CPU]
        found: dict[str | None, torch.device] = {name: places[i % len(places)] for i, name in enumerate(logical)}
        return found | {None: places[0]}
    return dict.fromkeys((*logical, None), real(choice))


def _mapped(logical: tuple[str, ...], choice: Mapping[str, str | torch.device]) -> dict[str | None, torch.device]:
    for name in choice:
        if name not in logical:
            help = did_you_mean(name, logical) or (
                f"the network declares {', '.join(logical)}" if logical else "the network declares no device"
            )
            raise _error(f"the network has no device `{name}`", help)
    missing = [name for name in logical if name not in choice]
    if missing:
        raise _error(f"`devices` says nothing of {', '.join(f'`{name}`' for name in missing)}", "name every device")
    found: dict[str | None, torch.device] = {name: real(choice[name]) for name in logical}
    return found | {None: CPU}


def real(name: str | torch.device) -> torch.device:
    """A device that exists on this machine."""
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        raise _error(f"`{name}` is no device", 'devices are "cpu", "cuda:0", "cuda:1", …') from None
    if device.type == "cuda":
        count = torch.cuda.device_count()
        device = torch.device("cuda", device.index or 0)
        if device.index >= count:
            raise _error(f"`{name}` is not here: this machine has {count} CUDA devices", 'use "auto", or "cpu"')
    try:
        torch.empty(1, device=device)
    except Exception:  # each kind of device has errors of its own
        raise _error(f"`{name}` is not here, or this build of torch cannot use it", 'use "auto", or "cpu"') from None
    return device


def _error(message: str, help: str) -> SpecError:
    return SpecError([Diagnostic("bad-device", message, help=help)])
