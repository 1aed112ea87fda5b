"""Evaluates how weights follow from others (`archdsl/derived_weights.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch

import torch
from torch import Tensor

from archdsl.derived_weights import Added, Expression, InverseRoot, Joined, Product, Scaled, Taken

Given = Mapping[str, Tensor]


def derived(expression: Expression, given: Given) -> Tensor:
    """The value of an expression over named tensors: in float64, unless it is one of them. Raises `KeyError`."""
    return given[expression.name] if isinstance(expression, Taken) else _value(expression, given)


@singledispatch
def _value(expression: Expression, given: Given) -> Tensor:
    raise TypeError(f"no expression: {expression!r}")


@_value.register
def _(expression: Taken, given: Given) -> Tensor:
    return given[expression.name].double()


@_value.register
def _(expression: Joined, given: Given) -> Tensor:
    return torch.cat([_value(part, given) for part in expression.parts], expression.dim)


@_value.register
def _(expression: Added, given: Given) -> Tensor:
    first, *others = (_value(part, given) for part in expression.parts)
    return sum(others, first)


@_value.register
def _(expression: Scaled, given: Given) -> Tensor:
    tensor, by = _value(expression.tensor, given), _value(expression.by, given)
    return expression.sign * tensor * by.reshape([-1 if dim == expression.dim else 1 for dim in range(tensor.dim())])


@_value.register
def _(expression: InverseRoot, given: Given) -> Tensor:
    return (_value(expression.of, given) + expression.eps).rsqrt()


@_value.register
def _(expression: Product, given: Given) -> Tensor:
    matrix, tensor = _value(expression.matrix, given), _value(expression.tensor, given)
    found: Tensor = torch.tensordot(matrix.flatten(1), tensor, 1)
    return found
