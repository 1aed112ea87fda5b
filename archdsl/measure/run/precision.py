"""The precisions in which a network runs: how many bytes a number takes, by what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Precision:
    """Bytes of a weight, with its gradient and each state of its optimizer, and of an activation.

    Under `autocast` weights stay in float32, and each operator says in which precision it computes: see
    `Operator.autocast`.
    """

    weight: int
    activation: int
    autocast: bool = False


PRECISIONS: Final[Mapping[str, Precision]] = {
    "fp32": Precision(weight=4, activation=4),
    "bf16": Precision(weight=2, activation=2),
    "mixed": Precision(weight=4, activation=2, autocast=True),
}
