"""Folds away what does not differ, until a page can hold the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import groupby
from typing import Final

from archdsl.compare.difference import Status
from archdsl.outline import folding
from archdsl.outline.folding import Folded
from archdsl.outline.subnets import Subnet
from viz import fitting
from viz.difference.union import Union

ENOUGH: Final = 30  # boxes: with fewer, all layers between the differences are shown
SHORTEST: Final = 3  # unchanged items that make a run worth drawing as one box
SHORTEST_ALONE: Final = 6  # the same of what only one network has, which is of more interest
RUN: Final = ""  # the path of a run: it is no group
ENDS: Final = 12  # items shown at both ends of a long list of differences


def condense(union: Union, tree: Subnet) -> Folded:
    """The tree with equal groups in a row drawn once, groups without a difference closed, and, where these are still
    more boxes than a page can hold, runs of unchanged layers and then the deepest groups drawn as one."""
    tree, stand_in = folding.fold(union.graph, tree)
    tree = _without_difference_closed(union, tree)
    if fitting.size(tree) > ENOUGH:
        tree = _shortened(tree, union, _context(union))
    depth = folding.deepest(tree)
    while depth > 1 and fitting.size(tree) > fitting.ENOUGH:
        depth -= 1
        tree = folding.close(tree, depth)
    return Folded(_cut(tree, fitting.ENOUGH), stand_in)


def mark(union: Union, tree: Subnet) -> Subnet:
    """The tree for readers who open and close groups: nothing is left out, equal groups in a row say which they are
    drawn as, and what `condense` would draw as one box is closed."""
    marked = _without_difference_closed(union, folding.mark(union.graph, tree))
    folded = _without_difference_closed(union, folding.fold(union.graph, tree).tree)
    return _shortened(marked, union, _context(union)) if fitting.size(folded) > ENOUGH else marked


def status(union: Union, keys: Iterable[str]) -> Status:
    """What several parts have in common; "changed" where they differ."""
    found = {union.parts[key].status for key in keys}
    if found <= {"same", "follows"}:
        return "follows" if "follows" in found else "same"
    return found.pop() if len(found) == 1 else "changed"


def _without_difference_closed(union: Union, tree: Subnet) -> Subnet:
    return _closed(tree, lambda branch: status(union, branch.keys) != "changed")


def _closed(tree: Subnet, wanted: Callable[[Subnet], bool]) -> Subnet:
    """The groups that are wanted closed; one of a single layer is that layer."""
    items = [_closed(item, wanted) if isinstance(item, Subnet) else item for item in tree.items]
    items = [
        item.items[0] if isinstance(item, Subnet) and len(item.keys) == item.count == 1 else item for item in items
    ]
    return replace(tree, items=items, closed=tree.closed or (tree.depth > 0 and wanted(tree)))


def _context(union: Union) -> set[str]:
    """The parts that differ, and those that feed them or read them, which say where they stand."""
    differs = {key for key, part in union.parts.items() if part.status not in ("same", "follows")}
    near = {end for wire in union.wires for end in wire if not differs.isdisjoint(wire)}
    return differs | near


def _shortened(tree: Subnet, union: Union, kept: set[str]) -> Subnet:
    """Each run of neighbours of which none is kept as one box, and each long one of what only one network has."""

    def visit(branch: Subnet) -> Subnet:
        items: list[str | Subnet] = []
        for (_, shortest), run in groupby(_units(branch.items), lambda unit: _kind(unit, union, kept)):
            units = list(run)
            members = [
                visit(item) if isinstance(item, Subnet) and not item.closed else item for unit in units for item in unit
            ]
            items += members if len(units) < shortest else [_run(members, branch.depth + 1)]
        return replace(branch, items=items)

    return visit(tree)


def _units(items: Iterable[str | Subnet]) -> list[list[str | Subnet]]:
    """Each item with those after it that are drawn as it."""
    units: list[list[str | Subnet]] = []
    for item in items:
        if isinstance(item, Subnet) and item.like:
            units[-1].append(item)
        else:
            units.append([item])
    return units


def _kind(unit: list[str | Subnet], union: Union, kept: set[str]) -> tuple[str, float]:
    """What items may be in a run with, and how many of these are drawn as one."""
    keys = [key for item in unit for key in ([item] if isinstance(item, str) else item.keys)]
    if union.parts[keys[0]].kind != "layer" or any(isinstance(item, Subnet) and not item.closed for item in unit):
        return "", math.inf
    what = status(union, keys)
    if what in ("added", "removed"):
        return what, SHORTEST_ALONE
    return ("", math.inf) if what == "changed" or not kept.isdisjoint(keys) else ("same", SHORTEST)


def _cut(tree: Subnet, most: int) -> Subnet:
    """Long lists of differences by their ends, with one box for all between."""
    items = [_cut(item, most) if isinstance(item, Subnet) and not item.closed else item for item in tree.items]
    if len(items) > most:
        items = [*items[:ENDS], _run(items[ENDS:-ENDS], tree.depth + 1), *items[-ENDS:]]
    return replace(tree, items=items)


def _run(members: list[str | Subnet], depth: int) -> Subnet:
    keys = [key for item in members for key in ([item] if isinstance(item, str) else item.keys)]
    return Subnet(RUN, keys[0], depth=depth, keys=keys, items=members, closed=True)
