"""Who reads what in a class: the parts of its forward pass, and what conditions choose from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from compiler.source.class_parts import Canonical, ClassPart
from compiler.source.hierarchy import LayerLeaf
from compiler.source.plan import ClassPlan


class DataFlow:
    """The parts of a class in the order in which they run, and who reads what each of them makes."""

    def __init__(self, plan: ClassPlan) -> None:
        self.plan = plan
        self.template = plan.template
        self.tree = plan.tree
        self.parts = plan.template.parts
        self.joined: dict[Canonical, frozenset[Canonical]] = {}  # what stands for one thing, by conditions
        self.uses: dict[Canonical, list[int]] = defaultdict(list)
        self._look()

    def _look(self) -> None:
        """Who reads what, and what conditions choose from."""
        self._find_identities()
        columns = [(n, column) for n, part in enumerate(self.parts) for column in part.reads]
        columns += [(len(self.parts), column) for column in self.returns]
        for n, column in columns:
            choice = frozenset(one for one in column if one is not None)
            for one in choice:
                self.uses[one].append(n)
            if len(choice) > 1:
                for one in choice:
                    choice |= self.joined.get(one, frozenset())
                for one in choice:
                    self.joined[one] = choice
        self.taken_whole = self._wholes()

    def _find_identities(self) -> None:
        """Modules of which those that are not there may be identities: nobody asks then whether they are."""
        self.parts = tuple(replace(part) for part in self.template.parts)
        self.returns = self.template.returns
        for n, part in enumerate(self.parts):
            if part.condition is None or not self.plan.is_optional(self.template.parts[n]) or len(part.reads) != 1:
                continue
            if part.leaf is not None and (part.leaf.invoke is None or part.leaf.invoke.target.kind != "module"):
                continue
            result, given = ("part", n, 0), self._one(part.reads[0])
            if given is None or (given[0] == "part" and self.parts[given[1]].condition is not None):
                continue
            columns = [column for later in self.parts for column in later.reads] + list(self.returns)
            choices = [set(column) - {None} for column in columns if result in column]
            if choices != [{result, given}] * len(choices) or self._region(part):
                continue

            def settled(column: Any, result: Canonical = result) -> Any:
                return tuple(one and result for one in column) if result in column else column

            part.condition = None
            for later in self.parts:
                later.reads = tuple(settled(column) for column in later.reads)
            self.returns = tuple(settled(column) for column in self.returns)
            self.plan.identities.add(part.attribute)

    def _wholes(self) -> set[int]:
        """The parts with several results that are passed on as one."""
        found = set()
        for n, part in enumerate(self.parts):
            results = [("part", n, k) for k in range(part.outputs)]
            if len(results) > 1 and not any(one in self.joined for one in results):
                users = {user for one in results for user in self.uses[one]}
                if users and all(self._takes_whole(user, results) for user in users):
                    found.add(n)
        return found

    def _takes_whole(self, user: int, results: Sequence[Canonical]) -> bool:
        if user == len(self.parts):
            return [self._one(column) for column in self.returns] == list(results)
        part = self.parts[user]
        if part.loop is not None and part.loop.over is not None:
            return [self._one(column) for column in part.reads] == list(results)
        if isinstance(part.first, LayerLeaf):
            return False
        at = 0
        told = 0
        for argument in part.first.arguments:
            here = [self._one(column) for column in part.reads[at : at + len(argument.refs)]]
            at += len(argument.refs)
            if argument.listed and here == list(results):
                told += 1
            elif any(one in results for one in here):
                return False
        return told > 0

    @staticmethod
    def _one(column: Sequence[Canonical | None]) -> Canonical | None:
        choice = {one for one in column if one is not None}
        return choice.pop() if len(choice) == 1 else None

    def _trains(self, part: ClassPart) -> bool:
        return self.plan.root and part.node["phase"] == "train"

    def _region(self, part: ClassPart) -> Any:
        found = tuple(self.plan.regions.get(id(item)) for item in part.items)
        return found if any(found) else None

    def _stands_only(self, part: ClassPart) -> bool:
        return part.leaf is not None and (part.leaf.invoke is None or self.plan.is_tensor(part.leaf))

    def _choosers(self, group: frozenset[Canonical]) -> set[int]:
        columns = [(n, column) for n, part in enumerate(self.parts) for column in part.reads]
        columns += [(len(self.parts), column) for column in self.returns]
        return {n for n, column in columns if len({one for one in column if one is not None} & group) > 1}
