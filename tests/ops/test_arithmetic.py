"""How sizes are explained: the arithmetic shown is the arithmetic done."""

import math
from typing import Any

import pytest

from archdsl.dims import Shape, substitute, symbol
from archdsl.ops import OPERATORS, Example, Operator, build
from archdsl.ops.arithmetic import derive
from archdsl.ops.loss import Loss
from tests.ops.test_operators import elaborated, every_example, outputs


def worked_out(arithmetic: str, **symbols: int) -> Any:
    return eval(arithmetic, {"floor": math.floor, **symbols})


def of(name: str, inputs: tuple[Shape, ...], **params: object) -> str:
    """The arithmetic of the last size of an operator's first output."""
    return derive(build(OPERATORS[name], params), inputs)[0][-1].arithmetic


@every_example
def test_arithmetic_gives_the_size_that_it_explains(operator: type[Operator], example: Example) -> None:
    if issubclass(operator, Loss):
        pytest.skip("a loss has no sizes")
    derived = derive(elaborated(operator, example)["operator"], example.inputs)
    shown = [tuple(worked_out(size.arithmetic) for size in output) for output in derived]
    assert shown == [tuple(shape) for shape in outputs(example)]


@every_example
def test_a_size_that_is_passed_on_is_that_of_its_place(operator: type[Operator], example: Example) -> None:
    for output, shape in zip(
        derive(elaborated(operator, example)["operator"], example.inputs), outputs(example), strict=True
    ):
        for size, value in zip(output, shape, strict=True):
            if size.passed:
                (place,) = size.places
                assert example.inputs[place.input][place.dim] == value


@pytest.mark.parametrize(
    ("name", "inputs", "params", "arithmetic"),
    [
        ("conv", ((1, 3, 224),), {"out_channels": 8, "kernel_size": 11, "stride": 4}, "(224 + 2*0 - 11) // 4 + 1"),
        (
            "conv",
            ((1, 3, 9),),
            {"out_channels": 8, "kernel_size": 3, "dilation": 2},
            "(9 + 2*0 - (2*(3 - 1) + 1)) // 1 + 1",
        ),
        ("max_pool", ((1, 3, 55),), {"kernel_size": 3, "stride": 2}, "(55 + 2*0 - 3) // 2 + 1"),
        ("flatten", ((1, 256, 6, 6),), {}, "256*6*6"),
        ("concat", ((1, 64), (1, 128), (1, 32)), {}, "64 + 128 + 32"),
        ("chunk", ((1, 8),), {"chunks": 2}, "8 // 2"),
        ("interpolate", ((1, 3, 7),), {"scale_factor": 1.5}, "floor(7*1.5)"),
        ("pixel_shuffle", ((1, 4, 3, 3),), {"upscale_factor": 2}, "3*2"),
    ],
)
def test_arithmetic_is_written_as_people_write_it(
    name: str, inputs: tuple[Shape, ...], params: dict[str, object], arithmetic: str
) -> None:
    assert of(name, inputs, **params) == arithmetic


def test_arithmetic_of_symbols_holds_for_their_values() -> None:
    shape = (symbol("N"), 3, symbol("H"))
    operator = build(OPERATORS["max_pool"], {"kernel_size": 3, "stride": 2})
    (sizes,) = derive(operator, (shape,))
    (output,) = operator.infer_all(shape)
    assert sizes[-1].arithmetic == "(H + 2*0 - 3) // 2 + 1"
    assert worked_out(sizes[-1].arithmetic, H=55) == substitute(output[-1], {"H": 55}) == 27


def test_a_symbolic_quotient_is_set_in_parentheses_before_it_is_multiplied() -> None:
    half = symbol("H") // 2
    assert of("pixel_shuffle", ((1, 4, 3, half),), upscale_factor=2) == "(H // 2)*2"


def test_a_size_that_a_parameter_gives_names_it() -> None:
    (output,) = derive(build(OPERATORS["conv"], {"out_channels": 64, "kernel_size": 3}), ((1, 3, 9),))
    assert output[1].parameter == "out_channels"
