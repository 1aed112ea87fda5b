"""Checks names before anything is elaborated, in every body, used or not.

Callees, named arguments, values, types of parameters, names bound twice: what can be said without running the spec,
so that a mistake in a block that no network uses, or in the branch not taken, is found as well. On the way it notes
which names nothing mentions, for lint, and what each name that is used stands for, for editors.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from archdsl import habits
from archdsl.definitions import (
    TYPES,
    Bindings,
    Callee,
    Definition,
    Definitions,
    NameKind,
    built_in,
    callee,
    callees,
    capitals,
    sizes_of,
)
from archdsl.diagnostics import Diagnostic, Label, unknown
from archdsl.graph import Unused, Writing
from archdsl.limits import most_faults
from archdsl.ops import OPERATORS, Weighted, parameter_table, words
from archdsl.ops.dtypes import WIDTHS
from archdsl.ops.initialiser import INITIALISERS
from archdsl.source import Span
from archdsl.syntax import tree


class Resolution(NamedTuple):
    """The faults in the names of a file, how it is written, and what each name that is used in it stands for."""

    faults: list[Diagnostic]
    written: Writing
    uses: dict[Span, Definition]


def resolve(
    spec: tree.Spec, definitions: Definitions, lost: Collection[str] = (), *, imported: bool = False
) -> Resolution:
    """Resolve the names of a file's blocks, networks and variants.

    `lost` are blocks whose import failed, which is reported already. What an `imported` file does not use itself may be
    there for others.
    """
    resolver = _Resolver(definitions, lost)
    with contextlib.suppress(_Enough):
        resolver.imports(spec)
        for block in spec.blocks:
            resolver.definition(block.params, block.body, network=False)
        for network in spec.networks:
            resolver.definition(network.params, network.body, network=True)
        networks = {network.name.id: network for network in spec.networks}
        for variant in spec.variants:
            resolver.variant(variant, networks.get(variant.call.callee.id))
    if not imported:
        resolver.definitions_unused(spec)
    comments = tuple(comment.span for comment in spec.comments)
    bodies = tuple(node.span for node in (*spec.blocks, *spec.networks))
    written = Writing(comments, tuple(resolver.statements), bodies, tuple(resolver.unused), (spec.source,))
    faults = sorted(resolver.faults, key=lambda fault: fault.span.start if fault.span else 0)
    return Resolution(faults, written, resolver.uses)


class _Enough(Exception):
    """More faults were found than anybody reads."""


class _Names(Bindings[Definition]):
    """What the names bound so far stand for, and which of them were used."""

    __slots__ = ("used",)

    def __init__(self, outer: _Names | None = None) -> None:
        super().__init__(outer)
        self.used: set[str] = set()

    def define(self, kind: NameKind, name: tree.BoundName | tree.Name) -> None:
        """Bind a name, unless it is bound here already."""
        self.bindings.setdefault(name.id, Definition(kind, name.id, name.span))

    def use(self, name: str) -> Definition | None:
        """What a name stands for, which is used from here on."""
        names: Bindings[Definition] | None = self
        while isinstance(names, _Names):
            found = names.bindings.get(name)
            if found is not None:
                names.used.add(name)
                return found
            names = names.outer
        return None


class _Resolver:
    def __init__(self, definitions: Definitions, lost: Collection[str]) -> None:
        self.definitions = definitions
        self.lost = lost
        self.faults: list[Diagnostic] = []
        self.uses: dict[Span, Definition] = {}
        self.devices: dict[str, Definition] = {}  # of the network
        self.labels: dict[str, Span] = {}  # of the definition, as far as it was read
        self.statements: list[Span] = []
        self.unused: list[Unused] = []
        self._called: set[str] = set()  # blocks
        self._callees: dict[str, tuple[Callee | None, dict[str, Definition] | None]] = {}
        self._visitors: dict[type, Callable[[Any, _Names], None]] = {
            tree.Literal: lambda e, n: None,
            tree.Name: self._name,
            tree.ListDisplay: lambda e, n: self._all(e.items, n),
            tree.Comprehension: self._comprehension,
            tree.Unary: lambda e, n: self.expression(e.operand, n),
            tree.Binary: self._binary,
            tree.Conditional: lambda e, n: self._all((e.test, e.then, e.orelse), n),
            tree.Index: lambda e, n: self._all((e.value, e.index), n),
            tree.ListSlice: lambda e, n: self._all(filter(None, (e.value, e.start, e.stop, e.step)), n),
            tree.Attribute: lambda e, n: self.expression(e.value, n),
            tree.Call: self._call,
            tree.NewModule: lambda e, n: self._call(e.call, n),
            tree.IfBodies: self._if_bodies,
            tree.Head: self._head,
            tree.Chain: self._chain,
            tree.Sequence: self._sequence,
            tree.Repeat: self._repeat,
            tree.For: self._for,
            tree.If: self._if,
        }

    def _record(self, fault: Diagnostic) -> None:
        self.faults.append(fault)
        if len(self.faults) >= most_faults():
            raise _Enough

    # --- definitions and statements

    def imports(self, spec: tree.Spec) -> None:
        """What imported names stand for: blocks of other files."""
        for statement in spec.imports:
            for name in statement.names:
                found = self.definitions.blocks.get(name.id)
                if found is not None:
                    self.uses[name.span] = Definition("block", name.id, found[0].name.span)

    def variant(self, variant: tree.Variant, network: tree.NetworkDefinition | None) -> None:
        call = variant.call
        if network is not None:
            self.uses[call.callee.span] = Definition("network", network.name.id, network.name.span)
        params = network.params if network is not None else ()
        settings = {param.name.id: Definition("setting", param.name.id, param.name.span) for param in params}
        for argument in call.arguments:
            if argument.name is not None and argument.name in settings:
                self.uses[_name_span(argument)] = settings[argument.name]
            self.expression(argument.value, _Names())

    def definition(self, params: Iterable[tree.Param], body: tree.Body, *, network: bool) -> None:
        names = _Names()
        self.labels, self.devices = {}, {}
        params = tuple(params)
        for param in params:
            self._type(param.name.id, param.type, TYPES if param.shape is None else WIDTHS)
            if param.default is not None:
                self.expression(param.default, names)
            names.define(_kind(param, network=network), param.name)
        for param in params:
            for name in sizes_of(param, network=network):
                names.define("size", name)
        for param in params:
            for dim in param.shape.dims if param.shape is not None else ():
                if not isinstance(dim, tree.AnyDims):
                    self._advised(dim, names, habits.symbol if network else None)
        self._body(body, names)
        for param in params:
            if network and _starts_weights(param, body) and param.name.id not in names.used:
                first = body.statements[0].span if body.statements else body.span
                self._record(habits.setting_init(param.name.span, body.span, first))
                continue
            if network and param.name.id == "marks":  # which says where layers run
                continue
            self._check_used(_kind(param, network=network), param.name, param.span, names)

    def definitions_unused(self, spec: tree.Spec) -> None:
        """Note the blocks and imports that nothing in the file calls."""
        for kind, name, span in [
            *(("block", block.name, block.span) for block in spec.blocks),
            *(("import", name, statement.span) for statement in spec.imports for name in statement.names),
        ]:
            if name.id not in self._called:
                self.unused.append(Unused(kind, name.id, name.span, span))

    def _check_used(self, kind: str, name: tree.BoundName, statement: Span, names: _Names) -> None:
        if name.id not in names.used and not name.id.startswith("_"):
            self.unused.append(Unused(kind, name.id, name.span, statement))

    def _body(self, body: tree.Body, names: _Names) -> None:
        self._statements(body, names)
        self._check_bound(body.statements, names)

    def _check_bound(self, statements: Iterable[tree.Statement], names: _Names) -> None:
        for statement in statements:
            if isinstance(statement, tree.Bind):
                for target in statement.targets:
                    self._check_used(_bound(statement), target, statement.span, names)
            elif isinstance(statement, tree.TargetStatement):
                self._check_used("target", statement.name, statement.span, names)

    def _statements(self, body: tree.Body, names: _Names) -> None:
        self.statements += [statement.span for statement in body.statements]
        for statement in body.statements:
            if isinstance(statement, tree.Devices):
                self.devices |= {name.id: Definition("device", name.id, name.span) for name in statement.names}
                continue
            if isinstance(statement, tree.LossStatement):
                self._loss(statement, body, names)
            elif isinstance(statement, (tree.Bind, tree.Assertion)):
                self._set_up(statement, names)
            elif isinstance(statement, tree.TargetStatement):
                self._target(statement, names)
            else:
                self.expression(statement.value, names)
            if isinstance(statement, tree.OutputStatement):
                names.define("output", statement.name)

    def _target(self, target: tree.TargetStatement, names: _Names) -> None:
        self._type(target.name.id, target.type, WIDTHS)
        for dim in target.shape.dims:
            for name in capitals(dim):
                names.define("size", name) if names.find(name.id) is None else None
            if not isinstance(dim, tree.AnyDims):
                self._advised(dim, names, habits.symbol)
        self._bind("target", target.name, names)

    def _type(self, owner: str, type: tree.Name | None, known: Collection[str]) -> None:
        """The type that something is declared to be."""
        if type is None:
            return
        if type.id in known:
            self.uses[type.span] = Definition("word", type.id)
        else:
            self._record(habits.unknown_type(owner, type.id, type.span, known))

    def _set_up(self, statement: tree.Setup, names: _Names) -> None:
        if isinstance(statement, tree.Assertion):
            self.expression(statement.condition, names)
            self._interpolated([statement.message], names)
            return
        self.expression(statement.value, names)
        for target in statement.targets:
            self._bind(_bound(statement), target, names)

    def _loss(self, statement: tree.LossStatement, body: tree.Body, names: _Names) -> None:
        outputs = [other.name.id for other in body.statements if isinstance(other, tree.OutputStatement)]
        if names.find("output") is None:
            names = _Names(names)  # what the only output is called
            last = next((s for s in reversed(body.statements) if isinstance(s, tree.Evaluate)), None)
            names.bindings["output"] = Definition("output", "output", last.span if last is not None else None)
        targets = [other.name.id for other in body.statements if isinstance(other, tree.TargetStatement)]
        shown = ", ".join(f"`{name}`" for name in [*(outputs or ["output"]), *targets])
        labels, self.labels = self.labels, {}  # a labelled value that is bound would not do: it has to be an output
        self._advised(statement.value, names, lambda name: _loss_is_of(name, shown))
        self.labels = labels

    def _bind(self, kind: NameKind, target: tree.BoundName, names: _Names) -> None:
        first = names.find(target.id)
        if first is not None and first.span is not None:
            label = Label(first.span, "first bound here")
            self._record(
                Diagnostic(
                    "rebound-name",
                    f"`{target.id}` is bound twice",
                    target.span,
                    (label,),
                    help="choose another name",
                )
            )
        names.define(kind, target)

    # --- expressions and steps

    def expression(self, expression: Any, names: _Names) -> None:
        self._visitors[type(expression)](expression, names)

    def _advised(self, expression: Any, names: _Names, advice: Callable[[str], str] | None) -> None:
        """An expression, with a help text for unknown names in it where nothing is known that is closer."""
        first = len(self.faults)
        self.expression(expression, names)
        for i, fault in enumerate(self.faults[first:], first):
            if advice is not None and fault.code == "unknown-name" and fault.help is None and fault.span is not None:
                self.faults[i] = replace(fault, help=advice(fault.span.text))

    def _all(self, expressions: Iterable[Any], names: _Names) -> None:
        for expression in expressions:
            self.expression(expression, names)

    def _name(
        self, name: tree.Name, names: _Names, bare: Iterable[str] = (), given: tuple[str, str | None] | None = None
    ) -> None:
        """A name that is a value, or one of the words that a parameter takes bare.

        `given`: the callee and the parameter that it is given to.
        """
        found = names.use(name.id) or built_in(name.id) or (Definition("word", name.id) if name.id in bare else None)
        if found is not None:
            self.uses[name.span] = found
            return
        bound = [known for known, _ in names.all()]
        fault = unknown("name", name.id, [*bound, *INITIALISERS, *bare], "unknown-name", name.span)
        if name.id in self.labels:
            fault = habits.label_as_value(name.id, name.span, self.labels[name.id])
        elif given is not None and (help := habits.word_of_others(name.id, *given)) is not None:
            fault = Diagnostic(fault.code, fault.message, fault.span, help=help)
        elif name.id in habits.NAMES:
            fault = Diagnostic(fault.code, fault.message, fault.span, help=habits.NAMES[name.id])
        elif fault.help is None and (name.id in OPERATORS or name.id in self.definitions.blocks):
            help = f"`{name.id}` is no value; as a step it follows `->`: `x -> {name.id}`"
            fault = Diagnostic(fault.code, fault.message, fault.span, help=help)
        self._record(fault)

    def _binary(self, binary: tree.Binary, names: _Names) -> None:
        rest: Any = binary
        while isinstance(rest, tree.Binary):  # a sum of many terms leans left
            self.expression(rest.right, names)
            rest = rest.left
        self.expression(rest, names)

    def _comprehension(self, comprehension: tree.Comprehension, names: _Names) -> None:
        inner = self._loop(comprehension, names)
        self._all(filter(None, (comprehension.condition, comprehension.element)), inner)

    def _for(self, loop: tree.For, names: _Names) -> None:
        self.expression(loop.body, self._loop(loop, names))

    def _loop(self, loop: tree.For | tree.Comprehension, names: _Names) -> _Names:
        self.expression(loop.iterable, names)
        inner = _Names(names)
        for target in loop.targets:
            inner.define("item", target)
        return inner

    def _if_bodies(self, branch: tree.IfBodies, names: _Names) -> None:
        self.expression(branch.test, names)
        self._body(branch.then, _Names(names))
        if isinstance(branch.orelse, tree.IfBodies):
            self.expression(branch.orelse, names)
        else:
            self._body(branch.orelse, _Names(names))

    def _head(self, head: tree.Head, names: _Names) -> None:
        self._interpolated([head.label, *head.marks], names)
        self.expression(head.value, names)
        self._label(head.label)

    def _chain(self, chain: tree.Chain, names: _Names) -> None:
        self.expression(chain.head, names)
        self._steps(chain.steps, names)

    def _sequence(self, sequence: tree.Sequence, names: _Names) -> None:
        if sequence.setup:
            names = _Names(names)
        for statement in sequence.setup:
            self.statements.append(statement.span)
            self._set_up(statement, names)
        self._steps(sequence.steps, names)
        self._check_bound(sequence.setup, names)

    def _steps(self, steps: Iterable[tree.Step], names: _Names) -> None:
        for step in steps:
            self._interpolated([step.label, *step.marks], names)
            self.expression(step.action, names)
            self._label(step.label)

    def _interpolated(self, texts: Iterable[tree.Interpolated | None], names: _Names) -> None:
        for text in texts:
            if text is not None:
                if len(text.pieces) == 1 and str(text.pieces[0]) in self.devices:
                    self.uses[text.span] = self.devices[str(text.pieces[0])]
                self._all((piece for piece in text.pieces if not isinstance(piece, str)), names)

    def _label(self, label: tree.Interpolated | None) -> None:
        if label is not None and all(isinstance(piece, str) for piece in label.pieces):
            self.labels.setdefault("".join(map(str, label.pieces)), label.span)

    def _repeat(self, repeat: tree.Repeat, names: _Names) -> None:
        self._all((repeat.count, repeat.body), names)

    def _if(self, branch: tree.If, names: _Names) -> None:
        self._all((branch.test, branch.then), names)
        if branch.orelse is not None:
            self.expression(branch.orelse, names)

    # --- calls

    def _call(self, call: tree.Call, names: _Names) -> None:
        name, span = call.callee.id, call.callee.span
        bound = names.use(name)  # perhaps a shared module, which is known when the spec runs
        found, takes = self._callee(name)
        if found is not None and (bound is None or bound.kind != "module"):
            self.uses[span] = found.definition
            if found.block is not None:
                self._called.add(name)
        elif bound is not None:
            self.uses[span] = bound
        elif name not in self.lost:
            known = callees(self.definitions, step=False)
            self._record(habits.unknown_operator(name, known, span))
        if bound is not None:
            found = takes = None
        operator = found.operator if found is not None else None
        bare = words(operator) if operator is not None else frozenset[str]()
        for argument in call.arguments:
            if argument.name is not None and takes is not None:
                if argument.name in takes:
                    self.uses[_name_span(argument)] = takes[argument.name]
                else:
                    self._unknown_parameter(call, argument, list(takes))
            if isinstance(argument.value, tree.Name):
                self._name(argument.value, names, bare, (call.callee.id, argument.name))
            else:
                self.expression(argument.value, names)

    def _callee(self, name: str) -> tuple[Callee | None, dict[str, Definition] | None]:
        """What a call's name stands for, and the names of its arguments: looked up once for all calls."""
        if name not in self._callees:
            found = callee(name, self.definitions, step=False)
            self._callees[name] = found, _parameters(found)
        return self._callees[name]

    def _unknown_parameter(self, call: tree.Call, argument: tree.Argument, known: list[str]) -> None:
        assert argument.name is not None
        given = [other.name for other in call.arguments if other.name is not None]
        self._record(habits.unknown_parameter(call.callee.id, argument.name, known, _name_span(argument), given))


