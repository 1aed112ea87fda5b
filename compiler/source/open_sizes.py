"""Sizes that are known only when a network runs, read from the shapes of the tensors at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archdsl.dims import Dim, Floor, Quotient
from archdsl.graph import header
from archdsl.instances.written import literal
from compiler.source.class_parts import Canonical, ClassPart, Unsayable
from compiler.source.plan import ClassPlan
from compiler.source.spelling import SourceText
from compiler.source.variables import Variables


class OpenSizes(Variables):
    """Arguments that hold open sizes, said by what is known where they are needed."""

    def __init__(self, plan: ClassPlan) -> None:
        super().__init__(plan)
        self.pending: list[Canonical] = []  # computed, but in no variable yet

    def _sizes_wanted(self, part: ClassPart) -> bool:
        return any(isinstance(value, tuple) for value in (*part.positional, *part.keywords.values()))

    def _argument(self, value: Any, n: int) -> SourceText:
        if isinstance(value, tuple):
            there = [(i, one) for i, one in enumerate(value) if self.parts[n].items[i] is not None]
            return SourceText(self._said(there))
        return SourceText(self.plan.kept(value))

    def _said(self, values: Sequence[tuple[int, Any]]) -> str:
        """An argument with open sizes, said alike in all instances."""
        first = values[0][1]
        if isinstance(first, (tuple, list)):
            if any(not isinstance(one, (tuple, list)) or len(one) != len(first) for _, one in values):
                raise Unsayable(self.template.scopes)
            items = [self._said([(i, one[k]) for i, one in values]) for k in range(len(first))]
            run = self._shape_run(values, first)
            return run or f"({', '.join(items)}{',' * (len(items) == 1)})"
        if not isinstance(first, Dim):
            if any(one != first for _, one in values):
                raise Unsayable(self.template.scopes)
            return literal(first)
        text = self._size(values)
        if text is None:
            raise Unsayable(self.template.scopes)
        return text

    def _known(self) -> list[tuple[Canonical, SourceText]]:
        found = [(one, text) for one, text in self.values.items() if one not in self.pending and one not in self.joined]
        return [
            (one, text)
            for one, text in found
            if (text.isidentifier() and self.holds.get(text) == one) or ("[" in text and one[0] == "in")
        ]

    def _shape_run(self, values: Sequence[tuple[int, Any]], first: Sequence[Any]) -> str | None:
        """Several sizes as those that end a shape: `x.shape[2:]`."""
        for one, text in self._known():
            shapes = [self._shape(one, i) for i, _ in values]
            if all(
                shape is not None and tuple(shape[-len(first) :]) == tuple(value) and len(shape) > len(first)
                for shape, (_, value) in zip(shapes, values, strict=True)
            ):
                return f"{text}.shape[{len(shapes[0]) - len(first)}:]"
        return None

    def _shape(self, one: Canonical, i: int) -> Any:
        for ref, canonical in self.template.canonical[i].items():
            if canonical == one:
                return self.template.scopes[i].tree.shape(ref)
        return None

    def _size(self, values: Sequence[tuple[int, Any]], strength: int = 0) -> str | None:
        if all(isinstance(value, int) for _, value in values) and len({value for _, value in values}) == 1:
            return str(values[0][1])
        if not all(isinstance(value, Dim) for _, value in values):
            return None
        for one, text in self._known():
            shapes = [self._shape(one, i) for i, _ in values]
            if any(shape is None for shape in shapes):
                continue
            for d in range(min(map(len, shapes))):
                if all(shape[d] == value for shape, (_, value) in zip(shapes, values, strict=True)):
                    return f"{text}.shape[{d}]"
        return self._worked_out(values, strength)

    def _worked_out(self, values: Sequence[tuple[int, Any]], strength: int) -> str | None:
        terms = [list(value.terms) for _, value in values]
        if len({len(one) for one in terms}) != 1:
            return None
        if len(terms[0]) > 1:
            parts = []
            for k in range(len(terms[0])):
                part = self._size([(i, _term(own[k])) for (i, _), own in zip(values, terms, strict=True)], 1)
                if part is None:
                    return None
                parts.append(part)
            text = " + ".join(parts)
            return f"({text})" if strength else text
        factors = {coefficient for ((_, coefficient),) in terms}
        lengths = {len(monomial) for ((monomial, _),) in terms}
        if len(factors) != 1 or len(lengths) != 1:
            return None
        factor, length = factors.pop(), lengths.pop()
        if factor == 1 and length == 1:
            return self._atom(
                [(i, monomial[0]) for (i, _), ((monomial, _),) in zip(values, terms, strict=True)], strength
            )
        parts = [str(factor)] if factor != 1 else []
        for k in range(length):
            part = self._size(
                [(i, Dim({(monomial[k],): 1})) for (i, _), ((monomial, _),) in zip(values, terms, strict=True)], 2
            )
            if part is None:
                return None
            parts.append(part)
        text = " * ".join(parts)
        return f"({text})" if strength > 1 else text

    def _atom(self, atoms: Sequence[tuple[int, Any]], strength: int) -> str | None:
        first = atoms[0][1]
        if isinstance(first, Floor) and all(isinstance(a, Floor) and a.divisor == first.divisor for _, a in atoms):
            inner = self._size([(i, a.numerator) for i, a in atoms], 1)
            text = None if inner is None else f"{inner} // {first.divisor}"
        elif isinstance(first, Quotient) and all(a == first for _, a in atoms):
            inner = self._size([(i, Dim({(first.symbol,): 1})) for i, _ in atoms], 1) or self._read_size(first.symbol)
            text = None if inner is None else f"{inner} // {first.classes.step}"
        elif isinstance(first, str) and all(a == first for _, a in atoms):
            return self._read_size(first)
        else:
            return None
        return f"({text})" if text is not None and strength > 1 else text

    def _read_size(self, symbol: str) -> str | None:
        """A symbol, read from the size of an input of the network."""
        if not self.plan.root:
            return None
        for reading in self.tree.assembly.training.readings:
            if reading.symbol == symbol:
                names = header(self.tree.graph)["inputs"]
                if self.holds.get(self.names[names.index(reading.feed)]) != ("in", names.index(reading.feed), None):
                    return None
                size = f"{self.names[names.index(reading.feed)]}.shape[{reading.dim}]"
                if reading.offset != 0:
                    offset = self._size([(0, reading.offset)], 1)
                    size = f"({size} - {offset})"
                return f"{size} // {reading.factor}" if reading.factor != 1 else size
        return None


def _term(term: tuple[Any, int]) -> Any:
    monomial, coefficient = term
    return Dim({monomial: coefficient}) if monomial else coefficient
