"""What the parts of a class are made with and what they read, in each of its instances."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import Any, Final

from archdsl.columns import ABSENT, ValueColumn, constant, same, there
from archdsl.instances.explanations import Explanations, WithinSaid
from archdsl.instances.written import WrittenValues
from archdsl.ops._op import Target, parameter_table
from archdsl.ops.kinds import Sizes
from compiler.program import open_sizes
from compiler.source.alignment import Alignment
from compiler.source.class_parts import SIZES, AlignedRow, Canonical, ClassPart, ScopeItem, Template, Unlike
from compiler.source.hierarchy import CalledScope, LayerLeaf, TensorRef
from compiler.source.rounds import LoopedRow, operands

MOST_NEW: Final = 1  # parameters that a run of parts brings along before it is made of a table


class Parameters(Alignment):
    """Explains what differs between instances: by parameters of their class, by conditions."""

    def _part(
        self, items: tuple[ScopeItem | None, ...], attribute: str, template: Template, around: Sequence[bool] | None
    ) -> ClassPart:
        columns = template.columns
        present = [item is not None for item in items]
        part = ClassPart(items, attribute)
        if not all(present if around is None else [p for p, a in zip(present, around, strict=True) if a]):
            wanted = [p if around is None or around[i] else ABSENT for i, p in enumerate(present)]
            part.condition = self._condition(template, wanted, _label(part))
        first = part.first
        if isinstance(first, LayerLeaf):
            self._explain_leaf(part, [item if isinstance(item, LayerLeaf) else None for item in items], template)
            if around is None:
                part.reads = self._operands(
                    [i.reads if isinstance(i, LayerLeaf) else None for i in items], template, present
                )
            return part
        scopes = [item if isinstance(item, CalledScope) else None for item in items]
        if around is None:
            refs = [None if s is None else tuple(ref for a in s.arguments for ref in a.refs) for s in scopes]
            part.reads = self._operands(refs, template, present)
            for i in range(len(first.arguments)):
                if len({(s.arguments[i].listed, len(s.arguments[i].refs)) for s in scopes if s is not None}) > 1:
                    raise Unlike
        if first.use > 1:
            return part
        if first.instance is None:
            aligned = self._aligned(
                [None if s is None else s.items for s in scopes], [s.path if s else "" for s in scopes], inner=True
            )
            part.parts = self._steps(aligned, template, present)
            return part
        part.template = self.of[id(first)][0]
        said = [
            [] if s is None or s.instance is None else columns.written[i].arguments(s.instance.span)
            for i, s in enumerate(scopes)
        ]
        for name in part.template.parameters:
            column = tuple(ABSENT if s is None else self._given(s, name) for s in scopes)
            part.arguments[name] = self._explained(columns, column, said, name, attribute, name in SIZES)
        return part

    def _looped_part(self, row: LoopedRow, template: Template) -> ClassPart:
        """A part of a class, or a loop over a list of modules."""
        if row.rounds is None:
            return self._part(row.rows[0][0], row.attribute, template, None)
        items = row.rows[0][0]
        part = ClassPart(items, row.attribute, loop=row.rounds)
        present = [item is not None for item in items]
        if not all(present):
            part.condition = self._condition(template, present, _label(part))
        read: list[tuple[TensorRef, ...] | None] = [None if i is None else operands(i) for i in items]
        if row.rounds.over is not None:
            read = [
                tuple(ref for others, _ in row.rows if (item := others[i]) is not None for ref in operands(item))
                for i in range(len(items))
            ]
        part.reads = self._operands(read, template, present)
        part.parts = self._steps(row.rows, template, present)
        return part

    # --- parts in a row of modules, some of which are there in some instances only

    def _steps(
        self, aligned: Sequence[AlignedRow], template: Template, around: Sequence[bool]
    ) -> tuple[ClassPart, ...]:
        """The parts of a sequence or of a list of modules."""
        found: list[ClassPart] = []
        for _, group in groupby(aligned, key=lambda row: self._kind(row)):
            found += self._run(list(group), template, around)
        return tuple(found)

    def _kind(self, row: AlignedRow) -> Any:
        item = next(item for item in row[0] if item is not None)
        base, _, name = item.path.rpartition(".")
        return (re.sub(r"\d+$", "", name), self._key(item, base, inner=True)[2:])

    def _run(self, rows: list[AlignedRow], template: Template, around: Sequence[bool]) -> list[ClassPart]:
        """Parts that are made alike: where instances have more and fewer of them, those that are equal as one; where
        much of them follows from nothing that is known, all as one, of a table."""
        before = template.columns.state()
        new = len(template.columns.fresh)
        found = self._alike(rows, template, around)
        many = found is None or len(template.columns.fresh) - new > MOST_NEW
        if many and template.is_network and len(template.scopes) > 1 and _is_block(rows[0]):
            template.columns.restore(before)
            return [self._table(rows, template)]
        return [self._part(row, name, template, around) for row, name in rows] if found is None else found

    def _alike(self, rows: list[AlignedRow], template: Template, around: Sequence[bool]) -> list[ClassPart] | None:
        """The parts of a run, with what repeats as one; None where instances have more and fewer that are not alike."""
        counts = [sum(row[0][i] is not None for row in rows) for i in range(len(around))]
        some = [count > 0 for count in counts]
        numbers = {count for count in counts if count}
        gaps = any(row[0][i] is None for i, count in enumerate(counts) for row in rows[:count])
        if gaps or len(numbers) < 2:
            return [self._part(row, name, template, around) for row, name in rows]
        first = self._first_alike(rows, counts, min(numbers))
        if first is None:
            return None
        condition = None
        if any(is_there and not count for is_there, count in zip(around, counts, strict=True)):
            wanted = [some[i] if is_there else ABSENT for i, is_there in enumerate(around)]
            condition = self._condition(template, wanted, rows[0][1].lower())
        found = [self._part(row, name, template, some) for row, name in rows[:first]]
        items, name = rows[first]
        found.append(self._part(items, name, template, [item is not None for item in items]))
        found[-1].repeat = template.columns.count([count - first if count else ABSENT for count in counts])
        for part in found:
            part.condition = condition
        return found

    def _table(self, rows: list[AlignedRow], template: Template) -> ClassPart:
        """Instances of a block in a row, made for each row of a table: a new parameter."""
        columns = template.columns
        items = tuple(next((row[0][i] for row in rows if row[0][i]), None) for i in range(len(template.scopes)))
        part = ClassPart(items, rows[0][1])
        part.template = self.of[id(part.first)][0]
        varying: dict[str, list[tuple[Any, ...]]] = {}
        for name in part.template.parameters:
            values = [
                tuple(self._given(item, name) for row in rows if isinstance(item := row[0][i], CalledScope))
                for i in range(len(items))
            ]
            column = tuple(next(iter(there(value)), ABSENT) for value in values)
            text = None
            if all(constant(value) for value in values):
                text = columns.known_as(column)
            if text is None:
                varying[name] = values
            else:
                part.arguments[name] = text
        variables = {name: f"{name}_" if name in columns.used else name for name in varying}
        part.arguments |= variables
        table = [tuple(zip(*(values[i] for values in varying.values()), strict=True)) for i in range(len(items))]
        if len(varying) == 1:
            table = [tuple(row[0] for row in one) for one in table]
        hint = f"{next(iter(varying))}s" if len(varying) == 1 else _container(part.first)
        part.each = tuple(variables.values()), columns.parameter(hint, tuple(_without_absent(one) for one in table))
        return part

    def _condition(self, template: Template, wanted: Sequence[Any], hint: str) -> str:
        """What tells instances from others: of networks in the end a new parameter. Raises `Unlike`."""
        found = template.columns.condition(wanted)
        if found is None and template.is_network:
            found = template.columns.flag(hint, tuple(wanted))
        if found is None:
            raise Unlike
        return found

    def _first_alike(self, rows: Sequence[AlignedRow], counts: Sequence[int], fewest: int) -> int | None:
        """From where on parts are made alike in each instance; None where that is behind the fewest."""
        for first in range(fewest + 1):
            after = rows[first:]
            if after and all(
                self._equal(after[0][0][i], row[0][i]) for i in range(len(counts)) for row in after if row[0][i]
            ):
                return first
        return None

    def _equal(self, one: ScopeItem | None, other: ScopeItem | None) -> bool:
        """Whether two items of one instance are made alike."""
        if isinstance(one, CalledScope) and isinstance(other, CalledScope):
            if one.instance is None or other.instance is None:
                return len(one.items) == len(other.items) and all(map(self._equal, one.items, other.items))
            if self.of[id(one)][0] is not self.of[id(other)][0]:
                return False
            return all(
                same(self._given(one, name), self._given(other, name)) for name in self.of[id(one)][0].parameters
            )
        if isinstance(one, LayerLeaf) and isinstance(other, LayerLeaf):
            return bool(_made(one) == _made(other))
        return False

    def _given(self, scope: CalledScope, name: str) -> Any:
        template, i = self.of[id(scope)]
        return template.columns.used[name][i]

    def _explain_leaf(self, part: ClassPart, leaves: Sequence[LayerLeaf | None], template: Template) -> None:
        columns, first = template.columns, part.leaf
        assert first is not None
        said = [
            [] if leaf is None else columns.written[i].arguments(leaf.node["span"]) for i, leaf in enumerate(leaves)
        ]
        table = parameter_table(type(first.node["operator"]))
        within = self._said_within(leaves, template)

        def explained(name: str, values: Callable[[Any], Any], told: bool) -> Any:
            column = tuple(ABSENT if leaf is None else values(leaf) for leaf in leaves)
            if any(list(open_sizes(value)) for value in column):
                return column
            return self._explained(columns, column, said, name, part.attribute, told, within)

        holder = first.holder
        if holder is not None and holder.target.kind == "module":
            for name in holder.target.kwargs:

                def of(leaf: LayerLeaf, name: str = name) -> Any:
                    assert leaf.holder is not None
                    value = leaf.holder.target.kwargs[name]
                    spatial = name in table and isinstance(table[name].kind, Sizes)
                    return tidy(value) if spatial or (name == "normalized_shape" and len(value) == 1) else value

                part.arguments[name] = explained(name, of, name not in table)
        elif holder is not None and holder.target.kind == "constant":
            count = len(holder.target.args)
            part.positional = tuple(explained("values", partial(_of_holder, place=i), False) for i in range(count))
            part.keywords = {
                name: explained(name, partial(_of_holder, place=name), False) for name in holder.target.kwargs
            }
        elif holder is not None:
            rank = len(holder.held[0].weight.shape)
            part.positional = tuple(explained("size", partial(_size, i=i), True) for i in range(rank))
        elif first.invoke is not None and first.invoke.target.kind in ("function", "source"):
            target = first.invoke.target
            if any(
                leaf is not None and leaf.invoke is not None and len(leaf.invoke.target.args) != len(target.args)
                for leaf in leaves
            ):
                raise Unlike
            part.positional = tuple(
                explained(_argument_name(first, i), partial(_of_call, place=i), False) for i in range(len(target.args))
            )
            part.keywords = {name: explained(name, partial(_of_call, place=name), False) for name in target.kwargs}

    def _said_within(self, leaves: Sequence[LayerLeaf | None], template: Template) -> list[WithinSaid]:
        """What the spec says of a layer in a block whose text stands in this class: one that is inline, or no class."""
        if len(leaves) == 1:
            return []
        made = [None if leaf is None else _innermost(leaf) for leaf in leaves]
        if any(
            one is None or scope.written is None or one is scope.written.made
            for one, leaf, scope in zip(made, leaves, template.scopes, strict=True)
            if leaf is not None
        ):
            return []
        written = [None if one is None else self.inner.setdefault(id(one), WrittenValues(one)) for one in made]
        said = [
            [] if one is None or leaf is None else one.arguments(leaf.node["span"])
            for one, leaf in zip(written, leaves, strict=True)
        ]
        found = []
        for one in next((here for here in said if here), []):
            values = tuple(next((s.value for s in others if s.text == one.text), ABSENT) for others in said)
            names = {
                name: tuple(ABSENT if other is None else other.values.get(name, ABSENT) for other in written)
                for name in one.names
            }
            found.append(WithinSaid(one.text, values, names))
        return found

    def _explained(
        self,
        columns: Explanations,
        column: ValueColumn,
        said: Sequence[Any],
        name: str,
        attribute: str,
        told: bool,
        within: Sequence[WithinSaid] = (),
    ) -> str:
        hint = name if name not in columns.taken else f"{attribute.replace('.', '_')}_{name}"
        hint = hint if hint.isidentifier() else f"{name}_{hint.rpartition('_')[0]}"
        text = columns.explain(column, said, hint, told, within)
        columns.note(text, column)
        return text

    def _operands(
        self, rows: Sequence[Sequence[TensorRef] | None], template: Template, present: Sequence[bool]
    ) -> tuple[Any, ...]:
        """For each operand what it is in the instances: one thing, or by instance."""
        lengths = {len(row) for row in rows if row is not None}
        if len(lengths) != 1:
            raise Unlike
        found = []
        for j in range(lengths.pop()):
            column: list[Canonical | None] = []
            for i, row in enumerate(rows):
                if row is None:
                    column.append(None)
                    continue
                ref = row[j]
                said = template.canonical[i].get(ref)
                if said is None:
                    path = template.scopes[i].path
                    if not template.scopes[i].tree.is_weight_within(ref, path):
                        raise Unlike
                    said = ("weight", ref[0].removeprefix(f"{path}."))
                column.append(said)
            found.append(tuple(column))
        return tuple(found)


def _made(leaf: LayerLeaf) -> Any:
    """What a layer is made with."""
    target = leaf.holder.target if leaf.holder is not None else leaf.invoke.target if leaf.invoke is not None else None
    held = [repr((held.weight.shape, held.start)) for held in leaf.holder.held] if leaf.holder is not None else []
    return target and (target.name, target.kind, repr((target.args, target.kwargs))), held


def _is_block(row: AlignedRow) -> bool:
    item = next(item for item in row[0] if item is not None)
    return isinstance(item, CalledScope) and item.instance is not None


def _container(item: ScopeItem) -> str:
    """What the list around an item is called, as the name of a parameter."""
    name = "_".join(item.path.split(".")[:-1]).lower()
    return name if name.isidentifier() else "stages"


def _without_absent(value: Any) -> Any:
    return tuple(map(_without_absent, value)) if isinstance(value, tuple) else None if value is ABSENT else value


def _label(part: ClassPart) -> str:
    """What a part is called, as the name of a parameter."""
    words = [word for word in part.attribute.split(".") if word.isidentifier()]
    return "_".join(words[-1:]).lower() or part.node["op"]


def _innermost(leaf: LayerLeaf) -> Any:
    """What the innermost block around a layer was made from."""
    return leaf.node["blocks"][-1].made if leaf.node["blocks"] else None


def _argument_name(leaf: LayerLeaf, i: int) -> str:
    """What an argument of a function is called: as the operator's parameter, where they are as many."""
    assert leaf.invoke is not None
    names = list(parameter_table(type(leaf.node["operator"])))
    count = len(leaf.invoke.target.args)
    if len(names) == count and not keyword.iskeyword(names[i]):
        return names[i]
    return f"{leaf.node['op']}_{i}" if i else str(leaf.node["op"])


def _size(leaf: LayerLeaf, i: int) -> Any:
    """A size of a tensor of its own."""
    return leaf.holder.held[0].weight.shape[i] if leaf.holder is not None else ABSENT


def _of_holder(leaf: LayerLeaf, place: int | str) -> Any:
    """What a constant is made from."""
    assert leaf.holder is not None
    return _argument(leaf.holder.target, place)


def _of_call(leaf: LayerLeaf, place: int | str) -> Any:
    """What a function is called with beside its tensors."""
    assert leaf.invoke is not None
    return _argument(leaf.invoke.target, place)


def _argument(target: Target, place: int | str) -> Any:
    return target.args[place] if isinstance(place, int) else target.kwargs[place]


def tidy(value: Any) -> Any:
    """A size for each dimension as one, where they are equal."""
    return value[0] if isinstance(value, tuple) and value and all(item == value[0] for item in value) else value
