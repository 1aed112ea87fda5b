"""Bodies: their statements in order, and the value that they end with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from archdsl import evaluate
from archdsl.diagnostics import Label
from archdsl.elaborate import assertions
from archdsl.elaborate.evaluator import Evaluator
from archdsl.elaborate.faults import POISON, Poison
from archdsl.elaborate.values import Context, Scope, describe
from archdsl.syntax import tree

# What stands in the body of a network, and in no other.
NETWORKS_OWN: Final[dict[type, str]] = {
    tree.OutputStatement: "output",
    tree.TargetStatement: "target",
    tree.LossStatement: "loss",
    tree.Devices: "device",
    tree.InitStatement: "init",
}


class BodyRunner:
    """Runs bodies; every independent fault is recorded."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._record = evaluator.faults.record

    def value(self, body: tree.Body, context: Context) -> Any:
        """Run the statements of a body; its value is its last expression."""
        result: Any = None
        misplaced = False
        last = body.statements[-1] if body.statements else None
        for statement in body.statements:
            if isinstance(statement, (tree.Bind, tree.Assertion)):
                self.set_up(statement, context)
            elif isinstance(statement, tree.Evaluate):
                value = self._evaluator.attempt(statement.value, context)
                if self._evaluator.trace is not None and value is not POISON:
                    self._evaluator.trace.found(statement.span, value, context.blocks)
                if statement is last:
                    result = value
                else:
                    help = "bind it to a name, or feed it to the next step (in text, that line begins with `->`)"
                    fault = context.fault("unused-expression", "this value is not used", statement.span, help=help)
                    self._record(fault.diagnostic)
            else:
                misplaced = True
                fault = context.fault(
                    "outputs", f"`{NETWORKS_OWN[type(statement)]}` stands in a network only", statement.span
                )
                self._record(fault.diagnostic)
        if result is None and misplaced:
            return POISON
        if result is None:
            raise context.fault("no-value", "this body has no value", body.span, help="end it with an expression")
        return result

    def set_up(self, statement: tree.Setup, context: Context) -> None:
        """Run a statement that has no value. Raises `Fault` where a condition does not hold, on which the rest of the
        body relies; of a binding a fault is recorded."""
        if isinstance(statement, tree.Bind):
            self._bind(statement, context)
        else:
            assertions.check(statement, self._evaluator, context)

    def _bind(self, statement: tree.Bind, context: Context) -> None:
        """Bind the targets of a statement. Layers that are made on the way are no steps of braces around."""
        value = self._evaluator.attempt(statement.value, replace(context, names=context.names.elsewhere()))
        targets = statement.targets
        if self._evaluator.trace is not None and value is not POISON:
            self._evaluator.trace.found(statement.span, value, context.blocks)
        values: Iterable[Any] = [value]
        if len(targets) > 1:
            if isinstance(value, Poison):
                values = [POISON] * len(targets)
            elif isinstance(value, list) and len(value) == len(targets):
                values = value
            else:
                found = f"{len(value)} values" if isinstance(value, list) else describe(value)
                message = f"{len(targets)} names need {len(targets)} values, found {found}"
                self._record(context.fault("wrong-arity", message, statement.span).diagnostic)
                values = [POISON] * len(targets)
        for target, item in zip(targets, values, strict=True):
            first = context.scope.find(target.id)
            if first is None:
                context.scope.bind(target.id, item, target.span)
                if self._evaluator.trace is not None and item is not POISON:
                    self._evaluator.trace.found(target.span, item, context.blocks)
                continue
            message, label = f"`{target.id}` is bound twice", Label(first.span, "first bound here")
            fault = context.fault("rebound-name", message, target.span, (label,), help="choose another name")
            self._record(fault.diagnostic)

    def choice(self, branch: tree.IfBodies, context: Context, label: str | None) -> Any:
        """The value of the body that a condition chooses."""
        test = evaluate.truth(self._evaluator.value(branch.test, context))
        chosen = branch.then if test else branch.orelse
        if isinstance(chosen, tree.IfBodies):
            return self._evaluator.value(chosen, context)
        return self.value(chosen, replace(context, scope=Scope(context.scope)))
