"""Where a layer runs that bears no device mark: decided here and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from archdsl.diagnostics import did_you_mean
from archdsl.elaborate.values import MARKS, Context, describe
from archdsl.names import fault
from archdsl.source import Span

ENTRY: Final = re.compile(r"(?:([^\s@]+) )?@(\S+)")  # `layer3.2 @gpu1`; without a path, the whole network


def unmarked(inputs: Iterable[str | None], declared: Sequence[str]) -> str | None:
    """The logical device of a layer without a mark: that of the first of its inputs that is on one, else the first
    declared; none where the network declares none.

    `inputs` are the devices of what it reads: None for the network's own inputs, which are where the caller has them.
    """
    if not declared:
        return None
    return next((device for device in inputs if device is not None), declared[0])


class MarksByPath:
    """The setting `marks`: devices of layers by their paths, or by the paths that they are below."""

    def __init__(self, given: object, span: Span, context: Context) -> None:
        """Raises `Fault` for what is no list of `PATH @DEVICE`."""
        self._span, self._context = span, context
        self._devices: dict[str, str] = {}
        self._used: set[str] = set()
        for entry in given if isinstance(given, list) else [given]:
            found = ENTRY.fullmatch(entry) if isinstance(entry, str) else None
            if found is None:
                message = f'the setting `marks` is a list of texts as "layer1.0 @gpu0", found {describe(entry)}'
                raise context.fault("wrong-type", message, span)
            path, device = found[1] or "", found[2]
            wrong = fault(device) or ("is no device" if device in MARKS else None)
            if wrong is not None:
                raise context.fault("bad-name", f"the device name `{device[:64]}` {wrong}", span)
            if path in self._devices:
                raise context.fault("rebound-name", f"`{path[:64]}` is marked twice", span)
            self._devices[path] = device

    @property
    def devices(self) -> tuple[str, ...]:
        """All that are named, in the order in which they are."""
        return tuple(dict.fromkeys(self._devices.values()))

    def of(self, path: str) -> str | None:
        """The device of a layer; None where no entry is of it."""
        while path not in self._devices:
            if not path:
                return None
            path = path.rpartition(".")[0]
        self._used.add(path)
        return self._devices[path]

    def check(self, paths: Iterable[str], declared: Sequence[str]) -> None:
        """Raises `Fault` where a device is not declared, or a path is of no layer."""
        for path, device in self._devices.items():
            if device not in declared:
                raise self._context.unknown("device", device, declared, "unknown-mark", self._span)
            if path and path not in self._used:
                known = {path.rsplit(".", cut)[0] for path in paths for cut in range(path.count(".") + 1)}
                if path not in known:  # else all its layers have entries of their own
                    help = did_you_mean(path, known) or "`archdsl report` lists the paths of layers"
                    message = f"the setting `marks` names `{path[:64]}`, where there is no layer"
                    raise self._context.fault("unknown-mark", message, self._span, help=help)
