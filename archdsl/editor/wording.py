"""Values and figures in an editor's few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archdsl.dims import Dim, show
from archdsl.elaborate.tensor import TensorValue
from archdsl.elaborate.values import SharedModule
from archdsl.graph import Graph, layer, typed
from archdsl.ops.initialiser import Initialiser
from archdsl.ops.kinds import literal

LONGEST = 60  # characters of a value


def value_in_words(value: Any, graph: Graph | None) -> str | None:
    """What a step or name is worth: a tensor's shape, a number; None where there is nothing to say of it."""
    if isinstance(value, TensorValue):
        if graph is None or value.node not in graph:
            return show(value.shape)
        return typed(value.shape, layer(graph, value.node)["dtypes"][value.output])
    if isinstance(value, SharedModule):
        return f"module {value.path}" if value.path else "module"
    if isinstance(value, (list, tuple)) and any(isinstance(item, (TensorValue, SharedModule)) for item in value):
        parts = [value_in_words(item, graph) or "…" for item in value]
        return shortened(", ".join(parts))
    if isinstance(value, (bool, int, float, str, Dim, Initialiser, list, tuple)):
        return shortened(literal(value))
    return None


def common(values: Sequence[Any], graph: Graph | None) -> str | None:
    """What several instances are worth: the same, or how many there are."""
    said = [value_in_words(value, graph) for value in values]
    if not said or None in said:
        return None
    return said[0] if len(set(said)) == 1 else f"× {len(said)}"


def shortened(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
