"""Sibling 1×1 convolutions, and linear layers, that read one tensor as one, whose output is split.

    W₁·x, …, Wₙ·x  are the parts of  [W₁ … Wₙ]·x

What follows each of them alike, batch norm or an activation, is joined too, before the split (`lanes.py`).

Requires: the layers have one stride, and a bias all or none; each is used once and owns its weights; all are on one
device and, in training, frozen, recomputed and present in the same phases alike. A convolution has no padding and one
group.

Ensures: outputs equal up to rounding; as many parameters and multiply-adds, one pass over the input instead of n.

In training: outputs are equal up to rounding, and the gradient of a joined weight is that of its parts, joined. So are
the steps of optimizers that work value by value (SGD, Adam); one that looks at a whole tensor (LARS, Muon) sees one
where there were n.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from archdsl.ops import build
from archdsl.ops.conv import Conv
from archdsl.ops.linear import Linear
from archdsl.ops.norm import BatchNorm
from archdsl.ops.reshape import Split
from archdsl.rewrite.draft import Draft, Rewrite
from archdsl.rewrite.lanes import alike, beside, by_value, channels_of, described, join, widened


def merge(draft: Draft) -> list[str]:
    found = []
    for producer in list(draft.layers):
        for output in range(len(draft.layers[producer]["outputs"]) if producer in draft.layers else 0):
            for keys in _siblings(draft, draft.readers((producer, output))):
                found.append(_merge(draft, keys))
    return found


def _siblings(draft: Draft, readers: Sequence[str]) -> Iterable[list[str]]:
    """Those of the readers of a tensor that are one layer but for their weights."""
    groups: dict[object, list[str]] = {}
    for key in dict.fromkeys(readers):
        operator = draft.layers[key]["operator"]
        if _mixes_channels(operator) and draft.own(key):
            groups.setdefault((type(operator), described(operator)), []).append(key)
    for keys in groups.values():
        apart: dict[object, list[str]] = {}
        for key in keys:
            node = draft.layers[key]
            place = (node["device"], node["phase"], node["frozen"], node["checkpoint"])
            apart.setdefault(place if draft.training else node["device"], []).append(key)
        yield from (members for members in apart.values() if len(members) > 1 and alike(draft, members))


def _mixes_channels(operator: object) -> bool:
    """Whether an operator is a matrix for each position, and nothing else."""
    if type(operator) is Linear:
        return True
    if type(operator) is not Conv or operator.groups > 1:
        return False
    return set(_sizes(operator.kernel_size)) == {1} and operator.padding in ("same", "valid", *_none(operator.padding))


def _sizes(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)


def _none(padding: object) -> tuple[object, ...]:
    """A padding of 0, in the form in which it is given."""
    return ((0,) * len(padding),) if isinstance(padding, tuple) else (0,)


def _merge(draft: Draft, keys: Sequence[str]) -> str:
    source, dim = draft.reads[keys[0]][0], channels_of(draft.layers[keys[0]]["operator"])
    first = made = widened(draft, keys, source)
    gone, ends = [*keys], list(keys)
    while followers := _followers(draft, ends, dim):
        made = join(draft, followers, (made, 0), dim)
        gone += followers
        ends = followers
    shapes = [draft.shape((key, 0)) for key in ends]
    split = build(Split, {"sizes": [shape[dim] for shape in shapes], "dim": dim})
    parts = draft.merge(ends, split, [(made, 0)], shapes, {}, name="split")
    for i, key in enumerate(ends):
        draft.redirect((key, 0), (parts, i))
    for key in reversed(gone):
        draft.remove(key)
    assert draft.shape((made, 0)) == beside(shapes, dim)
    return f"{', '.join(f'`{key}`' for key in keys)} are `{first}`, split by `{parts}`"


def _followers(draft: Draft, keys: Sequence[str], dim: int) -> list[str]:
    """The layers that alone read each of some, where they can be joined; none where they cannot."""
    found = [follower for key in keys if (follower := draft.sole_reader(key)) is not None]
    if len(found) < len(keys) or len({len(draft.reads[key]) for key in found} | {1}) > 1 or not alike(draft, found):
        return []
    nodes = [draft.layers[key] for key in found]
    if dim == 1 and type(nodes[0]["operator"]) is BatchNorm:
        return found
    by_values = all(by_value(node, draft.shape((key, 0))) for node, key in zip(nodes, keys, strict=True))
    return found if by_values else []


REWRITE: Final = Rewrite(
    "merge-siblings", "1×1 convolutions, and linear layers, of one tensor as one, and a split.", True, merge, slows=True
)
