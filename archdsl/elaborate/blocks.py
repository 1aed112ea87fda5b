"""Blocks: each use is an instance, whose layers are added below its path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from archdsl.definitions import Definitions, sizes_of
from archdsl.diagnostics import Diagnostic, Instance, Label
from archdsl.dims import Dim
from archdsl.elaborate.arguments import argument_fix, bind_parameters, check_parameter, match_shape
from archdsl.elaborate.bodies import BodyRunner
from archdsl.elaborate.builder import GraphBuilder
from archdsl.elaborate.evaluator import Evaluator
from archdsl.elaborate.faults import Fault
from archdsl.elaborate.trace import Trace
from archdsl.elaborate.values import Context, MadeFrom, Scope, is_tensors, tensors_among
from archdsl.evaluate import StaticList
from archdsl.limits import Work
from archdsl.names import Names
from archdsl.ops.initialiser import Initialiser
from archdsl.ops.kinds import literal
from archdsl.syntax import tree
from archdsl.syntax.unparse import shown

MAX_DEPTH: Final = 64  # blocks within blocks
MAX_SHOWN: Final = 60  # characters of a call in the chain of a diagnostic
SHORT: Final = 30  # characters of a text or list in it


class Blocks:
    """Makes instances of blocks."""

    def __init__(self, builder: GraphBuilder, evaluator: Evaluator, bodies: BodyRunner) -> None:
        self._builder = builder
        self._evaluator = evaluator
        self._bodies = bodies

    def instance(
        self,
        block: tree.Block,
        definitions: Definitions,
        positional: Sequence[Any],
        named: Mapping[str, Any],
        call: tree.Call,
        label: str | None,
        path: str | None,
        context: Context,
    ) -> Any:
        """The value of a block on these arguments; a shared one has its `path` already. Raises `Fault`.

        An inline block without a label has none of its own: its layers are named as if they were written here.
        """
        name = block.name.id
        if len(context.blocks) >= MAX_DEPTH:
            raise Fault(_endless(name, call, context))
        inline = block.inline and path is None and label is None
        use = 1 if path is None else context.reuse
        if inline:
            path = context.names.prefix
        elif path is None:
            path = self._builder.step_path(label, name, call.span, context)
        self._builder.work.spend(Work.BLOCK + 2 * len(block.params))
        order = [param.name.id for param in block.params]
        made = MadeFrom(block, Scope(), frozenset((*order[: len(positional)], *named)))
        instance = Instance(path, _written(call, positional, named), call.span, name, inline, use, made)
        inner = Context(
            definitions,
            made.scope,
            context.names if inline else Names(path, numbered=False),
            context.marks,
            (*context.blocks, instance),
            context.reuse,
        )
        try:
            given = bind_parameters(block, positional, named, call, context)
            self._bind(block, given, call, inner, context)
        except Fault as fault:
            if fault.asked is not None and fault.diagnostic.fix is None:
                fix = argument_fix(block, call, len(positional) - sum(a.name is None for a in call.arguments), fault)
                fault.diagnostic = replace(fault.diagnostic, fix=fix)
            key = context.names.path(name) if inline else path
            self._builder.break_off(key, name, tensors_among(positional, named), call.span, context, fault)
            raise
        return self._bodies.value(block.body, inner)

    def _bind(
        self, block: tree.Block, given: Mapping[str, Any], call: tree.Call, inner: Context, outer: Context
    ) -> None:
        """Bind a block's parameters, then the dimensions that their shapes name."""
        name = block.name.id
        for param in block.params:
            key = param.name.id
            if key in given:
                value = given[key]
            elif param.default is not None:
                value = self._evaluator.value(param.default, inner)
            else:
                labels = (Label(param.span, "declared here"),)
                help = f"`{name}({', '.join(p.name.id for p in block.params)})`"
                raise outer.fault("missing-argument", f"block `{name}` needs `{key}`", call.span, labels, help=help)
            check_parameter(name, param, value, call.span, outer)
            if param.shape is not None and param.type is not None and not self._builder.holds(value, (param.type.id,)):
                message = f"`{key}` of `{name}` is declared {param.type.id}, found {self._builder.dtype(value)}"
                raise outer.fault("wrong-dtype", message, call.span, (Label(param.span, "declared here"),))
            inner.scope.bind(key, value, param.name.span)
        values = {name: binding.value for name, binding in inner.scope.bindings.items()}
        for param in block.params:
            if param.shape is None:
                continue
            for dim, size in match_shape(name, param, values[param.name.id], values, call.span, outer).items():
                inner.scope.bind(dim, size, param.shape.span)
                values[dim] = size
        if self._evaluator.trace is not None:
            self._traced(block, values, inner, self._evaluator.trace)

    def _traced(self, block: tree.Block, values: Mapping[str, Any], inner: Context, trace: Trace) -> None:
        """Note what the parameters of an instance are, and the sizes that their shapes name."""
        for param in block.params:
            named: list[tree.BoundName | tree.Name] = [param.name, *sizes_of(param, network=False)]
            for name in named:
                if name.id in values:
                    trace.found(name.span, values[name.id], inner.blocks)


def _endless(name: str, call: tree.Call, context: Context) -> Diagnostic:
    names = [*(i.block for i in context.blocks), name]
    last = len(names) - 1
    start = next((i for i in range(last - 1, -1, -1) if names[i] == name), None)
    if start is None:
        return Diagnostic("recursion", f"blocks are nested deeper than {MAX_DEPTH}", call.span)
    cycle = " -> ".join(names[start:])
    return Diagnostic(
        "recursion",
        f"block `{name}` uses itself more than {MAX_DEPTH} levels deep: {cycle}",
        call.span,
        help="a block that uses itself needs an `if` that ends it",
    )


def _written(call: tree.Call, positional: Sequence[Any], named: Mapping[str, Any]) -> str:
    """A call with its static arguments worked out: `bottleneck(64, stride = 2)`."""
    given = [a for a in call.arguments if a.name is None]
    values = positional[len(positional) - len(given) :]
    parts = [_argument(a.value, value) for a, value in zip(given, values, strict=True)]
    parts += [f"{a.name} = {_argument(a.value, named[a.name])}" for a in call.arguments if a.name is not None]
    text = call.callee.id + (f"({', '.join(parts)})" if parts else "")
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def _argument(expression: tree.Expr, value: Any) -> str:
    """The value, if that is short; else what the spec says, which may be a name: tensors have no other."""
    if isinstance(value, (bool, int, float, Dim, Initialiser)):
        return str(value).lower() if isinstance(value, bool) else str(value)
    size = value.total if isinstance(value, StaticList) else len(value) if isinstance(value, str) else SHORT + 1
    if size <= SHORT and not is_tensors(value) and len(said := literal(value)) <= SHORT:
        return said
    return shown(expression) if expression.span.end - expression.span.start <= MAX_SHOWN else "…"
