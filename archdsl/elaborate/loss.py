"""Elaborates the `loss` of a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from archdsl.diagnostics import Diagnostic, Label
from archdsl.elaborate.arguments import is_tensors
from archdsl.elaborate.builder import GraphBuilder
from archdsl.elaborate.interpreter import Interpreter
from archdsl.elaborate.values import Context, Definitions, Fault, Marks, Poisoned, Scope, SharedModule, Tensor, describe
from archdsl.graph import Graph, Output, Written, layers
from archdsl.limits import Work
from archdsl.names import Names
from archdsl.ops import Operator
from archdsl.ops.loss import Loss
from archdsl.syntax import tree

TARGET = "target"


def elaborate_losses(
    statement: tree.Loss, outputs: Sequence[Output], outer: Scope, record: Callable[[Diagnostic], None], work: Work
) -> tuple[Graph, Graph | None]:
    """The loss of all outputs, and that of the outputs of inference: None where nothing is left of it.

    Each is a graph whose inputs are the outputs' names and `target`. Static values of the network's body can be used in
    it. Raises `Fault`, or `Poisoned` after recording faults.
    """
    if any(output["name"] == TARGET for output in outputs):
        message = f"an output of a network with a loss cannot be called `{TARGET}`, which is what it is compared with"
        raise Fault(Diagnostic("bad-name", message, statement.span, help="choose another name"))
    whole = _elaborate(statement, outputs, outer, record, training=True, work=work)
    if whole is None:
        raise Fault(
            Diagnostic(
                "loss",
                "the loss is a single number computed from outputs and the target",
                statement.span,
                help=f"for example `loss cross_entropy({outputs[0]['name']})`",
            )
        )
    if all(output["phase"] == "both" for output in outputs):
        return whole, whole
    return whole, _elaborate(statement, outputs, outer, record, training=False, work=work)


class _LossInterpreter(Interpreter):
    """Elaborates a loss: losses take the target, and what is computed from absent outputs is 0."""

    def __init__(self, builder: GraphBuilder, enclosing: Scope, absent: bool) -> None:
        super().__init__(builder)
        self.enclosing = enclosing
        self.absent = absent
        self.target: Tensor | None = None

    def _name(self, name: tree.Name, context: Context, label: str | None) -> Any:
        bound = self.enclosing.find(name.id) if context.scope.find(name.id) is None else None
        if bound is None:
            return super()._name(name, context, label)
        help = f"a loss is computed from what the network returns: make it an output, `output {name.id} = …`"
        if context.scope.find("output") is not None:  # what the only output is called
            help += ", and name the last value too, `output y = …`; or use `output`, the last value"
        message = f"`{name.id}` is no output of the network"
        raise Fault(Diagnostic("loss", message, name.span, (Label(bound.span, "bound here"),), help=help))

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
        if self.absent and operator.inputs:
            tensors = [value for value in [*positional, *named.values()] if is_tensors(value)]
            if not tensors:
                return 0.0
            if operator.variadic is not None and len(positional) > 1:  # a sum goes on without its absent terms
                positional = [value for value in positional if not (isinstance(value, float) and value == 0.0)]
                if len(positional) == 1 and not named:
                    return positional[0]
        if issubclass(operator, Loss):
            compared = positional[0] if positional else None
            if not isinstance(compared, Tensor):
                message = f"`{operator.name}` compares an output with the target, found {describe(compared)}"
                raise Fault(Diagnostic("wrong-type", message, call.span))
            if self.target is None:
                self.target = self.builder.input(TARGET, operator.target_shape(compared.shape), call.span)
            positional = [compared, self.target, *positional[1:]]
        return super()._operate(operator, positional, named, call, label, context, path)

    def _combine(self, node: tree.Binary, left: Any, right: Any, label: str | None, context: Context) -> Any:
        if self.absent and node.operator in ("+", "-"):
            if isinstance(left, Tensor) and right == 0.0:
                return left
            if isinstance(right, Tensor) and left == 0.0 and node.operator == "+":
                return right
        return super()._combine(node, left, right, label, context)


def _elaborate(
    statement: tree.Loss,
    outputs: Sequence[Output],
    outer: Scope,
    record: Callable[[Diagnostic], None],
    *,
    training: bool,
    work: Work,
) -> Graph | None:
    """The loss of a phase; None where it compares nothing with the target."""
    builder = GraphBuilder(work)
    builder.steps[TARGET] = statement.span
    interpreter = _LossInterpreter(builder, outer, absent=not training)
    context = Context(Definitions(), Scope(), Names("", numbered=False), Marks())
    present = [o for o in outputs if training or o["phase"] == "both"]
    for output in present:
        builder.steps[output["name"]] = statement.span
        tensor = builder.input(output["name"], output["shape"], statement.span)
        context.scope.bind(output["name"], tensor, statement.span)
    for output in outputs:
        if output not in present:
            context.scope.bind(output["name"], 0.0, statement.span)
    for name, binding in outer.bindings.items():
        static = not is_tensors(binding.value) and not isinstance(binding.value, SharedModule)
        if static and context.scope.find(name) is None:
            context.scope.bind(name, binding.value, binding.span)
    value = interpreter.attempt(statement.value, context)
    for found in interpreter.faults:
        record(found)
    if interpreter.faults:
        raise Poisoned
    graph = builder.graph
    compares = any(isinstance(node["operator"], Loss) for _, node in layers(graph))
    if not isinstance(value, Tensor) or value.shape != () or not compares:
        return None
    for _, node in layers(graph):
        if node["weights"]:
            message = f"a loss has no weights of its own, but `{node['op']}` has"
            raise Fault(Diagnostic("loss", message, node["span"], help="compute it in the network's body"))
    graph.graph.update(
        network="loss",
        variant=None,
        settings={},
        inputs=(*[o["name"] for o in present], TARGET),
        outputs=(Output(name="loss", node=value.node, output=value.output, shape=(), phase="both"),),
        devices=(),
        batch=(),
        least_batch={},
        needs=(),
        requires=(),
        loss=None,
        inference_loss=None,
        written=Written(),
    )
    return graph
