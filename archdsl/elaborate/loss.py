"""Elaborates the `loss` of a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from archdsl.diagnostics import Diagnostic, Label, counted
from archdsl.elaborate.builder import GraphBuilder
from archdsl.elaborate.faults import Poisoned
from archdsl.elaborate.interpreter import Interpreter
from archdsl.elaborate.operations import Layers, Operations
from archdsl.elaborate.tensor import TensorValue
from archdsl.elaborate.values import Context, Scope, SharedModule, Unavailable, describe, is_tensors
from archdsl.graph import Graph, NetworkOutput, Writing, layers
from archdsl.limits import Work
from archdsl.ops import Operator
from archdsl.ops.dtypes import FLOATING
from archdsl.ops.loss import Loss
from archdsl.source import Span
from archdsl.syntax import tree

TARGET = "target"


def elaborate_losses(
    statement: tree.LossStatement,
    outputs: Sequence[NetworkOutput],
    outer: Scope,
    record: Callable[[Diagnostic], None],
    work: Work,
) -> tuple[Graph, Graph | None]:
    """The loss of all outputs, and that of the outputs of inference: None where nothing is left of it.

    Each is a graph whose inputs are the outputs' names and `target`. Static values of the network's body can be used in
    it. Raises `Fault`, or `Poisoned` after recording faults.
    """
    context = Context()
    if any(output["name"] == TARGET for output in outputs):
        message = f"an output of a network with a loss cannot be called `{TARGET}`, which is what it is compared with"
        raise context.fault("bad-name", message, statement.span, help="choose another name")
    whole = _elaborate(statement, outputs, outer, record, training=True, work=work)
    if whole is None:
        message = "the loss is a single number computed from outputs and the target"
        help = f"for example `loss cross_entropy({outputs[0]['name']})`"
        raise context.fault("loss", message, statement.span, help=help)
    if all(output["phase"] == "both" for output in outputs):
        return whole, whole
    return whole, _elaborate(statement, outputs, outer, record, training=False, work=work)


class LossOperations:
    """What operators make in a loss: losses take the target, and what is computed from absent outputs is 0."""

    def __init__(self, inner: Operations, builder: GraphBuilder, *, absent: bool) -> None:
        self._inner = inner
        self._builder = builder
        self._absent = absent  # there are such outputs
        self._target: TensorValue | None = None

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
            compared = positional[0] if positional else None
            if not isinstance(compared, TensorValue):
                message = f"`{operator.name}` compares an output with the target, found {describe(compared)}"
                raise Context().fault("wrong-type", message, call.span)
            if len(positional) > 1 and is_tensors(positional[1]):
                found = counted(sum(map(is_tensors, positional)), "tensor")
                message = f"`{operator.name}` takes one output, as it takes its target itself; found {found}"
                shown = call.arguments[0].span.text if call.arguments else "output"
                raise Context().fault("wrong-arity", message, call.span, help=f"`{operator.name}({shown})`")
            if self._target is None:
                self._target = self._builder.input(TARGET, operator.target_shape(compared.shape), call.span)
            positional = [compared, self._target, *positional[1:]]
        return self._inner.operate(operator, positional, named, call, label, context, path)

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
    outer: Scope,
    record: Callable[[Diagnostic], None],
    *,
    training: bool,
    work: Work,
) -> Graph | None:
    """The loss of a phase; None where it compares nothing with the target."""
    builder = GraphBuilder(work)
    builder.steps[TARGET] = statement.span
    interpreter = Interpreter(builder, LossOperations(Layers(builder), builder, absent=not training))
    context = Context()
    present = [o for o in outputs if training or o["phase"] == "both"]
    for output in present:
        builder.steps[output["name"]] = statement.span
        tensor = builder.input(output["name"], output["shape"], statement.span, output["dtype"])
        context.scope.bind(output["name"], tensor, statement.span)
    for output in outputs:
        if output not in present:
            context.scope.bind(output["name"], 0.0, statement.span)
    _bind_body(outer, context.scope)
    value = interpreter.evaluator.attempt(statement.value, context)
    for found in interpreter.faults.found:
        record(found)
    if interpreter.faults:
        raise Poisoned
    graph = builder.graph
    compares = any(isinstance(node["operator"], Loss) for _, node in layers(graph))
    if not isinstance(value, TensorValue) or value.shape != () or not compares:
        return None
    for _, node in layers(graph):
        if node["weights"]:
            message = f"a loss has no weights of its own, but `{node['op']}` has"
            raise context.fault("loss", message, node["span"], help="compute it in the network's body")
    graph.graph.update(
        network="loss",
        variant=None,
        settings={},
        inputs=(*[o["name"] for o in present], TARGET),
        outputs=(
            NetworkOutput(name="loss", node=value.node, output=value.output, shape=(), dtype=FLOATING, phase="both"),
        ),
        devices=(),
        batch=(),
        least_batch={},
        needs=(),
        requires=(),
        narrowed={},
        loss=None,
        inference_loss=None,
        written=Writing(),
        broken=(),
    )
    return graph


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
