"""Operators in the tree of modules that they are done in, without the modules that need no block of their own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from typing import Any, Final

from archdsl.importing.constants import constant
from archdsl.importing.program import Missing, ModuleScope, NotImported
from archdsl.importing.reading import Placed, ReadProgram
from archdsl.importing.tables import Table
from archdsl.ops import OPERATORS
from archdsl.ops.foreign import ForeignOperand, ForeignTensor, Made, Unreadable

SEQUENCE: Final = "torch.nn.modules.container.Sequential"
TORCH: Final = re.compile(r"torch\.nn\.modules\.(?!container)")
SMALL: Final = 3  # operators in a module without weights that needs no block of its own


@dataclass(eq=False)
class Leaf:
    """An operator in a module. `path` is where its weights are, `name` that of the value it makes."""

    name: str
    made: Made
    operands: list[str]
    named: dict[str, str]
    path: str | None
    shape: tuple[Any, ...]
    hint: str | None


@dataclass(eq=False)
class Tree:
    """A module's call: what is done in it, in order."""

    scope: ModuleScope
    children: list[Leaf | Tree] = field(default_factory=list)
    numbers: Mapping[str, Any] | None = None  # of what is no module: those that tell it from others

    def leaves(self) -> Iterator[Leaf]:
        for child in self.children:
            if isinstance(child, Tree):
                yield from child.leaves()
            else:
                yield child


class Planting:
    """Puts operators into the tree of modules; each nested one is a leaf of its own."""

    def __init__(self, reading: ReadProgram) -> None:
        self.root = Tree(ModuleScope("", reading.program.name))
        self.shapes: dict[str, tuple[Any, ...]] = {value.name: value.shape for value in reading.program.inputs}
        self.kept: dict[tuple[str, int], str] = {}  # weights that are tensors, by the tree where they are read
        self.count = 0
        self.owned = {path for placed in reading.placed for path in map(_owner, _all(placed.made)) if path}
        self.lent = _lent(reading)
        self.labels = self._labels(reading)
        self.homes = self._homes(reading)
        self.used: set[str] = set()
        self.twice: dict[str, int] = {}
        for placed in reading.placed:
            self._plant(placed)
        if self.twice:
            raise NotImported(
                [Missing("a weight", "used by several layers at once", path, n) for path, n in self.twice.items()]
            )
        self.outputs = [self._operand(output, self.root, placed=None) for output in reading.outputs]

    def _labels(self, reading: ReadProgram) -> dict[str, str]:
        """The paths of the layers that are lent the weights of others, by the value that they make."""
        found: dict[str, str] = {}
        for placed in reading.placed:
            outside, scope = (ModuleScope("", ""), ModuleScope("", ""), *placed.scopes)[-2:]
            lent = _owner(placed.made) in self.lent
            inside = not outside.path or scope.path.startswith(f"{outside.path}.")
            if (
                lent
                and inside
                and TORCH.match(scope.cls)
                and scope.path not in self.owned
                and scope.path not in found.values()
            ):
                found[placed.value.name] = scope.path
        self.owned |= set(found.values())
        return found

    def _homes(self, reading: ReadProgram) -> dict[str, list[ModuleScope]]:
        """The innermost module around all that read a weight as a tensor."""
        found: dict[str, list[ModuleScope]] = {}
        for placed in reading.placed:
            around = self._around(placed.scopes)
            for made in _all(placed.made):
                read = [one for one in made.inputs if isinstance(one, ForeignTensor)]
                read += [] if self._owner(made) is not None else made.weights.values()
                for one in read:
                    if one.state is not None:
                        before = found.get(one.state, around)
                        both = [a for a, b in takewhile(_same, zip(before, around, strict=False))]
                        found[one.state] = [*takewhile(partial(_holds, one.state), both)]
        outputs = [one for one in reading.outputs if isinstance(one, ForeignTensor)]
        found |= {one.state: [] for one in outputs if one.state is not None}
        return found

    def _owner(self, made: Made) -> str | None:
        """The module whose weights an operator has, if no other has them as well."""
        path = _owner(made)
        return None if path in self.lent else path

    def _around(self, scopes: tuple[ModuleScope, ...]) -> list[ModuleScope]:
        """The modules that are blocks of their own, from the outside."""
        found = takewhile(lambda scope: scope.path not in self.owned or not scope.path, scopes)
        return [scope for scope in found if scope.path]

    def _tree(self, around: list[ModuleScope]) -> Tree:
        """The tree of the innermost of modules."""
        tree = self.root
        for scope in around:
            found = next((child for child in tree.children if _is(child, scope)), None)
            if found is None:
                found = Tree(scope)
                tree.children.append(found)
            assert isinstance(found, Tree)
            tree = found
        return tree

    def _plant(self, placed: Placed) -> None:
        if placed.scopes and placed.scopes[0].path == "":
            self.root.scope = replace(self.root.scope, cls=placed.scopes[0].cls)
        around, owner = self._around(placed.scopes), self._owner(placed.made)
        if owner is not None:  # what has another module's weights is done where these are
            around = [*takewhile(partial(_holds, f"{owner}."), around)]
        self._leaf(placed.made, self._tree(around), placed, placed.value.name)

    def _leaf(self, made: Made, tree: Tree, placed: Placed, name: str) -> str:
        operands = [self._operand(one, tree, placed) for one in made.inputs]
        path = self._owner(made)
        if path is not None:
            self.twice.update({path: self.twice.get(path, 1) + 1} if path in self.used else {})
            self.used.add(path)
        named = (
            {} if path is not None else {own: self._operand(value, tree, placed) for own, value in made.weights.items()}
        )
        last = name == placed.value.name
        path = self.labels.get(name, path)
        shape = placed.value.shape if last else ()
        self.shapes[name] = shape
        tree.children.append(Leaf(name, made, operands, named, path, shape, placed.hint if last else None))
        return name

    def _operand(self, one: ForeignOperand, tree: Tree, placed: Placed | None) -> str:
        """The name of a tensor: made before, or on the spot."""
        if isinstance(one, Made):
            assert placed is not None
            self.count += 1
            return self._leaf(one, tree, placed, f"%{self.count}")
        if one.state is not None:
            around = self.homes.get(one.state, [])
            home = self._tree(around)
            key = (one.state, id(home))
            if key not in self.kept:
                self.count += 1
                self.kept[key] = name = f"%{self.count}"
                inner = self._around(placed.scopes)[len(around) :] if placed is not None else []
                before = (i for i, child in enumerate(home.children) if inner and _is(child, inner[0]))
                place = next(before, len(home.children))  # before the module that reads it first
                home.children[place:place] = self._tensor(one, name)
                self.shapes[name] = one.shape
            return self.kept[key]
        if one.content is not None:
            try:
                made = constant(one)
            except Unreadable as error:
                raise NotImported([Missing("a constant", str(error), tree.scope.path, 1)]) from None
            if isinstance(made, Table):
                tree.children.append(own := Tree(ModuleScope(tree.scope.path, made.name), numbers=made.numbers))
                tree = own
            name = self._constant(made, tree, {})
            self.shapes[name] = one.shape
            return name
        return one.name

    def _constant(self, made: Made, tree: Tree, known: dict[int, str]) -> str:
        """The name of a constant, worked out step by step; what is used twice is one step."""
        if id(made) not in known:
            operands = [self._constant(one, tree, known) for one in made.inputs if isinstance(one, Made)]
            self.count += 1
            known[id(made)] = name = f"%{self.count}"
            tree.children.append(Leaf(name, made, operands, {}, None, (), None))
            self.shapes[name] = ()
        return known[id(made)]

    def _tensor(self, value: ForeignTensor, name: str) -> list[Leaf]:
        """A weight that is a tensor of its own; one of integers starts as zeros of that type."""
        if value.dtype == "float32":
            kind = "parameter" if value.trained else "buffer"
            return [Leaf(name, Made(kind, {"shape": list(value.shape)}), [], {}, value.state, value.shape, None)]
        if value.dtype not in ("int64", "bool"):
            raise NotImported([Missing("a buffer", f"of the type {value.dtype}", value.state or "", 1)])
        self.count += 1
        zeros = Made("zeros", {"sizes": list(value.shape), "dtype": value.dtype})
        return [
            Leaf(f"%{self.count}", zeros, [], {}, None, value.shape, None),
            Leaf(name, Made("buffer"), [f"%{self.count}"], {}, value.state, value.shape, None),
        ]


