"""The variables of a forward pass: what each holds, and what it is called."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.source.class_parts import Canonical, ClassPart
from compiler.source.dataflow import DataFlow
from compiler.source.hierarchy import CalledScope, LayerLeaf
from compiler.source.plan import ClassPlan
from compiler.source.reserved import RESERVED
from compiler.source.spelling import SourceText


class Variables(DataFlow):
    """Names for tensors. `values` are the expressions that stand for them."""

    def __init__(self, plan: ClassPlan) -> None:
        super().__init__(plan)
        self.values: dict[Canonical, SourceText] = {}
        self.names: list[str] = []  # of the arguments
        self.holds: dict[str, Canonical] = {}  # what each variable holds
        self.shared: dict[frozenset[Canonical], str] = {}  # the variable of what stands for one thing
        self.whole: dict[int, str] = {}  # what holds all results of a part
        self.copies: dict[tuple[Canonical, str], SourceText] = {}

    def _arguments(self) -> list[str]:
        scope = self.template.scopes[0]
        names: list[str] = []
        for a, argument in enumerate(scope.arguments):
            name = argument.name if argument.name.isidentifier() else ""
            for other in (name, "x", "y", "z", "w", *(f"x{i}" for i in range(1, 99))):
                if other and other not in names and other not in RESERVED - {"input"}:
                    name = other
                    break
            names.append(name)
            for j in range(len(argument.refs)):
                canonical = ("in", a, j if argument.listed else None)
                self.values[canonical] = SourceText(f"{name}[{j}]" if argument.listed else name)
                if not argument.listed:
                    self.holds[name] = canonical
            if argument.listed:
                self.holds[name] = ("in", a, -1)
        self.names = names
        return names

    def _variable(self, n: int, part: ClassPart, one: Canonical) -> str:
        """The name of a tensor: the spec's; else that of what it is made from, where that is not needed any more."""
        if one in self.joined:
            group = self.joined[one]
            if group not in self.shared:
                self.shared[group] = self._free(
                    next(
                        (
                            name
                            for other in sorted(group, key=str)
                            if other[0] == "part" and (name := self._own_name(other))
                        ),
                        next((short for short in ("x", "y", "z") if self._is_free(short, n)), "x"),
                    ),
                    n,
                )
            return self.shared[group]
        name = self._own_name(one)
        if name is not None and self._is_free(name, n):
            return name
        towards = self._towards(one)
        if towards is not None and self._is_free(towards, n):
            return towards
        for column in part.reads:
            source = self._one(column)
            if source is None:
                continue
            holding = self._holding(source)
            named = source[0] == "in" or self._own_name(source) == holding
            if len(part.reads) > 1 and named and holding not in ("x", "y", "z"):
                continue  # its name would be wrong
            if holding is not None and self._last(source) <= n and self._is_free(holding, n):
                if self.plan.root and source[0] == "in":
                    break
                return holding
        for short in ("x", "y", "z"):
            if self._is_free(short, n):
                return short
        return self._free(self._label(part), n)

    def _own_name(self, one: Canonical) -> str | None:
        """What the spec calls a tensor."""
        for scope, table in zip(self.template.scopes, self.template.canonical, strict=True):
            ref = next((ref for ref, canonical in table.items() if canonical == one), None)
            if ref is not None and scope.written is not None and ref in scope.written.names:
                return scope.written.names[ref]
        if one[0] == "part" and isinstance(leaf := self.parts[one[1]].first, LayerLeaf) and self.parts[one[1]].leaf:
            return leaf.names.get(leaf.results[one[2]])
        return None

    def _list_name(self, results: Sequence[Canonical]) -> str | None:
        """What the spec calls a list."""
        for scope, table in zip(self.template.scopes, self.template.canonical, strict=True):
            refs = {canonical: ref for ref, canonical in table.items()}
            if scope.written is not None and all(one in refs for one in results):
                return scope.written.lists.get(tuple(refs[one] for one in results))
        return None

    def _towards(self, one: Canonical) -> str | None:
        """What the spec calls what a chain ends in."""
        outputs = {result.name for result in self.tree.assembly.training.results} if self.plan.root else set()
        while True:
            users = self.uses[one]
            if len(users) != 1 or users[0] >= len(self.parts) or one in self.joined:
                return None
            user = self.parts[users[0]]
            if len(user.reads) != 1 or user.outputs != 1:
                return None
            one = ("part", users[0], 0)
            name = self._own_name(one)
            if name is not None:
                return None if name in outputs else name

    def _holding(self, one: Canonical) -> str | None:
        return next((name for name, held in self.holds.items() if held == one), None)

    def _whole_name(self, n: int, part: ClassPart, otherwise: str) -> str:
        """A list goes on in its variable, where nobody needs the old one."""
        if isinstance(part.first, CalledScope) and len(part.first.arguments) == 1 and part.first.arguments[0].listed:
            column = self._one(part.reads[0]) if part.reads else None
            if column is not None and column[0] == "in":
                name = self.names[column[1]]
                if all(
                    max(self.uses.get(("in", column[1], j), [0]), default=0) <= n
                    for j in range(len(part.first.arguments[0].refs))
                ):
                    return name
            if column is not None and column[0] == "part" and column[1] in self.whole:
                last = max(
                    use
                    for k in range(self.parts[column[1]].outputs)
                    for use in self.uses[("part", column[1], k)] or [0]
                )
                if last <= n:
                    return self.whole[column[1]]
        return otherwise

    def _label(self, part: ClassPart) -> str:
        name = part.attribute.rpartition(".")[2]
        if not name.isidentifier() or (part.leaf is not None and not part.leaf.named):
            name = part.node["op"] if part.leaf is not None else "x"
        return name.lower() if name.lower().isidentifier() else "x"

    def _free(self, wanted: str, n: int = -1) -> str:
        name, number = wanted, 2
        while name in RESERVED or not self._is_free(name, n):
            name, number = f"{wanted}{number}", number + 1
        return name

    def _is_free(self, name: str, n: int) -> bool:
        if name in RESERVED or name in self.plan.names.values():
            return False
        return name not in self.holds or (
            self._last(self.holds[name]) <= n and name not in self.shared.values() and not self._copied_name(name)
        )

    def _copied_name(self, name: str) -> bool:
        return name in self.copies.values()

    def _last(self, one: Canonical) -> int:
        if one[0] == "in" and one[2] == -1:
            listed = self.template.scopes[0].arguments[one[1]]
            return max((self._last(("in", one[1], j)) for j in range(len(listed.refs))), default=0)
        if one[0] == "part" and one[1] in self.whole:
            results = self.parts[one[1]].outputs
            return max((max(self.uses[("part", one[1], k)], default=0) for k in range(results)), default=0)
        everyone = self.joined.get(one, frozenset({one}))
        return max((max(self.uses[other], default=0) for other in everyone), default=0)

    def _base(self, one: Canonical) -> str:
        text = self.values[one]
        return text if text.isidentifier() else "x"
