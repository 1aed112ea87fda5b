"""Classes: what the instances of a block have in common, with parameters for what differs.

The parts of instances are aligned by where they are written. A part that some instances lack is one under a condition;
values that differ are explained by `archdsl.instances.explanations`. Where that cannot be done, instances are of
several classes, in the end one for each structure, so that every network has its classes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from archdsl.columns import ABSENT
from archdsl.graph import header
from archdsl.instances.explanations import Explanations
from archdsl.instances.written import literal
from compiler.source.class_parts import Canonical, Template, Unlike
from compiler.source.hierarchy import CalledScope, Hierarchy
from compiler.source.library import Library
from compiler.source.losses import losses
from compiler.source.parameters import Parameters
from compiler.source.rounds import looped


class Classes(Parameters):
    """The classes of networks, made from the innermost blocks outwards. `tops` are those of the networks themselves."""

    def build(self, apart: bool = False) -> None:
        """Find them; `apart`: each network has a class of its own."""
        self.tops: list[Template] = []
        scopes = [
            scope
            for tree in self.forest.trees
            for scope in tree.scopes()
            if scope.instance is not None and scope.use == 1
        ]
        groups: dict[Any, list[CalledScope]] = defaultdict(list)
        for scope in scopes:
            groups[_written_at(scope)].append(scope)
        for group in _inner_first(groups):
            assert group[0].instance is not None
            name = camel(group[0].instance.block)
            for template in self._classes(name, group):
                self.templates.append(self._known(template))
        roots: dict[Any, list[CalledScope]] = defaultdict(list)
        for i, tree in enumerate(self.forest.trees):
            roots[i if apart else (tree.assembly.name, _written_at(tree.root), _interface(tree))].append(tree.root)
        for group in roots.values():
            for template in self._classes(group[0].tree.assembly.name, group):
                template.name = group[0].tree.assembly.name
                self.tops.append(self._known(template))

    def _classes(self, name: str, group: list[CalledScope]) -> list[Template]:
        """The classes of a block's instances, as few as there can be."""
        alike: dict[Any, list[CalledScope]] = defaultdict(list)
        for scope in group:
            alike[tuple((a.name, a.listed, len(a.refs)) for a in scope.arguments), len(scope.results)].append(scope)
        found: list[Template] = []
        for members in alike.values():
            for one in self._apart(members):
                one.name = name if not found else f"{name}{len(found) + 1}"
                found.append(one)
        return found

    def _apart(self, members: list[CalledScope]) -> list[Template]:
        """The classes of instances that are called alike: one, or as few as structures can be joined in."""
        try:
            return [self._template(members)]
        except Unlike:
            same: dict[Any, list[CalledScope]] = defaultdict(list)
            for scope in members:
                same[self._structure(scope)].append(scope)
            found: list[Template] = []
            for one in same.values():
                for i, other in enumerate(found):
                    joined = self._joined(other, one)
                    if joined is not None:
                        found[i] = joined
                        break
                else:
                    found.append(self._template(one))
            return found

    def _joined(self, template: Template, scopes: list[CalledScope]) -> Template | None:
        """A class for more instances, if most of its parts are in all of them."""
        try:
            found = self._template([*template.scopes, *scopes])
        except Unlike:
            return None
        alone = sum(None in part.items for part in found.parts)
        return found if 2 * alone <= len(found.parts) else None

    def _known(self, template: Template) -> Template:
        for i, scope in enumerate(template.scopes):
            self.of[id(scope)] = (template, i)
        return template

    def _template(self, scopes: list[CalledScope]) -> Template:
        """The class of these instances. Raises `Unlike`."""
        columns = Explanations([scope.written for scope in scopes if scope.written is not None])
        template = Template("", tuple(scopes), columns)
        aligned = self._aligned([scope.items for scope in scopes], [scope.path for scope in scopes], inner=False)
        names = {attribute for _, attribute in aligned}
        if any(other.startswith(f"{name}.") for name in names for other in names):
            raise Unlike
        rows = looped(aligned, scopes, self.regions)
        template.canonical = tuple(self._canonical(scope, i, rows) for i, scope in enumerate(scopes))
        template.parts = tuple(self._looped_part(row, template) for row in rows)
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


def _written_at(scope: CalledScope) -> Any:
    """Where the block or network of a scope is defined, which its text may be read for several times."""
    assert scope.written is not None
    span = scope.written.made.definition.span
    return span.source.name, span.start


def _interface(tree: Hierarchy) -> Any:
    """What networks of one class have in common: inputs, outputs, devices, and the loss."""
    head, assembly = header(tree.graph), tree.assembly
    results = [[one.name for one in routine.results] for routine in (assembly.training, assembly.inference)]
    return repr((head["inputs"], head["devices"], results, losses(tree, Library()), assembly.training.readings))


def _inner_first(groups: dict[Any, list[CalledScope]]) -> list[list[CalledScope]]:
    """Instances by their blocks, those of inner blocks first. A block that uses itself is ordered by its first use."""
    inside: dict[Any, set[Any]] = {key: set() for key in groups}

    def walk(scope: CalledScope, around: Any) -> None:
        for item in scope.items:
            if isinstance(item, CalledScope):
                own = around
                if item.instance is not None and item.written is not None:
                    own = _written_at(item)
                    if around is not None and own != around:
                        inside[around].add(own)
                walk(item, own)

    for group in groups.values():
        for scope in group:
            walk(scope, _written_at(scope))
    ordered: dict[Any, None] = {}

    def visit(key: Any, path: tuple[Any, ...]) -> None:
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
    return found if f"A{found}".isidentifier() and not found[:1].isdigit() else f"Block{found}"
