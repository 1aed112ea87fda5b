"""An imported graph in the form that all doors give it: calls in order, with the modules that they were made in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from archdsl.ops.foreign import ForeignCall, ForeignTensor


@dataclass(frozen=True)
class ModuleScope:
    """A module that a call was made in: its path, its class, and which of the module's calls it was."""

    path: str
    cls: str
    call: str = ""


@dataclass(frozen=True, eq=False)
class PlacedCall:
    """A call with the modules it was made in, from the outside, and what its author called the value."""

    foreign: ForeignCall
    scopes: tuple[ModuleScope, ...] = ()
    hint: str | None = None


@dataclass(frozen=True, eq=False)
class ForeignProgram:
    """A network as a graph of another library.

    `seeds` are the numbers that each module was made with, by the module's path. `in_inference` are the paths of the
    modules that inference calls, where that is known: the others are there in training only, as are the outputs whose
    numbers are `only_training`. `comment` is said above the network, `endings` are statements that end it.
    """

    name: str
    inputs: list[ForeignTensor]
    calls: list[PlacedCall]
    outputs: list[ForeignTensor]
    output_names: list[str] = field(default_factory=list)
    seeds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    in_inference: frozenset[str] | None = None
    only_training: frozenset[int] = frozenset()
    comment: str = ""
    endings: tuple[str, ...] = ()
    faults: Sequence[Missing] = ()  # what no call says, such as numbers that depend on values


@dataclass(frozen=True)
class Missing:
    """Calls that no operator reads: how often, and where one of them is."""

    call: str
    reason: str
    path: str
    count: int


class NotImported(Exception):
    """A network that cannot be said in the language; `missing` says why, call by call."""

    def __init__(self, missing: list[Missing]) -> None:
        self.missing = missing
        super().__init__("\n".join(map(shown, missing)))


def shown(missing: Missing) -> str:
    reason = f": {missing.reason}" if missing.reason else ""
    where = f", first in `{missing.path}`" if missing.path else ""
    return f"{missing.count} × {missing.call}{where}{reason}"


ASSIGNED: Final = re.compile(r"([a-z_][a-zA-Z_0-9]*)\s*[-+*/|&]?=\s")


def author_name(trace: str) -> str | None:
    """What the author of the innermost code that is not torch's called the value, by the trace of a call."""
    found = None
    for place, code in pairwise(trace.splitlines()):
        if place.strip().startswith("File") and "/torch/" not in place:
            match = ASSIGNED.match(code.strip())
            found = match[1] if match else None
    return found