def _loss_is_of(name: str, shown: str) -> str:
    """What is said of a name in a loss that is unknown."""
    return f"a loss is computed from what the network returns, and from targets: {shown}, or `target {name}: […]`"


def _kind(param: tree.Param, *, network: bool) -> NameKind:
    if not network:
        return "parameter"
    return "setting" if param.shape is None else "input"


def _starts_weights(param: tree.Param, body: tree.Body) -> bool:
    """Whether a setting that nothing mentions is meant to be how all weights start, as one called `init` once was."""
    default = param.default
    named = default.callee.id if isinstance(default, tree.Call) else getattr(default, "id", None)
    says = default is None or named in INITIALISERS
    said = any(isinstance(statement, tree.InitStatement) for statement in body.statements)
    return param.name.id == "init" and param.shape is None and says and not said


def _bound(statement: tree.Bind) -> NameKind:
    """What a statement binds its names to."""
    made = statement.value.value if isinstance(statement.value, tree.Head) else statement.value
    return "module" if isinstance(made, tree.NewModule) else "value"


def _parameters(found: Callee | None) -> dict[str, Definition] | None:
    """What the names of a call's arguments stand for; None where that is not known, or they have none."""
    if found is None:
        return None
    if found.block is not None:
        return {p.name.id: Definition("parameter", p.name.id, p.name.span) for p in found.block[0].params}
    if found.operator is None:
        return None
    lends = found.operator.lends if issubclass(found.operator, Weighted) else ()
    names = (*parameter_table(found.operator), *found.operator.inputs, *lends)
    return {name: Definition("parameter", name) for name in names}


def _name_span(argument: tree.Argument) -> Span:
    """Where an argument's name is written."""
    assert argument.name is not None
    return Span(argument.span.source, argument.span.start, argument.span.start + len(argument.name))
