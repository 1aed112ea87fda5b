"""A tensor, as it is known while a spec is elaborated."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.dims import Shape
from archdsl.source import Span


@dataclass(frozen=True, slots=True)
class TensorValue:
    """Output `output` of the graph's node `node`; `origin` is where a reader would look for it."""

    node: str
    output: int
    shape: Shape
    origin: Span
