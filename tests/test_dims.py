"""Symbolic sizes behave as the integers they stand for."""

import operator
import os
from collections.abc import Mapping
from typing import TypeAlias, TypeVar

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from archdsl.dims import Dim, Size, Undecided, product, show, substitute, symbol, symbols
from archdsl.evaluate import FUNCTIONS
from archdsl.symbolic import at_least, bounds, equal

EXAMPLES = int(os.environ.get("ARCHDSL_EXAMPLES", "200"))
few = settings(max_examples=EXAMPLES)

NAMES = ("H", "W", "N_1")
SYMBOLS = {name: symbol(name) for name in NAMES}
H, W = SYMBOLS["H"], SYMBOLS["W"]
OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "%": operator.mod}

numbers = st.integers(-6, 6)
divisors = st.integers(1, 7)
values = st.fixed_dictionaries({name: st.integers(1, 40) for name in NAMES})


# A name, a number, or two expressions with a sign between them: `("//", ("+", "H", 3), 2)` is (H + 3) // 2.
Expression: TypeAlias = str | int | tuple[str, "Expression", "Expression"]
Numbers: TypeAlias = Mapping[str, int]
N = TypeVar("N", int, Size)


def larger(inner: SearchStrategy[Expression]) -> SearchStrategy[Expression]:
    return st.tuples(st.sampled_from("+-*"), inner, inner) | st.tuples(st.sampled_from(["//", "%"]), inner, divisors)


expressions: SearchStrategy[Expression] = st.recursive(st.sampled_from(NAMES) | numbers, larger, max_leaves=6)
linear: SearchStrategy[Expression] = st.builds(
    lambda name, factor, number: ("+", ("*", name, factor), number), st.sampled_from(NAMES), numbers, numbers
)


def evaluate(expression: Expression, environment: Mapping[str, N]) -> N:
    """An expression with symbols or with numbers for its names."""
    if isinstance(expression, tuple):
        sign, left, right = expression
        found: N = OPERATORS[sign](evaluate(left, environment), evaluate(right, environment))
        return found
    return environment[expression] if isinstance(expression, str) else expression


def symbolic(expression: Expression) -> Size:
    return evaluate(expression, SYMBOLS)


# --- arithmetic


@few
@given(expressions, values)
def test_arithmetic_agrees_with_integers(expression: Expression, numbers: Numbers) -> None:
    assert substitute(symbolic(expression), numbers) == evaluate(expression, numbers)


@few
@given(expressions, values)
def test_values_may_be_put_in_one_after_the_other(expression: Expression, numbers: Numbers) -> None:
    size = symbolic(expression)
    for name, value in numbers.items():
        size = substitute(size, {name: value})
    assert size == evaluate(expression, numbers)


@few
@given(expressions)
def test_a_size_without_symbols_is_an_int(expression: Expression) -> None:
    size = symbolic(expression)
    assert isinstance(size, Dim) == bool(symbols(size))


@few
@given(expressions, expressions, expressions)
def test_equal_polynomials_have_one_form(a: Expression, b: Expression, c: Expression) -> None:
    x, y, z = map(symbolic, (a, b, c))
    assert x + y == y + x
    assert x * y == y * x
    assert x * (y + z) == x * y + x * z
    assert (x - y) + y == x
    assert hash(x + y) == hash(y + x)


@few
@given(expressions, expressions, values)
def test_division_by_a_size_agrees_with_integers_or_is_undecided(
    a: Expression, b: Expression, numbers: Numbers
) -> None:
    divisor = evaluate(b, numbers)
    assume(isinstance(symbolic(b), Dim) and divisor != 0)
    try:
        quotient = symbolic(a) // symbolic(b)
    except Undecided:
        return
    assert substitute(quotient, numbers) == evaluate(a, numbers) // divisor


def test_division_by_a_size_that_is_a_factor_is_exact() -> None:
    assert (6 * H * W) // (2 * H) == 3 * W
    assert (H + 1) // (H + 1) == 1


