"""Elaborates the `loss` of a network."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from archdsl.diagnostics import Diagnostic
from archdsl.dims import Shape
from archdsl.elaborate.builder import GraphBuilder
from archdsl.elaborate.interpreter import Interpreter
from archdsl.elaborate.values import Context, Definitions, Fault, Marks, Poisoned, Scope, Tensor, describe
from archdsl.graph import Graph, Output, layers
from archdsl.names import Names
from archdsl.ops import OPERATORS
from archdsl.ops.loss import Loss
from archdsl.syntax import tree
from archdsl.syntax.unparse import shown


def elaborate_loss(
    statement: tree.Loss, outputs: Sequence[Output], outer: Scope, record: Callable[[Diagnostic], None]
) -> Graph:
    """The loss as a graph of its own: its inputs are the outputs' names and `target`.

    Static values of the network's body can be used in it. Raises `Fault`, or `Poisoned` after recording faults.
    """
    builder = GraphBuilder()
    interpreter = Interpreter(builder)
    context = Context(Definitions(), Scope(), Names("", numbered=False), Marks())
    for output in outputs:
        tensor = builder.input(output["name"], output["shape"], statement.span)
        builder.graph.nodes[output["name"]]["phase"] = output["phase"]
        builder.steps[output["name"]] = statement.span
        context.scope.bind(output["name"], tensor, statement.span)
    for name, binding in outer.bindings.items():
        if not isinstance(binding.value, (Tensor, list)) and context.scope.find(name) is None:
            context.scope.bind(name, binding.value, binding.span)
    shape = _target_shape(statement.value, outputs)
    interpreter.target = builder.input("target", shape, statement.span)
    builder.steps["target"] = statement.span
    value = interpreter.attempt(statement.value, context)
    for found in interpreter.faults:
        record(found)
    if interpreter.faults:
        raise Poisoned
    graph = builder.graph
    if not isinstance(value, Tensor) or not graph.pred[value.node] or value.shape != ():
        raise Fault(
            Diagnostic(
                "loss",
                f"the loss is a single number computed from the outputs, found {describe(value)}",
                statement.span,
                help="for example `loss cross_entropy(output)`",
            )
        )
    if not any(isinstance(node["operator"], Loss) for _, node in layers(graph)):
        raise Fault(Diagnostic("loss", "the loss compares no output with the target", statement.span))
    output = Output(name="loss", node=value.node, output=0, shape=(), phase="both")
    graph.graph.update(
        network="loss",
        variant=None,
        settings={},
        inputs=(*[o["name"] for o in outputs], "target"),
        outputs=(output,),
        devices=(),
        batch=(),
        requires=(),
        loss=None,
    )
    return graph


def _target_shape(loss: tree.Expr, outputs: Sequence[Output]) -> Shape:
    """The shape that the first loss operator named in a loss expects of its target."""
    words = {word: i for i, word in enumerate(re.findall(r"\w+", shown(loss)))}
    kinds = sorted((i, OPERATORS[word]) for word, i in words.items() if word in OPERATORS)
    kind = next((k for _, k in kinds if issubclass(k, Loss)), None)
    shape = next((o["shape"] for o in outputs if o["name"] in words), outputs[0]["shape"])
    return kind.target_shape(shape) if kind is not None and len(shape) > 1 else shape
