"""Layers that change nothing, and layers that nothing needs, taken out.

    f(x) = x

Idle are `identity`, dropout in inference or with probability 0, windows of a single value, borders of no width, the
concatenation of one tensor, the product with 1, and views that leave the shape as it is; `relu` of `relu`, too.

Requires: the layer is on the device of what it reads, so that nothing was copied by it, and in training in the same
phases. Inputs stay, whether they are read or not.

Ensures: outputs, and gradients in training, equal to the last bit. The weights of layers that no output depends on go.

In training: dropout stays unless its probability is 0, so that random numbers are drawn as before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from archdsl.graph import live
from archdsl.ops import spatial
from archdsl.rewrite.draft import Draft, Rewrite


def drop(draft: Draft) -> list[str]:
    found = []
    for key in draft:
        if _idle(draft, key):
            draft.redirect((key, 0), draft.reads[key][0])
            draft.remove(key)
            found.append(f"`{key}` changes nothing")
    gone = draft.keep(draft.needed(live(draft.graph(), training=draft.training)))
    return found + [f"`{key}` is needed by nothing" for key in gone]


def _idle(draft: Draft, key: str) -> bool:
    node = draft.layers[key]
    check = IDLE.get(node["op"])
    if check is None or len(draft.reads[key]) != 1 or len(node["outputs"]) != 1 or node["weights"]:
        return False
    (read,) = draft.reads[key]
    before = draft.layers[read[0]]
    same = draft.shape(read) == node["shape"] and before["dtypes"][read[1]] == node["dtype"]
    marks = before["device"] == node["device"] and (before["phase"] == node["phase"] or not draft.training)
    first = draft.own(key) and not node["operator"].owns_storage  # a shared layer without weights has uses by itself
    if not (same and marks and first):
        return False
    return check(node["operator"], len(node["shape"]) - 2, draft.training) or (
        node["op"] in IDEMPOTENT and before["operator"] == node["operator"]
    )


def _never(operator: Any, rank: int, training: bool) -> bool:
    return False


def _always(operator: Any, rank: int, training: bool) -> bool:
    return True


def _drops_nothing(operator: Any, rank: int, training: bool) -> bool:
    return not training or operator.params["p"] == 0


def _one_value(operator: Any, rank: int, training: bool) -> bool:
    """Whether a window has one value, each in its turn, and is not divided by something else."""
    sizes = (*spatial(operator, "kernel_size", rank), *(spatial(operator, "stride", rank) if operator.stride else ()))
    return set(sizes) == {1} and getattr(operator, "divisor_override", None) is None


def _no_border(operator: Any, rank: int, training: bool) -> bool:
    return set(operator.pad) == {0}


def _one(operator: Any, rank: int, training: bool) -> bool:
    settings = operator.params
    return settings["scalar"] == 1 and not settings.get("scalar_first") and settings.get("rounding_mode") is None


def _in_order(operator: Any, rank: int, training: bool) -> bool:
    dims = [dim % len(operator.dims) for dim in operator.dims]
    return dims == sorted(dims)


def _whole(operator: Any, rank: int, training: bool) -> bool:
    return (operator.start, operator.step) == (0, 1)


IDEMPOTENT: Final = frozenset({"relu", "relu6"})
IDLE: Final[Mapping[str, Callable[[Any, int, bool], bool]]] = MappingProxyType(
    {
        "identity": _always,
        "flatten": _always,  # of the same shape, as all that are asked
        "reshape": _always,
        "concat": _always,
        "permute": _in_order,
        "slice": _whole,
        "dropout": _drops_nothing,
        "dropout2d": _drops_nothing,
        "drop_path": _drops_nothing,
        "max_pool": _one_value,
        "avg_pool": _one_value,
        "pad": _no_border,
        "mul": _one,
        "div": _one,
        **dict.fromkeys(IDEMPOTENT, _never),
    }
)
"""Whether an operator is the identity where it leaves the shape as it is, by its name: of the operator, the number of
spatial dimensions, and whether in training."""

REWRITE: Final = Rewrite(
    "drop-idle", "Layers that change nothing, and layers that nothing needs, taken out.", True, drop
)
