"""What an element of an operator's output depends on, against torch's gradients: its receptive-field rule."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from archdsl.ops import OPERATORS, Example, Operator
from archdsl.ops.dtypes import FLOATING
from archdsl.ops.loss import Loss
from archdsl.ops.merge import folds
from archdsl.ops.sight import Sees, Slide
from compiler.fx.targets import resolve
from tests.ops.oracle import Numbers
from tests.ops.test_operators import elaborated, made, outputs

MOST = 40_000  # elements of a Jacobian that are looked at


def seen(sees: tuple[Slide | None, ...], input: Numbers, output: Numbers) -> Tensor:
    """Which elements of an input each element of the output may depend on: [outputs, inputs]."""
    found = torch.ones(*output, *input, dtype=torch.bool)
    for dim, slide in enumerate(sees):
        if slide is None or not slide.ordered:
            continue
        along = torch.zeros(output[slide.dim], input[dim], dtype=torch.bool)
        for place in range(output[slide.dim]):
            turn, phase = divmod(place, len(slide.taps))
            for tap in slide.taps[phase]:
                if 0 <= turn * slide.advance + tap < input[dim]:
                    along[place, turn * slide.advance + tap] = True
        shape = [1] * found.dim()
        shape[slide.dim], shape[len(output) + dim] = along.shape
        found &= along.reshape(shape)
    return found.reshape(-1, math.prod(input))


def jacobians(operator: Operator, shapes: Sequence[Numbers], dtypes: Sequence[str], number: int) -> list[Tensor]:
    """What each output with a gradient changes by with each element of an input: [outputs, inputs]."""
    generator = torch.Generator().manual_seed(3)
    target, module = operator.target(*shapes), made(operator, shapes)
    given = [
        torch.rand(shape, generator=generator, dtype=torch.double) * 0.8 + 0.1
        if dtype == FLOATING
        else torch.zeros(shape, dtype=getattr(torch, dtype))
        for shape, dtype in zip(shapes, dtypes, strict=True)
    ]

    def apply(*operands: Tensor) -> Any:
        if isinstance(module, torch.nn.Module):
            return module.double().eval()(*operands)
        return resolve(target.name)(*([operands] if target.pack else operands), *target.args, **target.kwargs)

    def call(x: Tensor) -> tuple[Tensor, ...]:
        operands = [*given[:number], x, *given[number + 1 :]]
        found = functools.reduce(apply, operands) if folds(operator, operands) else apply(*operands)
        return tuple(one for one in (found if isinstance(found, (tuple, list)) else (found,)) if one.requires_grad)

    found = torch.autograd.functional.jacobian(call, given[number])
    return [one.reshape(-1, given[number].numel()) != 0 for one in found]


def extents(depends: Tensor, input: Numbers) -> list[int]:
    """The most that an element depends on along each dimension of an input, from the first place to the last."""
    found = []
    for dim in range(len(input)):
        others = [1 + other for other in range(len(input)) if other != dim]
        along = depends.reshape(-1, *input).any(dim=others) if others else depends.reshape(-1, *input)
        found.append(max((int(row.nonzero()[-1] - row.nonzero()[0]) + 1 for row in along if row.any()), default=0))
    return found


# A border that mirrors counts as a border; by 1.15 a double rounds to another place than the exact quotient.
OTHERWISE = ("reflect", "1.15")
# A gradient goes to a single value that was chosen, or none where values are rounded; groups of channels count as one.
CHOOSE = {"max_pool", "adaptive_max_pool", "maximum", "sign", "floor", "round", "max", "min", "topk", "sort", "where"}
LED = {"grid_sample", "max_unpool"}  # by another input, where they are led
UNKNOWN = {"unfold", "fold"}  # two dimensions tell a place, which nothing says
EXAMPLES = [
    pytest.param(operator, example, number, id=f"{example.step} {number}")
    for operator in OPERATORS.values()
    for example in operator.examples
    if not issubclass(operator, Loss) and not any(word in example.step for word in OTHERWISE)
    for number in range(len(example.inputs))
    if example.types(operator)[number] == FLOATING and number not in operator.undifferentiated
    if math.prod(example.inputs[number]) * max(map(math.prod, outputs(example))) <= MOST
]


@pytest.mark.parametrize(("operator", "example", "number"), EXAMPLES)
def test_an_element_depends_on_what_its_operator_says(operator: type[Operator], example: Example, number: int) -> None:
    node, shapes = elaborated(operator, example), example.inputs
    built = node["operator"]
    sees: Sees = built.sees(shapes, outputs(example)[0], number)
    assert (sees is None) == (operator.name in UNKNOWN)
    if sees is None or sees == "in order" or FLOATING not in node["dtypes"]:
        return
    changes = jacobians(built, shapes, example.types(operator), number)
    for output, depends in zip(outputs(example), changes, strict=False):
        if output != outputs(example)[0]:  # of another form, of which nothing is said
            continue
        allowed = seen(sees, shapes[number], output)
        assert operator.name in LED or not (depends & ~allowed).any()
        ordered = all(slide is None or slide.ordered for slide in sees)
        if ordered and operator.name not in CHOOSE | LED and not re.search("groups = [2-9]|rounding", example.step):
            assert extents(depends, shapes[number]) == extents(allowed, shapes[number])
