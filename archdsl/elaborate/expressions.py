"""Values of expressions: static ones, and arithmetic of tensors, which makes layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from archdsl import evaluate
from archdsl.diagnostics import Diagnostic, Note, counted, did_you_mean, unknown
from archdsl.dims import Dim, Undecided
from archdsl.elaborate.arguments import (
    is_tensors,
)
from archdsl.elaborate.builder import GraphBuilder, too_much_work, undecided
from archdsl.elaborate.values import (
    POISON,
    Context,
    Fault,
    Poisoned,
    Scope,
    SharedModule,
    Tensor,
    describe,
)
from archdsl.evaluate import FUNCTIONS, StaticList, ValueFault
from archdsl.limits import TooMuchWork, Work
from archdsl.ops import OPERATORS
from archdsl.ops.initialiser import INITIALISERS
from archdsl.ops.merge import Mul
from archdsl.syntax import tree

MAX_KEPT: Final = 1000  # faults
LIMITS: Final = ("too-much-work", "too-many-layers")

ARITHMETIC: Final = {"+": "add", "-": "sub", "*": "mul", "/": "div"}


class Expressions(ABC):
    """Evaluates expressions; what they need of bodies, steps and calls comes with the classes built on this."""

    def __init__(self, builder: GraphBuilder) -> None:
        self.builder = builder
        self._found: dict[tuple[str, tuple[str, int, int] | None], Diagnostic] = {}
        self._times: Counter[tuple[str, tuple[str, int, int] | None]] = Counter()  # how often each was met
        self._broken: set[str] = set()  # paths of shared modules with a fault inside
        self._uses: dict[str, int] = {}  # how often the shared module at a path was applied
        self._regions = 0
        self.work = builder.work
        self._evaluators: dict[type, Callable[[Any, Context, str | None], Any]] = {
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

    def record(self, diagnostic: Diagnostic) -> None:
        """Keep a fault, once for each place; a limit that is reached, once."""
        span = diagnostic.span
        assert span is not None
        place = (span.source.name, span.start, span.end) if diagnostic.code not in LIMITS else None
        key = (diagnostic.code, place)
        if key in self._found or len(self._found) < MAX_KEPT:
            self._found.setdefault(key, diagnostic)
            self._times[key] += 1

    @property
    def faults(self) -> list[Diagnostic]:
        """Every fault found; of one that a block has in several instances, the first, with their number."""
        return [_counted(diagnostic, self._times[key]) for key, diagnostic in self._found.items()]

    def attempt(self, expression: tree.Expr, context: Context) -> Any:
        """The value of an expression, or POISON where it has none; the fault is recorded."""
        try:
            return self.value(expression, context)
        except Fault as fault:
            self.record(fault.diagnostic)
        except Poisoned:
            pass
        return POISON

    def all_of(self, parts: Iterable[tuple[tree.Expr, Context]]) -> list[Any]:
        """The values of expressions that do not depend on each other: the faults of all are recorded."""
        values = [self.attempt(expression, context) for expression, context in parts]
        if any(value is POISON for value in values):
            raise Poisoned
        return values

    # --- expressions

    def value(self, expression: tree.Expr, context: Context, label: str | None = None) -> Any:
        """The value of an expression. `label` names the layer that it makes. Raises `Fault` or `Poisoned`."""
        work = self.work
        work.spent += 1  # not `spend`: this is the innermost loop
        if work.spent > work.limit:
            raise Fault(too_much_work(work, expression.span, context))
        try:
            value = self._evaluators[type(expression)](expression, context, label)
        except ValueFault as fault:
            raise Fault(
                Diagnostic(fault.code, fault.message, expression.span, chain=context.blocks, help=fault.help)
            ) from None
        except Undecided as error:
            raise Fault(undecided(error, expression.span, context)) from None
        except TooMuchWork:
            raise Fault(too_much_work(work, expression.span, context)) from None
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
        raise Fault(unknown("name", name.id, known, "unknown-name", name.span, context.blocks))

    def _list(self, display: tree.ListDisplay, context: Context, label: str | None) -> list[Any]:
        return StaticList(self.all_of((item, context) for item in display.items))

    def _comprehension(self, comprehension: tree.Comprehension, context: Context, label: str | None) -> list[Any]:
        rounds = self._rounds(comprehension.targets, comprehension.iterable, context)
        return StaticList(self.all_of((comprehension.element, inner) for inner in rounds))

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
            self.work.spend(Work.ROUND)
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
            return self.builder.layer(Mul(scalar=-1.0), [value], label, unary.span, context)
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
                raise Fault(
                    Diagnostic(fault.code, fault.message, node.span, chain=context.blocks, help=fault.help)
                ) from None
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
        return self._combine(node, left, right, label, context)

    def _combine(self, node: tree.Binary, left: Any, right: Any, label: str | None, context: Context) -> Any:
        """Arithmetic or a comparison of two values: a layer where one is a tensor."""
        symbol = node.operator
        if not isinstance(left, Tensor) and not isinstance(right, Tensor):
            joined = symbol == "+" and isinstance(left, list) and isinstance(right, list)
            for side in (left, right) if not joined else ():
                if is_tensors(side) or isinstance(side, SharedModule):
                    raise ValueFault(f"`{symbol}` does not take {describe(side)}", "wrong-type")
            self.work.spend(evaluate.cost(symbol, left, right))
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
        return self.builder.layer(OPERATORS[operator](**settings), tensors, label, node.span, context)

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

    # --- what the classes built on this bring

    @abstractmethod
    def call(self, call: tree.Call, fed: list[Any], label: str | None, context: Context, *, step: bool) -> Any: ...

    @abstractmethod
    def _new_module(self, new: tree.NewModule, context: Context, label: str | None) -> Any: ...

    @abstractmethod
    def _if_bodies(self, branch: tree.IfBodies, context: Context, label: str | None) -> Any: ...

    @abstractmethod
    def _head(self, head: tree.Head, context: Context, label: str | None) -> Any: ...

    @abstractmethod
    def _chain(self, chain: tree.Chain, context: Context, label: str | None) -> Any: ...


def _counted(diagnostic: Diagnostic, times: int) -> Diagnostic:
    if times == 1 or diagnostic.code in LIMITS:
        return diagnostic
    more = Note(f"and in {counted(times - 1, 'more instance')} of this step")
    return replace(diagnostic, notes=(*diagnostic.notes, more))
