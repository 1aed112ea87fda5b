"""Elaborates the `loss` of a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from archdsl.diagnostics import Diagnostic, Label, counted
from archdsl.dims import Shape
from archdsl.elaborate.builder import GraphBuilder
from archdsl.elaborate.faults import Poisoned
from archdsl.elaborate.interpreter import Interpreter
from archdsl.elaborate.operations import Layers, Operations
from archdsl.elaborate.tensor import TensorValue
from archdsl.elaborate.values import Context, Scope, SharedModule, Unavailable, describe, is_tensors
from archdsl.graph import Graph, NetworkOutput, Writing, header, layers, live
from archdsl.limits import Work
from archdsl.ops import Operator
from archdsl.ops.dtypes import FLOATING
from archdsl.ops.loss import Loss
from archdsl.source import Span
from archdsl.syntax import tree

TARGET = "target"  # what a target is called where none is declared


class LossTarget(NamedTuple):
    """What the loss compares outputs with, as it is declared."""

    name: str
    shape: Shape
    dtype: str
    span: Span


def losses_targets(loss: Graph | None) -> tuple[str, ...]:
    """The targets that a loss takes."""
    return header(loss)["targets"] if loss is not None else ()


def elaborate_losses(
    statement: tree.LossStatement,
    outputs: Sequence[NetworkOutput],
    targets: Sequence[LossTarget],
    outer: Scope,
    record: Callable[[Diagnostic], None],
    work: Work,
) -> tuple[Graph, Graph | None]:
    """The loss of all outputs, and that of the outputs of inference: None where nothing is left of it.

    Each is a graph whose inputs are the outputs' names and the targets; where none is declared, there is one, `target`,
    which losses take themselves. Static values of the network's body can be used in
    it. Raises `Fault`, or `Poisoned` after recording faults.
    """
    context = Context()
    if not targets and any(output["name"] == TARGET for output in outputs):
        message = f"an output of a network with a loss cannot be called `{TARGET}`, which is what it is compared with"
        raise context.fault("bad-name", message, statement.span, help="choose another name")
    whole = _elaborate(statement, outputs, targets, outer, record, training=True, work=work)
    if whole is None:
        message = "the loss is a single number computed from what the network returns"
        compared = "".join(f", {target.name}" for target in targets[:1])
        help = f"for example `loss cross_entropy({outputs[0]['name']}{compared})`, or a `mean` over all dimensions"
        raise context.fault("loss", message, statement.span, help=help)
    if all(output["phase"] == "both" for output in outputs):
        return whole, whole
    return whole, _elaborate(statement, outputs, targets, outer, record, training=False, work=work)


class LossOperations:
    """What operators make in a loss: losses take the target, where none is declared, and what is computed from absent
    outputs is 0."""

    def __init__(
        self, inner: Operations, builder: GraphBuilder, targets: Sequence[LossTarget], *, absent: bool
    ) -> None:
        self._inner = inner
        self._builder = builder
        self._targets = targets
        self._absent = absent  # there are such outputs
        self.implied: TensorValue | None = None  # the target that is not declared

    def operate(
        self,
        operator: type[Operator],
        positional: Sequence[Any],
        named: Mapping[str, Any],
        call: tree.Call,
        label: str | None,
        context: Context,
        path: str | None = None,
    ) -> Any:
        if self._absent and operator.inputs:
            tensors = [value for value in [*positional, *named.values()] if is_tensors(value)]
            if not tensors:
                return 0.0
            if operator.variadic is not None and len(positional) > 1:  # a sum goes on without its absent terms
                positional = [value for value in positional if not (isinstance(value, float) and value == 0.0)]
                if len(positional) == 1 and not named:
                    return positional[0]
        if issubclass(operator, Loss):
            if self._absent and any(
                type(value) is float and value == 0.0 for value in positional[: len(operator.inputs)]
            ):
                return 0.0
            positional = self._compared(operator, positional, named, call)
        return self._inner.operate(operator, positional, named, call, label, context, path)

    def _compared(
        self, operator: type[Loss], positional: Sequence[Any], named: Mapping[str, Any], call: tree.Call
    ) -> Sequence[Any]:
        """The arguments of a loss by position, with the target where it is left out."""
        count = next((i for i, value in enumerate(positional) if not is_tensors(value)), len(positional))
        if count == 0 and not any(map(is_tensors, named.values())):
            found = describe(positional[0]) if positional else "nothing"
            message = f"`{operator.name}` compares an output with the target, found {found}"
            raise Context().fault("wrong-type", message, call.span)
        given = count + sum(name in operator.inputs and is_tensors(value) for name, value in named.items())
        if operator.inputs[-1] != TARGET or given != len(operator.inputs) - 1 or TARGET in named:
            if given < len(operator.inputs):
                wanted = f"{counted(len(operator.inputs), 'tensor')} ({', '.join(operator.inputs)})"
                message = f"`{operator.name}` takes {wanted}, found {given}"
                help = "what is no output is a target: `target name: [N, …]`"
                raise Context().fault("wrong-arity", message, call.span, help=help)
            return positional
        if self._targets:
            shown = ", ".join(argument.span.text for argument in call.arguments[:count]) or "output"
            names = " or ".join(f"`{target.name}`" for target in self._targets)
            message = f"`{operator.name}` needs what it compares with: {names}"
            help = f"`{operator.name}({shown}, {self._targets[0].name})`"
            raise Context().fault("wrong-arity", message, call.span, help=help)
        compared = next(value for value in (*positional, *named.values()) if isinstance(value, TensorValue))
        if self.implied is None:
            self.implied = self._builder.input(TARGET, operator.target_shape(compared.shape), call.span)
        return [*positional[:count], self.implied, *positional[count:]]

    def negative(self, tensor: TensorValue, label: str | None, span: Span, context: Context) -> Any:
        return self._inner.negative(tensor, label, span, context)

    def combine(self, node: tree.Binary, left: Any, right: Any, label: str | None, context: Context) -> Any:
        if self._absent and node.operator in ("+", "-"):
            if isinstance(left, TensorValue) and right == 0.0:
                return left
            if isinstance(right, TensorValue) and left == 0.0 and node.operator == "+":
                return right
        return self._inner.combine(node, left, right, label, context)


def _elaborate(
    statement: tree.LossStatement,
    outputs: Sequence[NetworkOutput],
    targets: Sequence[LossTarget],
    outer: Scope,
    record: Callable[[Diagnostic], None],
    *,
    training: bool,
    work: Work,
) -> Graph | None:
    """The loss of a phase; None where it is no number that depends on an output."""
    builder = GraphBuilder(work)
    builder.steps[TARGET] = statement.span
    operations = LossOperations(Layers(builder), builder, targets, absent=not training)
    interpreter = Interpreter(builder, operations)
    context = Context()
    present = [o for o in outputs if training or o["phase"] == "both"]
    for output in present:
        builder.steps[output["name"]] = statement.span
        tensor = builder.input(output["name"], output["shape"], statement.span, output["dtype"])
        context.scope.bind(output["name"], tensor, statement.span)
    for output in outputs:
        if output not in present:
            context.scope.bind(output["name"], 0.0, statement.span)
    for target in targets:
        builder.steps[target.name] = target.span
        context.scope.bind(
            target.name, builder.input(target.name, target.shape, target.span, target.dtype), target.span
        )
    _bind_body(outer, context.scope)
    value = interpreter.evaluator.attempt(statement.value, context)
    for found in interpreter.faults.found:
        record(found)
    if interpreter.faults:
        raise Poisoned
    graph = builder.graph
    if not isinstance(value, TensorValue) or value.shape != ():
        return None
    for _, node in layers(graph):
        if node["weights"]:
            message = f"a loss has no weights of its own, but `{node['op']}` has"
            raise context.fault("loss", message, node["span"], help="compute it in the network's body")
    taken = (TARGET,) if operations.implied is not None else tuple(target.name for target in targets)
    graph.graph.update(
        network="loss",
        variant=None,
        settings={},
        inputs=(*[o["name"] for o in present], *taken),
        outputs=(
            NetworkOutput(name="loss", node=value.node, output=value.output, shape=(), dtype=FLOATING, phase="both"),
        ),
        devices=(),
        batch=(),
        least_batch={},
        needs=(),
        requires=(),
        narrowed={},
        targets=taken,
        loss=None,
        inference_loss=None,
        written=Writing(),
        broken=(),
        rewriting=None,
    )
    reached = live(graph, training=True)
    return graph if any(output["name"] in reached for output in present) else None


def _bind_body(outer: Scope, scope: Scope) -> None:
    """Bind what the body has bound and the loss has not: static values as they are; tensors and modules stand for the
    fault that they are no outputs."""
    only = scope.find("output") is not None  # what the only output is called
    for name, binding in outer.all():
        if scope.find(name) is not None:
            continue
        value = binding.value
        if is_tensors(value) or isinstance(value, SharedModule):
            help = f"a loss is computed from what the network returns: make it an output, `output {name} = …`"
            if only:
                help += ", and name the last value too, `output y = …`; or use `output`, the last value"
            label = Label(binding.span, "bound here")
            message = f"`{name}` is no output of the network"
            value = Unavailable(Diagnostic("loss", message, labels=(label,), help=help))
        scope.bind(name, value, binding.span)
