"""Runs a spec once: statements, chains and steps; every layer goes to the graph builder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from archdsl import evaluate
from archdsl.diagnostics import Diagnostic, Label, unknown
from archdsl.dims import Dim, Undecided, symbols
from archdsl.elaborate.arguments import is_tensors
from archdsl.elaborate.builder import undecided
from archdsl.elaborate.calls import Calls
from archdsl.elaborate.values import (
    MARKS,
    POISON,
    Context,
    Fault,
    Poison,
    Poisoned,
    Scope,
    SharedModule,
    describe,
)
from archdsl.evaluate import ValueFault
from archdsl.limits import Work, limits
from archdsl.names import Names, fault
from archdsl.source import Span
from archdsl.syntax import tree

MAX_PIECES: Final = 64  # texts and `${...}` of a label or mark


class Interpreter(Calls):
    """Elaborates bodies into a graph, collecting every independent fault."""

    # --- statements

    def body(self, body: tree.Body, context: Context) -> Any:
        """Run the statements of a body; its value is its last expression."""
        result: Any = None
        misplaced = False
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
                            help="bind it to a name, or feed it to the next step (in text, that line begins with `->`)",
                        )
                    )
            else:
                misplaced = True
                kind = {tree.Output: "output", tree.Loss: "loss", tree.Devices: "device"}[type(statement)]
                self.record(
                    Diagnostic("outputs", f"`{kind}` stands in a network only", statement.span, chain=context.blocks)
                )
        if result is None and misplaced:
            return POISON
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

    # --- chains

    def _head(self, head: tree.Head, context: Context, label: str | None) -> Any:
        inner = self.marked(head.marks, context)
        name = self.label(head.label, context)
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
        value = self.value(head.value, inner, name)
        if isinstance(head.value, (tree.Name, tree.Literal)) or not (
            is_tensors(value) or isinstance(value, SharedModule)
        ):
            what = f"the label `{name}`" if name is not None else "the mark"
            raise Fault(
                Diagnostic(
                    "bad-name" if name is not None else "unknown-mark",
                    f"{what} stands at no step: this is a value",
                    head.span,
                    chain=context.blocks,
                    help="put it where the layer is made: `x -> label: step @mark`",
                )
            )
        return value

    def _chain(self, chain: tree.Chain, context: Context, label: str | None) -> Any:
        return self.steps(chain.steps, self.value(chain.head, context), context)

    def _if_bodies(self, branch: tree.IfBodies, context: Context, label: str | None) -> Any:
        test = evaluate.truth(self.value(branch.test, context))
        chosen = branch.then if test else branch.orelse
        if isinstance(chosen, tree.IfBodies):
            return self.value(chosen, context)
        return self.body(chosen, replace(context, scope=Scope(context.scope)))

    # --- steps

    def steps(self, steps: Iterable[tree.Step], value: Any, context: Context) -> Any:
        for step in steps:
            value = self.step(step, value, context)
        return value

    def step(self, step: tree.Step, value: Any, context: Context) -> Any:
        """The value of a step that is fed a value."""
        if step.marks:
            context = self.marked(step.marks, context)
        label = self.label(step.label, context)
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
                self.work.spend(Work.ROUND)
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
        if count > limits().layers:
            raise Fault(
                Diagnostic(
                    "too-many-layers",
                    f"repeating {count} times makes more than {limits().layers} layers, which is the limit",
                    span,
                    chain=context.blocks,
                    help="--max-layers sets another limit",
                )
            )
        return count

    def _enter(self, label: str | None, kind: str, span: Span, context: Context) -> Context:
        """The context inside a step that is a sequence of its own."""
        path = self.builder.step_path(label, kind, span, context)
        return replace(context, names=Names(path, numbered=True))

    # --- labels and marks

    def label(self, name: tree.Interpolated | None, context: Context) -> str | None:
        """A label worked out: identifiers or numbers with dots between them."""
        if name is None:
            return None
        label = self.text(name, context)
        for segment in label.split("."):
            wrong = fault(segment)
            if wrong is not None:
                raise Fault(
                    Diagnostic(
                        "bad-name",
                        f"the label `{label[:64]}` cannot be used: `{segment[:64]}` {wrong}",
                        name.span,
                        chain=context.blocks,
                        help="choose another label",
                    )
                )
        return label

    def text(self, name: tree.Interpolated, context: Context) -> str:
        """A label or mark with its `${...}` worked out."""
        parts = []
        for piece in name.pieces:
            if isinstance(piece, str):
                parts.append(piece)
                continue
            if len(parts) > MAX_PIECES:
                message = f"a label or mark has more than {MAX_PIECES} pieces"
                raise Fault(Diagnostic("bad-name", message, name.span, chain=context.blocks))
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
            parts.append(str(value)[: limits().path + 1])  # longer than any path, and refused as one
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
                current = replace(current, checkpoint=current.checkpoint or self.next_region())
            elif name in self.builder.devices:
                current = replace(current, device=name)
            else:
                known = [*self.builder.devices, *MARKS]
                diagnostic = unknown("mark", name, known, "unknown-mark", mark.span, context.blocks)
                help = diagnostic.help or f"declare a device in the network: `device {name}`"
                raise Fault(replace(diagnostic, help=help, fix=None))
        return replace(context, marks=current)
