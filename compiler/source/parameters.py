"""What the parts of a class are made with and what they read, in each of its instances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from archdsl.columns import ABSENT, ValueColumn
from archdsl.instances.explanations import Explanations
from archdsl.ops._op import parameter_table
from archdsl.ops.kinds import Sizes
from compiler.program import open_sizes
from compiler.source.alignment import Alignment
from compiler.source.class_parts import SIZES, Canonical, ClassPart, ScopeItem, Template, Unlike
from compiler.source.hierarchy import CalledScope, LayerLeaf, TensorRef


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
            part.condition = columns.condition(wanted)
            if part.condition is None:
                raise Unlike
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
            part.parts = tuple(self._part(row, name, template, present) for row, name in aligned)
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

        def explained(name: str, values: Callable[[Any], Any], told: bool) -> Any:
            column = tuple(ABSENT if leaf is None else values(leaf) for leaf in leaves)
            if any(list(open_sizes(value)) for value in column):
                return column
            return self._explained(columns, column, said, name, part.attribute, told)

        holder = first.holder
        if holder is not None and holder.target.kind == "module":
            for name in holder.target.kwargs:

                def of(leaf: LayerLeaf, name: str = name) -> Any:
                    assert leaf.holder is not None
                    value = leaf.holder.target.kwargs[name]
                    spatial = name in table and isinstance(table[name].kind, Sizes)
                    return tidy(value) if spatial or (name == "normalized_shape" and len(value) == 1) else value

                part.arguments[name] = explained(name, of, name not in table)
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
                explained(f"size_{i}" if i else "size", partial(_given, place=i), False)
                for i in range(len(target.args))
            )
            part.keywords = {name: explained(name, partial(_given, place=name), False) for name in target.kwargs}

    def _explained(
        self, columns: Explanations, column: ValueColumn, said: Sequence[Any], name: str, attribute: str, told: bool
    ) -> str:
        hint = name if name not in columns.taken else f"{attribute.replace('.', '_')}_{name}"
        hint = hint if hint.isidentifier() else f"{name}_{hint.rpartition('_')[0]}"
        text = columns.explain(column, said, hint, told)
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
                    if not self.tree.is_weight_within(ref, path):
                        raise Unlike
                    said = ("weight", ref[0].removeprefix(f"{path}."))
                column.append(said)
            found.append(tuple(column))
        return tuple(found)


def _size(leaf: LayerLeaf, i: int) -> Any:
    """A size of a tensor of its own."""
    return leaf.holder.held[0].weight.shape[i] if leaf.holder is not None else ABSENT


def _given(leaf: LayerLeaf, place: int | str) -> Any:
    """What a function is called with beside its tensors."""
    assert leaf.invoke is not None
    target = leaf.invoke.target
    return target.args[place] if isinstance(place, int) else target.kwargs[place]


def tidy(value: Any) -> Any:
    """A size for each dimension as one, where they are equal."""
    return value[0] if isinstance(value, tuple) and value and all(item == value[0] for item in value) else value
