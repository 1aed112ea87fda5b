"""Chains: a value that is fed from step to step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from archdsl import evaluate
from archdsl.dims import Dim, Undecided, symbols
from archdsl.elaborate.bodies import BodyRunner
from archdsl.elaborate.builder import GraphBuilder
from archdsl.elaborate.calls import Calls
from archdsl.elaborate.evaluator import Evaluator
from archdsl.elaborate.faults import POISON, Poisoned
from archdsl.elaborate.labels import Labels
from archdsl.elaborate.values import Context, Scope, SharedModule, describe, is_tensors
from archdsl.evaluate import ValueFault
from archdsl.limits import Work, limits
from archdsl.names import Names
from archdsl.source import Span
from archdsl.syntax import tree

MAKES: tuple[type, ...] = (tree.Call, tree.Binary, tree.Unary, tree.NewModule, tree.Conditional)  # layers


class Steps:
    """Runs chains."""

    def __init__(
        self, builder: GraphBuilder, evaluator: Evaluator, calls: Calls, labels: Labels, bodies: BodyRunner
    ) -> None:
        self._builder = builder
        self._evaluator = evaluator
        self._calls = calls
        self._labels = labels
        self._bodies = bodies

    def head(self, head: tree.Head, context: Context, label: str | None) -> Any:
        """The value that a chain begins with, where it has a label or marks. Raises `Fault`."""
        inner = self._labels.marked(head.marks, context)
        name = self._labels.label(head.label, context)
        if name is not None and not isinstance(head.value, MAKES):
            message = f"the label `{name}` names no layer: this is a value"
            help = "a label stands before a step or an operator's call"
            raise context.fault("bad-name", message, head.span, help=help)
        value = self._evaluator.value(head.value, inner, name)
        if isinstance(head.value, (tree.Name, tree.Literal)) or not (
            is_tensors(value) or isinstance(value, SharedModule)
        ):
            what = f"the label `{name}`" if name is not None else "the mark"
            code = "bad-name" if name is not None else "unknown-mark"
            help = "put it where the layer is made: `x -> label: step @mark`"
            raise context.fault(code, f"{what} stands at no step: this is a value", head.span, help=help)
        return value

    def chain(self, chain: tree.Chain, context: Context, label: str | None) -> Any:
        value = self._evaluator.value(chain.head, context)
        if self._evaluator.trace is not None:
            self._evaluator.trace.found(chain.head.span, value, context.blocks)
        return self._all(chain.steps, value, context)

    def _all(self, steps: Iterable[tree.Step], value: Any, context: Context) -> Any:
        trace = self._evaluator.trace
        for step in steps:
            value = self._step(step, value, context)
            if trace is not None:
                trace.found(step.span, value, context.blocks)
        return value

    def _sequence(self, sequence: tree.Sequence, value: Any, context: Context) -> Any:
        if sequence.setup:
            context = replace(context, scope=Scope(context.scope))
            for statement in sequence.setup:
                self._bodies.set_up(statement, context)
        return self._all(sequence.steps, value, context)

    def _step(self, step: tree.Step, value: Any, context: Context) -> Any:
        """The value of a step that is fed a value."""
        if step.marks:
            context = self._labels.marked(step.marks, context)
        label = self._labels.label(step.label, context)
        action = step.action
        if isinstance(action, tree.Call):
            return self._call(action, value, label, context)
        if isinstance(action, tree.Sequence):
            return self._sequence(action, value, self._enter(label, step.span, context))
        if label is not None:
            context = self._enter(label, step.span, context)
        if isinstance(action, tree.If):
            return self._if(action, value, context)
        if isinstance(action, tree.Repeat):
            for _ in range(self._count(action, context)):
                self._evaluator.work.spend(Work.ROUND)
                value = self._sequence(action.body, value, context)
            return value
        for inner in self._evaluator.rounds(action.targets, action.iterable, context):
            value = self._sequence(action.body, value, inner)
        return value

    def _call(self, call: tree.Call, value: Any, label: str | None, context: Context) -> Any:
        try:
            value = self._calls.value(call, [value], label, context, step=True)
        except ValueFault as fault:
            raise context.no_value(fault, call.span) from None
        if value is POISON:
            raise Poisoned
        return value

    def _if(self, branch: tree.If, value: Any, context: Context) -> Any:
        try:
            test = evaluate.truth(self._evaluator.value(branch.test, context))
        except ValueFault as fault:
            raise context.no_value(fault, branch.test.span) from None
        if test:
            return self._sequence(branch.then, value, context)
        if isinstance(branch.orelse, tree.If):
            return self._if(branch.orelse, value, context)
        return value if branch.orelse is None else self._sequence(branch.orelse, value, context)

    def _count(self, repeat: tree.Repeat, context: Context) -> int:
        count = self._evaluator.value(repeat.count, context)
        span = repeat.count.span
        if isinstance(count, Dim):
            raise context.undecided(Undecided(f"the number of rounds, {count},", symbols(count)), span)
        if type(count) is not int or count < 0:
            message = f"`repeat` takes a whole number from 0 on, found {describe(count)}"
            raise context.fault("wrong-type", message, span)
        if count > limits().layers:
            message = f"repeating {count} times makes more than {limits().layers} layers, which is the limit"
            raise context.fault("too-many-layers", message, span, help="--max-layers sets another limit")
        return count

    def _enter(self, label: str | None, span: Span, context: Context) -> Context:
        """The context inside a step that is a sequence of its own."""
        path = self._builder.step_path(label, "seq", span, context)
        return replace(context, names=Names(path, numbered=True))