def _all(made: ForeignOperand) -> Iterator[Made]:
    """An operator and those that make its inputs on the spot."""
    if isinstance(made, Made):
        yield made
        for one in made.inputs:
            yield from _all(one)


def _is(child: Leaf | Tree, scope: ModuleScope) -> bool:
    return isinstance(child, Tree) and (child.scope.path, child.scope.call) == (scope.path, scope.call)


def _holds(state: str, scope: ModuleScope) -> bool:
    """Whether a weight's path begins with that of a module."""
    return state.startswith(f"{scope.path}.")


def _same(pair: tuple[ModuleScope, ModuleScope]) -> bool:
    return (pair[0].path, pair[0].call) == (pair[1].path, pair[1].call)


def _lent(reading: ReadProgram) -> set[str]:
    """The modules whose weights several operators have, all of which can be lent them."""
    uses = [(path, made) for placed in reading.placed for made in _all(placed.made) for path in [_owner(made)] if path]
    several = {path for path, count in Counter(path for path, _ in uses).items() if count > 1}
    return several - {path for path, made in uses if made.weights.keys() - {"weight", "bias"}}


def _owner(made: Made) -> str | None:
    """The path of the module that an operator's weights belong to, where it has all of them under their names."""
    if not made.weights:
        return None
    whole = any(not isinstance(said, str) and hasattr(said, "cls") for said in OPERATORS[made.operator].reads)
    paths = set()
    for name, value in made.weights.items():
        if value.state is None:
            return None
        path, _, last = value.state.rpartition(".")
        if last != name and not whole:
            return None
        paths.add(path)
    return paths.pop() if len(paths) == 1 else None


def pruned(tree: Tree) -> bool:
    """Put what modules do that need no block of their own into the module around them. Whether anything changed."""
    changed = False
    children: list[Leaf | Tree] = []
    for child in tree.children:
        if isinstance(child, Tree):
            changed |= pruned(child)
            if _dissolves(child):
                children += child.children
                changed = True
                continue
            if not child.children:
                changed = True
                continue
        children.append(child)
    tree.children = children
    return changed


def _dissolves(tree: Tree) -> bool:
    """Whether a module is no more than what it does: a layer of torch, or some operators without weights."""
    if any(isinstance(child, Tree) for child in tree.children):
        return False
    weighted = any(leaf.path is not None for leaf in tree.leaves())
    return bool(TORCH.match(tree.scope.cls)) or (
        not weighted and len(tree.children) <= SMALL and tree.scope.cls != SEQUENCE
    )
