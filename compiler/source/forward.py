"""Writes what runs: the forward pass of a class."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.source.class_parts import Canonical, Unsayable
from compiler.source.loops import Loops
from compiler.source.optional_parts import shortened


class Forward(Loops):
    """A forward pass while it is written."""

    def write(self) -> list[str]:
        names = self._arguments()
        body_start = len(self.lines)
        self._run(range(len(self.parts)))
        self._return()
        lines = [f"    def forward({', '.join(['self', *names])}):", *self._doc()]
        return [*lines, *(f"        {line}" for line in self.lines[body_start:])]

    def _doc(self) -> list[str]:
        return [f"        {line}" for line in self.plan.shapes]

    def _run(self, numbers: Sequence[int]) -> None:
        current: tuple[str | None, bool] = (None, False)
        at = 0
        while at < len(numbers):
            n = numbers[at]
            part = self.parts[n]
            region = self._region(part)
            if self._stands(n, part):
                at += 1
                continue
            wanted = (part.condition, self._trains(part))
            if wanted != current:
                self._flush()
                if wanted != (None, False):
                    self._defaults(n, numbers, wanted)
                self._begin(wanted, current)
                current = wanted
            if region is None:
                if part.loop is not None:
                    self._loop(n, part)
                else:
                    self._part(n, part)
                at += 1
                continue
            members = [n]
            while at + len(members) < len(numbers) and self._region(self.parts[numbers[at + len(members)]]) == region:
                members.append(numbers[at + len(members)])
            self._recomputed(members)
            at += len(members)
        if current != (None, False):
            self._flush()
            self.indent = ""
        self.lines = shortened(self.lines)

    def _return(self) -> None:
        results = [self._read(column, len(self.parts)) for column in self.returns]
        trains = [one[0] == "part" and self._trains(self.parts[one[1]]) for one in results]
        if any(trains) or len(results) > 1 or (results[0] in self.pending and len(self.pending) > 1):
            order = [one for one in dict.fromkeys(results) if one in self.pending]
            if any(trains) or order != self.pending:
                self._flush()
        wholes = [n for n in self.whole if [("part", n, k) for k in range(self.parts[n].outputs)] == results]
        if wholes:
            self.lines.append(f"return {self.whole[wholes[0]]}")
            return
        texts = [self._returned(one, column) for one, column in zip(results, self.returns, strict=True)]
        if any(trains):
            self.lines += ["if self.training:", f"    return {', '.join(texts)}"]
            texts = [text for text, train in zip(texts, trains, strict=True) if not train]
        self.lines.append(f"return {', '.join(texts)}")

    def _returned(self, one: Canonical, column: Sequence[Canonical | None]) -> str:
        if one[0] == "weight":
            raise Unsayable(self.template.scopes)
        if self._one(column) is None and one in self.joined and self.joined[one] in self.shared:
            return self.shared[self.joined[one]]
        return self.values[one]
