"""What the user of a network chooses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archdsl.elaborate.trace import Trace
from archdsl.limits import Work


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user chooses for a network: settings, shapes of inputs and values of symbols, each by name.

    A size of an input that is None stays as the spec says.

    With `open_batch` no size stands for a batch, which would count as 1 where it has no value. In the dimensions
    `free` all sizes of inputs are symbols, whatever number is written or chosen for them; of second dimensions those
    alone that are lengths of texts, as integers and truth values have.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Sequence[int | None]] = field(default_factory=dict)
    symbols: Mapping[str, int] = field(default_factory=dict)
    open_batch: bool = False
    free: frozenset[int] = frozenset()
    work: Work = field(default_factory=Work)  # done so far, where one command elaborates several networks
    trace: Trace | None = None  # is told what steps and names are worth
