"""Classes: what the instances of a block have in common, with parameters for what differs.

The parts of instances are aligned by where they are written. A part that some instances lack is one under a condition;
values that differ are explained by `archdsl.instances.explanations`. Where that cannot be done, instances are of
several classes, in the end one for each structure, so that every network has its classes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from archdsl.columns import ABSENT, ValueColumn
from archdsl.graph import Layer
from archdsl.instances.explanations import Explanations
from archdsl.instances.written import literal
from archdsl.ops._op import parameter_table
from archdsl.ops.kinds import Sizes
from compiler.program import Routine, open_sizes
from compiler.source.hierarchy import CalledScope, Hierarchy, LayerLeaf, TensorRef

ScopeItem: TypeAlias = LayerLeaf | CalledScope
Canonical: TypeAlias = tuple[Any, ...]  # ("in", argument, position), ("part", number, output) or ("weight", path)


class Unlike(Exception):
    """Instances that no class is known to have."""


@dataclass(eq=False)
class ClassPart:
    """One part of a class, in each of its instances."""

    items: tuple[ScopeItem | None, ...]
    attribute: str
    condition: str | None = None
    arguments: dict[str, str] = field(default_factory=dict)  # of what makes it, by name
    positional: tuple[Any, ...] = ()  # of a function, each a text, or a column of open sizes
    keywords: dict[str, Any] = field(default_factory=dict)
    reads: tuple[Any, ...] = ()  # for each operand a set of what it may be, in the order of instances
    parts: tuple[ClassPart, ...] = ()  # of a sequence
    template: Template | None = None

    @property
    def first(self) -> ScopeItem:
        return next(item for item in self.items if item is not None)

    @property
    def leaf(self) -> LayerLeaf | None:
        return self.first if isinstance(self.first, LayerLeaf) else None

    @property
    def node(self) -> Layer:
        return next(self.first.leaves()).node


@dataclass(eq=False)
class Template:
    """A class: its parts, what it is called with and what it returns."""

    name: str
    scopes: tuple[CalledScope, ...]
    columns: Explanations
    parts: tuple[ClassPart, ...] = ()
    returns: tuple[Any, ...] = ()  # as the operands of a part
    canonical: tuple[dict[TensorRef, Canonical], ...] = ()
    defaults: dict[str, str] = field(default_factory=dict)

    @property
    def parameters(self) -> list[str]:
        """The parameters of its constructor: sizes of what comes in, those of the spec, others; defaults last."""
        order = list(self.columns.used)
        spec = list(self.columns.declared)
        own = sorted(
            order,
            key=lambda name: (
                name not in SIZES,
                name not in spec,
                spec.index(name) if name in spec else order.index(name),
            ),
        )
        return [name for name in own if name not in self.defaults] + [name for name in own if name in self.defaults]


SIZES = ("in_channels", "in_features", "num_features", "normalized_shape", "embed_dim")


class Classes:
    """The classes of a network, made from the innermost blocks outwards."""

    def __init__(self, tree: Hierarchy) -> None:
        self.tree = tree
        self.templates: list[Template] = []
        self.of: dict[int, tuple[Template, int]] = {}  # by scope: its class, and which instance it is
        self.routines: dict[int, str] = {}

    def build(self) -> Template:
        scopes = [scope for scope in self.tree.scopes() if scope.instance is not None and scope.use == 1]
        groups: dict[int, list[CalledScope]] = defaultdict(list)
        for scope in scopes:
            assert scope.written is not None
            groups[id(scope.written.made.definition)].append(scope)
        for group in _inner_first(groups):
            for template in self._classes(group):
                self.templates.append(self._known(template))
        return self._known(self._template(self.tree.assembly.name, [self.tree.root]))

    def _classes(self, group: list[CalledScope]) -> list[Template]:
        """The classes of a block's instances, as few as there can be."""
        alike: dict[Any, list[CalledScope]] = defaultdict(list)
        for scope in group:
            alike[tuple((a.name, a.listed, len(a.refs)) for a in scope.arguments), len(scope.results)].append(scope)
        assert group[0].instance is not None
        name = camel(group[0].instance.block)
        found: list[Template] = []

        def add(members: list[CalledScope]) -> None:
            found.append(self._template(name if not found else f"{name}{len(found) + 1}", members))

        for members in alike.values():
            try:
                add(members)
            except Unlike:
                same: dict[Any, list[CalledScope]] = defaultdict(list)
                for scope in members:
                    same[self._structure(scope)].append(scope)
                for one in same.values():
                    add(one)
        return found

    def _known(self, template: Template) -> Template:
        for i, scope in enumerate(template.scopes):
            self.of[id(scope)] = (template, i)
        return template

    def _structure(self, scope: CalledScope) -> Any:
        """What instances of one class have in common where no condition is allowed."""
        numbers = {ref: number for number, ref in enumerate(_refs(scope))}

        def said(item: ScopeItem, inner: bool) -> Any:
            key = self._key(item, scope.path, inner)
            if isinstance(item, LayerLeaf):
                return key, tuple(numbers.get(ref, ref) for ref in item.reads) if not inner else ()
            reads = tuple(tuple(numbers.get(ref, ref) for ref in a.refs) for a in item.arguments) if not inner else ()
            parts = tuple(said(one, True) for one in item.items) if item.instance is None else ()
            return key, reads, parts

        return tuple(said(item, False) for item in scope.items), tuple(numbers.get(ref, ref) for ref in scope.results)

    # --- one class

    def _template(self, name: str, scopes: list[CalledScope]) -> Template:
        """The class of these instances. Raises `Unlike`."""
        columns = Explanations([scope.written for scope in scopes if scope.written is not None])
        template = Template(name, tuple(scopes), columns)
        aligned = self._aligned([scope.items for scope in scopes], [scope.path for scope in scopes], inner=False)
        names = {attribute for _, attribute in aligned}
        if any(other.startswith(f"{name}.") for name in names for other in names):
            raise Unlike
        template.canonical = tuple(self._canonical(scope, i, aligned) for i, scope in enumerate(scopes))
        template.parts = tuple(self._part(items, attribute, template, None) for items, attribute in aligned)
        template.returns = self._operands([scope.results for scope in scopes], template, [True] * len(scopes))
        _check_choices(template)
        for parameter_name, (parameter, _) in columns.declared.items():
            if parameter_name in columns.used and parameter.has_default:
                template.defaults[parameter_name] = literal(parameter.default)
        for parameter_name, column in columns.used.items():
            usual = Counter(literal(value) for value in column if value is not ABSENT).most_common(1)
            plain = bool(usual) and usual[0][0] in ("1", "0.0", "False", "None") and 2 * usual[0][1] > len(column)
            if plain and parameter_name not in template.defaults:
                template.defaults[parameter_name] = usual[0][0]
        return template

    def _canonical(self, scope: CalledScope, i: int, aligned: Any) -> dict[TensorRef, Canonical]:
        found: dict[TensorRef, Canonical] = {}
        for a, argument in enumerate(scope.arguments):
            for j, ref in enumerate(argument.refs):
                found[ref] = ("in", a, j if argument.listed else None)
        for number, (items, _) in enumerate(aligned):
            if items[i] is not None:
                for k, ref in enumerate(items[i].results):
                    found[ref] = ("part", number, k)
        return found

    def _aligned(
        self, lists: Sequence[Sequence[ScopeItem] | None], bases: Sequence[str], inner: bool
    ) -> list[tuple[tuple[ScopeItem | None, ...], str]]:
        """Items of all instances side by side, in an order that is that of each, with their names."""
        keyed: list[dict[Any, ScopeItem]] = []
        for items, base in zip(lists, bases, strict=True):
            count: Counter[Any] = Counter()
            found: dict[Any, ScopeItem] = {}
            for item in items or ():
                key = self._key(item, base, inner)
                count[key] += 1
                found[key, count[key]] = item
            keyed.append(found)
        order: list[Any] = []
        for found in keyed:
            at = 0
            for key in found:
                if key in order:
                    if order.index(key) < at:
                        raise Unlike
                    at = order.index(key) + 1
                else:
                    order.insert(at, key)
                    at += 1
        result = []
        for key in order:
            row = tuple(found.get(key) for found in keyed)
            first, base = next((item, base) for item, base in zip(row, bases, strict=True) if item is not None)
            result.append((row, _name(first, base)))
        return result

    def _key(self, item: ScopeItem, base: str, inner: bool) -> Any:
        """What an item is, and where it is written."""
        name: str | None = _name(item, base)
        if isinstance(item, LayerLeaf):
            invoke, holder = item.invoke, item.holder
            target = invoke.target if invoke is not None else holder.target if holder is not None else None
            span = item.node["span"]
            held = (
                tuple((held.weight.name, self._start(held.start)) for held in holder.held) if holder is not None else ()
            )
            if (inner and str(name).isdigit()) or not (item.named or held):
                name = None
            where = (span.start, span.end, item.use, len(item.reads))
            marks = (id(item) in self.tree.regions, id(item) in self.tree.frozen)
            rank = (
                len(holder.held[0].weight.shape)
                if holder is not None and holder.target.kind != "module" and holder.held
                else 0
            )
            return ("leaf", name, where, target and (target.name, target.kind, tuple(target.kwargs)), held, marks, rank)
        marks = (id(item) in self.tree.regions, id(item) in self.tree.frozen)
        if inner and str(name).isdigit():
            name = None
        if item.instance is None:
            return ("sequence", name, item.use, marks)
        found = self.of.get(id(item))
        span = item.instance.span
        return ("call", name, (span.start, span.end), item.use, id(found[0]) if found else item.instance.block, marks)

    def _start(self, start: Any) -> Any:
        """What tells starts apart."""
        return self.routines.setdefault(id(start), repr(start)) if isinstance(start, Routine) else start

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


