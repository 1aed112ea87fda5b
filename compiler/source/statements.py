"""Writes the steps of a forward pass: expressions within one another, and variables where a line is full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from archdsl.instances.written import literal
from compiler.source.class_parts import Canonical, ClassPart, Unsayable
from compiler.source.hierarchy import CalledScope, LayerLeaf
from compiler.source.open_sizes import OpenSizes
from compiler.source.plan import ClassPlan
from compiler.source.spelling import SourceText, call, is_infix

DEEPEST: Final = 3  # calls within calls
LONGEST: Final = 64  # characters of what stands within another call


class Statements(OpenSizes):
    """Lines, and what is not written yet: `pending` are expressions in the order in which they are to be computed, each
    used once, by what comes."""

    def __init__(self, plan: ClassPlan) -> None:
        super().__init__(plan)
        self.depth: dict[Canonical, int] = {}
        self.lines: list[str] = []
        self.indent = ""

    def _stands(self, n: int, part: ClassPart) -> bool:
        """Note what needs no step: a tensor of the class's own, or a layer that never works."""
        leaf = part.leaf
        if leaf is None:
            return False
        if leaf.invoke is None:
            return True
        if self.plan.is_tensor(leaf):
            path = part.attribute
            self.values["part", n, 0] = SourceText(self.plan.places.access(path))
            self.depth["part", n, 0] = 0
            return True
        return False

    def _part(self, n: int, part: ClassPart) -> None:
        columns = list(part.reads)
        needed = [self._read(column, n) for column in columns]
        waiting = [one for one in dict.fromkeys(needed) if one in self.pending]
        moved = self._copied(n, part, needed)
        if waiting and (moved or waiting != self.pending[-len(waiting) :] or self._sizes_wanted(part)):
            self._flush()
            waiting = []
        if self._sizes_wanted(part):
            self._flush()
        texts = [self._text(one, part, column) for one, column in zip(needed, columns, strict=True)]
        text = self._expression(n, part, texts)
        if waiting and len(text) > LONGEST and (is_infix(text) or ")." in text):
            self._flush()
            waiting = []
            texts = [self._text(one, part, column) for one, column in zip(needed, columns, strict=True)]
            text = self._expression(n, part, texts)
        for one in waiting:
            self.pending.remove(one)
        depth = 1 + max((self.depth.get(one, 0) for one in waiting), default=0)
        results = [("part", n, k) for k in range(part.outputs)]
        listed = isinstance(part.first, LayerLeaf) and part.first.node["operator"].several
        if len(results) > 1 or listed:
            self._flush()
            self._assign_several(n, part, results, text)
            return
        result = results[0]
        last = self.uses[result] == [len(self.parts)] and not self._region(part)
        long = (depth > DEEPEST or len(text) > LONGEST) and not last
        if result in self.joined or len(self.uses[result]) != 1 or long:
            self._flush()
            self._assign(n, part, result, text)
            return
        self.values[result] = SourceText(text)
        self.depth[result] = depth
        self.pending.append(result)

    def _read(self, column: Sequence[Canonical | None], n: int) -> Canonical:
        """What a part reads: one thing, or what a condition has chosen, which is in the variable of all of them."""
        choice = [one for one in column if one is not None]
        return choice[0]

    def _text(self, one: Canonical, part: ClassPart, column: Sequence[Canonical | None] = ()) -> SourceText:
        if one[0] == "weight":
            path = one[1]
            owner, _, weight = path.rpartition(".")
            return SourceText(
                f"{self.plan.places.access(owner)}.{weight}"
                if owner in self.plan.places.attributes
                else f"self.get_parameter({literal(path)})"
            )
        if self._one(column) is None and one in self.joined and self.joined[one] in self.shared and column:
            text = SourceText(self.shared[self.joined[one]])
        else:
            text = self.values[one]
        device = self.plan.device(part)
        if device is not None and self._home(one) != device:
            return self.copies.get((one, device), SourceText(f"{text.atom}.to(self.{device})"))
        return text

    def _home(self, one: Canonical) -> str | None:
        return self.parts[one[1]].node["device"] if one[0] == "part" else None

    def _copied(self, n: int, part: ClassPart, needed: Sequence[Canonical]) -> bool:
        """Copy to a device what several read there. Whether anything was written."""
        device = self.plan.device(part)
        if device is None:
            return False
        wrote = False
        for one in dict.fromkeys(needed):
            if one[0] == "weight" or self._home(one) == device or (one, device) in self.copies:
                continue
            readers = [
                user for user in self.uses[one] if user < len(self.parts) and self.parts[user].node["device"] == device
            ]
            if len(set(readers)) > 1:
                self._flush()
                text = self._text(one, part)
                name = self._free(f"{self._base(one)}_on_{device}")
                self.lines.append(f"{self.indent}{name} = {text}")
                self.copies[one, device] = SourceText(name)
                self.holds[name] = one
                wrote = True
        return wrote

    def _expression(self, n: int, part: ClassPart, texts: Sequence[SourceText]) -> str:
        first = part.first
        places = self.plan.places
        if isinstance(first, CalledScope):
            return f"{places.access(part.attribute)}({', '.join(self._grouped(part, texts))})"
        assert first.invoke is not None
        target, operator = first.invoke.target, first.node["operator"]
        idiom = self.plan.idiom(part)
        if target.kind == "module":
            if self.plan.is_functional(part) and first.use == 1 and idiom is not None:
                fields = {name: self.plan.kept(text) for name, text in part.arguments.items()}
                return idiom.format(*texts, args=[], **fields)
            module = places.access(part.attribute)
            if idiom is not None and "{module}" in idiom:
                return idiom.format(*texts, module=module)
            return f"{module}({', '.join(texts)})"
        args = [self._argument(value, n) for value in part.positional]
        kwargs = {name: str(self._argument(value, n)) for name, value in part.keywords.items()}
        if target.kind == "source":
            texts = [self._like(part)]
        return self._whole_lists(call(first.invoke, operator, texts, args, kwargs, self.plan.library, idiom))

    def _whole_lists(self, text: str) -> str:
        """An expression with lists in the place of all their items."""
        lists = [(name, self.parts[n].outputs) for n, name in self.whole.items()]
        arguments = self.template.scopes[0].arguments
        lists += [(self.names[a], len(one.refs)) for a, one in enumerate(arguments) if one.listed]
        for name, count in lists:
            text = text.replace(f"[{', '.join(f'{name}[{k}]' for k in range(count))}]", name)
        return text

    def _grouped(self, part: ClassPart, texts: Sequence[SourceText]) -> list[str]:
        """The arguments of a call: tensors, and lists of them, as one where one thing holds them all."""
        first = part.first
        assert isinstance(first, CalledScope)
        found: list[str] = []
        at = 0
        for argument in first.arguments:
            here = texts[at : at + len(argument.refs)]
            columns = [self._one(column) for column in part.reads[at : at + len(argument.refs)]]
            at += len(argument.refs)
            if not argument.listed:
                found.append(here[0])
                continue
            found.append(self._list(columns, here))
        return found

    def _list(self, columns: Sequence[Canonical | None], texts: Sequence[SourceText]) -> str:
        one = columns[0]
        if one is not None and one[0] == "in" and one[2] == 0:
            argument = self.template.scopes[0].arguments[one[1]]
            if columns == [("in", one[1], j) for j in range(len(argument.refs))]:
                return self.names[one[1]]
        if one is not None and one[0] == "part" and one[1] in self.whole and len(columns) == self.parts[one[1]].outputs:
            return self.whole[one[1]]
        return f"[{', '.join(texts)}]"

    def _like(self, part: ClassPart) -> SourceText:
        """A tensor where something is made: an input of floating-point numbers."""
        scope = self.template.scopes[0]
        for a, argument in enumerate(scope.arguments):
            for j, ref in enumerate(argument.refs):
                node = self.tree.graph.nodes[ref[0]]
                if node["dtypes"][ref[1]] == "float32":
                    return self._text(("in", a, j if argument.listed else None), part)
        if self.plan.root:
            for owned in self.plan.modules:
                for leaf in owned.first.leaves():
                    if leaf.holder is not None and any(held.weight.dtype == "float32" for held in leaf.holder.held):
                        path = next(held.path for held in leaf.holder.held if held.weight.dtype == "float32")
                        inner = path.removeprefix(f"{owned.attribute}.").split(".") if path != owned.attribute else []
                        access = ".".join([self.plan.places.access(owned.attribute), *inner])
                        plain = all(name.isidentifier() for name in inner)
                        return SourceText(access if plain else f"self.get_parameter({literal(path)})")
        raise Unsayable(self.template.scopes)

    def _flush(self) -> None:
        """Give names to all that is pending."""
        waiting, self.pending = self.pending, []
        for i, one in enumerate(waiting):
            self.pending = waiting[i + 1 :]
            self._assign(one[1], self.parts[one[1]], one, self.values[one])
        self.pending = []

    def _assign(self, n: int, part: ClassPart, one: Canonical, text: str) -> None:
        name = self._variable(n, part, one)
        self.lines.append(f"{self.indent}{name} = {text}")
        self.values[one] = SourceText(name)
        self.depth[one] = 0
        self.holds[name] = one

    def _assign_several(self, n: int, part: ClassPart, results: Sequence[Canonical], text: str) -> None:
        if n in self.taken_whole:
            said = self._list_name(results)
            name = (
                said
                if said is not None and self._is_free(said, n)
                else self._whole_name(n, part, self._free(self._label(part) if part.attribute else "x", n))
            )
            self.lines.append(f"{self.indent}{name} = {text}")
            self.whole[n] = name
            for k, one in enumerate(results):
                self.values[one] = SourceText(f"{name}[{k}]")
                self.depth[one] = 0
            self.holds[name] = results[0]
            return
        names = []
        for one in results:
            if not self.uses[one]:
                names.append("_")
                continue
            name = self._variable(n, part, one)
            names.append(name)
            self.values[one] = SourceText(name)
            self.depth[one] = 0
            self.holds[name] = one
        self.lines.append(f"{self.indent}{', '.join(names)}{',' * (len(names) == 1)} = {text}")