def test_division_by_zero_is_an_error() -> None:
    with pytest.raises(ZeroDivisionError):
        H // 0


@pytest.mark.parametrize("height", [1, 4, 7])
def test_division_by_a_negative_number_rounds_down_as_that_of_integers(height: int) -> None:
    assert [substitute(size, {"H": height}) for size in (H // -2, H % -3)] == [height // -2, height % -3]


def test_the_absolute_value_is_a_size_where_its_sign_is_known() -> None:
    assert FUNCTIONS["abs"](H - 1) == H - 1
    assert FUNCTIONS["abs"](-1 * H) == H
    with pytest.raises(Undecided):
        FUNCTIONS["abs"](8 - H)


# --- floor divisions


@few
@given(linear, numbers, divisors, divisors)
def test_nested_floor_divisions_are_one(inner: Expression, number: int, first: int, second: int) -> None:
    x = symbolic(inner)
    assert (x // first + number) // second == (x + number * first) // (first * second)


@few
@given(st.lists(divisors, max_size=4), st.sampled_from(NAMES))
def test_a_chain_of_floor_divisions_does_not_depend_on_its_order(strides: list[int], name: str) -> None:
    down: Size = SYMBOLS[name]
    up: Size = SYMBOLS[name]
    for stride in strides:
        down //= stride
    for stride in reversed(strides):
        up //= stride
    assert down == up == SYMBOLS[name] // product(strides)


def test_whole_multiples_leave_a_floor_division() -> None:
    assert (4 * H + 6) // 4 == H + 1
    assert (4 * H) % 4 == 0
    assert str((2 * H + W) // 2) == "H + (W // 2)"


# --- questions


@few
@given(expressions, expressions, values)
def test_equal_is_right_or_undecided(a: Expression, b: Expression, numbers: Numbers) -> None:
    try:
        answer = equal(symbolic(a), symbolic(b))
    except Undecided:
        return
    assert answer == (evaluate(a, numbers) == evaluate(b, numbers))


@few
@given(linear, divisors, divisors, st.integers(1, 50))
def test_the_condition_of_an_undecided_question_makes_it_true(
    inner: Expression, down: int, up: int, multiple: int
) -> None:
    size = symbolic(inner)
    try:
        equal(size // down * up, size)
    except Undecided as error:
        assume(error.condition)
        assert error.condition is not None
        name, _, divisor, _, rest = error.condition.split()
        numbers = {name: int(divisor) * multiple}
        assert rest == "0"
        assert substitute(size // down * up, numbers) == substitute(size, numbers)


def test_an_undecided_question_names_its_symbols_and_a_condition() -> None:
    with pytest.raises(Undecided) as caught:
        equal(H // 32 * 32, H)
    assert caught.value.symbols == ("H",)
    assert caught.value.condition == "H % 32 == 0"


@few
@given(expressions, expressions, values)
def test_at_least_is_right_or_none(a: Expression, b: Expression, numbers: Numbers) -> None:
    answer = at_least(symbolic(a), symbolic(b))
    assert answer is None or answer == (evaluate(a, numbers) >= evaluate(b, numbers))


@few
@given(expressions, values)
def test_bounds_hold(expression: Expression, numbers: Numbers) -> None:
    low, high = bounds(symbolic(expression))
    value = evaluate(expression, numbers)
    assert low is None or low <= value
    assert high is None or value <= high


def test_a_symbol_is_at_least_one() -> None:
    assert bounds(H) == (1, None)
    assert at_least(H, 1) is True
    assert at_least(H // 2, 1) is None
    assert equal(H + 1, 1) is False


# --- text


@few
@given(expressions, values)
def test_the_text_of_a_size_is_an_expression_with_its_value(expression: Expression, numbers: Numbers) -> None:
    assert eval(str(symbolic(expression)), {}, numbers) == evaluate(expression, numbers)


def test_text_is_written_as_people_write_it() -> None:
    assert str(2 * H + 5) == "2*H + 5"
    assert str(3 - H) == "-H + 3"
    assert show((W, H // 32, 64)) == "[W, (H // 32), 64]"
