"""What is computed twice, computed once: common subexpressions.

    a = f(x), b = f(x)    a is used for both

Requires: equal operators on equal tensors, on one device and, in training, recomputed and present in the same phases
alike; nothing that draws random numbers; no weights, or those of one module that is used twice. In training a module
that counts what it has seen (batch norm) is left alone, since it is to count twice.

Ensures: outputs equal to the last bit.

In training: outputs are equal to the last bit, gradients up to rounding, f'(x)·(u + v) in the place of f'(x)·u +
f'(x)·v.
"""

from __future__ import annotations

from typing import Final

from archdsl.graph import Layer
from archdsl.ops.source import Rand, Randn
from archdsl.rewrite.draft import Draft, Rewrite

CHANCE: Final = ("p", "dropout", "dropout_p")  # parameters that are a probability, in training


def share(draft: Draft) -> list[str]:
    found, first = [], dict[object, str]()
    for key in list(draft):
        node = draft.layers[key]
        if not _repeatable(draft, node):
            continue
        marks = (
            (node["device"], node["phase"], node["checkpoint"], node["frozen"]) if draft.training else node["device"]
        )
        path = node["path"] if _has_weights(draft, node) else None
        what = (path, type(node["operator"]), node["operator"], tuple(draft.reads[key]), marks)
        same = first.setdefault(what, key)
        if same == key:
            continue
        for output in range(len(node["outputs"])):
            draft.redirect((key, output), (same, output))
        if node["path"] != key or draft.own(key):  # the first use of a module stays, for its weights
            draft.remove(key)
        found.append(f"`{key}` is `{same}`")
    return found


def _has_weights(draft: Draft, node: Layer) -> bool:
    return bool(draft.layers[node["path"]]["weights"])


def _repeatable(draft: Draft, node: Layer) -> bool:
    """Whether a layer gives the same for the same, and leaves nothing behind."""
    operator = node["operator"]
    if operator.owns_storage or isinstance(operator, (Rand, Randn)):
        return False
    if not draft.training:
        return True
    counts = any(weight.role == "buffer" and weight.persistent for weight in draft.layers[node["path"]]["weights"])
    return not counts and not any(operator.params.get(name) for name in CHANCE)


REWRITE: Final = Rewrite("share-common", "What is computed twice, computed once.", True, share)
