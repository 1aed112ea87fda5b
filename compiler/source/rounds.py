"""Loops: modules of a list that run one after the other, each on what the one before it made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from compiler.source.class_parts import AlignedRow, Rounds, ScopeItem
from compiler.source.hierarchy import CalledScope, LayerLeaf, TensorRef

FEWEST: Final = 3  # rounds of what is a loop in all instances


@dataclass(frozen=True)
class LoopedRow:
    """An item of each instance, or several that a loop runs."""

    rows: tuple[AlignedRow, ...]
    attribute: str
    rounds: Rounds | None = None


def looped(aligned: Sequence[AlignedRow], scopes: Sequence[CalledScope], regions: Mapping[int, str]) -> list[LoopedRow]:
    """The items of instances side by side, those of a list that can run in a loop as one."""
    found: list[LoopedRow] = []
    at = 0
    while at < len(aligned):
        loop = _loop(aligned, at, scopes, regions)
        found.append(loop or LoopedRow((aligned[at],), aligned[at][1]))
        at += len(found[-1].rows)
    return found


def operands(item: ScopeItem) -> tuple[TensorRef, ...]:
    """What an item reads, one after the other."""
    return item.reads if isinstance(item, LayerLeaf) else tuple(ref for a in item.arguments for ref in a.refs)


def _loop(
    aligned: Sequence[AlignedRow], start: int, scopes: Sequence[CalledScope], regions: Mapping[int, str]
) -> LoopedRow | None:
    """The longest loop that begins with an item, if there is one."""
    container, _, number = aligned[start][1].rpartition(".")
    if not container or not number.isdigit():
        return None
    rows: list[AlignedRow] = []
    for row in aligned[start:]:
        if row[1] != f"{container}.{int(number) + len(rows)}" or not _can_run(row, regions):
            break
        rows.append(row)
    every = [row for row in aligned if row[1].startswith(f"{container}.") and _is_kept(row)]
    numbered = [row[1] for row in every] == [f"{container}.{i}" for i in range(len(every))]
    if every == rows and _over_a_list(rows, scopes):
        return LoopedRow(tuple(rows), container, Rounds((), over=len(rows)))
    for length in range(len(rows), 1, -1):
        whole, part = every == rows[:length], range(int(number), int(number) + length)
        fixed = all(
            None not in items or set(items) == {None} for items in zip(*(row[0] for row in rows[:length]), strict=True)
        )
        if not whole and not (fixed and numbered and length >= FEWEST):
            continue
        if whole and fixed and length < FEWEST:
            continue
        carried = _carried(rows[:length], scopes)
        if carried is not None:
            return LoopedRow(tuple(rows[:length]), container, Rounds(carried, None if whole else part))
    return None


def _over_a_list(rows: Sequence[AlignedRow], scopes: Sequence[CalledScope]) -> bool:
    """Whether each module has the item at its place of a list, one that is given, or all that a part makes."""
    if len(rows) < 2 or any(None in items for items, _ in rows):
        return False
    for i, scope in enumerate(scopes):
        items = [row[0][i] for row in rows]
        read = [operands(item) for item in items if item is not None]
        if any(len(refs) != 1 for refs in read) or any(item is None or len(item.results) != 1 for item in items):
            return False
        refs = tuple(one[0] for one in read)
        lists = [argument.refs for argument in scope.arguments if argument.listed]
        if refs not in [*lists, *(item.results for item in scope.items)]:
            return False
    return True


def _is_kept(row: AlignedRow) -> bool:
    """Whether the class keeps an item as a module."""
    item = next(item for item in row[0] if item is not None)
    return isinstance(item, CalledScope) or item.holder is not None


def _can_run(row: AlignedRow, regions: Mapping[int, str]) -> bool:
    """Whether items are modules that are called once, on no other device."""
    for item in row[0]:
        if item is None:
            continue
        if item.use > 1 or id(item) in regions or any(leaf.node["device"] for leaf in item.leaves()):
            return False
        if isinstance(item, LayerLeaf):
            if item.invoke is None or item.invoke.target.kind != "module" or item.node["operator"].several:
                return False
            if item.node["operator"].idiom(*item.shapes) is not None:
                return False
    return True


def _carried(rows: Sequence[AlignedRow], scopes: Sequence[CalledScope]) -> tuple[int | None, ...] | None:
    """Which result of a round each operand of the next is; None for the whole where rounds do not fit together."""
    found: tuple[int | None, ...] | None = None
    for i, scope in enumerate(scopes):
        items = [row[0][i] for row in rows]
        there = [item for item in items if item is not None]
        if items[: len(there)] != there or len({_shape(item) for item in there}) > 1:
            return None
        for before, item in pairwise(there):
            own = _fits(before, item)
            if own is None or (found is not None and own != found):
                return None
            found = own
        for j, item in enumerate(there[:-1]):
            after = {leaf.key for leaf in there[j + 1].leaves()} | {leaf.key for leaf in item.leaves()}
            if any(scope.tree.readers.get(ref, set()) - after for ref in item.results):
                return None
    return found


def _shape(item: ScopeItem) -> Any:
    """How an item is called, and how much it gives."""
    node = next(item.leaves()).node
    given = len(item.reads) if isinstance(item, LayerLeaf) else tuple((a.listed, len(a.refs)) for a in item.arguments)
    return type(item), given, len(item.results), node["phase"]


def _fits(before: ScopeItem, item: ScopeItem) -> tuple[int | None, ...] | None:
    """Which result of the item before each operand is."""
    results, earlier = before.results, operands(before)
    found: list[int | None] = []
    for ref, other in zip(operands(item), earlier, strict=True):
        if ref in results:
            found.append(results.index(ref))
        elif ref == other:
            found.append(None)
        else:
            return None
    return tuple(found) if any(one is not None for one in found) and set(results) <= set(operands(item)) else None
