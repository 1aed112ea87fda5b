"""Operators on values: what they make of tensors, which is layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from archdsl.dims import Dim
from archdsl.elaborate.arguments import operator_arguments
from archdsl.elaborate.builder import GraphBuilder
from archdsl.elaborate.evaluator import Arithmetic
from archdsl.elaborate.faults import Fault
from archdsl.elaborate.tensor import TensorValue
from archdsl.elaborate.values import Context, describe, tensors_among
from archdsl.evaluate import StaticList, ValueFault
from archdsl.ops import OPERATORS, Operator, build
from archdsl.ops.kinds import ParamError
from archdsl.ops.loss import Loss
from archdsl.ops.merge import InPlaceOfTensor, Mul
from archdsl.source import Span
from archdsl.syntax import tree

# The operator that an infix symbol between tensors stands for, with parameters of its own.
INFIX: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "+": ("add", {}),
    "-": ("sub", {}),
    "*": ("mul", {}),
    "/": ("div", {}),
    "//": ("div", {"rounding_mode": "floor"}),
    "**": ("pow", {}),
    "@": ("matmul", {}),
    "==": ("eq", {}),
    "!=": ("ne", {}),
    "<": ("lt", {}),
    "<=": ("le", {}),
    ">": ("gt", {}),
    ">=": ("ge", {}),
}


class Operations(Arithmetic, Protocol):
    """What operators and arithmetic of tensors make, wherever they are written."""

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
        """The value of an operator's call; `path` is given for a shared operator. Raises `Fault`."""
        ...


class Layers:
    """They make layers."""

    def __init__(self, builder: GraphBuilder) -> None:
        self._builder = builder

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
        if issubclass(operator, Loss) and len(positional) < 2:
            message = f"`{operator.name}` is a loss, which stands in a `loss` statement"
            raise context.fault("loss", message, call.span)
        self._builder.work.spend(sum(value.total for value in positional if isinstance(value, StaticList)))
        try:
            built, tensors = operator_arguments(operator, positional, named, call, context)
        except Fault as fault:
            key = path or (context.names.path(label) if label else context.names.next(operator.name))
            self._builder.break_off(key, operator.name, tensors_among(positional, named), call.span, context, fault)
            raise
        return self._builder.layer(built, tensors, label, call.span, context, path)

    def negative(self, tensor: TensorValue, label: str | None, span: Span, context: Context) -> Any:
        return self._builder.layer(Mul(scalar=-1), [tensor], label, span, context)

    def combine(self, node: tree.Binary, left: Any, right: Any, label: str | None, context: Context) -> Any:
        symbol = node.operator
        if symbol not in INFIX:
            raise ValueFault(f"`{symbol}` does not take tensors", "wrong-type")
        name, settings = INFIX[symbol]
        operator = OPERATORS[name]
        if isinstance(left, TensorValue) and isinstance(right, TensorValue):
            return self._builder.layer(build(operator, settings), [left, right], label, node.span, context)
        tensor, number = (left, right) if isinstance(left, TensorValue) else (right, left)
        if not issubclass(operator, InPlaceOfTensor):
            raise ValueFault(f"`{symbol}` takes two tensors, found {describe(number)}", "wrong-type")
        if isinstance(number, (bool, Dim)) or not isinstance(number, (int, float)):
            message, help = f"`{symbol}` takes tensors and numbers, found {describe(number)}", None
            if isinstance(number, Dim):
                message = f"`{symbol}` takes tensors and numbers, found the size {number}, which has no value yet"
                help = "write a number for it in the input's shape, or compute the mean by `mean`"
            raise ValueFault(message, "wrong-type", help)
        try:
            made = operator.of_number(number, tensor is right, **settings)
        except ParamError as error:
            raise ValueFault(f"the number beside `{symbol}` {error.reason}", "bad-parameter") from None
        return self._builder.layer(made, [tensor], label, node.span, context)
