"""Explains columns of values: what stands in one place of many instances of a block, as an expression of parameters.

A column is a constant, what the spec says there, a parameter, what explains another column that is equal, an item of a
parameter, a multiple or a part of one; else it is a new parameter. Nothing is taken that does not give every value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from archdsl.columns import ABSENT, ValueColumn, constant, equal, ratio, there
from archdsl.instances.written import SaidValue, StaticParameter, WrittenValues, literal
from archdsl.recovery.columns import Known, shifted


class WithinSaid(NamedTuple):
    """An expression in a block whose text stands in another's, its values in the instances, and those of its names."""

    text: str
    values: ValueColumn
    names: Mapping[str, ValueColumn]


STATE: Final = ("used", "fresh", "set_up", "known", "taken", "counted", "decided")


@dataclass
class Explanations:
    """The parameters of a class, found while its instances' values are explained.

    `written` is what the spec says of each instance. `used` are the parameters with their values, in the order in which
    they are given; `set_up` are the names that the body binds first, each with the line that does it.
    """

    written: Sequence[WrittenValues]
    used: dict[str, ValueColumn] = field(default_factory=dict)
    fresh: list[str] = field(default_factory=list)  # those of them that the spec has not
    set_up: dict[str, str] = field(default_factory=dict)
    known: list[tuple[str, ValueColumn]] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    counted: set[str] = field(default_factory=set)  # what has said a count
    decided: dict[str, ValueColumn] = field(default_factory=dict)  # the conditions found, each with where it holds

    def __post_init__(self) -> None:
        self.declared = self._declared()
        self.bound = self._bound()

    def _declared(self) -> dict[str, tuple[StaticParameter, ValueColumn]]:
        """The static parameters that all instances have."""
        first = self.written[0].parameters
        tables = [{parameter.name: parameter for parameter in one.parameters} for one in self.written]
        found: dict[str, tuple[StaticParameter, ValueColumn]] = {}
        for parameter in first:
            if all(parameter.name in table for table in tables):
                found[parameter.name] = (parameter, tuple(table[parameter.name].value for table in tables))
        return found

    def _bound(self) -> dict[str, tuple[str, frozenset[str], ValueColumn]]:
        """The names that bodies bind to static values: the line, what it reads, the values."""
        found: dict[str, tuple[str, frozenset[str], ValueColumn]] = {}
        for names, said in self.written[0].bindings:
            for name in names:
                values = [one.values.get(name) for one in self.written]
                found[name] = (f"{', '.join(names)} = {said.text}", said.names, tuple(values))
        return found

    # --- explaining

    def explain(
        self,
        column: ValueColumn,
        said: Sequence[Sequence[SaidValue]],
        hint: str,
        told: bool = False,
        within: Sequence[WithinSaid] = (),
    ) -> str:
        """What gives these values; `said` are the spec's expressions there, `within` those in a block whose text stands
        in this one, `hint` is what a new parameter is called.
        Sizes that torch is `told` and the spec is not are rather those that others have."""
        if constant(column):
            return literal(next(iter(there(column)), None))
        found = next(self._candidates(column, said, told, within), None)
        if found is None:
            return self.parameter(hint, column)
        self._note_items(column)
        return found

    def _note_items(self, column: ValueColumn) -> None:
        """Remember what explains the items of lists of one length."""
        values = there(column)
        if all(isinstance(value, tuple) for value in values) and len({len(value) for value in values}) == 1:
            for k in range(len(values[0])):
                item = tuple(value if value is ABSENT else value[k] for value in column)
                before, known = self.state(), len(self.used)
                text = None if constant(item) else next(self._candidates(item, (), False), None)
                if len(self.used) > known:  # no reason for a parameter
                    self.restore(before)
                elif text is not None:
                    self.note(text, item)

    def known_as(self, column: ValueColumn) -> str | None:
        """What gives these values without a new parameter."""
        return (
            literal(next(iter(there(column)), None))
            if constant(column)
            else next(self._candidates(column, (), False), None)
        )

    def _candidates(
        self,
        column: ValueColumn,
        said: Sequence[Sequence[SaidValue]],
        told: bool,
        within: Sequence[WithinSaid] = (),
    ) -> Iterator[str]:
        later: list[SaidValue] = []
        if told:
            yield from self._known(column)
        for one in next((here for here in said if here), ()):
            again = tuple(next((s.value for s in others if s.text == one.text), ABSENT) for others in said)
            if equal(column, again):
                if one.names <= self.declared.keys() and self.use(one.names):
                    yield one.text
                else:
                    later.append(one)
        for name, (_, values) in self.declared.items():
            if equal(column, values) and self.use(frozenset({name})):
                yield name
        yield from self._known(column)
        yield from (name for name, values in self.used.items() if equal(column, values))
        yield from (one.text for one in later if self.use(one.names))
        for name, (_, values) in self.declared.items():
            if all(isinstance(value, tuple) for value in values):
                for i in range(min(map(len, values))):
                    if equal(column, tuple(value[i] for value in values)) and self.use(frozenset({name})):
                        yield f"{name}[{i}]"
        yield from self._within(column, within)
        yield from self._multiples(column)
        yield from self._products(column)
        yield from self._lists(column)

    def _within(self, column: ValueColumn, within: Sequence[WithinSaid]) -> Iterator[str]:
        """Expressions of an inner block, with what gives its names here in their place."""
        for one in within:
            if not equal(column, one.values):
                continue
            before = self.state()
            texts = {name: self.known_as(values) for name, values in one.names.items()}
            if None not in texts.values():
                yield _replaced(one.text, {name: _factor(str(text)) for name, text in texts.items()})
            self.restore(before)

    def _multiples(self, column: ValueColumn) -> Iterator[str]:
        """A few times another column, or a part of it."""
        if not all(type(value) is int and value > 0 for value in there(column)):
            return
        names = {**dict(self.known), **{name: values for name, (_, values) in self.declared.items()}, **self.used}
        for text, values in names.items():
            found = ratio(column, values)
            if found is None or not self._usable(text):
                continue
            bound = _factor(text)
            yield f"{found[0]} * {bound}" if found[1] == 1 else f"{bound} // {found[1]}"

    def _products(self, column: ValueColumn) -> Iterator[str]:
        """Two other columns that differ by instance, one times the other, or one divided by the other."""
        if constant(column) or not all(type(value) is int and value > 0 for value in there(column)):
            return
        names = {**dict(self.known), **{name: values for name, (_, values) in self.declared.items()}, **self.used}
        numbers = [
            (text, values)
            for text, values in names.items()
            if not constant(values) and all(type(value) is int and value > 0 for value in there(values))
        ]
        for i, (text, values) in enumerate(numbers):
            for other, others in numbers[i:]:
                pairs = list(zip(column, values, others, strict=True))
                if any(a is not ABSENT and ABSENT in (b, c) for a, b, c in pairs):
                    continue
                known = [(a, b, c) for a, b, c in pairs if a is not ABSENT]
                signs = [
                    (all(a == b * c for a, b, c in known), f"{_factor(text)} * {_factor(other)}"),
                    (all(a * c == b for a, b, c in known), f"{_factor(text)} // {_factor(other)}"),
                    (all(a * b == c for a, b, c in known), f"{_factor(other)} // {_factor(text)}"),
                ]
                for holds, found in signs:
                    if holds and self._usable(text) and self._usable(other):
                        yield found

    def _lists(self, column: ValueColumn) -> Iterator[str]:
        """Lists of one length, of which each item is known."""
        values = there(column)
        if not all(isinstance(value, tuple) for value in values) or len({len(value) for value in values}) != 1:
            return
        before = self.state()
        texts = []
        for k in range(len(values[0])):
            items = tuple(value if value is ABSENT else value[k] for value in column)
            text = literal(there(items)[0]) if constant(items) else next(self._candidates(items, (), False), None)
            if text is None:
                self.restore(before)
                return
            texts.append(text)
        yield f"({', '.join(texts)}{',' * (len(texts) == 1)})"

    def state(self) -> Any:
        """What has been found so far."""
        return [copy(getattr(self, name)) for name in STATE]

    def restore(self, state: Any) -> None:
        """Forget what was found since."""
        for name, value in zip(STATE, state, strict=True):
            setattr(self, name, copy(value))

    def _usable(self, text: str) -> bool:
        return text not in self.declared or self.use(frozenset({text}))

    def _known(self, column: ValueColumn) -> list[str]:
        return sorted((text for text, values in self.known if equal(column, values)), key=len)

    def use(self, names: frozenset[str]) -> bool:
        """Make names parameters, or lines that bind them; False where they are neither."""
        known = self.declared.keys() | self.bound.keys() | self.used.keys()
        if not all(name in known or self._is_set(name) for name in names):
            return False
        for name in names:
            if name not in known:
                self.used[name] = tuple(one.values[name] for one in self.written)
                self.taken.add(name)
                continue
            if name in self.bound and name not in self.declared:
                line, read, values = self.bound[name]
                if any(value is None for value in values) or not self.use(read):
                    return False
                self.set_up.setdefault(line, line)
            elif name in self.declared and name not in self.used:
                self.used[name] = self.declared[name][1]
                self.taken.add(name)
        return True

    def _is_set(self, name: str) -> bool:
        """Whether a name stands for plain values in all instances, which no expression of Python's says."""
        return name not in self.taken and all(
            name in one.values and _is_plain(one.values[name]) for one in self.written
        )

    def parameter(self, hint: str, column: ValueColumn) -> str:
        """A new parameter with these values."""
        name, number = hint, 2
        while name in self.taken or name in self.declared or name in self.bound:
            name, number = f"{hint}_{number}", number + 1
        self.taken.add(name)
        self.used[name] = column
        self.fresh.append(name)
        return name

    def flag(self, hint: str, wanted: ValueColumn) -> str:
        """A new parameter that says which instances these are."""
        name = self.parameter(hint, tuple(value is True for value in wanted))
        self.decided[name] = wanted
        return name

    def count(self, column: ValueColumn) -> str:
        """How often something is there: by a parameter or an item of one, rather one that says no other count, and if
        need be one or two more or less than such; else a new parameter."""
        names = [name for name, (_, values) in self.declared.items() if all(type(value) is int for value in values)]
        known = [Known(name, self.declared[name][1]) for name in names]
        for name, (_, values) in self.declared.items():
            if all(isinstance(value, tuple) for value in values):
                known += [Known(f"{name}[{i}]", [value[i] for value in values]) for i in range(min(map(len, values)))]
        known += [Known(name, values) for name, values in self.used.items() if name not in self.declared]
        known.sort(key=lambda one: one.name in self.counted)
        for one in [one for one in known if equal(column, one.values)]:
            return self._counted(one.name, one.name)
        found = shifted(column, [one for one in known if one.name not in self.counted]) or shifted(column, known)
        if found is not None:
            return self._counted(next(iter(found.names)), found.text)
        return self.parameter("depth", column)

    def _counted(self, name: str, text: str) -> str:
        self.counted.add(name)
        self.use(frozenset({name.partition("[")[0]}))
        return text

    def note(self, text: str, column: ValueColumn) -> None:
        """Remember what explains a column, for others that are equal."""
        if text.isidentifier() or any(name in text for name in self.used):
            self.known.append((text, column))

    # --- conditions

    def condition(self, present: Sequence[Any]) -> str | None:
        """What tells these instances from the others; None where nothing is known to."""
        wanted = tuple(present)
        found = next((text for text, values in self.decided.items() if equal(wanted, values)), None)
        if found is None:
            found = next((negated(t) for t, v in self.decided.items() if equal(wanted, tuple(not x for x in v))), None)
        if found is None:
            found = self._condition(wanted)
            if found is not None:
                self.decided[found] = wanted
        return found

    def _condition(self, wanted: ValueColumn) -> str | None:
        conditions: dict[str, tuple[frozenset[str], ValueColumn]] = {}
        for said in self.written[0].conditions:
            again = tuple(
                next((bool(s.value) for s in one.conditions if s.text == said.text), ABSENT) for one in self.written
            )
            if equal(
                tuple(value if value is ABSENT else True for value in wanted), tuple(v is not ABSENT for v in again)
            ):
                conditions[said.text] = (said.names, again)
        for name, (_, values) in self.declared.items():
            if all(isinstance(value, bool) for value in values):
                conditions.setdefault(name, (frozenset({name}), values))
        for text, (names, values) in conditions.items():
            if equal(wanted, values) and self.use(names):
                return text
            if equal(wanted, tuple(not value for value in values)) and self.use(names):
                return negated(text)
        for text, (names, values) in conditions.items():
            for other, (more, others) in conditions.items():
                for a, x in ((text, values), (negated(text), tuple(not v for v in values))):
                    for b, y in ((other, others), (negated(other), tuple(not v for v in others))):
                        both = tuple(v and w for v, w in zip(x, y, strict=True))
                        if text != other and equal(wanted, both) and self.use(names | more):
                            return f"{_operand(a)} and {_operand(b)}"
        for name, (_, values) in self.declared.items():
            if all(type(value) in (int, str) for value in values):
                chosen = {value for value, is_there in zip(values, wanted, strict=True) if is_there is True}
                rest = {value for value, is_there in zip(values, wanted, strict=True) if is_there is False}
                if len(chosen) == 1 and not chosen & rest and self.use(frozenset({name})):
                    return f"{name} == {literal(next(iter(chosen)))}"
                if len(rest) == 1 and not chosen & rest and self.use(frozenset({name})):
                    return f"{name} != {literal(next(iter(rest)))}"
        return None


def _replaced(text: str, names: Mapping[str, str]) -> str:
    """An expression with others in the place of names."""
    return re.sub(r"(?<![\w.\"])[A-Za-z_]\w*(?![\w\"])", lambda found: names.get(found[0], found[0]), text)


def _factor(text: str) -> str:
    return f"({text})" if " " in text else text


def _is_plain(value: Any) -> bool:
    return all(map(_is_plain, value)) if isinstance(value, tuple) else isinstance(value, (bool, int, float, str))


def _operand(text: str) -> str:
    return f"({text})" if " or " in text or " if " in text else text


def negated(text: str) -> str:
    """The opposite of a condition."""
    if text.startswith("not ") and " and " not in text and " or " not in text:
        return text.removeprefix("not ")
    for sign, opposite in (("==", "!="), ("!=", "=="), (">=", "<"), ("<=", ">"), (">", "<="), ("<", ">=")):
        if f" {sign} " in text and text.count(" ") == 2:
            return text.replace(f" {sign} ", f" {opposite} ")
    return f"not {text}" if " " not in text else f"not ({text})"
