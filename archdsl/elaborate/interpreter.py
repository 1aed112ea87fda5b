"""Runs a spec once: expands blocks, loops and conditionals, and hands every layer to the graph builder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from archdsl import evaluate
from archdsl.diagnostics import Diagnostic, Instance, Label, did_you_mean
from archdsl.dims import Dim, Undecided, symbols
from archdsl.elaborate.arguments import (
    all_words,
    bind_parameters,
    check_parameter,
    is_tensors,
    match_shape,
    operator_arguments,
)
from archdsl.elaborate.builder import GraphBuilder, undecided, unknown
from archdsl.elaborate.values import (
    POISON,
    Context,
    Definitions,
    Fault,
    Poison,
    Poisoned,
    Scope,
    SharedModule,
    Tensor,
    describe,
)
from archdsl.evaluate import FUNCTIONS, StaticList, ValueFault
from archdsl.names import Names
from archdsl.ops import OPERATORS, Operator
from archdsl.ops.initialiser import INITIALISERS
from archdsl.ops.loss import Loss
from archdsl.source import Span
from archdsl.syntax import tree

MAX_DEPTH: Final = 64  # blocks within blocks
MAX_WORK: Final = 5_000_000  # expressions evaluated
MAX_FAULTS: Final = 20

ARITHMETIC: Final = {"+": "add", "-": "sub", "*": "mul", "/": "div"}
MARKS: Final = ("train", "checkpoint", "frozen")


class Interpreter:
    """Elaborates bodies into a graph, collecting every independent fault."""

    def __init__(self, builder: GraphBuilder) -> None:
        self.builder = builder
        self.faults: list[Diagnostic] = []
        self.target: Tensor | None = None  # what losses compare with, while a loss is elaborated
        self._seen: set[tuple[str, str, int, int]] = set()
        self._uses: dict[str, int] = {}  # how often the shared module at a path was applied
        self._work = 0
        self._expressions: dict[type, Callable[[Any, Context, str | None], Any]] = {
            tree.Literal: lambda e, c, _: e.value,
            tree.Name: self._name,
            tree.ListDisplay: self._list,
            tree.Comprehension: self._comprehension,
            tree.Unary: self._unary,
            tree.Binary: self._binary,
            tree.Conditional: self._conditional,
            tree.Index: self._index,
            tree.Attribute: self._attribute,
            tree.Call: lambda e, c, label: self.call(e, [], label, c, step=False),
            tree.NewModule: self._new_module,
            tree.IfBodies: self._if_bodies,
            tree.Head: self._head,
            tree.Chain: self._chain,
        }

    # --- statements

    def record(self, diagnostic: Diagnostic) -> None:
        """Keep a fault, once for each place."""
        span = diagnostic.span
        assert span is not None
        key = (diagnostic.code, span.source.name, span.start, span.end)
        if key not in self._seen and len(self.faults) < MAX_FAULTS:
            self._seen.add(key)
            self.faults.append(diagnostic)

    def attempt(self, expression: tree.Expr, context: Context) -> Any:
        """The value of an expression, or POISON where it has none; the fault is recorded."""
        try:
            return self.value(expression, context)
        except Fault as fault:
            self.record(fault.diagnostic)
        except Poisoned:
            pass
        return POISON

    def body(self, body: tree.Body, context: Context) -> Any:
        """Run the statements of a body; its value is its last expression."""
        result: Any = None
        last = body.statements[-1] if body.statements else None
        for statement in body.statements:
            if isinstance(statement, tree.Bind):
                self.bind(statement, context)
            elif isinstance(statement, tree.Evaluate):
                value = self.attempt(statement.value, context)
                if statement is last:
                    result = value
                else:
                    self.record(
                        Diagnostic(
                            "unused-expression",
                            "this value is not used",
                            statement.span,
                            chain=context.blocks,
                            help="bind it to a name, or begin the next line with `->`",
                        )
                    )
            else:
                kind = {tree.Output: "output", tree.Loss: "loss", tree.Devices: "device"}[type(statement)]
                self.record(
                    Diagnostic("outputs", f"`{kind}` stands in a network only", statement.span, chain=context.blocks)
                )
        if result is None:
            raise Fault(
                Diagnostic(
                    "no-value",
                    "this body has no value",
                    body.span,
                    chain=context.blocks,
                    help="end it with an expression",
                )
            )
        return result

    def bind(self, statement: tree.Bind, context: Context) -> None:
        value = self.attempt(statement.value, context)
        targets = statement.targets
        values: Iterable[Any] = [value]
        if len(targets) > 1:
            if isinstance(value, Poison):
                values = [POISON] * len(targets)
            elif isinstance(value, list) and len(value) == len(targets):
                values = value
            else:
                found = f"{len(value)} values" if isinstance(value, list) else describe(value)
                self.record(
                    Diagnostic(
                        "wrong-arity",
                        f"{len(targets)} names need {len(targets)} values, found {found}",
                        statement.span,
                        chain=context.blocks,
                    )
                )
                values = [POISON] * len(targets)
        for target, item in zip(targets, values, strict=True):
            first = context.scope.find(target.id)
            if first is not None:
                self.record(
                    Diagnostic(
                        "rebound-name",
                        f"`{target.id}` is bound twice",
                        target.span,
                        (Label(first.span, "first bound here"),),
                        context.blocks,
                        "choose another name",
                    )
                )
            else:
                context.scope.bind(target.id, item, target.span)

    # --- expressions

    def value(self, expression: tree.Expr, context: Context, label: str | None = None) -> Any:
        """The value of an expression. `label` names the layer that it makes. Raises `Fault` or `Poisoned`."""
        self._work += 1
        if self._work > MAX_WORK:
            raise Fault(
                Diagnostic(
                    "too-much-work",
                    f"evaluating this spec takes more than {MAX_WORK} steps, which is the limit",
                    expression.span,
                    chain=context.blocks,
                )
            )
        try:
            value = self._expressions[type(expression)](expression, context, label)
        except ValueFault as fault:
            raise Fault(
                Diagnostic(fault.code, fault.message, expression.span, chain=context.blocks, help=fault.help)
            ) from None
        except Undecided as error:
            raise Fault(undecided(error, expression.span, context)) from None
        if value is POISON:
            raise Poisoned
        return value

    def _name(self, name: tree.Name, context: Context, label: str | None) -> Any:
        binding = context.scope.find(name.id)
        if binding is not None:
            return binding.value
        if name.id in INITIALISERS:
            return evaluate.initialiser(name.id, ())
        known = [*context.scope.names(), *FUNCTIONS]
        fault = unknown("name", name.id, known, "unknown-name", name.span, context)
        if fault.diagnostic.help is None and (name.id in OPERATORS or name.id in context.definitions.blocks):
            fault.diagnostic = replace(
                fault.diagnostic, help=f"`{name.id}` is no value; as a step it follows `->`: `x -> {name.id}`"
            )
        raise fault

    def _list(self, display: tree.ListDisplay, context: Context, label: str | None) -> list[Any]:
        return StaticList([self.value(item, context) for item in display.items])

    def _comprehension(self, comprehension: tree.Comprehension, context: Context, label: str | None) -> list[Any]:
        rounds = self._rounds(comprehension.targets, comprehension.iterable, context)
        return StaticList([self.value(comprehension.element, inner) for inner in rounds])

    def _rounds(self, targets: tuple[str, ...], iterable: tree.Expr, context: Context) -> Iterable[Context]:
        """A context for each item of a list, with the item bound to the targets."""
        items = self.value(iterable, context)
        if not isinstance(items, list):
            raise Fault(
                Diagnostic(
                    "wrong-type",
                    f"`for` runs over a list, found {describe(items)}",
                    iterable.span,
                    chain=context.blocks,
                )
            )
        for item in items:
            scope = Scope(context.scope)
            parts = [item] if len(targets) == 1 else item
            if not isinstance(parts, list) or len(parts) != len(targets):
                raise Fault(
                    Diagnostic(
                        "wrong-arity",
                        f"{len(targets)} names need {len(targets)} values for each round, found {describe(item)}",
                        iterable.span,
                        chain=context.blocks,
                    )
                )
            for target, part in zip(targets, parts, strict=True):
                scope.bind(target, part, iterable.span)
            yield replace(context, scope=scope)

    def _unary(self, unary: tree.Unary, context: Context, label: str | None) -> Any:
        value = self.value(unary.operand, context)
        if isinstance(value, Tensor) and unary.operator == "-":
            return self._layer(OPERATORS["mul"](scalar=-1.0), [value], label, unary.span, context)  # type: ignore[call-arg]
        return evaluate.unary(unary.operator, value)

    def _binary(self, binary: tree.Binary, context: Context, label: str | None) -> Any:
        # `a + b + ... + z` leans left and may be long: walk down its spine instead of recurring.
        spine = [binary]
        while isinstance(spine[-1].left, tree.Binary):
            spine.append(spine[-1].left)
        value = self.value(spine[-1].left, context)
        for node in reversed(spine):
            try:
                value = self._apply(node, value, label if node is binary else None, context)
            except ValueFault as fault:
                raise Fault(
                    Diagnostic(fault.code, fault.message, node.span, chain=context.blocks, help=fault.help)
                ) from None
        return value

    def _apply(self, node: tree.Binary, left: Any, label: str | None, context: Context) -> Any:
        symbol = node.operator
        if symbol in ("and", "or"):
            if evaluate.truth(left) is (symbol == "or"):
                return left
            return evaluate.truth(self.value(node.right, context))
        right = self.value(node.right, context)
        if not isinstance(left, Tensor) and not isinstance(right, Tensor):
            for side in (left, right):
                if is_tensors(side) or isinstance(side, SharedModule):
                    raise ValueFault(f"`{symbol}` does not take {describe(side)}", "wrong-type")
            return evaluate.binary(symbol, left, right)
        operator = ARITHMETIC.get(symbol)
        if operator is None:
            raise ValueFault(f"`{symbol}` does not take tensors", "wrong-type")
        tensors = [side for side in (left, right) if isinstance(side, Tensor)]
        settings: dict[str, Any] = {}
        if len(tensors) == 1:
            scalar = right if isinstance(left, Tensor) else left
            if isinstance(scalar, (bool, Dim)) or not isinstance(scalar, (int, float)):
                raise ValueFault(f"`{symbol}` takes tensors and numbers, found {describe(scalar)}", "wrong-type")
            settings["scalar"] = float(scalar)
            if operator in ("sub", "div") and isinstance(right, Tensor):
                settings["scalar_first"] = True
        return self._layer(OPERATORS[operator](**settings), tensors, label, node.span, context)

    def _conditional(self, conditional: tree.Conditional, context: Context, label: str | None) -> Any:
        test = evaluate.truth(self.value(conditional.test, context))
        return self.value(conditional.then if test else conditional.orelse, context, label)

    def _index(self, index: tree.Index, context: Context, label: str | None) -> Any:
        value = self.value(index.value, context)
        if isinstance(value, Tensor):
            raise ValueFault("a tensor has no items", "wrong-type", "use `slice`, `chunk` or `split`")
        return evaluate.index(value, self.value(index.index, context))

    def _attribute(self, attribute: tree.Attribute, context: Context, label: str | None) -> Any:
        value = self.value(attribute.value, context)
        if isinstance(value, Tensor) and attribute.name == "shape":
            return StaticList(value.shape)
        owner = "a tensor" if isinstance(value, Tensor) else describe(value)
        help = did_you_mean(attribute.name, ["shape"]) or "a tensor has `shape`, and nothing else has attributes"
        raise ValueFault(f"{owner} has no attribute `{attribute.name}`", "unknown-attribute", help)

    def _if_bodies(self, branch: tree.IfBodies, context: Context, label: str | None) -> Any:
        test = evaluate.truth(self.value(branch.test, context))
        chosen = branch.then if test else branch.orelse
        if isinstance(chosen, tree.IfBodies):
            return self.value(chosen, context)
        return self.body(chosen, replace(context, scope=Scope(context.scope)))

    def _head(self, head: tree.Head, context: Context, label: str | None) -> Any:
        inner = self.marked(head.marks, context)
        name = self.text(head.label, context) if head.label is not None else None
        makes = (tree.Call, tree.Binary, tree.Unary, tree.NewModule, tree.Conditional)
        if name is not None and not isinstance(head.value, makes):
            raise Fault(
                Diagnostic(
                    "bad-name",
                    f"the label `{name}` names no layer: this is a value",
                    head.span,
                    chain=context.blocks,
                    help="a label stands before a step or an operator's call",
                )
            )
        return self.value(head.value, inner, name)

    def _chain(self, chain: tree.Chain, context: Context, label: str | None) -> Any:
        return self.steps(chain.steps, self.value(chain.head, context), context)

    # --- steps

    def steps(self, steps: Iterable[tree.Step], value: Any, context: Context) -> Any:
        for step in steps:
            value = self.step(step, value, context)
        return value

    def step(self, step: tree.Step, value: Any, context: Context) -> Any:
        """The value of a step that is fed a value."""
        if step.marks:
            context = self.marked(step.marks, context)
        label = self.text(step.label, context) if step.label is not None else None
        action = step.action
        if isinstance(action, tree.Call):
            return self._located(action.span, context, lambda: self.call(action, [value], label, context, step=True))
        if isinstance(action, tree.Sequence):
            return self.steps(action.steps, value, self._enter(label, "seq", step.span, context))
        if label is not None:
            context = self._enter(label, "seq", step.span, context)
        if isinstance(action, tree.If):
            return self._if(action, value, context)
        if isinstance(action, tree.Repeat):
            for _ in range(self._count(action, context)):
                value = self.steps(action.body.steps, value, context)
            return value
        for inner in self._rounds(action.targets, action.iterable, context):
            value = self.steps(action.body.steps, value, inner)
        return value

    def _located(self, span: Span, context: Context, run: Callable[[], Any]) -> Any:
        """A step's value, with faults of static evaluation placed at the step."""
        try:
            value = run()
        except ValueFault as fault:
            raise Fault(Diagnostic(fault.code, fault.message, span, chain=context.blocks, help=fault.help)) from None
        if value is POISON:
            raise Poisoned
        return value

    def _if(self, branch: tree.If, value: Any, context: Context) -> Any:
        try:
            test = evaluate.truth(self.value(branch.test, context))
        except ValueFault as fault:
            raise Fault(
                Diagnostic(fault.code, fault.message, branch.test.span, chain=context.blocks, help=fault.help)
            ) from None
        if test:
            return self.steps(branch.then.steps, value, context)
        if isinstance(branch.orelse, tree.If):
            return self._if(branch.orelse, value, context)
        return value if branch.orelse is None else self.steps(branch.orelse.steps, value, context)

    def _count(self, repeat: tree.Repeat, context: Context) -> int:
        count = self.value(repeat.count, context)
        span = repeat.count.span
        if isinstance(count, Dim):
            raise Fault(undecided(Undecided(f"the number of rounds, {count},", symbols(count)), span, context))
        if type(count) is not int or count < 0:
            raise Fault(
                Diagnostic(
                    "wrong-type",
                    f"`repeat` takes a whole number from 0 on, found {describe(count)}",
                    span,
                    chain=context.blocks,
                )
            )
        if count > self.builder.max_layers:
            raise Fault(
                Diagnostic(
                    "too-many-layers",
                    f"repeating {count} times makes more than {self.builder.max_layers} layers, which is the limit",
                    span,
                    chain=context.blocks,
                )
            )
        return count

    def _enter(self, label: str | None, kind: str, span: Span, context: Context) -> Context:
        """The context inside a step that is a sequence of its own."""
        path = self.builder.step_path(label, kind, span, context)
        return replace(context, names=Names(path, numbered=True), marks=_named(context, path))

    # --- labels and marks

    def text(self, name: tree.Interpolated, context: Context) -> str:
        """A label or mark with its `${...}` worked out."""
        parts = []
        for piece in name.pieces:
            if isinstance(piece, str):
                parts.append(piece)
                continue
            value = self.value(piece, context)
            if isinstance(value, bool) or not isinstance(value, (int, str)):
                raise Fault(
                    Diagnostic(
                        "wrong-type",
                        f"`${{...}}` takes a number or a string, found {describe(value)}",
                        piece.span,
                        chain=context.blocks,
                    )
                )
            parts.append(str(value))
        return "".join(parts)

    def marked(self, marks: tuple[tree.Interpolated, ...], context: Context) -> Context:
        """The context with marks in force."""
        current = context.marks
        for mark in marks:
            name = self.text(mark, context)
            if name == "train":
                current = replace(current, train=True)
            elif name == "frozen":
                current = replace(current, frozen=True)
            elif name == "checkpoint":
                current = replace(current, checkpoint="" if current.checkpoint is None else current.checkpoint)
            elif name in self.builder.devices:
                current = replace(current, device=name)
            else:
                fault = unknown("mark", "@" + name, [], "unknown-mark", mark.span, context)
                known = [*self.builder.devices, *MARKS]
                help = did_you_mean(name, known) or (
                    f"declare it: `device {name}`" if name.isidentifier() else "marks are " + ", ".join(known)
                )
                fault.diagnostic = replace(fault.diagnostic, help=help)
                raise fault
        return replace(context, marks=current)

    # --- calls

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
                return evaluate.call(name, positional)
            return self._operate(operator, positional, named, call, label, context)
        if operator is not None:
            positional, named = self._arguments(call, fed, all_words(operator), context)
            return self._operate(operator, positional, named, call, label, context)
        if not step and name in INITIALISERS:
            positional, _ = self._arguments(call, fed, frozenset(), context)
            return evaluate.initialiser(name, positional)
        known = [*OPERATORS, *context.definitions.blocks, *([] if step else FUNCTIONS)]
        raise unknown("operator or block", name, known, "unknown-operator", call.callee.span, context)

    def _arguments(
        self, call: tree.Call, fed: list[Any], words: Iterable[str], context: Context
    ) -> tuple[list[Any], dict[str, Any]]:
        """Evaluated arguments. A bare word that a parameter takes, and that is no value, stands for itself."""
        positional, named = list(fed), {}
        for argument in call.arguments or ():
            expression = argument.value
            word = (
                isinstance(expression, tree.Name)
                and expression.id in words
                and context.scope.find(expression.id) is None
            )
            value = expression.id if word else self.value(expression, context)  # type: ignore[union-attr]
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
        if issubclass(operator, Loss):
            if self.target is None:
                raise Fault(
                    Diagnostic(
                        "loss",
                        f"`{operator.name}` is a loss, which stands in a `loss` statement",
                        call.span,
                        chain=context.blocks,
                    )
                )
            positional = [*positional[:1], self.target, *positional[1:]]
        built, tensors = operator_arguments(operator, positional, named, call, context)
        return self._layer(built, tensors, label, call.span, context, path)

    def _layer(
        self,
        operator: Operator,
        tensors: list[Tensor],
        label: str | None,
        span: Span,
        context: Context,
        path: str | None = None,
    ) -> Any:
        return self.builder.layer(operator, tensors, label, span, context, path)

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
        given = bind_parameters(block, positional, named, call, context)
        written = " ".join(call.span.text.split())
        instance = Instance(path, written if len(written) <= 60 else written[:59] + "…", call.span)
        scope = Scope()
        inner = Context(
            definitions,
            scope,
            Names(path, numbered=False),
            _named(context, path),
            (*context.blocks, instance),
            context.reuse,
        )
        self.bind_block(block, given, call, inner, context)
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
        for param in block.params:
            if param.shape is None:
                continue
            values = {n: b.value for n, b in inner.scope.bindings.items()}
            for dim, size in match_shape(name, param, values[param.name.id], values, call.span, outer).items():
                inner.scope.bind(dim, size, param.shape.span)

    def _endless(self, name: str, call: tree.Call, context: Context) -> Diagnostic:
        names = [*(i.call.split("(")[0] for i in context.blocks), name]
        last = len(names) - 1
        start = next((i for i in range(last - 1, -1, -1) if names[i] == name), None)
        if start is None:
            return Diagnostic("recursion", f"blocks are nested deeper than {MAX_DEPTH}", call.span)
        cycle = " -> ".join(names[start:])
        return Diagnostic(
            "recursion",
            f"block `{name}` uses itself without end: {cycle}",
            call.span,
            help=f"a block may use itself at most {MAX_DEPTH} levels deep, under an `if` that ends it",
        )

    # --- shared modules

    def _new_module(self, new: tree.NewModule, context: Context, label: str | None) -> SharedModule:
        call = new.call
        name = call.callee.id
        callee: tree.Block | type[Operator]
        block = context.definitions.blocks.get(name)
        if block is not None:
            callee, definitions, words = block[0], block[1], frozenset[str]()
        elif name in OPERATORS:
            callee, definitions = OPERATORS[name], context.definitions
            words = frozenset(all_words(callee))
        else:
            known = [*OPERATORS, *context.definitions.blocks]
            raise unknown("operator or block", name, known, "unknown-operator", call.callee.span, context)
        positional, named = self._arguments(call, [], words, context)
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
        marks = replace(
            context.marks,
            device=context.marks.device or made.marks.device,
            train=context.marks.train or made.marks.train,
            frozen=context.marks.frozen or made.marks.frozen,
        )
        inner = replace(made, marks=marks, blocks=context.blocks, reuse=uses)
        arguments = [*tensors, *module.positional]
        if isinstance(module.callee, tree.Block):
            return self._instantiate(
                module.callee, made.definitions, arguments, module.named, module.call, None, module.path, inner
            )
        return self._operate(module.callee, arguments, module.named, module.call, None, inner, module.path)


def _named(context: Context, path: str) -> Any:
    """The marks inside a step at a path: a pending @checkpoint takes the path."""
    if context.marks.checkpoint != "":
        return context.marks
    return replace(context.marks, checkpoint=path if context.reuse == 1 else f"{path}#{context.reuse}")
