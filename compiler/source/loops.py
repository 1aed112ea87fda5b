"""Loops over lists of modules, in a forward pass."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from compiler.source.class_parts import Canonical, ClassPart
from compiler.source.hierarchy import CalledScope
from compiler.source.regions import Regions
from compiler.source.spelling import SourceText


class Loops(Regions):
    """`for layer in self.layers:`, with what one round hands to the next in variables."""

    def _loop(self, n: int, part: ClassPart) -> None:
        assert part.loop is not None
        if part.loop.over is not None:
            self._over_list(n, part)
            return
        carried = part.loop.carried
        first = self.pending[-1:] if carried.count(0) == 1 and part.outputs == 1 else []
        if first and self._read(part.reads[carried.index(0)], n) == first[0] and not self._copied(n, part, first):
            self.pending.pop()
            self._flush()
        else:
            self._flush()
        needed = [self._read(column, n) for column in part.reads]
        texts = [self._text(one, part, column) for one, column in zip(needed, part.reads, strict=True)]
        same = [one for one, k in zip(needed, carried, strict=True) if k is None]
        for one in same:  # every round reads it
            self.uses[one].append(n + 1)
        read_again = [name for name, one in self.holds.items() if self._last(one) > n or one[0] == "in"]
        results: list[Canonical] = [("part", n, k) for k in range(part.outputs)]
        if self._is_of_a_list(n, part):
            name = self._whole_name(n, part, self._free(self._label(part), n))
            names = [f"{name}[{k}]" for k in range(len(results))]
            starts = [(name, self._list([self._one(column) for column in part.reads], texts))]
            self._start(starts, read_again)
            self._rounds(part, name, [name])
            self.whole[n] = name
            self.holds[name] = results[0]
        else:
            names = []
            for k, result in enumerate(results):
                names.append(self._carried(n, part, k) if k in carried or self.uses[result] else "_")
                if names[-1] != "_":
                    self.holds[names[-1]] = result
            self._start([(names[k], texts[carried.index(k)]) for k in range(len(results)) if k in carried], read_again)
            given = [text if k is None else SourceText(names[k]) for text, k in zip(texts, carried, strict=True)]
            self._rounds(part, ", ".join(names), self._grouped(part, given) if _is_called(part) else given)
        for one in same:
            self.uses[one].remove(n + 1)
        for result, text in zip(results, names, strict=True):
            self.values[result] = SourceText(text)
            self.depth[result] = 0

    def _over_list(self, n: int, part: ClassPart) -> None:
        """Each module with its item of a list."""
        self._flush()
        columns = [self._one(column) for column in part.reads]
        texts = [self._text(self._read(column, n), part, column) for column in part.reads]
        given = self._list(columns, texts)
        results: list[Canonical] = [("part", n, k) for k in range(part.outputs)]
        name = self._list_name(results) or self._member(part, plural=True)
        name = given if given.isidentifier() and name == given and self._ends(columns, n) else self._free(name, n)
        module = self._member(part)
        container = self.plan.places.access(part.attribute)
        self.lines.append(f"{self.indent}{name} = [{module}(x) for {module}, x in zip({container}, {given})]")
        self.whole[n] = name
        self.holds[name] = results[0]
        for k, result in enumerate(results):
            self.values[result] = SourceText(f"{name}[{k}]")
            self.depth[result] = 0

    def _ends(self, columns: Sequence[Canonical | None], n: int) -> bool:
        """Whether nobody reads a list behind a part."""
        return all(one is not None and self._last(one) <= n for one in columns)

    def _member(self, part: ClassPart, plural: bool = False) -> str:
        """The variable of a module of a list."""
        last = part.attribute.rpartition(".")[2].lower().strip("_")
        if plural:
            return last if last.isidentifier() else "made"
        one = re.sub(r"(?<=ch|sh|ss)es$|(?<=x)es$|(?<=.)s$", "", last)
        return self._free(one if one != last and one.isidentifier() else "layer")

    def _carried(self, n: int, part: ClassPart, k: int) -> str:
        """The variable of a result: where the spec has no name, that of what the first round is given in its place."""
        assert part.loop is not None
        result: Canonical = ("part", n, k)
        if k in part.loop.carried and self._own_name(result) is None and result not in self.joined:
            source = self._one(part.reads[part.loop.carried.index(k)])
            holding = None if source is None else self._holding(source)
            inputs = source is not None and source[0] == "in" and self.plan.root
            if source is not None and holding and not inputs and self._last(source) <= n and self._is_free(holding, n):
                return holding
        return self._variable(n, part, result)

    def _start(self, starts: Sequence[tuple[str, str]], read_again: Collection[str]) -> None:
        """What is handed on has its variable from the beginning; `read_again` are those that are read again."""
        new = [(name, text) for name, text in starts if name != text]
        before = self.lines[-1].partition(" = ") if self.lines else ("", "", "")
        if len(new) == 1 and before[0] == f"{self.indent}{new[0][1]}" and new[0][1] not in read_again:
            self.lines[-1] = f"{self.indent}{new[0][0]} = {before[2]}"
            return
        if new:
            names, texts = zip(*new, strict=True)
            self.lines.append(f"{self.indent}{', '.join(names)} = {', '.join(texts)}")

    def _rounds(self, part: ClassPart, targets: str, given: Sequence[str]) -> None:
        assert part.loop is not None
        container = self.plan.places.access(part.attribute)
        members = part.loop.members
        if members is not None:
            whole = len(self.plan.places.children(part.attribute))
            container += f"[{members.start or ''}:{members.stop if members.stop < whole else ''}]"
        module = self._member(part)
        self.lines.append(f"{self.indent}for {module} in {container}:")
        self.lines.append(f"{self.indent}    {targets} = {module}({', '.join(given)})")

    def _is_of_a_list(self, n: int, part: ClassPart) -> bool:
        """Whether a list is what is handed on: it comes as one thing, or goes on as one."""
        if not isinstance(part.first, CalledScope) or part.loop is None:
            return False
        arguments = part.first.arguments
        if len(arguments) != 1 or not arguments[0].listed or part.loop.carried != tuple(range(len(arguments[0].refs))):
            return False
        columns = [self._one(column) for column in part.reads]
        return n in self.taken_whole or not self._list(columns, [SourceText("")] * len(columns)).startswith("[")


def _is_called(part: ClassPart) -> bool:
    return isinstance(part.first, CalledScope)