def _check_choices(template: Template) -> None:
    """Raise `Unlike` where what is read depends on more than which parts are there: of a choice, one part at most is
    always there, and another is taken wherever it is there."""
    chosen: set[frozenset[Canonical]] = set()
    for column in [*(column for part in template.parts for column in part.reads), *template.returns]:
        choice = frozenset(one for one in column if one is not None)
        if len(choice) < 2:
            continue
        sometimes = {one for one in choice if one[0] == "part" and template.parts[one[1]].condition is not None}
        if len(choice) - len(sometimes) > 1 or any(other & choice and other != choice for other in chosen):
            raise Unlike
        chosen.add(choice)
        for i, one in enumerate(column):
            present = {other for other in sometimes if template.parts[other[1]].items[i] is not None}
            if one is not None and present != {one} & sometimes:
                raise Unlike


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


def _name(item: ScopeItem, base: str) -> str:
    return item.path.removeprefix(f"{base}.") if base else item.path


def _refs(scope: CalledScope) -> Iterable[TensorRef]:
    for argument in scope.arguments:
        yield from argument.refs
    for item in scope.items:
        yield from item.results


def _inner_first(groups: dict[int, list[CalledScope]]) -> list[list[CalledScope]]:
    """Instances by their blocks, those of inner blocks first. A block that uses itself is ordered by its first use."""
    inside: dict[int, set[int]] = {key: set() for key in groups}

    def walk(scope: CalledScope, around: int | None) -> None:
        for item in scope.items:
            if isinstance(item, CalledScope):
                own = around
                if item.instance is not None and item.written is not None:
                    own = id(item.written.made.definition)
                    if around is not None and own != around:
                        inside[around].add(own)
                walk(item, own)

    for group in groups.values():
        for scope in group:
            assert scope.written is not None
            walk(scope, id(scope.written.made.definition))
    ordered: dict[int, None] = {}

    def visit(key: int, path: tuple[int, ...]) -> None:
        if key not in ordered and key not in path:
            for inner in sorted(inside[key], key=list(groups).index):
                visit(inner, (*path, key))
            ordered[key] = None

    for key in groups:
        visit(key, ())
    return [groups[key] for key in ordered]


def camel(name: str) -> str:
    """`basic_block` as the name of a class."""
    found = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    return found if found.isidentifier() else f"Block{found}"
