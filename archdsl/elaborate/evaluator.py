"""Values of expressions. Static ones need no graph; what makes layers is handed in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeAlias

from archdsl import evaluate
from archdsl.definitions import built_in, callee
from archdsl.diagnostics import did_you_mean
from archdsl.dims import Undecided
from archdsl.elaborate.faults import POISON, Fault, Faults, Poisoned
from archdsl.elaborate.tensor import TensorValue
from archdsl.elaborate.trace import Trace
from archdsl.elaborate.values import Context, Scope, SharedModule, Unavailable, describe, is_tensors
from archdsl.evaluate import FUNCTIONS, StaticList, ValueFault
from archdsl.limits import TooMuchWork, Work
from archdsl.ops.initialiser import INITIALISERS
from archdsl.source import Span
from archdsl.syntax import tree

# The value of one kind of expression, in a context; the text is the label of the layer that it makes.
ExpressionForm: TypeAlias = Callable[[Any, Context, str | None], Any]


# The value of a module's attribute.
WeightOf: TypeAlias = Callable[[SharedModule, tree.Attribute, Context], Any]


class Arithmetic(Protocol):
    """What arithmetic of tensors makes."""

    def negative(self, tensor: TensorValue, label: str | None, span: Span, context: Context) -> Any: ...

    def combine(self, node: tree.Binary, left: Any, right: Any, label: str | None, context: Context) -> Any:
        """The value of an operation of which one side is a tensor at least. Raises `ValueFault`."""
        ...


class Evaluator:
    """Evaluates expressions.

    `forms` says how each kind of expression is evaluated: at first those that are static, and calls of functions.
    Whoever builds a graph hands in `arithmetic` of tensors, says what the attributes of modules are (`weight_of`), and
    adds the forms that make layers.
    """

    def __init__(self, work: Work, faults: Faults, arithmetic: Arithmetic | None = None) -> None:
        self.work = work
        self.faults = faults
        self._arithmetic = arithmetic
        self.trace: Trace | None = None
        self.weight_of: WeightOf | None = None
        self.forms: dict[type, ExpressionForm] = {
            tree.Literal: lambda e, c, _: e.value,
            tree.Name: self._name,
            tree.ListDisplay: self._list,
            tree.Comprehension: self._comprehension,
            tree.Unary: self._unary,
            tree.Binary: self._binary,
            tree.Conditional: self._conditional,
            tree.Index: self._index,
            tree.ListSlice: self._slice,
            tree.Attribute: self._attribute,
            tree.Call: self._call,
        }

    def value(self, expression: tree.Expr, context: Context, label: str | None = None) -> Any:
        """The value of an expression. `label` names the layer that it makes. Raises `Fault` or `Poisoned`."""
        work = self.work
        work.spent += 1  # not `spend`: this is the innermost loop
        if work.spent > work.limit:
            raise context.too_much_work(work, expression.span)
        form = self.forms.get(type(expression))
        if form is None:  # where nothing can be built
            raise context.fault("wrong-type", "a static value makes no layers", expression.span)
        try:
            value = form(expression, context, label)
        except ValueFault as fault:
            raise context.no_value(fault, expression.span) from None
        except Undecided as error:
            raise context.undecided(error, expression.span) from None
        except TooMuchWork:
            raise context.too_much_work(work, expression.span) from None
        if value is POISON:
            raise Poisoned
        return value

    def attempt(self, expression: tree.Expr, context: Context) -> Any:
        """The value of an expression, or POISON where it has none; the fault is recorded."""
        try:
            return self.value(expression, context)
        except Fault as fault:
            self.faults.record(fault.diagnostic)
        except Poisoned:
            pass
        return POISON

    def all_of(self, parts: Iterable[tuple[tree.Expr, Context]]) -> list[Any]:
        """The values of expressions that do not depend on each other: the faults of all are recorded."""
        values = [self.attempt(expression, context) for expression, context in parts]
        if any(value is POISON for value in values):
            raise Poisoned
        return values

    def arguments(
        self, call: tree.Call, fed: Sequence[Any], bare: Collection[str], context: Context
    ) -> tuple[list[Any], dict[str, Any]]:
        """Evaluated arguments, behind what is `fed` from the left.

        A word that a parameter takes `bare`, and that is no value, stands for itself.
        """
        positional = list(fed)
        named: dict[str, Any] = {}
        if context.names.numbered:
            context = replace(context, names=context.names.elsewhere())
        for argument in call.arguments:
            said = argument.value
            if isinstance(said, tree.Name) and said.id in bare and not context.scope.available(said.id):
                value: Any = said.id
            else:
                value = self.attempt(said, context)
            if argument.name is None:
                if named:
                    raise context.fault("wrong-arity", "a positional argument follows a named one", argument.span)
                positional.append(value)
            elif argument.name in named:
                raise context.fault("wrong-arity", f"`{argument.name}` is given twice", argument.span)
            else:
                named[argument.name] = value
        if any(value is POISON for value in (*positional, *named.values())):
            raise Poisoned
        return positional, named

    def function(self, name: str, positional: Sequence[Any], named: Collection[str], label: str | None) -> Any:
        """The value of a built-in function. Raises `ValueFault`."""
        if named or label is not None:
            raise ValueFault(f"`{name}` takes no named arguments and no label", "wrong-arity")
        self.work.spend(sum(len(value) for value in positional if isinstance(value, list)))
        result = evaluate.call(name, positional)
        self.work.spend(Work.ROUND * len(result) if isinstance(result, list) else 0)
        return result

    def rounds(self, targets: Sequence[tree.BoundName], iterable: tree.Expr, context: Context) -> Iterator[Context]:
        """A context for each item of a list, with the item bound to the targets."""
        items = self.value(iterable, context)
        if not isinstance(items, list):
            raise context.fault("wrong-type", f"`for` runs over a list, found {describe(items)}", iterable.span)
        for item in items:
            self.work.spend(Work.ROUND)
            scope = Scope(context.scope)
            parts = [item] if len(targets) == 1 else item
            if not isinstance(parts, list) or len(parts) != len(targets):
                needed = f"{len(targets)} names need {len(targets)} values for each round"
                raise context.fault("wrong-arity", f"{needed}, found {describe(item)}", iterable.span)
            for target, part in zip(targets, parts, strict=True):
                scope.bind(target.id, part, iterable.span)
            yield replace(context, scope=scope)

    # --- forms

    def _name(self, name: tree.Name, context: Context, label: str | None) -> Any:
        binding = context.scope.find(name.id)
        if binding is not None:
            if isinstance(binding.value, Unavailable):
                raise binding.value.used_at(name.span)
            return binding.value
        if built_in(name.id) is not None:
            return evaluate.built_in(name.id)
        known = [*context.scope.names(), *FUNCTIONS]
        raise context.unknown("name", name.id, known, "unknown-name", name.span)

    def _list(self, display: tree.ListDisplay, context: Context, label: str | None) -> list[Any]:
        return StaticList(self.all_of((item, context) for item in display.items))

    def _comprehension(self, comprehension: tree.Comprehension, context: Context, label: str | None) -> list[Any]:
        rounds = self.rounds(comprehension.targets, comprehension.iterable, context)
        condition = comprehension.condition
        if condition is not None:
            rounds = (inner for inner in rounds if evaluate.truth(self.value(condition, inner)))
        return StaticList(self.all_of((comprehension.element, inner) for inner in rounds))

    def _unary(self, unary: tree.Unary, context: Context, label: str | None) -> Any:
        value = self.value(unary.operand, context)
        if isinstance(value, TensorValue) and unary.operator == "-" and self._arithmetic is not None:
            return self._arithmetic.negative(value, label, unary.span, context)
        return evaluate.unary(unary.operator, value)

    def _binary(self, binary: tree.Binary, context: Context, label: str | None) -> Any:
        # `a + b + ... + z` leans left and may be long: walk down its spine instead of recurring.
        spine = [binary]
        while isinstance(spine[-1].left, tree.Binary):
            spine.append(spine[-1].left)
        value = self.attempt(spine[-1].left, context)
        for node in reversed(spine):
            try:
                value = self._apply(node, value, label if node is binary else None, context)
            except ValueFault as fault:
                raise context.no_value(fault, node.span) from None
        return value

    def _apply(self, node: tree.Binary, left: Any, label: str | None, context: Context) -> Any:
        symbol = node.operator
        if symbol in ("and", "or"):
            if left is POISON:
                raise Poisoned
            if evaluate.truth(left) is (symbol == "or"):
                return left
            return evaluate.truth(self.value(node.right, context))
        right = self.attempt(node.right, context)
        if left is POISON or right is POISON:
            return POISON
        if self._arithmetic is not None and (isinstance(left, TensorValue) or isinstance(right, TensorValue)):
            return self._arithmetic.combine(node, left, right, label, context)
        joined = symbol == "+" and isinstance(left, list) and isinstance(right, list)
        for side in (left, right) if not joined else ():
            if is_tensors(side) or isinstance(side, SharedModule):
                raise ValueFault(f"`{symbol}` does not take {describe(side)}", "wrong-type")
        self.work.spend(evaluate.cost(symbol, left, right))
        return evaluate.binary(symbol, left, right)

    def _conditional(self, conditional: tree.Conditional, context: Context, label: str | None) -> Any:
        test = evaluate.truth(self.value(conditional.test, context))
        return self.value(conditional.then if test else conditional.orelse, context, label)

    def _index(self, index: tree.Index, context: Context, label: str | None) -> Any:
        value = self.value(index.value, context)
        if isinstance(value, TensorValue):
            raise ValueFault("a tensor has no items", "wrong-type", "use `slice`, `chunk` or `split`")
        return evaluate.index(value, self.value(index.index, context))

    def _slice(self, part: tree.ListSlice, context: Context, label: str | None) -> Any:
        value = self.value(part.value, context)
        if isinstance(value, TensorValue):
            raise ValueFault("a tensor has no items", "wrong-type", "use `slice(start, end, dim = …)`")
        bounds = (
            self.value(bound, context) if bound is not None else None for bound in (part.start, part.stop, part.step)
        )
        self.work.spend(len(value) if isinstance(value, list) else 0)
        return evaluate.part(value, *bounds)

    def _attribute(self, attribute: tree.Attribute, context: Context, label: str | None) -> Any:
        value = self.value(attribute.value, context)
        if isinstance(value, TensorValue) and attribute.name == "shape":
            return StaticList(value.shape)
        if isinstance(value, SharedModule) and self.weight_of is not None:
            return self.weight_of(value, attribute, context)
        owner = "a tensor" if isinstance(value, TensorValue) else describe(value)
        help = did_you_mean(attribute.name, ["shape"])
        help = help or "a tensor has `shape`, a module `weight` and `bias`, and nothing else has attributes"
        raise ValueFault(f"{owner} has no attribute `{attribute.name}`", "unknown-attribute", help)

    def _call(self, call: tree.Call, context: Context, label: str | None) -> Any:
        """A call of a function, or of an initialiser."""
        name = call.callee.id
        found = callee(name, context.definitions, step=False)
        if found is None or not (found.function or name in INITIALISERS):
            known = [*FUNCTIONS, *INITIALISERS]
            raise context.unknown("function", name, known, "unknown-operator", call.callee.span)
        positional, named = self.arguments(call, [], frozenset(), context)
        return (
            self.function(name, positional, named, label) if found.function else evaluate.initialiser(name, positional)
        )
