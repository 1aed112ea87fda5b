"""Separate, equal paths as one path of grouped convolutions: ResNeXt's forms a → b → c (Xie et al., 2016,
arXiv:1611.05431, figure 3).

    a → b:  V₁·x₁ + … + Vₙ·xₙ  =  [V₁ … Vₙ]·[x₁ … xₙ]          the last convolutions, on paths that are summed
    b → c:  [W₁·x₁ … Wₙ·xₙ]    =  diag(W₁, …, Wₙ)·[x₁ … xₙ]    those on the way, a convolution in n groups
            [U₁·x … Uₙ·x]      =  [U₁ … Uₙ]·x                  the first, on one tensor

Weights are joined: along the output channels, but for the last of a sum, which are along its input channels.

Requires: paths that are concatenated along the channels, or added; that are layer by layer the same but for weights,
and read one tensor or the equal parts of one that is split; of convolutions, batch norm, activations that look at
single values, and pooling, each used once and read by the next alone. In each layer the paths are on one device and, in
training, frozen, recomputed and present in the same phases alike.

Ensures: outputs equal up to rounding (the sum is in another order); as many multiply-adds, n times fewer layers.

In training: outputs are equal up to rounding, and the gradient of a joined weight is that of its parts, joined. Biases
that are summed would be one that learns at n times the rate: such paths are left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final

from archdsl.derived_weights import Added, Expression
from archdsl.net_view import Operand
from archdsl.ops.conv import Conv
from archdsl.ops.merge import Add, Concat
from archdsl.ops.norm import BatchNorm
from archdsl.ops.reshape import Chunk, Split
from archdsl.rewrite.draft import Draft, Rewrite
from archdsl.rewrite.lanes import alike, by_channel, described, join, joined, widened


@dataclass(frozen=True, slots=True)
class EqualPaths:
    """Equal paths: their layers stage by stage, the first of each path first; what they read, and whether each reads
    another part of that or all of it."""

    stages: tuple[tuple[str, ...], ...]
    source: Operand
    parts: bool


def group(draft: Draft) -> list[str]:
    found = []
    for key in draft:
        node = draft.layers[key]
        if isinstance(node["operator"], Concat) and node["operator"].dim % len(node["shape"]) == 1:
            found += [_join(draft, key, paths, summed=False) for paths in _paths(draft, key, summed=False)]
        elif isinstance(node["operator"], Add) and node["operator"].scalar is None:
            found += [_join(draft, key, paths, summed=True) for paths in _paths(draft, key, summed=True)]
    return found


def _paths(draft: Draft, key: str, *, summed: bool) -> list[EqualPaths]:
    """The paths that end in a layer, which sums or concatenates them."""
    ends = [read for read in draft.reads[key] if draft.reads[key].count(read) == 1]
    kind = {read: _kind(draft, read, key) for read in ends}
    ends = [read for read in draft.reads[key] if kind.get(read) is not None]
    if summed:  # in any order
        runs = [[read for read in ends if kind[read] == one] for one in dict.fromkeys(kind[read] for read in ends)]
    else:
        runs = [list(run) for one, run in groupby(draft.reads[key], kind.get) if one is not None]
    traced = (_traced(draft, [producer for producer, _ in run], summed) for run in runs if len(run) > 1)
    return [paths for paths in traced if paths is not None]


def _kind(draft: Draft, read: Operand, key: str) -> object:
    """What the last layer of a path is; None for what is none."""
    node = draft.layers[read[0]]
    if node["op"] == "input" or read[1] > 0 or draft.sole_reader(read[0]) != key:
        return None
    return type(node["operator"]), described(node["operator"]), node["shape"]


def _traced(draft: Draft, ends: Sequence[str], summed: bool) -> EqualPaths | None:
    """The paths that end in these layers, if they are equal and begin in one place."""
    stages = [tuple(ends)]
    while _stage(draft, stages[0]):
        reads = [draft.reads[key][0] for key in stages[0]]
        source, parts = _source(draft, reads)
        if source is not None:
            found = EqualPaths(tuple(stages), source, parts)
            return found if _begins(draft, found) and (not summed or _sums(draft, found)) else None
        before = [producer for producer, _ in reads]
        alone = all(draft.sole_reader(one) == key for one, key in zip(before, stages[0], strict=True))
        if not alone or any(output > 0 for _, output in reads):
            return None
        stages.insert(0, tuple(before))
    return None


def _stage(draft: Draft, keys: Sequence[str]) -> bool:
    """Whether layers do the same to their paths, channel by channel or as a convolution of them."""
    nodes = [draft.layers[key] for key in keys]
    if any(node["op"] == "input" or len(draft.reads[key]) != 1 for node, key in zip(nodes, keys, strict=True)):
        return False
    if not alike(draft, keys) or len({node["shape"] for node in nodes}) > 1:
        return False
    kind, shape = type(nodes[0]["operator"]), draft.shape(draft.reads[keys[0]][0])
    return (kind in (Conv, BatchNorm) or by_channel(nodes[0], shape)) and len(shape) > 2


def _source(draft: Draft, reads: Sequence[Operand]) -> tuple[Operand | None, bool]:
    """What paths read first: one tensor, or one of which they read the equal parts in order; None if neither."""
    if len(set(reads)) == 1:
        return reads[0], False
    producer = reads[0][0]
    node = draft.layers[producer]
    if not isinstance(node["operator"], (Chunk, Split)) or node["operator"].dim % len(node["shape"]) != 1:
        return None, False
    whole = [(producer, i) for i in range(len(node["outputs"]))]
    equal = len(set(node["outputs"])) == 1 and list(reads) == whole and not draft.is_output(producer)
    equal = equal and all(len(draft.readers(part)) == 1 for part in whole)
    return (draft.reads[producer][0], True) if equal else (None, False)


def _begins(draft: Draft, paths: EqualPaths) -> bool:
    """Whether the first layers can be one: on one tensor, convolutions that read all of it."""
    first = draft.layers[paths.stages[0][0]]["operator"]
    return paths.parts or (isinstance(first, Conv) and first.groups == 1)


def _sums(draft: Draft, paths: EqualPaths) -> bool:
    """Whether the last layers can add up what they make: convolutions of all of their path, and not of one tensor."""
    last = draft.layers[paths.stages[-1][0]]["operator"]
    if not isinstance(last, Conv) or last.groups > 1 or (last.bias and draft.training):
        return False
    return paths.parts or len(paths.stages) > 1


def _join(draft: Draft, key: str, paths: EqualPaths, *, summed: bool) -> str:
    made = paths.source
    for i, stage in enumerate(paths.stages):
        if summed and i == len(paths.stages) - 1:
            made = (_summed(draft, stage, made), 0)
        else:
            together = widened if i == 0 and not paths.parts else join
            made = (together(draft, stage, made), 0)
    ends = {(end, 0) for end in paths.stages[-1]}
    reads = draft.reads[key]
    at = next(i for i, read in enumerate(reads) if read in ends)
    left = [read for read in reads[:at] if read not in ends] + [made] + [r for r in reads[at:] if r not in ends]
    draft.read(key, left)
    if len(left) == 1:
        draft.redirect((key, 0), made)
        draft.remove(key)
    divided = draft.reads[paths.stages[0][0]][0][0]
    for stage in reversed(paths.stages):
        for layer in stage:
            draft.remove(layer)
    if paths.parts:
        draft.remove(divided)
    return f"{len(paths.stages[0])} paths from `{paths.stages[0][0]}` on are one, to `{made[0]}`"


def _summed(draft: Draft, keys: Sequence[str], source: Operand) -> str:
    """The last convolutions of paths that are summed, as one of all their channels."""
    operator: Any = draft.layers[keys[0]]["operator"]
    weights: dict[str, Expression] = {"weight": joined(draft, keys, "weight", 1)}
    if operator.bias:
        weights["bias"] = Added(tuple(draft.weight(key, "bias") for key in keys))
    starts = {draft.layers[key]["operator"].params["init"] for key in keys}
    made = replace(operator, init=next(iter(starts)) if len(starts) == 1 else None)
    return draft.merge(keys, made, [source], [draft.shape((keys[0], 0))], weights)


REWRITE: Final = Rewrite(
    "group-paths", "Separate, equal paths as grouped convolutions, ResNeXt's forms a, b and c.", True, group
)
