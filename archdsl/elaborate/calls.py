"""Calls: of operators, which make layers; of blocks, which are expanded; of shared modules."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from archdsl import evaluate
from archdsl.diagnostics import Diagnostic, Instance, Label, unknown
from archdsl.dims import Dim
from archdsl.elaborate.arguments import (
    argument_fix,
    bind_parameters,
    check_parameter,
    is_tensors,
    match_shape,
    operator_arguments,
)
from archdsl.elaborate.expressions import Expressions
from archdsl.elaborate.values import (
    POISON,
    Context,
    Definitions,
    Fault,
    Poisoned,
    Scope,
    SharedModule,
    Tensor,
)
from archdsl.evaluate import FUNCTIONS, StaticList, ValueFault
from archdsl.limits import Work
from archdsl.names import Names
from archdsl.ops import OPERATORS, Operator, words
from archdsl.ops.initialiser import INITIALISERS, Initialiser
from archdsl.ops.kinds import literal
from archdsl.ops.loss import Loss
from archdsl.syntax import tree
from archdsl.syntax.unparse import shown

MAX_DEPTH: Final = 64  # blocks within blocks
MAX_SHOWN: Final = 60  # characters of a call in the chain of a diagnostic
SHORT: Final = 30  # characters of a text or list in it


class Calls(Expressions):
    """Evaluates calls."""

    def call(self, call: tree.Call, fed: list[Any], label: str | None, context: Context, *, step: bool) -> Any:
        """The value of a call: of a shared module, a block, an operator or a function."""
        name = call.callee.id
        binding = context.scope.find(name)
        if binding is not None and isinstance(binding.value, SharedModule):
            return self._apply_module(binding.value, call, fed, label, context)
        if binding is not None and binding.value is POISON and name not in OPERATORS:
            raise Poisoned
        found = context.definitions.blocks.get(name)
        if found is not None:
            positional, named = self._arguments(call, fed, frozenset(), context)
            return self._instantiate(*found, positional, named, call, label, None, context)
        operator = OPERATORS.get(name)
        if not step and name in FUNCTIONS:
            positional, named = self._arguments(call, fed, frozenset(), context)
            if operator is None or not any(map(is_tensors, positional)):
                if named or label is not None:
                    raise ValueFault(f"`{name}` takes no named arguments and no label", "wrong-arity")
                self.work.spend(sum(len(value) for value in positional if isinstance(value, list)))
                result = evaluate.call(name, positional)
                self.work.spend(Work.ROUND * len(result) if isinstance(result, list) else 0)
                return result
            return self._operate(operator, positional, named, call, label, context)
        if operator is not None:
            positional, named = self._arguments(call, fed, words(operator), context)
            return self._operate(operator, positional, named, call, label, context)
        if not step and name in INITIALISERS:
            positional, _ = self._arguments(call, fed, frozenset(), context)
            return evaluate.initialiser(name, positional)
        known = [*OPERATORS, *context.definitions.blocks, *([] if step else FUNCTIONS)]
        raise Fault(unknown("operator or block", name, known, "unknown-operator", call.callee.span, context.blocks))

    def _arguments(
        self, call: tree.Call, fed: list[Any], bare: Collection[str], context: Context
    ) -> tuple[list[Any], dict[str, Any]]:
        """Evaluated arguments. A bare word that a parameter takes, and that is no value, stands for itself."""
        positional = list(fed)
        named: dict[str, Any] = {}
        if context.names.numbered:
            context = replace(context, names=context.names.elsewhere())
        for argument in call.arguments:
            expression = argument.value
            word = (
                isinstance(expression, tree.Name)
                and expression.id in bare
                and context.scope.find(expression.id) is None
            )
            value = expression.id if word else self.attempt(expression, context)  # type: ignore[union-attr]
            if argument.name is None:
                if named:
                    raise Fault(
                        Diagnostic(
                            "wrong-arity",
                            "a positional argument follows a named one",
                            argument.span,
                            chain=context.blocks,
                        )
                    )
                positional.append(value)
            elif argument.name in named:
                raise Fault(
                    Diagnostic("wrong-arity", f"`{argument.name}` is given twice", argument.span, chain=context.blocks)
                )
            else:
                named[argument.name] = value
        if any(value is POISON for value in (*positional, *named.values())):
            raise Poisoned
        return positional, named

    def _operate(
        self,
        operator: type[Operator],
        positional: list[Any],
        named: dict[str, Any],
        call: tree.Call,
        label: str | None,
        context: Context,
        path: str | None = None,
    ) -> Any:
        if issubclass(operator, Loss) and len(positional) < 2:
            raise Fault(
                Diagnostic(
                    "loss",
                    f"`{operator.name}` is a loss, which stands in a `loss` statement",
                    call.span,
                    chain=context.blocks,
                )
            )
        self.work.spend(sum(value.total for value in positional if isinstance(value, StaticList)))
        try:
            built, tensors = operator_arguments(operator, positional, named, call, context)
        except Fault as fault:
            key = path or (context.names.path(label) if label else context.names.next(operator.name))
            fed = _tensors(positional, named)
            self.builder.break_off(key, operator.name, fed, call.span, context, fault)
            raise
        return self.builder.layer(built, tensors, label, call.span, context, path)

    def _instantiate(
        self,
        block: tree.Block,
        definitions: Definitions,
        positional: list[Any],
        named: dict[str, Any],
        call: tree.Call,
        label: str | None,
        path: str | None,
        context: Context,
    ) -> Any:
        """The value of a block on these arguments; its layers are added below its path."""
        name = block.name.id
        if len(context.blocks) >= MAX_DEPTH:
            raise Fault(self._endless(name, call, context))
        if path is None:
            path = self.builder.step_path(label, name, call.span, context)
        self.work.spend(Work.BLOCK + 2 * len(block.params))
        instance = Instance(path, _written(call, positional, named), call.span, name)
        scope = Scope()
        inner = Context(
            definitions,
            scope,
            Names(path, numbered=False),
            context.marks,
            (*context.blocks, instance),
            context.reuse,
        )
        try:
            given = bind_parameters(block, positional, named, call, context)
            self.bind_block(block, given, call, inner, context)
        except Fault as fault:
            if fault.asked is not None and fault.diagnostic.fix is None:
                fix = argument_fix(block, call, len(positional) - sum(a.name is None for a in call.arguments), fault)
                fault.diagnostic = replace(fault.diagnostic, fix=fix)
            self.builder.break_off(path, name, _tensors(positional, named), call.span, context, fault)
            raise
        return self.body(block.body, inner)

    def bind_block(
        self, block: tree.Block, given: dict[str, Any], call: tree.Call, inner: Context, outer: Context
    ) -> None:
        """Bind a block's parameters, then the dimensions that their shapes name."""
        name = block.name.id
        for param in block.params:
            key = param.name.id
            if key in given:
                value = given[key]
            elif param.default is not None:
                value = self.value(param.default, inner)
            else:
                raise Fault(
                    Diagnostic(
                        "missing-argument",
                        f"block `{name}` needs `{key}`",
                        call.span,
                        (Label(param.span, "declared here"),),
                        outer.blocks,
                        f"`{name}({', '.join(p.name.id for p in block.params)})`",
                    )
                )
            check_parameter(name, param, value, call.span, outer)
            inner.scope.bind(key, value, param.name.span)
        values = {name: binding.value for name, binding in inner.scope.bindings.items()}
        for param in block.params:
            if param.shape is None:
                continue
            for dim, size in match_shape(name, param, values[param.name.id], values, call.span, outer).items():
                inner.scope.bind(dim, size, param.shape.span)
                values[dim] = size

    def _endless(self, name: str, call: tree.Call, context: Context) -> Diagnostic:
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

    # --- shared modules

    def _new_module(self, new: tree.NewModule, context: Context, label: str | None) -> SharedModule:
        call = new.call
        name = call.callee.id
        callee: tree.Block | type[Operator]
        block = context.definitions.blocks.get(name)
        if block is not None:
            callee, definitions, bare = block[0], block[1], frozenset[str]()
        elif name in OPERATORS:
            callee, definitions = OPERATORS[name], context.definitions
            bare = words(callee)
        else:
            known = [*OPERATORS, *context.definitions.blocks]
            raise Fault(unknown("operator or block", name, known, "unknown-operator", call.callee.span, context.blocks))
        positional, named = self._arguments(call, [], bare, context)
        path = self.builder.step_path(label, name, new.span, context)
        return SharedModule(callee, call, path, replace(context, definitions=definitions), positional, named)

    def _apply_module(
        self, module: SharedModule, call: tree.Call, fed: list[Any], label: str | None, context: Context
    ) -> Any:
        tensors, named = self._arguments(call, fed, frozenset(), context)
        if named or label is not None or not all(map(is_tensors, tensors)):
            raise Fault(
                Diagnostic(
                    "wrong-arity",
                    f"`{call.callee.id}` is a module that exists already: it takes tensors, and no label",
                    call.span,
                    (Label(module.call.span, "made here"),),
                    context.blocks,
                )
            )
        uses = self._uses.get(module.path, 0) + 1
        self._uses[module.path] = uses
        made = module.context
        checkpoint = context.marks.checkpoint
        if checkpoint is None and made.marks.checkpoint is not None:
            checkpoint = self.next_region()
        marks = replace(
            context.marks,
            device=context.marks.device or made.marks.device,
            train=context.marks.train or made.marks.train,
            frozen=context.marks.frozen or made.marks.frozen,
            checkpoint=checkpoint,
        )
        inner = replace(made, marks=marks, blocks=context.blocks, reuse=uses)
        arguments = [*tensors, *module.positional]
        if module.path in self._broken:  # its later uses would differ from what there is of the first
            raise Poisoned
        before = self._times.total()
        try:
            if isinstance(module.callee, tree.Block):
                return self._instantiate(
                    module.callee, made.definitions, arguments, module.named, module.call, None, module.path, inner
                )
            return self._operate(module.callee, arguments, module.named, module.call, None, inner, module.path)
        except (Fault, Poisoned):
            self._broken.add(module.path)
            raise
        finally:
            if self._times.total() > before:
                self._broken.add(module.path)

    def next_region(self) -> str:
        """A new region of layers that are recomputed together."""
        self._regions += 1
        return f"checkpoint{self._regions}"

    @abstractmethod
    def body(self, body: tree.Body, context: Context) -> Any:
        """The value of a body."""


def _tensors(positional: Sequence[Any], named: Mapping[str, Any]) -> list[Tensor]:
    """The tensors among arguments, those in lists as well."""
    found: list[Tensor] = []
    for value in (*positional, *named.values()):
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list):
            found += _tensors(value, {})
    return found


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
