"""Branches whose sizes differ where they meet: padding or strides with which they agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import networkx as nx

from archdsl.diagnostics import Fix
from archdsl.dims import Shape, Undecided
from archdsl.elaborate.origins import way_back
from archdsl.graph import Graph, Layer, Place, input_shapes, layer
from archdsl.ops import Operator, ShapeError
from archdsl.ops._op import extent, spatial
from archdsl.remedies.step import BrokenStep, Proposal, fix, shown

MOST_STRIDE: Final = 8
MOST_WINDOWS: Final = 4  # of a branch, that might lack a stride


@dataclass(frozen=True, slots=True)
class Branch:
    """The layers with a window that only one of two sizes has passed, the last first."""

    place: Place
    size: Any
    windows: tuple[tuple[str, Layer], ...]


def branches(step: BrokenStep) -> tuple[Branch, Branch]:
    one, other = step.node["sizes"]
    return _branch(step.graph, one, other), _branch(step.graph, other, one)


def _branch(graph: Graph, place: Place, other: Place) -> Branch:
    shared = nx.ancestors(graph, other.node) | {other.node}
    windows = []
    for passed, _ in way_back(graph, place, passing=True):
        if passed.node in shared:
            break
        node = layer(graph, passed.node)
        if hasattr(node["operator"], "kernel_size") and isinstance(getattr(node["operator"], "padding", None), int):
            windows.append((passed.node, node))
    return Branch(place, layer(graph, place.node)["outputs"][place.output][place.dim], tuple(windows))


def paddings(step: BrokenStep, both: tuple[Branch, Branch]) -> Iterator[Fix]:
    """Padding with which layers keep the size: of the branch that is smaller, else of both."""
    one, other = both
    if isinstance(one.size, int) and isinstance(other.size, int) and one.size > other.size:
        one, other = other, one
    for windows in (one.windows, other.windows, one.windows + other.windows):
        edits, keys, written = [], [], []
        for key, node in windows:
            padding = _keeps_size(node["operator"], len(node["shape"]) - 2)
            if padding is not None and padding != node["operator"].padding:  # type: ignore[attr-defined]
                edits.append(step.written.parameter(node["span"], type(node["operator"]), "padding", padding))
                keys.append(f"`{key}`")
                written.append(f"`padding = {shown(padding)}`")
        what = " and ".join(dict.fromkeys(written))
        yield from fix(edits, f"keep the size in {' and '.join(keys[::-1])}: {what}")


def _keeps_size(operator: Any, rank: int) -> int | tuple[int, ...] | None:
    """The padding with which a window keeps the size, but for its stride; None where it has no middle."""
    kernel = spatial(operator, "kernel_size", rank)
    dilation = spatial(operator, "dilation", rank) if hasattr(operator, "dilation") else (1,) * rank
    reach = list(map(extent, kernel, dilation))
    if any(r % 2 == 0 for r in reach):
        return None
    padding = tuple(r // 2 for r in reach)
    return padding[0] if len(set(padding)) == 1 else padding


def strides(step: BrokenStep, both: tuple[Branch, Branch]) -> Iterator[Proposal]:
    """Strides of a window that give one branch the size of the other.

    One that was left out is likelier than one that was written wrongly.
    """
    added, others = list[Fix](), list[Fix]()
    for branch, other in (both, both[::-1]):
        for i, (key, node) in enumerate(branch.windows[:MOST_WINDOWS]):
            operator = node["operator"]
            for stride in _stride_to(other.size, step.graph, key, branch) if i == 0 else _ratio(branch, other):
                text = step.written.own(node["span"], "stride", stride)
                edit = step.written.parameter(node["span"], type(operator), "stride", text)
                fixes = list(fix([edit], f"write `stride = {text}` in `{key}`"))
                left_out = [one for one in fixes if one.span.start == one.span.end]
                added += left_out
                others += fixes if i == 0 else left_out
    yield Proposal(tuple(added), sure=len(added) == 1)
    yield Proposal(tuple(others), sure=False)


def _stride_to(wanted: Any, graph: Graph, key: str, branch: Branch) -> list[int]:
    """The least stride with which the last window of a branch gives a size."""
    operator = layer(graph, key)["operator"]
    shapes = input_shapes(graph, key)
    for stride in range(1, MOST_STRIDE + 1):
        tried = replace(operator, stride=stride)  # type: ignore[type-var]
        if tried != operator and _size_with(tried, shapes, branch.place.dim) == wanted:
            return [stride]
    return []


def _ratio(branch: Branch, other: Branch) -> list[int]:
    """The stride that takes the size of a branch to about that of the other; it is tried all the same."""
    if not isinstance(branch.size, int) or not isinstance(other.size, int):
        return []
    ratio = -(-branch.size // other.size)
    return [ratio] if 1 < ratio <= MOST_STRIDE else []


def _size_with(operator: Operator, shapes: list[Shape], dim: int) -> Any:
    try:
        return operator.infer_all(*shapes)[0][dim]
    except (ShapeError, Undecided):
        return None
